//! What a watch tells: statements 1 to 4, 6, 7, 12 and 13.

use super::world::{World, called, target};
use crate::storage::{Call, Fault, KvError};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn statement_1_a_watch_from_a_list_tells_exactly_the_later_changes() {
    let world = World::new();
    for name in ["x", "y", "z"] {
        world.pod(name, "web").await;
    }
    let pods = target("pods", "a", "");
    let listed = world.list(&pods, "").await.unwrap();
    let mut expected = Vec::new();
    for round in 0..60 {
        if round == 30 {
            // Half of it is history when the watch begins.
            expected.push(format!(
                "DELETED a/x {}",
                world.delete("pods", "a", "x").await
            ));
            world.label("pods", "a-b", "x", json!({})).await;
            world.label("podtemplates", "a", "x", json!({})).await;
            expected.push(format!("ADDED a/x {}", world.pod("x", "web").await));
        }
        expected.push(format!("MODIFIED a/y {}", world.pod("y", "web").await));
    }
    let mut watch = world
        .pods(&format!("resourceVersion={}", listed.revision))
        .await;
    for _ in 0..30 {
        expected.push(format!("MODIFIED a/z {}", world.pod("z", "web").await));
    }
    assert_eq!(watch.tells(expected.len()).await, expected);
    watch.is_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn statement_2_an_object_enters_and_leaves_a_selection() {
    let world = World::new();
    let begin = world.pod("x", "other").await;
    let query = format!("labelSelector=app%3Dweb&resourceVersion={begin}");
    let mut watch = world.pods(&query).await;
    let enters = world.pod("x", "web").await;
    let metadata = json!({"name": "x", "namespace": "a", "labels": {"app": "web"}});
    let stays = world
        .put(
            "pods",
            json!({"metadata": metadata, "spec": {"nodeName": "n"}}),
        )
        .await;
    let leaves = world.pod("x", "other").await;
    assert_eq!(watch.told().await, format!("ADDED a/x {enters}"));
    assert_eq!(watch.told().await, format!("MODIFIED a/x {stays}"));
    let left = watch.event().await;
    assert_eq!(super::world::line(&left), format!("DELETED a/x {leaves}"));
    let left = left.object.value().unwrap();
    assert_eq!(left["metadata"]["labels"]["app"], "web", "the state before");
    assert_eq!(left["spec"]["nodeName"], "n", "the state before");
    assert_eq!(left["metadata"]["resourceVersion"], leaves.to_string());
}

#[tokio::test(start_paused = true)]
async fn statement_2_holds_for_fields() {
    let world = World::new();
    let pod = |phase: &str| json!({"metadata": {"name": "x", "namespace": "a"}, "status": {"phase": phase}});
    let begin = world.put("pods", pod("Pending")).await;
    let query = format!("fieldSelector=status.phase%3DRunning&resourceVersion={begin}");
    let mut watch = world.pods(&query).await;
    let (enters, leaves) = (
        world.put("pods", pod("Running")).await,
        world.put("pods", pod("Failed")).await,
    );
    world.put("pods", pod("Pending")).await;
    world.delete("pods", "a", "x").await;
    assert_eq!(watch.told().await, format!("ADDED a/x {enters}"));
    assert_eq!(watch.told().await, format!("DELETED a/x {leaves}"));
    watch.is_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn statement_3_what_is_never_selected_is_not_told_and_bookmarks_go_on() {
    let world = World::new();
    let begin = world.pod("x", "other").await;
    let query = format!("labelSelector=app%3Dweb&allowWatchBookmarks=true&resourceVersion={begin}");
    let mut watch = world.pods(&query).await;
    let mut last = begin;
    for _ in 0..3 {
        world.pod("x", "other").await;
        world.delete("pods", "a", "x").await;
        let newest = world.pod("x", "other").await;
        assert_eq!(watch.told().await, format!("BOOKMARK {newest}"));
        assert!(newest > last);
        last = newest;
    }
    // What happens elsewhere counts as well.
    let newest = world.label("nodes", "", "n", json!({})).await;
    assert_eq!(watch.told().await, format!("BOOKMARK {newest}"));
}

#[tokio::test(start_paused = true)]
async fn statement_4_a_deletion_carries_the_last_state_with_its_own_version() {
    let world = World::new();
    world.pod("x", "first").await;
    let mut last = world.pod("x", "last").await;
    for query in [
        "",
        "&labelSelector=app%3Dlast",
        "&fieldSelector=metadata.name%3Dx",
    ] {
        let mut watch = world.pods(&format!("resourceVersion={last}{query}")).await;
        let deletion = world.delete("pods", "a", "x").await;
        let event = watch.event().await;
        assert_eq!(
            super::world::line(&event),
            format!("DELETED a/x {deletion}")
        );
        let object = event.object.value().unwrap();
        assert_eq!(object["metadata"]["labels"]["app"], "last");
        assert_eq!(object["metadata"]["resourceVersion"], deletion.to_string());
        last = world.pod("x", "last").await;
    }
}

#[tokio::test(start_paused = true)]
async fn statement_6_a_watch_from_nowhere_begins_with_what_is_there() {
    let world = World::new();
    let mut expected = BTreeMap::new();
    for index in (0..100).rev() {
        let name = format!("x{index:02}");
        let revision = world
            .pod(&name, if index % 2 == 0 { "even" } else { "odd" })
            .await;
        expected.insert(name, revision);
    }
    world.label("pods", "b", "x", json!({})).await;
    let lines = |wanted: fn(usize) -> bool| {
        let all = expected
            .iter()
            .enumerate()
            .filter(move |(index, _)| wanted(*index));
        all.map(|(_, (name, revision))| format!("ADDED a/{name} {revision}"))
            .collect::<Vec<_>>()
    };
    for from in [
        "",
        "resourceVersion=0",
        "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
    ] {
        let mut watch = world.pods(from).await;
        assert_eq!(watch.tells(100).await, lines(|_| true), "{from}");
        watch.is_quiet().await;
        let mut watch = world
            .pods(&format!("{from}&labelSelector=app%3Deven"))
            .await;
        assert_eq!(
            watch.tells(50).await,
            lines(|index| index % 2 == 0),
            "{from}"
        );
        let revision = world.pod("y", "even").await;
        assert_eq!(watch.told().await, format!("ADDED a/y {revision}"));
        world.delete("pods", "a", "y").await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_happens_while_a_watch_tells_what_was_there_is_told_after_it() {
    let world = World::new();
    for index in 0..100 {
        world.pod(&format!("x{index:02}"), "web").await;
    }
    let mut watch = world.pods("").await;
    watch.tells(10).await;
    let deleted = world.delete("pods", "a", "x99").await;
    let changed = world.pod("x00", "web").await;
    let added = world.pod("a", "web").await;
    let rest = watch.tells(90).await;
    assert!(
        rest.iter().all(|line| line.starts_with("ADDED a/x")),
        "{rest:?}"
    );
    assert_eq!(
        watch.tells(3).await,
        [
            format!("DELETED a/x99 {deleted}"),
            format!("MODIFIED a/x00 {changed}"),
            format!("ADDED a/a {added}"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_may_begin_with_changes_to_the_present() {
    let world = World::new();
    world.pod("x", "web").await;
    for version in ["", "0"] {
        let query = format!(
            "resourceVersion={version}&sendInitialEvents=false&resourceVersionMatch=NotOlderThan"
        );
        let mut watch = world.pods(&query).await;
        let revision = world.pod("x", "web").await;
        assert_eq!(watch.told().await, format!("MODIFIED a/x {revision}"));
    }
}

#[tokio::test(start_paused = true)]
async fn statement_7_a_watch_from_a_future_version_waits_for_what_is_behind_it() {
    let world = World::new();
    let now = world.pod("x", "web").await;
    let query = format!("resourceVersion={}&allowWatchBookmarks=true", now + 2);
    let mut watch = world.pods(&query).await;
    assert_eq!(
        watch.told().await,
        format!("BOOKMARK {}", now + 2),
        "not back to the present"
    );
    for _ in 0..2 {
        world.pod("x", "web").await;
    }
    watch.is_quiet().await;
    let later = world.pod("x", "web").await;
    assert_eq!(later, now + 3);
    assert_eq!(watch.told().await, format!("MODIFIED a/x {later}"));
}

#[tokio::test(start_paused = true)]
async fn statement_12_a_watch_ends_with_its_time_and_is_gone_on_with() {
    let world = World::new();
    let first = world.pod("x", "web").await;
    let began = Instant::now();
    let mut watch = world.pods("timeoutSeconds=5").await;
    assert_eq!(watch.rest().await, [Ok(format!("ADDED a/x {first}"))]);
    assert_eq!(began.elapsed().as_secs(), 5);
    let second = world.pod("x", "web").await;
    let query = format!("resourceVersion={first}&timeoutSeconds=5");
    let mut watch = world.pods(&query).await;
    assert_eq!(watch.rest().await, [Ok(format!("MODIFIED a/x {second}"))]);
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_watch_without_a_time_ends_after_half_an_hour_to_an_hour() {
    for (chance, seconds) in [
        (0, 1800),
        (900_000, 2700),
        (1_799_000, 3599),
        (1_800_000, 1800),
    ] {
        let world = World::over(crate::storage::MemoryKv::new(), chance);
        let began = Instant::now();
        assert_eq!(world.pods("").await.rest().await, []);
        assert_eq!(began.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn statement_13_a_watch_of_a_name_sees_that_object_only() {
    let world = World::new();
    let names = ["x", "x-y", "xy", "y"];
    for name in names {
        world.pod(name, "web").await;
    }
    let (named, all) = (target("pods", "a", "x"), target("pods", "a", ""));
    let mut watches = vec![
        world.watch(&named, "").await.unwrap(),
        world
            .watch(&named, "fieldSelector=metadata.name%3Dx")
            .await
            .unwrap(),
        world
            .watch(&all, "fieldSelector=metadata.name%3Dx")
            .await
            .unwrap(),
        world
            .watch(&target("pods", "", ""), "fieldSelector=metadata.name%3Dx")
            .await
            .unwrap(),
    ];
    let mut expected = vec!["ADDED a/x 2".to_owned()];
    for name in names {
        let revision = world.pod(name, "web").await;
        if name == "x" {
            expected.push(format!("MODIFIED a/x {revision}"));
        }
    }
    expected.push(format!(
        "DELETED a/x {}",
        world.delete("pods", "a", "x").await
    ));
    expected.push(format!("ADDED a/x {}", world.pod("x", "web").await));
    for watch in &mut watches {
        assert_eq!(watch.tells(expected.len()).await, expected);
        watch.is_quiet().await;
    }
    let failure = world
        .watch(&named, "fieldSelector=metadata.name%3Dy")
        .await
        .err()
        .unwrap();
    assert_eq!(failure.code(), 400);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_the_store_ends_says_so_last() {
    let world = World::new();
    let first = world.pod("x", "web").await;
    let mut watch = world.pods("").await;
    assert_eq!(watch.told().await, format!("ADDED a/x {first}"));
    watch.is_quiet().await;
    let second = world.pod("x", "web").await;
    world.kv.break_watches(KvError::Unavailable("gone".into()));
    let rest = watch.rest().await;
    assert_eq!(rest.len(), 2);
    assert_eq!(rest[0], Ok(format!("MODIFIED a/x {second}")));
    assert_eq!(rest[1].as_ref().unwrap_err().code(), 503);
    let away = Fault::Before(KvError::Unavailable("away".into()));
    world.kv.fail_next(Call::Watch, away);
    let query = format!("resourceVersion={second}");
    let failure = world
        .watch(&target("pods", "a", ""), &query)
        .await
        .err()
        .unwrap();
    assert_eq!(
        failure.code(),
        503,
        "before anything was told, it is a plain failure"
    );
}

/// What a client knows that does what the events say, or why it cannot.
fn follow(known: &mut BTreeMap<String, u64>, event: &crate::registry::Event) -> Result<(), String> {
    use crate::registry::EventKind;
    let name = called(&event.object);
    let was = match event.kind {
        EventKind::Deleted => known.remove(&name),
        _ => known.insert(name.clone(), event.object.revision()),
    };
    match (event.kind, was) {
        (EventKind::Added, None) | (EventKind::Modified | EventKind::Deleted, Some(_)) => Ok(()),
        (kind, was) => Err(format!("{kind:?} of {name}, which was {was:?}")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_client_that_follows_knows_what_a_list_shows(
        steps in prop::collection::vec((0_usize..5, 0_usize..4), 1..60),
        begins in 0_usize..60,
        query in prop::sample::select(vec!["", "labelSelector=app%3Dp1", "fieldSelector=metadata.name!%3Dx1", "labelSelector=app+in+(p1,p2)"]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let (world, pods) = (World::new(), target("pods", "a", ""));
            let mut watch = None;
            for (index, (name, app)) in steps.iter().enumerate() {
                if index == begins.min(steps.len() - 1) {
                    watch = Some(world.pods(query).await);
                }
                let name = format!("x{name}");
                match app {
                    0 if world.get(&target("pods", "a", &name), "").await.is_ok() => {
                        world.delete("pods", "a", &name).await;
                    }
                    app => {
                        world.pod(&name, &format!("p{app}")).await;
                    }
                }
            }
            let (mut watch, mut known) = (watch.expect("it has begun"), BTreeMap::new());
            let listed = world.list(&pods, query).await.unwrap();
            let mut last = 0;
            while let Ok(next) = tokio::time::timeout(Duration::from_secs(9), futures::StreamExt::next(&mut watch.0)).await {
                let event = next.expect("it goes on").expect("it does not fail");
                follow(&mut known, &event).unwrap();
                last = event.object.revision().max(last);
            }
            assert_eq!(known.into_keys().collect::<Vec<_>>(), listed.names);
            assert!(last <= listed.revision);
        });
    }
}
