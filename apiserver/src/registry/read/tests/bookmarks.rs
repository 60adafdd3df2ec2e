//! When bookmarks come, and what they promise: statements 8 to 10.

use super::world::{World, line, target};
use crate::registry::EventKind;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn statement_8_a_bookmark_lies_between_what_was_told_and_what_was_not() {
    let world = World::new();
    let mut told = world.pod("x", "web").await;
    let query = format!(
        "labelSelector=app%3Dweb&allowWatchBookmarks=true&resourceVersion={told}&timeoutSeconds=1800"
    );
    let mut watch = world.pods(&query).await;
    let mut matching = Vec::new();
    for round in 0..100 {
        // Two that match in a row: a bookmark that is ahead by one hides the second.
        for (name, app) in [("x", "web"), ("y", "other"), ("x", "web"), ("x", "web")] {
            let revision = world.pod(name, app).await;
            if app == "web" {
                matching.push(revision);
            }
        }
        world.label("nodes", "", "n", json!({})).await;
        // Sometimes it is read at once, sometimes much later.
        if round % 3 != 0 {
            continue;
        }
        tokio::time::advance(Duration::from_secs(round % 7 * 10)).await;
        for _ in 0..=round % 5 {
            let event = watch.event().await;
            let revision = event.object.revision();
            match event.kind {
                EventKind::Bookmark { .. } => {
                    assert!(
                        revision >= told,
                        "{revision} is lower than {told}, which was told"
                    );
                    let next = matching.iter().find(|one| **one > told);
                    assert!(
                        next.is_none_or(|next| revision < *next),
                        "{revision} hides {next:?}"
                    );
                }
                _ => {
                    let next = matching.iter().find(|one| **one > told);
                    assert_eq!(Some(&revision), next);
                    told = revision;
                }
            }
        }
    }
    assert!(told > 20, "events came");
}

#[tokio::test(start_paused = true)]
async fn statement_9_nobody_gets_bookmarks_who_did_not_ask() {
    let world = World::new();
    let revision = world.pod("x", "web").await;
    for query in [
        "timeoutSeconds=900".to_owned(),
        format!("timeoutSeconds=900&resourceVersion={revision}"),
        "timeoutSeconds=900&allowWatchBookmarks=false".to_owned(),
        "timeoutSeconds=900&sendInitialEvents=true&resourceVersionMatch=NotOlderThan".to_owned(),
    ] {
        let rest = world.pods(&query).await.rest().await;
        let expected = if query.contains("resourceVersion=") {
            0
        } else {
            1
        };
        assert_eq!(rest.len(), expected, "{rest:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn statement_10_one_bookmark_ends_what_was_there() {
    let world = World::new();
    let pods = target("pods", "", "");
    let end = json!({"k8s.io/initial-events-end": "true"});
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=600";
    for count in [0, 1, 99] {
        for index in 0..count {
            world.pod(&format!("x{index:02}"), "web").await;
        }
        let acknowledged = world.label("nodes", "", "n", json!({})).await;
        let mut watch = world.watch(&pods, query).await.unwrap();
        for _ in 0..count {
            assert_eq!(watch.event().await.kind, EventKind::Added);
        }
        let event = watch.event().await;
        assert_eq!(event.kind, EventKind::Bookmark { ends_initial: true });
        assert!(event.object.revision() >= acknowledged);
        let object = event.object.value().unwrap();
        let version = event.object.revision().to_string();
        let metadata = json!({"annotations": end, "resourceVersion": version});
        assert_eq!(
            object,
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata})
        );
        let changed = world.pod("x00", "web").await;
        let kind = if count == 0 { "ADDED" } else { "MODIFIED" };
        assert_eq!(watch.told().await, format!("{kind} a/x00 {changed}"));
        let rest = watch.rest().await;
        let bookmark = Ok(format!("BOOKMARK {changed}"));
        assert!(
            rest.len() > 5 && rest.iter().all(|item| *item == bookmark),
            "{rest:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn statement_10_holds_for_a_bare_watch_that_takes_bookmarks() {
    let world = World::new();
    world.pod("x", "web").await;
    let mut watch = world.pods("allowWatchBookmarks=true").await;
    assert_eq!(watch.tells(2).await, ["ADDED a/x 2", "END 2"]);
    let mut watch = world
        .pods("allowWatchBookmarks=true&labelSelector=app%3Dnone")
        .await;
    assert_eq!(watch.told().await, "END 2");
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_every_minute_and_before_the_end() {
    let world = World::new();
    let revision = world.pod("x", "web").await;
    let began = Instant::now();
    let query = format!("allowWatchBookmarks=true&timeoutSeconds=150&resourceVersion={revision}");
    let mut watch = world.pods(&query).await;
    let mut times = Vec::new();
    while let Some(event) = futures::StreamExt::next(&mut watch.0).await {
        assert_eq!(line(&event.unwrap()), format!("BOOKMARK {revision}"));
        times.push(began.elapsed().as_secs());
    }
    assert_eq!(times, [60, 120, 148]);
    assert_eq!(began.elapsed().as_secs(), 150);
}

#[tokio::test(start_paused = true)]
async fn a_bookmark_is_of_the_kind_that_is_watched() {
    let world = World::new();
    let row = "z.io/v1 apes Ape cluster key:z.io/apes";
    let mut watch = world
        .watch(
            &target(row, "", ""),
            "allowWatchBookmarks=true&resourceVersion=1",
        )
        .await
        .unwrap();
    let event = watch.event().await;
    let expected =
        json!({"apiVersion": "z.io/v1", "kind": "Ape", "metadata": {"resourceVersion": "1"}});
    assert_eq!(event.object.value(), Some(expected));
}
