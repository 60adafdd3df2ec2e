//! Lists and watches as they are written, of objects that are made up here.

use super::world::{LONG, Plan, SystemClock, World, until};
use crate::http::answer::list_metadata;
use crate::http::app::App;
use crate::http::connection::Peer;
use crate::http::event::{Events, Shape};
use crate::http::list::{Item, Writer, stream};
use crate::http::resource::About;
use crate::http::served::{Row, Served};
use crate::http::watch::Pump;
use crate::http::{Limits, gzip};
use crate::registry::{Clock, Event, EventKind, List, Target};
use crate::request;
use crate::request::Encoding;
use crate::resource::builtin;
use crate::status::Failure;
use crate::storage::Object;
use crate::table::{IncludeObject, MetaVersion, Options as TableOptions, partial_list};
use futures::StreamExt;
use http_body_util::BodyExt;
use prometheus_client::metrics::counter::Counter;
use serde_json::{Value, json};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

fn pods() -> Arc<Row> {
    let served = Served::new(Arc::new(builtin().clone()));
    served.row("", "v1", "pods").unwrap().clone()
}

fn about() -> About {
    let row = pods();
    About {
        gvk: row.resource.gvk.clone(),
        target: Target {
            resource: row.resource.clone(),
            namespace: String::new(),
            name: String::new(),
            subresource: String::new(),
        },
        named: request::Resource::default(),
        row,
    }
}

fn pod(name: &str, revision: u64) -> Object {
    let value = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"nodeName": "secret \n place"},
    });
    Object::of(value, revision)
}

fn list(pieces: Vec<Result<Vec<Object>, Failure>>) -> List {
    List {
        revision: 42,
        continue_token: Some("token".to_owned()),
        remaining: Some(7),
        pieces: Box::pin(futures::stream::iter(pieces)),
    }
}

