//! What lies at a key, and the one transaction of a write.

use super::job::Job;
use crate::admission::Admitted;
use crate::status::{Failure, GroupResource};
use crate::storage::{At, Committed, Guard, KeyValue, KvError, Object, Range, Txn, Write};
use bytes::Bytes;
use serde_json::Value;
use std::sync::atomic::Ordering;

/// What an object may have at most, in bytes as it is stored. etcd's limit of a request.
pub(super) const OBJECT_MAX: usize = 1_536 * 1024;

/// An object that is there.
pub(super) struct Live {
    /// As it is stored, with its revision.
    pub(super) object: Object,
    /// The same, parsed, with its `resourceVersion`.
    pub(super) value: Value,
}

/// What became of a transaction.
pub(super) enum Outcome {
    /// It took effect, with this revision.
    Written(u64),
    /// A guard did not hold, and nothing changed. What there is at the key now.
    Lost(Option<KeyValue>),
}

impl Live {
    /// # Errors
    /// 500 if what lies there is no object.
    pub(super) fn of(found: KeyValue) -> Result<Live, Failure> {
        let object = Object::new(found.value, found.mod_revision);
        match object.value().filter(Value::is_object) {
            Some(value) => Ok(Live { object, value }),
            None => {
                let key = String::from_utf8_lossy(&found.key).into_owned();
                Err(Failure::internal(&format!(
                    "what lies at {key} is no object"
                )))
            }
        }
    }

    pub(super) fn revision(&self) -> u64 {
        self.object.revision()
    }
}

impl Job<'_> {
    /// The newest state of a key.
    ///
    /// # Errors
    /// The store's, and 500 if what lies there is no object.
    pub(super) async fn read(&self, key: &Bytes) -> Result<Option<Live>, Failure> {
        self.read_at(key, At::Latest).await
    }

    /// The state of a key. What is not the newest is good for a write that has it as a guard; not for a
    /// refusal.
    ///
    /// # Errors
    /// As for [`Job::read`].
    pub(super) async fn read_at(&self, key: &Bytes, at: At) -> Result<Option<Live>, Failure> {
        let found = self.find(key, at).await;
        let found = found.map_err(|error| failure(error, &self.group_resource(), "get"))?;
        found.map(Live::of).transpose()
    }

    async fn find(&self, key: &Bytes, at: At) -> Result<Option<KeyValue>, KvError> {
        let range = Range {
            key: key.clone(),
            end: None,
            at,
            limit: 1,
            keys_only: false,
        };
        let ranged = self.registry.kv.range(range).await?;
        Ok(ranged.keys.into_iter().next())
    }

    /// Carries out a write of one object, if its key is still as it was read (`revision`; 0: it does not
    /// exist), together with what admission wants.
    ///
    /// If the store does not know what became of it, the key is looked at. If what was to be written is
    /// there, it took effect; in all other cases nobody can tell, and the client is told so.
    ///
    /// # Errors
    /// The store's; 504 if the outcome is not known.
    pub(super) async fn commit(
        &self,
        write: Write,
        revision: u64,
        admitted: &Admitted,
    ) -> Result<Outcome, Failure> {
        let key = match &write {
            Write::Put { key, .. } | Write::Delete { key } => key.clone(),
        };
        let own = Guard {
            key: key.clone(),
            mod_revision: revision,
        };
        let grounds = &self.caller.reads;
        let txn = Txn {
            guards: std::iter::once(own)
                .chain(grounds.iter().cloned())
                .chain(admitted.guards.iter().cloned())
                .collect(),
            writes: std::iter::once(write.clone())
                .chain(admitted.writes.iter().cloned())
                .collect(),
            otherwise: std::iter::once(key.clone())
                .chain(grounds.iter().map(|guard| guard.key.clone()))
                .collect(),
            fence: self.caller.fence,
        };
        match self.registry.kv.txn(txn).await {
            Ok(Committed::Written { revision }) => {
                self.caller.wrote.fetch_max(revision, Ordering::Relaxed);
                Ok(Outcome::Written(revision))
            }
            Ok(Committed::Refused { found, .. }) => {
                let mut found = found.into_iter();
                let own = found.next().flatten();
                let is_shaken = found.zip(grounds).any(|(now, guard)| {
                    now.map_or(0, |now| now.mod_revision) != guard.mod_revision
                });
                match is_shaken {
                    true => Err(Failure::grounds_changed(&self.group_resource())),
                    false => Ok(Outcome::Lost(own)),
                }
            }
            Err(KvError::Unknown(why)) => self.find_out(&write, &key, revision, &why).await,
            Err(error) => {
                if matches!(error, KvError::Invalid(_)) {
                    // It may be the lease that the store does not know any more.
                    self.registry.leases.forget();
                }
                Err(failure(error, &self.group_resource(), self.verb()))
            }
        }
    }

    /// Looks whether a write took effect that may or may not have.
    async fn find_out(
        &self,
        write: &Write,
        key: &Bytes,
        before: u64,
        why: &str,
    ) -> Result<Outcome, Failure> {
        let unknown =
            || Failure::timeout(&format!("the outcome of the write is not known: {why}"), 0);
        // A store that does not answer a read either says nothing about the write.
        let found = self.find(key, At::Latest).await;
        let found = found.map_err(|_| unknown())?;
        match (write, found) {
            (Write::Put { value, .. }, Some(found))
                if found.mod_revision > before && found.value == *value =>
            {
                self.caller
                    .wrote
                    .fetch_max(found.mod_revision, Ordering::Relaxed);
                Ok(Outcome::Written(found.mod_revision))
            }
            // Whoever did it: the object that was to go is gone.
            (Write::Delete { .. }, None) => Ok(Outcome::Written(before)),
            (Write::Delete { .. }, Some(found)) if found.create_revision > before => {
                Ok(Outcome::Written(before))
            }
            _ => Err(unknown()),
        }
    }

    /// The word for this write in messages about the store.
    fn verb(&self) -> &'static str {
        match self.options.get("kind").and_then(Value::as_str) {
            Some("CreateOptions") => "create",
            Some("DeleteOptions") => "delete",
            _ => "update",
        }
    }
}

/// What a client is told when the store fails, and nothing has happened.
pub(super) fn failure(error: KvError, resource: &GroupResource, verb: &str) -> Failure {
    const TRY_AGAIN_S: u32 = 2;
    match error {
        KvError::Unavailable(_) => Failure::server_timeout(resource, verb, TRY_AGAIN_S),
        KvError::Overloaded => {
            Failure::too_many_requests("the store has enough to do, please try again later", 1)
        }
        KvError::NoSpace => Failure::internal("etcdserver: mvcc: database space exceeded"),
        KvError::TooLarge => Failure::too_large("etcdserver: request is too large"),
        KvError::Fenced => Failure::leadership_lost(resource),
        KvError::Unknown(why) => Failure::timeout(&format!("the outcome is not known: {why}"), 0),
        KvError::Invalid(why) => Failure::internal(&why),
        KvError::Compacted { .. } => Failure::list_expired(),
        KvError::TooNew { current } => Failure::version_too_large(0, current),
    }
}
