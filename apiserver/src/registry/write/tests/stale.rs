//! Changes on a member that lies behind: what is at hand there is enough to change an object, and never to
//! refuse or to say that all is as it was.

use super::behind::Behind;
use super::world::{World, config_map, seen, some_map, version};
use crate::registry::Registry;
use crate::request::PatchType;
use crate::status::Reason;
use crate::storage::{Call, Fault, KvError};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Two members: one with everything at hand, one that can be stopped. There is a map `a`.
async fn two() -> (World, World, Behind) {
    let world = World::new();
    world.create(&config_map(""), &some_map("a", "1")).await;
    let kv = Behind::of(&world.kv);
    let mut late = World::new();
    let random = Arc::new(super::world::Dice);
    late.kv = world.kv.clone();
    late.registry = Registry::new(Arc::new(kv.clone()), Arc::new(late.clock.clone()), random);
    (world, late, kv)
}

#[tokio::test]
async fn what_is_at_hand_is_enough_to_change_an_object() {
    let (_, late, kv) = two().await;
    late.merge(&config_map("a"), json!({"data": {"more": "1"}}))
        .await;
    late.put(&config_map("a"), &some_map("a", "2")).await;
    late.apply(&config_map("a"), "m", &some_map("a", "2")).await;
    assert_eq!(kv.latest.load(Ordering::Relaxed), 0);
    assert_eq!(late.kv.calls(Call::Txn), 4);
}

#[tokio::test]
async fn what_others_changed_meanwhile_is_not_lost() {
    let (world, late, kv) = two().await;
    kv.stop();
    world
        .merge(&config_map("a"), json!({"data": {"more": "1"}}))
        .await;
    let merged = late
        .merge(&config_map("a"), json!({"data": {"yet": "2"}}))
        .await;
    assert_eq!(merged["data"], json!({"key": "1", "more": "1", "yet": "2"}));
}

#[tokio::test]
async fn that_nothing_changes_is_said_of_the_newest_state() {
    let (world, late, kv) = two().await;
    kv.stop();
    let newest = world
        .merge(&config_map("a"), json!({"data": {"key": "2"}}))
        .await;
    // At hand it is still so.
    let patched = late
        .merge(&config_map("a"), json!({"data": {"key": "1"}}))
        .await;
    assert_eq!(patched["data"]["key"], "1");
    assert_eq!(version(&patched), version(&newest) + 1);
    // And here it is so already.
    let same = late
        .merge(&config_map("a"), json!({"data": {"key": "1"}}))
        .await;
    assert_eq!(same, patched);
}

#[tokio::test]
async fn nothing_is_refused_for_what_is_no_longer_so() {
    let (world, late, kv) = two().await;
    kv.stop();
    let mut newest = world
        .merge(&config_map("a"), json!({"data": {"key": "2"}}))
        .await;
    newest["data"]["key"] = json!("3");
    late.put(&config_map("a"), &newest).await;
    world.create(&config_map(""), &some_map("b", "1")).await;
    late.merge(&config_map("b"), json!({"data": {"key": "2"}}))
        .await;
    world.delete(&config_map("b"), json!({})).await;
    let patch = json!({"data": {"key": "3"}});
    let gone = late
        .try_patch(&config_map("b"), PatchType::Merge, &patch)
        .await;
    assert_eq!(gone.unwrap_err().reason, Reason::NotFound);
}

#[tokio::test]
async fn a_change_of_which_nobody_knows_is_not_made_again() {
    let (_, late, kv) = two().await;
    let before = late.kv.calls(Call::Txn);
    let lost = || KvError::Unknown("lost".to_owned());
    late.kv.fail_next(Call::Txn, Fault::Before(lost()));
    let patch = json!({"data": {"key": "2"}});
    let patched = late
        .try_patch(&config_map("a"), PatchType::Merge, &patch)
        .await;
    assert_eq!(patched.unwrap_err().reason, Reason::Timeout);
    assert_eq!(late.kv.calls(Call::Txn), before + 1);
    // Only to find out.
    assert_eq!(kv.latest.load(Ordering::Relaxed), 1);
    let patched = late
        .try_patch(&config_map("a"), PatchType::Merge, &patch)
        .await;
    assert_eq!(seen(patched.unwrap())["data"]["key"], "2");
}