/// The text of a list.
async fn write(list: List, item: Item, is_pretty: bool) -> String {
    let writer = Writer {
        item,
        is_pretty,
        is_first: true,
    };
    let about = about();
    let written = stream(&about, list, writer, Instant::now() + LONG, false).await;
    let body = written.unwrap().into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

/// The same list in one value.
fn whole(objects: &[Object]) -> Value {
    json!({
        "kind": "PodList",
        "apiVersion": "v1",
        "metadata": list_metadata(42, Some("token"), Some(7)),
        "items": objects.iter().map(|one| one.value().unwrap()).collect::<Vec<_>>(),
    })
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn a_list_in_pieces_is_the_list() {
    let pods = [pod("a", 1), pod("b", 2), pod("c", 3)];
    let pieces = || {
        vec![
            Ok(vec![pods[0].clone()]),
            Ok(Vec::new()),
            Ok(pods[1..].to_vec()),
        ]
    };
    let text = write(list(pieces()), Item::Object, false).await;
    assert_eq!(read(&text), whole(&pods));
    assert!(text.ends_with("]}\n"));
    let text = write(list(pieces()), Item::Partial(MetaVersion::V1), false).await;
    assert_eq!(read(&text), partial_list(&whole(&pods), MetaVersion::V1));
}

#[tokio::test]
async fn statement_24_an_empty_list_has_items_and_a_revision() {
    let empty = List {
        continue_token: None,
        remaining: None,
        ..list(Vec::new())
    };
    let text = write(empty, Item::Object, false).await;
    let expected = "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"42\"},\
                    \"items\":[]}\n";
    assert_eq!(text, expected);
}

#[tokio::test]
async fn a_pretty_list_is_indented_like_one_document() {
    let pods = [pod("a", 1), pod("b", 2)];
    let pieces = vec![Ok(pods[..1].to_vec()), Ok(pods[1..].to_vec())];
    let text = write(list(pieces), Item::Object, true).await;
    assert_eq!(read(&text), whole(&pods));
    assert!(
        text.starts_with("{\n  \"kind\": \"PodList\",\n  \"apiVersion\": \"v1\",\n"),
        "{text}"
    );
    assert!(
        text.contains("\n    {\n      \"apiVersion\": \"v1\","),
        "{text}"
    );
    assert!(text.ends_with("\n    }\n  ]\n}"), "{text}");
    let empty = write(list(Vec::new()), Item::Object, true).await;
    assert!(empty.ends_with("\"items\": []\n}"), "{empty}");
}

fn table(has_columns: bool) -> TableOptions {
    TableOptions {
        version: MetaVersion::V1,
        include: IncludeObject::Metadata,
        has_columns,
        now_us: SystemClock.now_us(),
    }
}

#[tokio::test]
async fn a_table_in_pieces_is_the_table() {
    let all = [pod("a", 1), pod("b", 2)];
    let pieces = vec![Ok(all[..1].to_vec()), Ok(all[1..].to_vec())];
    let options = table(false);
    let printer = pods().printer.clone();
    let item = Item::Row {
        printer: printer.clone(),
        options,
    };
    let text = write(list(pieces), item, false).await;
    let options = TableOptions {
        has_columns: true,
        ..options
    };
    assert_eq!(read(&text), printer.table_of_list(&whole(&all), &options));
}

#[tokio::test]
async fn a_failure_early_in_a_list_has_a_code_and_a_late_one_breaks_off() {
    let writer = || Writer {
        item: Item::Object,
        is_pretty: false,
        is_first: true,
    };
    let about = about();
    let until = Instant::now() + LONG;
    let early = list(vec![Ok(vec![pod("a", 1)]), Err(Failure::list_expired())]);
    let failed = stream(&about, early, writer(), until, false).await;
    assert_eq!(failed.err().unwrap().code(), 410);
    let many = vec![pod("a", 1); gzip::FROM_BYTES / 64];
    let late = list(vec![Ok(many), Err(Failure::list_expired())]);
    let begun = stream(&about, late, writer(), until, false).await.unwrap();
    assert!(begun.into_body().collect().await.is_err());
}

#[tokio::test]
async fn a_large_list_is_packed_as_it_comes() {
    let pods = vec![pod("a", 1); 4_000];
    let pieces = pods.chunks(500).map(|piece| Ok(piece.to_vec()));
    let writer = Writer {
        item: Item::Object,
        is_pretty: false,
        is_first: true,
    };
    let about = about();
    let until = Instant::now() + LONG;
    let packed = stream(&about, list(pieces.collect()), writer, until, true)
        .await
        .unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let packed = packed.into_body().collect().await.unwrap().to_bytes();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*packed)
        .read_to_string(&mut text)
        .unwrap();
    assert!(packed.len() < text.len() / 10);
    assert_eq!(read(&text), whole(&pods));
}

/// A server that nobody connects to, and the other end of one of its connections.
fn nowhere(limits: Limits) -> (Arc<App>, Arc<Peer>) {
    let plan = Plan {
        limits,
        ..Plan::default()
    };
    let (options, _, _) = World::options(plan);
    let address = "127.0.0.1:1".parse().unwrap();
    (
        Arc::new(App::new(options)),
        Arc::new(Peer::new(address, None, true)),
    )
}

fn pump(app: &Arc<App>, peer: &Arc<Peer>, encoding: Encoding, shape: Shape) -> Pump {
    Pump {
        app: app.clone(),
        peer: peer.clone(),
        events: Events { encoding, shape },
        counter: Counter::default(),
        until: Instant::now() + LONG,
    }
}

fn event(kind: EventKind, name: &str, revision: u64) -> Result<Event, Failure> {
    Ok(Event {
        kind,
        object: pod(name, revision),
    })
}

async fn lines(body: crate::http::body::Body) -> Vec<Value> {
    let bytes = timeout(LONG, body.collect())
        .await
        .unwrap()
        .unwrap()
        .to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text.lines().map(read).collect()
}

#[tokio::test]
async fn a_watch_is_a_line_for_each_event_and_ends_with_the_reason() {
    let (app, peer) = nowhere(Limits::default());
    let events = vec![
        event(EventKind::Added, "a", 1),
        event(EventKind::Bookmark { ends_initial: true }, "", 2),
        event(EventKind::Deleted, "a", 3),
        Err(Failure::watch_expired()),
        event(EventKind::Added, "never", 4),
    ];
    let pump = pump(&app, &peer, Encoding::Json, Shape::Object);
    let lines = lines(pump.start(Box::pin(futures::stream::iter(events)))).await;
    let types: Vec<_> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["ADDED", "BOOKMARK", "DELETED", "ERROR"]);
    assert_eq!(lines[2]["object"]["metadata"]["resourceVersion"], "3");
    assert_eq!(lines[3]["object"]["code"], 410);
    assert_eq!(lines[3]["object"]["reason"], "Expired");
}

