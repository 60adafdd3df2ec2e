//! The look at other objects straight into the store.

use super::{Found, Objects, Which};
use crate::resource::{Resource, Scope, everything};
use crate::status::Failure;
use crate::storage::{At, Future, KeyValue, Kv, KvError, Object, Range, Ranged};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What all keys begin with.
const ROOT: &str = "/registry/";
/// How long a state is waited for that this member has seen already, or another one of the store's.
const PATIENCE: Duration = Duration::from_secs(3);
/// Objects that are kept parsed; when there are so many, all are forgotten.
const PARSED_MAX: usize = 1024;
/// Bytes of an object that is kept, at most.
const PARSED_BYTES_MAX: usize = 16 << 10;

/// Objects of built-in resources, out of the store itself. Objects are taken from whatever state is at
/// hand, and what is missing there or is listed from the newest one.
///
/// The store is asked each time, but what it answers is mostly what it answered before (a namespace, an
/// account, the priority classes), and is then not parsed again.
pub struct Stored {
    kv: Arc<dyn Kv>,
    /// By key; with the revision that tells whether it is still that.
    parsed: Mutex<HashMap<Bytes, (u64, Arc<Value>)>>,
}

impl Stored {
    /// The objects of this store.
    pub fn new(kv: Arc<dyn Kv>) -> Stored {
        Stored {
            kv,
            parsed: Mutex::default(),
        }
    }

    fn found(&self, entry: KeyValue) -> Result<Found, Failure> {
        let revision = entry.mod_revision;
        if let Some((parsed, object)) = self.parsed.lock().get(&entry.key)
            && *parsed == revision
        {
            let object = object.clone();
            return Ok(Found {
                key: entry.key,
                revision,
                object,
            });
        }
        let length = entry.value.len();
        let found = found_of(entry)?;
        if length <= PARSED_BYTES_MAX {
            let mut parsed = self.parsed.lock();
            if parsed.len() >= PARSED_MAX {
                parsed.clear();
            }
            // The key may lie in a buffer with much else.
            let key = Bytes::copy_from_slice(&found.key);
            parsed.insert(key, (revision, found.object.clone()));
        }
        Ok(found)
    }

    async fn range(&self, key: Bytes, end: Option<Bytes>, at: At) -> Result<Ranged, Failure> {
        let range = Range {
            key,
            end,
            at,
            limit: 0,
            keys_only: false,
        };
        self.kv.range(range).await.map_err(failure)
    }
}

impl Objects for Stored {
    fn get<'a>(
        &'a self,
        which: Which,
        namespace: &'a str,
        name: &'a str,
    ) -> Future<'a, Result<Option<Found>, Failure>> {
        Box::pin(async move {
            // Neither is a place in the store.
            if name.is_empty() || name.contains('/') || namespace.contains('/') {
                return Ok(None);
            }
            let mut key = prefix(row(which)?, namespace);
            key.push_str(name);
            let key = Bytes::from(key);
            for at in [At::Any, At::Latest] {
                let ranged = self.range(key.clone(), None, at).await?;
                if let Some(found) = ranged.keys.into_iter().next() {
                    return self.found(found).map(Some);
                }
            }
            Ok(None)
        })
    }

    fn list<'a>(
        &'a self,
        which: Which,
        namespace: &'a str,
    ) -> Future<'a, Result<Vec<Found>, Failure>> {
        Box::pin(async move { Ok(self.list_since(which, namespace, 0).await?.0) })
    }

    fn list_since<'a>(
        &'a self,
        which: Which,
        namespace: &'a str,
        since: u64,
    ) -> Future<'a, Result<(Vec<Found>, u64), Failure>> {
        Box::pin(async move {
            if namespace.contains('/') {
                return Ok((Vec::new(), since));
            }
            let at = match since {
                0 => At::Latest,
                since => At::NotBefore(since, PATIENCE),
            };
            let start = prefix(row(which)?, namespace);
            let mut end = start.clone().into_bytes();
            // The prefix ends with a slash.
            end.pop();
            end.push(b'/' + 1);
            let ranged = self.range(start.into(), Some(end.into()), at).await?;
            let revision = ranged.revision;
            let found = ranged.keys.into_iter();
            let found: Result<Vec<Found>, Failure> = found.map(|found| self.found(found)).collect();
            Ok((found?, revision))
        })
    }

    fn entries(
        &self,
        key: Bytes,
        end: Option<Bytes>,
    ) -> Future<'_, Result<Vec<KeyValue>, Failure>> {
        Box::pin(async move { Ok(self.range(key, end, At::Latest).await?.keys) })
    }
}

