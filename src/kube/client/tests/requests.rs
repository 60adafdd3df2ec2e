//! Requests and their answers.

use super::world::{CONFIG_MAPS, LONG, World, config_map, namespaces};
use crate::kube::client::{Failure, PatchKind};
use bytes::Bytes;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

fn json_of(bytes: &Bytes) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[tokio::test]
async fn objects_are_made_read_changed_and_deleted() {
    let world = World::new(1);
    let client = world.client(1);
    namespaces(&client).await;
    let all = CONFIG_MAPS.path("default", "", "");
    let one = CONFIG_MAPS.path("default", "a", "");
    let text = Bytes::from(config_map("a").to_string());
    let made = client.create(&all, text.clone()).await.unwrap();
    assert_eq!(json_of(&made)["data"]["k"], "a");
    let twice = client.create(&all, text).await.unwrap_err();
    assert!(
        twice.is_existing() && twice.code() == 409 && !twice.is_passing(),
        "{twice}"
    );
    let patch = Bytes::from(json!({"data": {"m": "1"}}).to_string());
    let patched = client.patch(&one, PatchKind::Merge, patch).await.unwrap();
    assert_eq!(json_of(&patched)["data"], json!({"k": "a", "m": "1"}));
    let stale = client.update(&one, made).await.unwrap_err();
    assert!(stale.code() == 409 && !stale.is_existing(), "{stale}");
    let updated = client.update(&one, patched).await.unwrap();
    assert_eq!(json_of(&client.get(&one).await.unwrap()), json_of(&updated));
    let other = json!({"preconditions": {"uid": "another"}}).to_string();
    let kept = client.delete(&one, other.into()).await.unwrap_err();
    assert_eq!(kept.code(), 409);
    client.delete(&one, Bytes::new()).await.unwrap();
    let gone = client.get(&one).await.unwrap_err();
    assert_eq!(gone.code(), 404);
}

#[tokio::test]
async fn a_thousand_requests_share_one_connection() {
    let world = World::new(1);
    let client = world.client(1);
    namespaces(&client).await;
    let all = CONFIG_MAPS.path("default", "", "");
    let asked = (0..1000).map(|number| {
        let (client, all) = (&client, &all);
        let text = config_map(&format!("n{number}")).to_string();
        async move { client.create(all, text.into()).await }
    });
    let answers = timeout(LONG, join_all(asked)).await.unwrap();
    let failed = answers.iter().filter_map(|answer| answer.as_ref().err());
    assert_eq!(failed.collect::<Vec<_>>(), Vec::<&Failure>::new());
    assert_eq!(answers.len(), 1000);
}

#[tokio::test]
async fn where_nobody_serves_that_is_said_soon() {
    let mut world = World::new(2);
    let client = world.client(2);
    for server in &mut world.servers {
        server.kill();
    }
    let answer = timeout(LONG, client.get("/version")).await.unwrap();
    assert!(matches!(answer, Err(Failure::Unreachable(_))), "{answer:?}");
}
