//! The look at other objects within one request.
//!
//! A list has to show every object that was there before the request came, so the store is asked which state is
//! the newest. That question goes to a majority of its members, and one answer is good for the whole request.

use super::{Found, Objects, Which};
use crate::status::Failure;
use crate::storage::{Future, KeyValue};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// See the module.
pub(super) struct Seen {
    objects: Arc<dyn Objects>,
    revision: Arc<AtomicU64>,
}

impl Seen {
    /// `revision`: of the request, see [`super::AdmissionRequest::seen`].
    pub(super) fn new(objects: &Arc<dyn Objects>, revision: &Arc<AtomicU64>) -> Seen {
        Seen {
            objects: objects.clone(),
            revision: revision.clone(),
        }
    }
}

impl Objects for Seen {
    fn get<'a>(
        &'a self,
        which: Which,
        namespace: &'a str,
        name: &'a str,
    ) -> Future<'a, Result<Option<Found>, Failure>> {
        self.objects.get(which, namespace, name)
    }

    fn list<'a>(
        &'a self,
        which: Which,
        namespace: &'a str,
    ) -> Future<'a, Result<Vec<Found>, Failure>> {
        Box::pin(async move {
            let since = self.revision.load(Ordering::Relaxed);
            let (found, revision) = self.objects.list_since(which, namespace, since).await?;
            self.revision.fetch_max(revision, Ordering::Relaxed);
            Ok(found)
        })
    }

    fn entries(
        &self,
        key: Bytes,
        end: Option<Bytes>,
    ) -> Future<'_, Result<Vec<KeyValue>, Failure>> {
        self.objects.entries(key, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Stored;
    use crate::storage::{
        At, Changes, Committed, Kv, KvError, MemoryKv, Range, Ranged, Stream, Txn, Watch,
    };
    use futures::executor::block_on;
    use parking_lot::Mutex;

    const CLASSES: Which = Which {
        group: "scheduling.k8s.io",
        version: "v1",
        plural: "priorityclasses",
    };

    /// A store that notes which states it is asked for.
    struct Noting(MemoryKv, Arc<Mutex<Vec<At>>>);

    impl Kv for Noting {
        fn range(&self, range: Range) -> Future<'_, Result<Ranged, KvError>> {
            self.1.lock().push(range.at);
            self.0.range(range)
        }

        fn txn(&self, txn: Txn) -> Future<'_, Result<Committed, KvError>> {
            self.0.txn(txn)
        }

        fn watch(
            &self,
            watch: Watch,
        ) -> Future<'_, Result<Stream<Result<Changes, KvError>>, KvError>> {
            self.0.watch(watch)
        }

        fn grant(&self, ttl_s: i64) -> Future<'_, Result<i64, KvError>> {
            self.0.grant(ttl_s)
        }

        fn compact(&self, revision: u64) -> Future<'_, Result<(), KvError>> {
            self.0.compact(revision)
        }
    }

    #[test]
    fn one_request_asks_for_the_newest_state_once() {
        let asked = Arc::default();
        let kv = Noting(MemoryKv::new(), Arc::clone(&asked));
        let objects: Arc<dyn Objects> = Arc::new(Stored::new(Arc::new(kv)));
        for _ in 0..2 {
            let request = Arc::default();
            for _ in 0..3 {
                let look = Seen::new(&objects, &request);
                assert_eq!(block_on(look.list(CLASSES, "")).unwrap(), []);
            }
            let asked = std::mem::take(&mut *asked.lock());
            let latest = asked.iter().filter(|at| **at == At::Latest).count();
            assert_eq!((asked.len(), latest), (3, 1), "{asked:?}");
            assert_eq!(asked[0], At::Latest);
        }
    }
}
