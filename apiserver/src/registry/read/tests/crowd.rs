//! Many watches at once: statement 15.

use super::world::{World, target};
use crate::storage::MemoryKv;

#[tokio::test(start_paused = true)]
async fn statement_15_a_thousand_watches_each_get_each_event() {
    let world = World::new();
    let first = world.pod("x", "web").await;
    let pods = target("pods", "a", "");
    let mut watches = Vec::new();
    for index in 0..1000 {
        let query = match index % 3 {
            0 => format!("resourceVersion={first}"),
            1 => format!("resourceVersion={first}&labelSelector=app%3Dweb"),
            _ => format!("resourceVersion={first}&fieldSelector=metadata.name%3Dx"),
        };
        watches.push(world.watch(&pods, &query).await.unwrap());
    }
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(format!("MODIFIED a/x {}", world.pod("x", "web").await));
    }
    for watch in &mut watches {
        assert_eq!(watch.tells(5).await, expected);
    }
    assert_eq!(world.kv.watches(), 1000);
    drop(watches);
    assert_eq!(world.kv.watches(), 0);
}

#[tokio::test(start_paused = true)]
async fn statement_15_a_reader_that_stalls_is_ended_and_delays_nobody() {
    let world = World::over(MemoryKv::with_buffer(8), 0);
    let first = world.pod("x", "web").await;
    let query = format!("resourceVersion={first}");
    let (mut stalled, mut quick) = (world.pods(&query).await, world.pods(&query).await);
    for _ in 0..50 {
        let revision = world.pod("x", "web").await;
        assert_eq!(quick.told().await, format!("MODIFIED a/x {revision}"));
    }
    let rest = stalled.rest().await;
    assert_eq!(rest.len(), 9, "what was kept for it, and why it ends");
    assert!(rest[8].is_err());
    assert!(rest[..8].iter().all(Result::is_ok));
}
