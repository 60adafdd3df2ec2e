//! What is gone: statement 5, and its like.

use super::world::{World, target};
use crate::status::{Failure, Reason};

fn is_expired(failure: &Failure) -> bool {
    let message = "The resourceVersion for the provided watch is too old.";
    failure.reason == Reason::Expired && failure.code() == 410 && failure.message == message
}

#[tokio::test(start_paused = true)]
async fn statement_5_a_watch_from_a_compacted_version_says_so_and_ends() {
    let world = World::new();
    let old = world.pod("x", "web").await;
    for _ in 0..5 {
        world.pod("x", "web").await;
    }
    let latest = world.pod("x", "web").await;
    world.compact(latest).await;
    for query in ["", "&labelSelector=app", "&allowWatchBookmarks=true"] {
        let rest = world
            .pods(&format!("resourceVersion={old}{query}"))
            .await
            .rest()
            .await;
        assert_eq!(rest.len(), 1);
        assert!(rest[0].as_ref().is_err_and(is_expired), "{rest:?}");
    }
    let mut watch = world.pods(&format!("resourceVersion={latest}")).await;
    let next = world.pod("x", "web").await;
    assert_eq!(watch.told().await, format!("MODIFIED a/x {next}"));
}

#[tokio::test(start_paused = true)]
async fn a_watch_whose_beginning_is_compacted_while_it_is_told_says_so() {
    let world = World::new();
    for index in 0..100 {
        world.pod(&format!("x{index:02}"), "web").await;
    }
    let mut watch = world.pods("").await;
    watch.tells(3).await;
    let latest = world.pod("x00", "web").await;
    world.compact(latest).await;
    let rest = watch.rest().await;
    assert!(rest.len() < 97, "only what was in hand");
    assert!(rest.last().unwrap().as_ref().is_err_and(is_expired));
    assert!(rest[..rest.len() - 1].iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_state_before_is_compacted_is_told_only_if_it_does_not_matter() {
    let world = World::new();
    world.pod("x", "web").await;
    let before = world.pod("x", "web").await;
    let change = world.pod("x", "web").await;
    let deletion = world.delete("pods", "a", "x").await;
    // The change can be followed, but the state before it cannot be read.
    world.compact(change).await;
    let from = |query: &str| format!("resourceVersion={before}{query}");
    let mut watch = world.pods(&from("")).await;
    let expected = [
        format!("MODIFIED a/x {change}"),
        format!("DELETED a/x {deletion}"),
    ];
    assert_eq!(watch.tells(2).await, expected);
    let rest = world.pods(&from("&labelSelector=app")).await.rest().await;
    assert_eq!(rest.len(), 1);
    assert!(rest[0].as_ref().is_err_and(is_expired), "{rest:?}");
    world.compact(deletion).await;
    let query = format!("resourceVersion={change}");
    let rest = world
        .watch(&target("pods", "a", ""), &query)
        .await
        .unwrap()
        .rest()
        .await;
    assert!(
        rest[0].as_ref().is_err_and(is_expired),
        "what was deleted is unknown: {rest:?}"
    );
    assert_eq!(rest.len(), 1);
}
