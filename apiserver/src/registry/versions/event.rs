//! Events: the same fields under two names.

use serde_json::Value;

/// Names in `events.k8s.io/v1` and in `v1`.
pub(super) const NAMES: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

pub(super) fn to_core(event: &mut Value) {
    for (new, core) in NAMES {
        rename(event, new, core);
    }
}

pub(super) fn from_core(event: &mut Value) {
    for (new, core) in NAMES {
        rename(event, core, new);
    }
}

fn rename(event: &mut Value, from: &str, to: &str) {
    if let Some(members) = event.as_object_mut()
        && let Some(value) = members.remove(from)
    {
        members.insert(to.to_owned(), value);
    }
}
