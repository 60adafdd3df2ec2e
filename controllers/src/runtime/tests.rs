//! What the runtime keeps loops from, whatever they do.

use super::{Change, Client, Controller, Future, Kind, Next, Problem, Wanted, World};
use crate::objects::Key;
use crate::testing::Cluster;
use keelson_apiserver::storage::{Call, Fault, KvError, MemoryKv};
use serde_json::json;
use std::time::Duration;

/// Wants one Node, and does not care what became of writing it.
struct Careless {
    kv: MemoryKv,
}

fn made(world: &World) -> usize {
    world.nodes.len()
}

impl Controller for Careless {
    fn name(&self) -> &'static str {
        "careless"
    }

    fn concerns(&self, _: &World, _: &Change, _: &mut Wanted) {}

    fn all(&self, _: &World, wanted: &mut Wanted) {
        wanted.add(Key::cluster("the one"));
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        _: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            if made(&client.world()) > 0 {
                return Ok(Next::Settled);
            }
            // It is written, and neither the answer nor a look at it arrives.
            let lost = KvError::Unknown("a lost answer".to_owned());
            self.kv.fail_next(Call::Txn, Fault::After(lost));
            let away = KvError::Unavailable("away".to_owned());
            self.kv.fail_next(Call::Range, Fault::Before(away));
            let node = json!({
                "apiVersion": "v1", "kind": "Node",
                "metadata": {"generateName": "careless-"},
            });
            let outcome = client.create(Kind::Node, "", &node).await;
            assert!(matches!(outcome, Err(Problem::Unknown(_))), "{outcome:?}");
            Ok(Next::After(Duration::ZERO))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_decided_before_it_is_known_what_became_of_the_last_decision() {
    let cluster = Cluster::new().await;
    let kv = cluster.kv.clone();
    cluster.lead(|manager| manager.with(Careless { kv }));
    cluster.until("one is made", |world| made(world) > 0).await;
    cluster.settle().await;
    assert_eq!(made(&cluster.ground.shared.read()), 1);
}
