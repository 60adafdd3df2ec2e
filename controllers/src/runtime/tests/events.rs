//! What is written of an event, and over which one.

use crate::objects::Meta;
use crate::runtime::event::{About, Scribe, Told};
use crate::runtime::notes::{Known, Note};
use crate::testing::{Cluster, START_US};
use keelson_apiserver::identity::{MASTERS, User};
use keelson_apiserver::registry::{Caller, Target};
use keelson_apiserver::request::{DeleteOptions, GetOptions, GetRead};
use serde_json::{Value, json};
use std::sync::Arc;

const SECOND_US: i64 = 1_000_000;

fn caller() -> Caller {
    Caller::new(User::new("tester", [MASTERS]), "test")
}

fn note(namespace: &str, message: &str, times: i64, (first_s, last_s): (i64, i64)) -> Note {
    let plural = if namespace.is_empty() {
        "nodes"
    } else {
        "pods"
    };
    let row = keelson_apiserver::resource::builtin().find("", "v1", plural);
    let meta = Meta {
        name: "x".to_owned(),
        namespace: namespace.to_owned(),
        uid: "u".to_owned(),
        ..Meta::default()
    };
    Note {
        told: Told {
            component: "loop",
            about: About::of(row.expect("a row"), &meta),
            is_warning: !namespace.is_empty(),
            reason: "Odd".to_owned(),
            message: message.to_owned(),
            now_us: START_US + last_s * SECOND_US,
        },
        times,
        first_us: START_US + first_s * SECOND_US,
    }
}

fn place(cluster: &Cluster, namespace: &str, name: &str) -> Target {
    let row = cluster.ground.catalog.find("", "v1", "events");
    Target {
        resource: Arc::new(row.expect("events").clone()),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: String::new(),
    }
}

async fn written(cluster: &Cluster, namespace: &str, known: &Known) -> Value {
    let latest = GetOptions {
        read: GetRead::Latest,
    };
    let target = place(cluster, namespace, &known.name);
    let found = cluster.ground.registry.get(&target, &latest).await;
    let found = found.unwrap_or_else(|failure| panic!("{failure}"));
    found.value().expect("an object")
}

#[tokio::test]
async fn m7_an_event_says_of_what_it_is_how_often_and_since_when() {
    let (cluster, caller) = (Cluster::new().await, caller());
    let (registry, catalog) = (&cluster.ground.registry, &cluster.ground.catalog);
    let scribe = Scribe::new(registry, catalog, &caller).expect("there are events");
    let known = scribe
        .write(note("default", "first", 3, (1, 5)), None)
        .await;
    let known = known.expect("it is written");
    assert_eq!(known.count, 3);
    let event = written(&cluster, "default", &known).await;
    for (field, expected) in [
        ("count", json!(3)),
        ("type", json!("Warning")),
        ("reason", json!("Odd")),
        ("message", json!("first")),
        ("firstTimestamp", json!("2026-01-01T00:00:01Z")),
        ("lastTimestamp", json!("2026-01-01T00:00:05Z")),
        ("reportingComponent", json!("loop")),
        ("source", json!({"component": "loop"})),
        (
            "involvedObject",
            json!({"apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "x", "uid": "u"}),
        ),
    ] {
        assert_eq!(event[field], expected, "{field}");
    }
    let again = note("default", "then", 2, (6, 7));
    let again = scribe.write(again, Some(known.clone())).await;
    let again = again.expect("it is written");
    assert_eq!((&again.name, again.count), (&known.name, 5));
    let event = written(&cluster, "default", &again).await;
    assert_eq!(
        (&event["count"], &event["message"]),
        (&json!(5), &json!("then"))
    );
    assert_eq!(event["firstTimestamp"], "2026-01-01T00:00:01Z");
    assert_eq!(event["lastTimestamp"], "2026-01-01T00:00:07Z");
}

#[tokio::test]
async fn m7_an_event_that_has_gone_is_written_anew() {
    let (cluster, caller) = (Cluster::new().await, self::caller());
    let (registry, catalog) = (&cluster.ground.registry, &cluster.ground.catalog);
    let scribe = Scribe::new(registry, catalog, &caller).expect("there are events");
    let known = scribe.write(note("default", "m", 4, (1, 2)), None).await;
    let known = known.expect("it is written");
    let target = place(&cluster, "default", &known.name);
    let options = DeleteOptions::default();
    let deleted = registry.delete(&caller, &target, &options).await;
    deleted.unwrap_or_else(|failure| panic!("{failure}"));
    let anew = scribe
        .write(note("default", "m", 1, (9, 9)), Some(known.clone()))
        .await;
    let anew = anew.expect("it is written");
    assert_ne!(anew.name, known.name);
    assert_eq!(anew.count, 1);
    assert_eq!(written(&cluster, "default", &anew).await["count"], 1);
}

#[tokio::test]
async fn m7_events_of_what_is_in_no_namespace_are_in_the_one_that_is_always_there() {
    let (cluster, caller) = (Cluster::new().await, self::caller());
    let (registry, catalog) = (&cluster.ground.registry, &cluster.ground.catalog);
    let scribe = Scribe::new(registry, catalog, &caller).expect("there are events");
    let known = scribe.write(note("", "m", 1, (0, 0)), None).await;
    let event = written(&cluster, "default", &known.expect("it is written")).await;
    assert_eq!(event["involvedObject"]["kind"], "Node");
    assert_eq!(event["type"], "Normal");
}