#[tokio::test]
async fn statement_14_a_table_watch_tells_its_columns_once_and_partial_ones_no_spec() {
    let (app, peer) = nowhere(Limits::default());
    let events = || {
        let events = vec![
            event(EventKind::Added, "a", 1),
            event(EventKind::Modified, "a", 2),
        ];
        Box::pin(futures::stream::iter(events))
    };
    let shape = Shape::Table {
        row: pods(),
        version: MetaVersion::V1,
        include: IncludeObject::Metadata,
        has_columns: true,
    };
    let told = lines(pump(&app, &peer, Encoding::Json, shape).start(events())).await;
    assert_eq!(told[0]["object"]["kind"], "Table");
    assert!(told[0]["object"]["columnDefinitions"].is_array());
    assert!(told[1]["object"]["columnDefinitions"].is_null());
    assert_eq!(told[1]["object"]["rows"][0]["cells"][0], "a");

    let shape = Shape::Partial(MetaVersion::V1);
    let told = lines(pump(&app, &peer, Encoding::Json, shape).start(events())).await;
    for line in &told {
        assert_eq!(line["object"]["kind"], "PartialObjectMetadata");
        assert_eq!(line["object"].get("spec"), None);
    }
}

#[tokio::test]
async fn a_protobuf_watch_has_a_length_before_each_event() {
    let (app, peer) = nowhere(Limits::default());
    let events = vec![
        event(EventKind::Added, "a", 1),
        Err(Failure::watch_expired()),
    ];
    let pump = pump(&app, &peer, Encoding::Protobuf, Shape::Object);
    let body = pump.start(Box::pin(futures::stream::iter(events)));
    let mut rest = &*body.collect().await.unwrap().to_bytes();
    for kind in ["ADDED", "ERROR"] {
        let (length, behind) = rest.split_first_chunk::<4>().unwrap();
        let (message, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
        rest = behind;
        assert_eq!(message[..2], [0x0a, kind.len() as u8]);
        assert_eq!(&message[2..2 + kind.len()], kind.as_bytes());
        let envelope = message.windows(4).position(|window| window == b"k8s\0");
        assert!(envelope.unwrap() < 16 + kind.len());
    }
    assert!(rest.is_empty());
}

#[tokio::test]
async fn statement_12_a_watch_ends_cleanly_when_its_time_is_over() {
    let (app, peer) = nowhere(Limits::default());
    let first = futures::stream::iter(vec![event(EventKind::Added, "a", 1)]);
    let pump = Pump {
        until: Instant::now() + Duration::from_millis(50),
        ..pump(&app, &peer, Encoding::Json, Shape::Object)
    };
    let told = lines(pump.start(Box::pin(first.chain(futures::stream::pending())))).await;
    assert_eq!(told.len(), 1, "no event says that it is over");
}

#[tokio::test]
async fn statement_15_a_client_that_does_not_read_is_let_go_and_delays_nobody() {
    let (app, peer) = nowhere(Limits {
        stall: Duration::from_millis(50),
        ..Limits::default()
    });
    let events = || {
        let events = (0..2_000).map(|at| event(EventKind::Added, "a", at + 1));
        Box::pin(futures::stream::iter(events))
    };
    let stalled = pump(&app, &peer, Encoding::Json, Shape::Object).start(events());
    let reader = pump(&app, &peer, Encoding::Json, Shape::Object).start(events());
    assert_eq!(lines(reader).await.len(), 2_000);
    until("the stalled one is let go", || {
        app.metrics.stalled_watches.get() == 1
    })
    .await;
    // What it gets when it reads again is not taken for the end.
    assert!(stalled.collect().await.is_err());
}
