//! What is answered when the store fails: nothing is acknowledged that did not happen, and nothing is
//! written twice.

use super::world::{World, config_map, seen, some_map, version};
use crate::request::PatchType;
use crate::status::Reason;
use crate::storage::{Call, Fault, KvError};
use serde_json::json;

fn lost() -> KvError {
    KvError::Unknown("lost".to_owned())
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_acknowledged_if_it_is_there() {
    let world = World::new();
    world.kv.fail_next(Call::Txn, Fault::After(lost()));
    let written = world
        .try_create(&config_map(""), &some_map("a", "1"))
        .await
        .unwrap();
    assert!(written.created);
    assert_eq!(world.get(&config_map("a")).await, Some(seen(written)));
    assert_eq!(world.kv.calls(Call::Txn), 1);
}

#[tokio::test]
async fn a_create_that_did_not_happen_is_not_acknowledged_and_not_repeated() {
    let world = World::new();
    world.kv.fail_next(Call::Txn, Fault::Before(lost()));
    let failure = world
        .try_create(&config_map(""), &some_map("a", "1"))
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Timeout);
    assert_eq!(
        failure.message,
        "Timeout: the outcome of the write is not known: lost"
    );
    assert_eq!(world.kv.calls(Call::Txn), 1);
    assert_eq!(world.get(&config_map("a")).await, None);
}

#[tokio::test]
async fn somebody_elses_object_of_the_same_content_is_not_taken_for_ours() {
    let world = World::new();
    world.create(&config_map(""), &some_map("a", "1")).await;
    world.kv.fail_next(Call::Txn, Fault::Before(lost()));
    // The uid is another one.
    let failure = world
        .try_create(&config_map(""), &some_map("a", "1"))
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Timeout);
}

#[tokio::test]
async fn updates_whose_answer_was_lost_are_looked_for() {
    let world = World::new();
    let made = world.create(&config_map(""), &some_map("a", "1")).await;
    world.kv.fail_next(Call::Txn, Fault::After(lost()));
    let stored = world.put(&config_map("a"), &some_map("a", "2")).await;
    assert_eq!(version(&stored), version(&made) + 1);
    world.kv.fail_next(Call::Txn, Fault::Before(lost()));
    let patch = json!({"data": {"key": "3"}});
    let failure = world
        .try_patch(&config_map("a"), PatchType::Merge, &patch)
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Timeout);
    assert_eq!(world.get(&config_map("a")).await, Some(stored));
}

#[tokio::test]
async fn a_store_that_cannot_be_asked_leaves_the_outcome_open() {
    let world = World::new();
    world.create(&config_map(""), &some_map("a", "1")).await;
    world.kv.fail_next(Call::Txn, Fault::After(lost()));
    world
        .kv
        .fail_next(Call::Range, Fault::Before(KvError::Unavailable("x".into())));
    let failed = world.try_create(&config_map(""), &some_map("b", "1")).await;
    assert_eq!(failed.unwrap_err().reason, Reason::Timeout);
    assert!(world.get(&config_map("b")).await.is_some());
}

#[tokio::test]
async fn deletions_whose_answer_was_lost_are_looked_for() {
    let world = World::new();
    world.create(&config_map(""), &some_map("a", "1")).await;
    world.kv.fail_next(Call::Txn, Fault::Before(lost()));
    let failure = world
        .try_delete(&config_map("a"), &json!({}))
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Timeout);
    world.kv.fail_next(Call::Txn, Fault::After(lost()));
    let answer = world.delete(&config_map("a"), json!({})).await;
    assert_eq!(answer["status"], "Success");
}

#[tokio::test]
async fn failures_of_the_store_have_upstreams_answers() {
    let world = World::new();
    for (error, reason) in [
        (KvError::Unavailable("x".into()), Reason::ServerTimeout),
        (KvError::Overloaded, Reason::TooManyRequests),
        (KvError::NoSpace, Reason::InternalError),
        (KvError::TooLarge, Reason::RequestEntityTooLarge),
        (KvError::Invalid("x".into()), Reason::InternalError),
        (KvError::Fenced, Reason::Conflict),
    ] {
        world.kv.fail_next(Call::Txn, Fault::Before(error));
        let failure = world
            .try_create(&config_map(""), &some_map("a", "1"))
            .await
            .unwrap_err();
        assert_eq!(failure.reason, reason);
    }
    assert_eq!(world.kv.revision(), 1);
    world
        .kv
        .fail_next(Call::Range, Fault::Before(KvError::Unavailable("x".into())));
    let failure = world
        .try_put(&config_map("a"), &some_map("a", "1"))
        .await
        .unwrap_err();
    assert_eq!(
        failure.message,
        "The get operation against configmaps could not be completed at this time, please try again."
    );
}
