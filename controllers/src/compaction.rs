//! History that is older than a few minutes goes.
//!
//! Watches nothing. Writes nothing. Every five minutes it lets the store drop what lies before the revision
//! that it saw five minutes before: so whoever reads a list in pages, or comes back to a watch, has at
//! least five minutes for it, and at most ten. There is one key.
//!
//! Only who leads does it. It is no write, so it has no fence: one that has been replaced without knowing
//! it drops what is old enough all the same. What others compact, a store's own settings among them, stays
//! compacted and is not in the way.

use crate::objects::Key;
use crate::runtime::{Change, Client, Controller, Future, Next, Problem, Wanted, World};
use parking_lot::Mutex;
use std::time::Duration;

/// See the module.
pub struct Compaction {
    every: Duration,
    /// The newest revision at the last look of this term.
    seen: Mutex<Option<u64>>,
}

impl Compaction {
    /// How often upstream's API server compacts.
    pub const EVERY: Duration = Duration::from_secs(300);

    /// Compacts so often.
    pub fn new(every: Duration) -> Compaction {
        Compaction {
            every,
            seen: Mutex::new(None),
        }
    }
}

impl Controller for Compaction {
    fn name(&self) -> &'static str {
        "compaction"
    }

    fn workers(&self) -> usize {
        1
    }

    fn concerns(&self, _: &World, _: &Change, _: &mut Wanted) {}

    fn all(&self, _: &World, wanted: &mut Wanted) {
        // In an earlier term others may have led since.
        *self.seen.lock() = None;
        wanted.add(Key::cluster("store"));
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        _: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let now = client.world().revision();
            let before = self.seen.lock().replace(now);
            if let Some(before) = before.filter(|before| *before > 0) {
                let compacted = client.ground().registry.compact(before).await;
                if let Err(failure) = compacted {
                    // The next time is soon enough.
                    tracing::info!(revision = before, %failure, "history stays for now");
                }
            }
            Ok(Next::After(self.every))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Kind;
    use crate::testing::Cluster;
    use keelson_apiserver::storage::{At, Kv, KvError, Range};
    use serde_json::json;

    /// Whether the store can still show this revision.
    async fn shows(cluster: &Cluster, revision: u64) -> bool {
        let range = Range {
            key: "/registry/".into(),
            end: Some("/registry0".into()),
            at: At::Exactly(revision),
            limit: 1,
            keys_only: true,
        };
        match cluster.kv.range(range).await {
            Ok(_) => true,
            Err(KvError::Compacted { .. }) => false,
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn write(cluster: &Cluster, name: &str) -> u64 {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        cluster.create(Kind::ConfigMap, "default", map).await;
        cluster.settle().await;
        cluster.kv.revision()
    }

    #[tokio::test(start_paused = true)]
    async fn history_stays_for_five_minutes_at_least_and_ten_at_most() {
        let cluster = Cluster::new().await;
        cluster.lead(|manager| manager.with(Compaction::new(Compaction::EVERY)));
        cluster.settle().await;
        let first = write(&cluster, "a").await;
        let second = write(&cluster, "b").await;
        cluster.advance(Compaction::EVERY).await;
        cluster.settle().await;
        assert!(shows(&cluster, first).await, "five minutes have passed");
        let third = write(&cluster, "c").await;
        cluster.advance(Compaction::EVERY).await;
        cluster.settle().await;
        assert!(!shows(&cluster, first).await, "ten minutes have passed");
        assert!(shows(&cluster, second).await, "it was the newest then");
        assert!(shows(&cluster, third).await, "it is five minutes old");
    }

    #[tokio::test(start_paused = true)]
    async fn what_others_compact_is_not_in_the_way() {
        let cluster = Cluster::new().await;
        cluster.lead(|manager| manager.with(Compaction::new(Compaction::EVERY)));
        cluster.settle().await;
        let first = write(&cluster, "a").await;
        let second = write(&cluster, "b").await;
        cluster.kv.compact(second).await.expect("it is there");
        for _ in 0..2 {
            cluster.advance(Compaction::EVERY).await;
            cluster.settle().await;
        }
        assert!(!shows(&cluster, first).await, "others have compacted it");
        let third = write(&cluster, "c").await;
        for _ in 0..2 {
            cluster.advance(Compaction::EVERY).await;
            cluster.settle().await;
        }
        assert!(!shows(&cluster, second).await, "it goes on");
        assert!(shows(&cluster, third).await, "the newest stays");
    }
}