fn row(which: Which) -> Result<&'static Resource, Failure> {
    let row = everything().find(which.group, which.version, which.plural);
    row.ok_or_else(|| Failure::internal(&format!("there are no {} here", which.plural)))
}

/// What the keys of a resource's objects begin with: of all, or of those in one namespace.
fn prefix(resource: &Resource, namespace: &str) -> String {
    let place = &resource.key;
    match (resource.scope, namespace) {
        (Scope::Cluster, _) | (Scope::Namespaced, "") => format!("{ROOT}{place}/"),
        (Scope::Namespaced, namespace) => format!("{ROOT}{place}/{namespace}/"),
    }
}

fn found_of(entry: KeyValue) -> Result<Found, Failure> {
    // Without a revision the object comes as it is stored.
    let object = Object::new(entry.value, 0).value().ok_or_else(|| {
        let key = String::from_utf8_lossy(&entry.key);
        Failure::internal(&format!("what is stored at {key} is no object"))
    })?;
    Ok(Found {
        key: entry.key,
        revision: entry.mod_revision,
        object: Arc::new(object),
    })
}

fn failure(error: KvError) -> Failure {
    match error {
        KvError::Overloaded => {
            Failure::too_many_requests("the store has enough to do, please try again later", 1)
        }
        KvError::Unavailable(why) | KvError::Unknown(why) => {
            Failure::unavailable(format!("the store does not answer: {why}"))
        }
        KvError::Invalid(why) => Failure::internal(&why),
        KvError::Compacted { .. }
        | KvError::TooNew { .. }
        | KvError::Fenced
        | KvError::NoSpace
        | KvError::TooLarge => Failure::internal("the store did not read what was asked for"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{MemoryKv, Txn, Write};
    use futures::executor::block_on;
    use serde_json::json;

    const NAMESPACES: Which = Which {
        group: "",
        version: "v1",
        plural: "namespaces",
    };

    fn put(kv: &MemoryKv, name: &str, phase: &str, padding: usize) {
        let object = json!({"metadata": {"name": name}, "phase": phase, "x": "x".repeat(padding)});
        let write = Write::Put {
            key: format!("/registry/namespaces/{name}").into(),
            value: object.to_string().into(),
            lease: 0,
        };
        let txn = Txn {
            writes: vec![write],
            ..Txn::default()
        };
        block_on(kv.txn(txn)).unwrap();
    }

    #[test]
    fn an_object_is_parsed_once_and_again_when_it_has_changed() {
        let kv = MemoryKv::new();
        let stored = Stored::new(Arc::new(kv.clone()));
        let get = || block_on(stored.get(NAMESPACES, "", "n")).unwrap().unwrap();
        put(&kv, "n", "Active", 0);
        let first = get();
        assert!(Arc::ptr_eq(&first.object, &get().object));
        let listed = block_on(stored.list(NAMESPACES, "")).unwrap();
        assert!(Arc::ptr_eq(&first.object, &listed[0].object));
        put(&kv, "n", "Terminating", 0);
        let second = get();
        assert_eq!(second.object["phase"], "Terminating");
        assert!(second.revision > first.revision);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let kv = MemoryKv::new();
        let stored = Stored::new(Arc::new(kv.clone()));
        put(&kv, "large", "", PARSED_BYTES_MAX);
        for count in 0..PARSED_MAX + 10 {
            put(&kv, &format!("n{count}"), "", 0);
        }
        let listed = block_on(stored.list(NAMESPACES, "")).unwrap();
        assert_eq!(listed.len(), PARSED_MAX + 11);
        let kept = stored.parsed.lock();
        assert!(kept.len() <= PARSED_MAX && !kept.is_empty());
        assert!(!kept.contains_key("/registry/namespaces/large".as_bytes()));
    }
}
