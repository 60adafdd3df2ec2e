//! Events that many watches want, and lists in protobuf.

use super::world::{LONG, Plan, World};
use super::{registry_over, world::SystemClock};
use crate::encode;
use crate::http::app::App;
use crate::http::event::{Events, Shape};
use crate::http::served::{Served, table, wire};
use crate::registry::{Clock, Event, EventKind};
use crate::request::Encoding;
use crate::resource::builtin;
use crate::schema::Gvk;
use crate::storage::{Keys, Kv, MemoryKv, Object, Txn, Write};
use crate::table::{IncludeObject, MetaVersion};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::time::timeout;

/// A clock that is set.
#[derive(Default)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn app(clock: Arc<dyn Clock>) -> App {
    let (mut options, _, _) = World::options(Plan::default());
    options.clock = clock;
    App::new(options)
}

fn event(kind: EventKind, name: &str, revision: u64) -> Event {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": "1970-01-01T00:01:40Z"},
        "data": {"k": "v"},
    });
    Event {
        kind,
        object: Object::of(object, revision),
    }
}

fn events(encoding: Encoding, shape: Shape) -> Events {
    Events { encoding, shape }
}

fn table_shape() -> Shape {
    let served = Served::new(Arc::new(builtin().clone()));
    Shape::Table {
        row: served.row("", "v1", "configmaps").unwrap().clone(),
        version: MetaVersion::V1,
        include: IncludeObject::Metadata,
        has_columns: true,
    }
}

#[tokio::test]
async fn an_event_is_written_once_for_all_who_want_the_same_bytes_and_for_nobody_else() {
    let app = app(Arc::new(SetClock::default()));
    let (json, protobuf) = (Encoding::Json, Encoding::Protobuf);
    let wants = || {
        [
            events(json, Shape::Object),
            events(protobuf, Shape::Object),
            events(json, Shape::Partial(MetaVersion::V1)),
            events(json, Shape::Partial(MetaVersion::V1beta1)),
        ]
    };
    let happened = [
        event(EventKind::Added, "a", 5),
        event(EventKind::Modified, "a", 5),
        event(EventKind::Deleted, "a", 5),
        event(EventKind::Modified, "b", 5),
        event(EventKind::Modified, "a", 6),
    ];
    let mut all: Vec<Bytes> = Vec::new();
    for event in &happened {
        for (mut one, mut other) in wants().into_iter().zip(wants()) {
            let first = one.write(&app, event).unwrap();
            // Another watch may have read the object by itself.
            let stored = Bytes::copy_from_slice(event.object.stored());
            let again = Event {
                object: Object::new(stored, event.object.revision()),
                ..event.clone()
            };
            let second = other.write(&app, &again).unwrap();
            assert_eq!(first.as_ptr(), second.as_ptr());
            assert!(!all.contains(&first), "{first:?}");
            all.push(first);
        }
    }
    let line: Value = serde_json::from_slice(&all[0]).unwrap();
    assert_eq!(line["object"]["metadata"]["resourceVersion"], "5");
}

#[tokio::test]
async fn what_is_kept_of_events_is_bounded() {
    let app = app(Arc::new(SystemClock));
    let mut writer = events(Encoding::Json, Shape::Object);
    for at in 0..3_000 {
        let name = "x".repeat(at * 7 % 9_000);
        let event = event(EventKind::Added, &name, at as u64 + 1);
        let written = writer.write(&app, &event).unwrap();
        let line: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(line["object"]["metadata"]["name"], name);
        let (held, bytes) = app.events.held();
        assert!(held <= 1024 && bytes <= 4 << 20, "{held} {bytes}");
    }
    let before = app.events.held();
    let huge = event(EventKind::Added, &"x".repeat(3 << 20), 9_999);
    writer.write(&app, &huge).unwrap();
    assert_eq!(app.events.held(), before);
}

#[tokio::test]
async fn ages_in_the_table_of_a_watch_are_those_of_the_moment() {
    let clock = Arc::new(SetClock::default());
    let app = app(clock.clone());
    let (mut early, mut late) = (
        events(Encoding::Json, table_shape()),
        events(Encoding::Json, table_shape()),
    );
    let age = |events: &mut Events, second: i64| {
        clock.0.store(second * 1_000_000, Ordering::Relaxed);
        let written = events
            .write(&app, &event(EventKind::Modified, "a", 7))
            .unwrap();
        let line: Value = serde_json::from_slice(&written).unwrap();
        let columns = line["object"]["columnDefinitions"].is_array();
        let cells = line["object"]["rows"][0]["cells"]
            .as_array()
            .unwrap()
            .clone();
        (cells.last().unwrap().as_str().unwrap().to_owned(), columns)
    };
    let shown = |age: &str, columns| (age.to_owned(), columns);
    assert_eq!(age(&mut early, 110), shown("10s", true));
    assert_eq!(age(&mut early, 120), shown("20s", false));
    assert_eq!(age(&mut late, 120), shown("20s", true));
    assert_eq!(age(&mut late, 121), shown("21s", false));
    assert_eq!(age(&mut early, 121), shown("21s", false));
}

/// Config maps in a store, and a server over it.
async fn maps(count: usize, bytes: usize) -> World {
    let store = Arc::new(MemoryKv::new());
    let resource = builtin().find("", "v1", "configmaps").unwrap();
    for at in 0..count {
        let name = format!("m{at:04}");
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "default", "labels": {"odd": (at % 2).to_string()}},
            "data": {"k": "x".repeat(bytes + at)},
        });
        let write = Write::Put {
            key: Keys::one(resource, "default", &name),
            value: Object::of(object, 0).stored().clone(),
            lease: 0,
        };
        let txn = Txn {
            writes: vec![write],
            ..Txn::default()
        };
        store.txn(txn).await.unwrap();
    }
    World::new(Plan {
        registry: registry_over(store),
        ..Plan::default()
    })
    .await
}

#[tokio::test]
async fn a_list_in_protobuf_is_the_list_whether_it_is_kept_or_written_twice() {
    const PATH: &str = "/api/v1/namespaces/default/configmaps";
    let kind = Gvk {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "ConfigMapList".to_owned(),
    };
    for (count, bytes) in [(0, 0), (3, 10), (150, 60_000)] {
        let world = maps(count, bytes).await;
        let admin = world.admin();
        for query in ["", "?labelSelector=odd%3D1", "?limit=100"] {
            let path = format!("{PATH}{query}");
            let listed = admin.get(&path).await.json();
            let expected = encode::protobuf(table(), wire(), &kind, &listed).unwrap();
            let accept = [("accept", "application/vnd.kubernetes.protobuf")];
            let answer = timeout(LONG, admin.get_with(&path, &accept)).await.unwrap();
            assert_eq!(answer.code, 200);
            let media_type = "application/vnd.kubernetes.protobuf";
            assert_eq!(answer.header("content-type"), media_type);
            assert!(answer.bytes == expected, "{count} {query}");
        }
    }
}
