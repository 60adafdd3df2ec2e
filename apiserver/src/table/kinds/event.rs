//! Events: the same objects under two groups with different names of fields.

use super::Kind;
use crate::table::column::Column;
use crate::table::object::Object;
use crate::table::value::{at, int};
use serde_json::Value;

pub(super) const KINDS: &[Kind] = &[
    Kind::new("", "Event", EVENT, core_event),
    Kind::new("events.k8s.io", "Event", EVENT, event),
];

const EVENT: &[Column] = &[
    Column::text("Last Seen", "How long ago it happened last"),
    Column::text("Type", "Normal or Warning"),
    Column::text("Reason", "What happened, in a word"),
    Column::text("Object", "What it happened to"),
    Column::wide("Subobject", "Which part of that"),
    Column::wide("Source", "Who saw it, and where"),
    Column::text("Message", "What happened"),
    Column::wide("First Seen", "How long ago it happened first"),
    Column::wide("Count", "How often it happened"),
    Column::new("Name", "string", "name", "What the event is called", 1),
];

/// What the fields of one group are called.
struct Names {
    object: &'static str,
    message: &'static str,
    source: &'static str,
    reporter: &'static str,
    first: &'static str,
    last: &'static str,
    count: &'static str,
}

fn core_event(object: &Object<'_>) -> Vec<Value> {
    let names = Names {
        object: "involvedObject",
        message: "message",
        source: "source",
        reporter: "reportingComponent",
        first: "firstTimestamp",
        last: "lastTimestamp",
        count: "count",
    };
    cells(object, &names)
}

fn event(object: &Object<'_>) -> Vec<Value> {
    let names = Names {
        object: "regarding",
        message: "note",
        source: "deprecatedSource",
        reporter: "reportingController",
        first: "deprecatedFirstTimestamp",
        last: "deprecatedLastTimestamp",
        count: "deprecatedCount",
    };
    cells(object, &names)
}

fn cells(object: &Object<'_>, names: &Names) -> Vec<Value> {
    let first = match object.has(names.first) {
        true => object.since(names.first),
        false => object.since("eventTime"),
    };
    let (last, count) = match at(object.value, "series") {
        Some(series) => (
            object.since("series.lastObservedTime"),
            int(series, "count"),
        ),
        None => {
            let last = match object.has(names.last) {
                true => object.since(names.last),
                false => first.clone(),
            };
            // Those of the newer group that happened once do not count.
            (last, object.int(names.count).max(1))
        }
    };
    vec![
        last.into(),
        object.text("type").into(),
        object.text("reason").into(),
        target(object, names).into(),
        object.text(&format!("{}.fieldPath", names.object)).into(),
        source(object, names).into(),
        object.text(names.message).trim().into(),
        first.into(),
        count.into(),
        object.name(),
    ]
}

fn target(object: &Object<'_>, names: &Names) -> String {
    let kind = object
        .text(&format!("{}.kind", names.object))
        .to_lowercase();
    match object.text(&format!("{}.name", names.object)) {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

fn source(object: &Object<'_>, names: &Names) -> String {
    let component = format!("{}.component", names.source);
    let host = format!("{}.host", names.source);
    let component = object.text_or(&component, object.text(names.reporter));
    match object.text_or(&host, object.text("reportingInstance")) {
        "" => component.to_owned(),
        instance => format!("{component}, {instance}"),
    }
}
