//! Lists in pages and in pieces: statements 16 to 20.

use super::super::pages::PAGE_BYTES;
use super::world::{Listed, World, called, target};
use crate::request::{ListOptions, Query};
use crate::status::Reason;
use crate::storage::{Call, Fault, KvError};
use futures::StreamExt;
use serde_json::json;

/// A world with so many pods, `x00` and so on.
async fn filled(pods: usize) -> World {
    let world = World::new();
    for index in 0..pods {
        world.pod(&format!("x{index:02}"), "web").await;
    }
    world
}

/// All pages, each with so many objects.
async fn pages(world: &World, limit: usize, between: impl AsyncFn(usize)) -> Vec<Listed> {
    let (pods, mut pages) = (target("pods", "a", ""), Vec::<Listed>::new());
    loop {
        let token = pages.last().map(|page| page.token.clone().unwrap());
        let token = token.map_or(String::new(), |token| format!("&continue={token}"));
        let page = world
            .list(&pods, &format!("limit={limit}{token}"))
            .await
            .unwrap();
        let is_last = page.token.is_none();
        pages.push(page);
        if is_last {
            return pages;
        }
        between(pages.len()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn statement_16_pages_are_one_snapshot() {
    let world = filled(25).await;
    let snapshot = world.list(&target("pods", "a", ""), "").await.unwrap();
    let pages = pages(&world, 7, async |page| {
        world.pod(&format!("x{page:02}a"), "web").await;
        world
            .delete("pods", "a", &format!("x{:02}", page * 7 + 2))
            .await;
    })
    .await;
    assert_eq!(pages.len(), 4);
    let union: Vec<_> = pages.iter().flat_map(|page| page.names.clone()).collect();
    assert_eq!(union, snapshot.names);
    assert!(pages.iter().all(|page| page.revision == snapshot.revision));
    let now = world.list(&target("pods", "a", ""), "").await.unwrap();
    assert_ne!(now.names, snapshot.names);
}

#[tokio::test(start_paused = true)]
async fn statement_17_what_remains_is_told_without_selectors_and_not_at_the_end() {
    let world = filled(20).await;
    let pages = pages(&world, 6, async |_| {}).await;
    let remaining: Vec<_> = pages.iter().map(|page| page.remaining).collect();
    assert_eq!(remaining, [Some(14), Some(8), Some(2), None]);
    for selector in ["labelSelector=app", "fieldSelector=status.phase!=Running"] {
        let page = world
            .list(&target("pods", "a", ""), &format!("limit=6&{selector}"))
            .await;
        let page = page.unwrap();
        assert_eq!((page.names.len(), page.remaining), (6, None));
        assert!(page.token.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_just_met_is_the_end() {
    let world = filled(6).await;
    let page = world
        .list(&target("pods", "a", ""), "limit=6")
        .await
        .unwrap();
    assert_eq!(
        (page.names.len(), page.token, page.remaining),
        (6, None, None)
    );
}

#[tokio::test(start_paused = true)]
async fn statement_18_a_compacted_token_is_answered_with_a_fresh_one() {
    let world = filled(9).await;
    let pods = target("pods", "a", "");
    let first = world.list(&pods, "limit=4").await.unwrap();
    let old = format!("limit=4&continue={}", first.token.unwrap());
    world.pod("x03a", "web").await;
    let latest = world.pod("x04a", "web").await;
    world.compact(latest).await;
    let failure = world.list(&pods, &old).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Expired);
    assert!(
        failure
            .message
            .starts_with("The provided continue parameter is too old")
    );
    let fresh = failure.continue_token.unwrap();
    let second = world
        .list(&pods, &format!("limit=4&continue={fresh}"))
        .await
        .unwrap();
    assert_eq!(second.names, ["a/x03a", "a/x04", "a/x04a", "a/x05"]);
    assert_eq!(second.revision, latest);
    // From there on it is one snapshot again.
    world.pod("x06a", "web").await;
    let third = format!("limit=4&continue={}", second.token.unwrap());
    let third = world.list(&pods, &third).await.unwrap();
    assert_eq!((third.names.len(), third.revision), (3, latest));
}

#[tokio::test(start_paused = true)]
async fn statement_19_a_token_goes_with_no_version_and_with_any_selector() {
    let world = filled(9).await;
    let pods = target("pods", "a", "");
    let token = world.list(&pods, "limit=3").await.unwrap().token.unwrap();
    let with = |more: &str| format!("limit=3&continue={token}&{more}");
    let failure = world
        .list(&pods, &with("resourceVersion=3"))
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 400);
    for (selector, names) in [
        ("resourceVersion=0", vec!["a/x03", "a/x04", "a/x05"]),
        ("labelSelector=app%3Dweb", vec!["a/x03", "a/x04", "a/x05"]),
        ("labelSelector=app%3Dnone", vec![]),
        ("fieldSelector=metadata.name%3Dx05", vec!["a/x05"]),
        ("fieldSelector=metadata.name%3Dx01", vec![]),
        (
            "fieldSelector=metadata.name!%3Dx04",
            vec!["a/x03", "a/x05", "a/x06"],
        ),
    ] {
        let page = world.list(&pods, &with(selector)).await.unwrap();
        assert_eq!(page.names, names, "{selector}");
    }
    // It goes on with the objects of another resource, too, and there is nothing to fear.
    let page = world
        .list(&target("nodes", "", ""), &with(""))
        .await
        .unwrap();
    assert_eq!(page.names, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn statement_20_a_limit_with_version_0_is_kept() {
    let world = filled(9).await;
    let page = world
        .list(&target("pods", "a", ""), "limit=4&resourceVersion=0")
        .await
        .unwrap();
    assert_eq!((page.names.len(), page.remaining), (4, Some(5)));
}

#[tokio::test(start_paused = true)]
async fn a_whole_list_is_read_in_pieces_as_they_are_taken() {
    let world = World::new();
    let half = "x".repeat(PAGE_BYTES / 2);
    for index in 0..12 {
        let metadata = json!({"name": format!("x{index:02}"), "namespace": "a"});
        world
            .put(
                "configmaps",
                json!({"metadata": metadata, "data": {"a": half}}),
            )
            .await;
    }
    for index in 0..200 {
        world
            .label("configmaps", "b", &format!("y{index:03}"), json!({}))
            .await;
    }
    let options = ListOptions::parse(&Query::parse(""), "").unwrap();
    let all = target("configmaps", "", "");
    let mut list = world.registry.list(&all, &options).await.unwrap();
    assert_eq!(
        world.kv.calls(Call::Range),
        1,
        "the first page is read, and no other"
    );
    world.delete("configmaps", "b", "y199").await;
    let (mut names, mut sizes) = (Vec::new(), Vec::new());
    while let Some(piece) = list.pieces.next().await {
        let piece = piece.unwrap();
        sizes.push(
            piece
                .iter()
                .map(|object| object.stored().len())
                .sum::<usize>(),
        );
        names.extend(piece.iter().map(called));
    }
    assert_eq!(names.len(), 212, "a deletion meanwhile does not show");
    assert!(names.is_sorted());
    assert!(sizes.len() > 2, "{sizes:?}");
    assert!(
        sizes.iter().skip(1).all(|size| *size <= PAGE_BYTES),
        "{sizes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_whole_list_breaks_off_when_its_state_is_compacted() {
    let world = filled(80).await;
    let options = ListOptions::parse(&Query::parse(""), "").unwrap();
    let pods = target("pods", "a", "");
    let mut list = world.registry.list(&pods, &options).await.unwrap();
    let latest = world.pod("y", "web").await;
    world.compact(latest).await;
    assert!(
        list.pieces.next().await.unwrap().is_ok(),
        "the first page was read before"
    );
    let failure = list.pieces.next().await.unwrap().unwrap_err();
    assert_eq!(failure.reason, Reason::Expired);
    assert!(
        list.pieces.next().await.is_none(),
        "a failure is the last piece"
    );
}

#[tokio::test(start_paused = true)]
async fn a_whole_list_breaks_off_when_the_store_does() {
    let world = filled(80).await;
    let options = ListOptions::parse(&Query::parse(""), "").unwrap();
    let mut list = world
        .registry
        .list(&target("pods", "a", ""), &options)
        .await
        .unwrap();
    world.kv.fail_next(
        Call::Range,
        Fault::Before(KvError::Unavailable("away".into())),
    );
    assert!(list.pieces.next().await.unwrap().is_ok());
    assert_eq!(list.pieces.next().await.unwrap().unwrap_err().code(), 503);
    assert!(list.pieces.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_limited_list_of_large_objects_ends_early() {
    let world = World::new();
    let large = "x".repeat(1 << 20);
    for index in 0..20 {
        let metadata = json!({"name": format!("x{index:02}"), "namespace": "a"});
        world
            .put(
                "configmaps",
                json!({"metadata": metadata, "data": {"a": large}}),
            )
            .await;
    }
    let all = target("configmaps", "a", "");
    let first = world.list(&all, "limit=500").await.unwrap();
    assert_eq!((first.names.len(), first.remaining), (16, Some(4)));
    let rest = format!("limit=500&continue={}", first.token.unwrap());
    let rest = world.list(&all, &rest).await.unwrap();
    assert_eq!((rest.names.len(), rest.token), (4, None));
}

#[tokio::test(start_paused = true)]
async fn a_list_ends_with_its_time() {
    let world = filled(80).await;
    let options = ListOptions::parse(&Query::parse("timeoutSeconds=5"), "").unwrap();
    let mut list = world
        .registry
        .list(&target("pods", "a", ""), &options)
        .await
        .unwrap();
    assert!(list.pieces.next().await.unwrap().is_ok());
    tokio::time::advance(std::time::Duration::from_secs(6)).await;
    let failure = list.pieces.next().await.unwrap().unwrap_err();
    assert_eq!(failure.reason, Reason::Timeout);
    assert!(list.pieces.next().await.is_none());
    let query = "resourceVersion=999&timeoutSeconds=1";
    let failure = world
        .list(&target("pods", "a", ""), query)
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Timeout);
    assert!(
        failure.message.contains("context deadline exceeded"),
        "{failure}"
    );
}
