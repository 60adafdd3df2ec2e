//! The look at other objects straight into the store.

use super::{Found, Objects, Which};
use crate::resource::{Resource, Scope, everything};
use crate::status::Failure;
use crate::storage::{At, Future, KeyValue, Kv, KvError, Object, Range, Ranged};
use bytes::Bytes;
use std::sync::Arc;

/// What all keys begin with.
const ROOT: &str = "/registry/";

/// Objects of built-in resources, out of the store itself. Objects are taken from whatever state is at
/// hand, and what is missing there or is listed from the newest one.
pub struct Stored {
    kv: Arc<dyn Kv>,
}

impl Stored {
    /// The objects of this store.
    pub fn new(kv: Arc<dyn Kv>) -> Stored {
        Stored { kv }
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
                    return found_of(found).map(Some);
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
        Box::pin(async move {
            if namespace.contains('/') {
                return Ok(Vec::new());
            }
            let start = prefix(row(which)?, namespace);
            let mut end = start.clone().into_bytes();
            // The prefix ends with a slash.
            end.pop();
            end.push(b'/' + 1);
            let ranged = self
                .range(start.into(), Some(end.into()), At::Latest)
                .await?;
            ranged.keys.into_iter().map(found_of).collect()
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
