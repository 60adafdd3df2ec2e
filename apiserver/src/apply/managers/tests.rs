//! Managed fields as they are stored.

use super::*;
use crate::apply::path::{Path, Set};
use crate::apply::tests::table::BUILT_IN;
use crate::schema::Gvk;
use serde_json::{Value, json};

fn entry(manager: &str, operation: &str, time: &str, field: &str) -> Value {
    json!({
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": {format!("f:{field}"): {}},
    })
}

fn decode(entries: &[Value]) -> Managers {
    Managers::decode(entries).unwrap()
}

const EARLY: &str = "2026-01-01T00:00:00Z";
const LATE: &str = "2026-01-02T00:00:00Z";

#[test]
fn entries_are_stored_appliers_first_then_by_time_and_name() {
    let sorted = [
        entry("z", "Apply", EARLY, "x"),
        entry("a", "Apply", LATE, "x"),
        entry("y", "Update", EARLY, "x"),
        entry("b", "Update", LATE, "x"),
        entry("c", "Update", LATE, "x"),
    ];
    let mut shuffled = sorted.clone();
    shuffled.reverse();
    shuffled.swap(1, 3);
    assert_eq!(decode(&shuffled).encode(), sorted);
}

#[test]
fn managers_are_told_apart_by_operation_subresource_and_for_updates_version() {
    let mut other_version = entry("m", "Update", LATE, "b");
    other_version["apiVersion"] = json!("v2");
    let mut applied_elsewhere = entry("m", "Apply", LATE, "c");
    applied_elsewhere["apiVersion"] = json!("v2");
    let mut status = entry("m", "Update", LATE, "d");
    status["subresource"] = json!("status");
    let managers = decode(&[
        entry("m", "Update", EARLY, "a"),
        other_version,
        entry("m", "Apply", EARLY, "e"),
        applied_elsewhere,
        status,
    ]);
    assert_eq!(
        managers.entries.len(),
        4,
        "an applier is the same in every version"
    );
    let applier = &managers.entries[&Identity::applier("m", "")];
    assert_eq!(applier.api_version, "v2");
    assert!(applier.fields.has(&Path::fields(&["c"])));
}

#[test]
fn entries_that_lack_something_cannot_be_read() {
    let refused = |field: &str, value: Value| {
        let mut stored = entry("m", "Update", EARLY, "x");
        stored[field] = value;
        Managers::decode(&[stored]).unwrap_err().0
    };
    assert_eq!(
        refused("operation", json!("")),
        "operation must be `Apply` or `Update`"
    );
    assert_eq!(
        refused("apiVersion", Value::Null),
        "apiVersion must not be empty"
    );
    assert_eq!(
        refused("fieldsType", json!("")),
        "missing fieldsType in managed fields entry 0"
    );
    assert_eq!(
        refused("fieldsType", json!("FieldsV2")),
        "invalid fieldsType \"FieldsV2\" in managed fields entry 0"
    );
    assert_eq!(
        refused("fieldsV1", json!({"x": {}})),
        "error decoding set in managed fields entry 0: key must be 2 characters long:"
    );
    assert_eq!(
        refused("time", json!(1)),
        "time must be a string in managed fields entry 0"
    );
    assert!(Managers::decode(&[json!(1)]).is_err());
    assert!(Managers::of(&json!({"metadata": {"managedFields": 1}})).is_err());
}

#[test]
fn conflicts_name_an_owner_by_what_tells_it_apart() {
    let text = |identity: Identity| identity.to_string();
    assert_eq!(text(Identity::applier("m", "")), "\"m\"");
    assert_eq!(
        text(Identity::updater("m\"n", "apps/v1", "")),
        "\"m\\\"n\" using apps/v1"
    );
    assert_eq!(
        text(Identity::updater("m", "v1", "status")),
        "\"m\" with subresource \"status\" using v1"
    );
    assert_eq!(
        text(Identity::applier("m", "scale")),
        "\"m\" with subresource \"scale\""
    );
}

#[test]
fn ten_updaters_stay_and_the_eleventh_makes_the_oldest_two_one() {
    let updater = |at: usize| {
        let time = format!("2026-01-01T00:00:{at:02}Z");
        entry(&format!("u{at:02}"), "Update", &time, &format!("x{at}"))
    };
    let mut managers = decode(&(0..10).map(updater).collect::<Vec<_>>());
    let before = managers.clone();
    managers.cap();
    assert_eq!(managers, before);

    let mut managers = decode(&(0..11).map(updater).collect::<Vec<_>>());
    managers.cap();
    assert_eq!(managers.entries.len(), 10);
    let ancient = &managers.entries[&Identity::updater(ANCIENT_CHANGES, "v1", "")];
    assert_eq!(
        ancient.time.as_deref(),
        Some("2026-01-01T00:00:01Z"),
        "the later of the two"
    );
    let fields = Set::of(&[Path::fields(&["x0"]), Path::fields(&["x1"])]);
    assert_eq!(ancient.fields, fields);
}

#[test]
fn old_updates_are_gathered_by_version() {
    let updater = |at: usize| {
        let time = format!("2026-01-01T00:00:{at:02}Z");
        let mut entry = entry(&format!("u{at:02}"), "Update", &time, &format!("x{at}"));
        entry["apiVersion"] = json!(if at.is_multiple_of(2) { "v1" } else { "v2" });
        entry
    };
    let mut managers = decode(&(0..12).map(updater).collect::<Vec<_>>());
    managers.cap();
    let names: Vec<_> = managers
        .entries
        .keys()
        .map(|id| id.manager.as_str())
        .collect();
    assert_eq!(names[..3], ["ancient-changes", "ancient-changes", "u04"]);
    assert_eq!(names.len(), 10);
    // No two of one version: nothing can be gathered.
    let one_each = (0..12).map(|at| {
        let mut entry = updater(at);
        entry["apiVersion"] = json!(format!("v{at}"));
        entry
    });
    let mut managers = decode(&one_each.collect::<Vec<_>>());
    managers.cap();
    assert_eq!(managers.entries.len(), 12);
}

#[test]
fn a_reset_is_an_empty_list_or_one_blank_entry() {
    let with = |list: Value| json!({"metadata": {"managedFields": list}});
    for list in [json!([]), json!([{}]), json!([{"manager": ""}])] {
        assert!(is_reset(&with(list)));
    }
    for list in [
        Value::Null,
        json!([{}, {}]),
        json!([entry("m", "Apply", EARLY, "x")]),
        json!({}),
    ] {
        assert!(!is_reset(&with(list)));
    }
    assert!(!is_reset(&json!({})));
}

#[test]
fn a_change_of_times_alone_is_none() {
    let object = |entries: Value| {
        json!({
            "metadata": {"name": "n", "managedFields": entries},
            "data": {"k": "v"},
        })
    };
    let before = object(json!([
        entry("a", "Update", EARLY, "x"),
        entry("b", "Update", EARLY, "y")
    ]));
    // The new time also changes the order.
    let newer = object(json!([
        entry("b", "Update", EARLY, "y"),
        entry("a", "Update", LATE, "x")
    ]));
    let mut after = newer.clone();
    assert!(settle_times(&before, &mut after));
    assert_eq!(after, before);

    let mut fields = newer.clone();
    fields["metadata"]["managedFields"][1]["fieldsV1"] = json!({"f:z": {}});
    let mut data = newer.clone();
    data["data"]["k"] = json!("w");
    let mut metadata = newer.clone();
    metadata["metadata"]["labels"] = json!({});
    let mut fewer = newer;
    fewer["metadata"]["managedFields"] = json!([entry("a", "Update", LATE, "x")]);
    for changed in [fields, data, metadata, fewer] {
        let mut after = changed.clone();
        assert!(!settle_times(&before, &mut after));
        assert_eq!(after, changed);
    }
}

#[test]
fn the_status_subresource_ignores_all_but_the_status() {
    let gvk = Gvk {
        group: "apps".into(),
        version: "v1".into(),
        kind: "Deployment".into(),
    };
    let of = BUILT_IN.get(BUILT_IN.kind(&gvk).unwrap());
    let ignored = ignored_by_status(of);
    for name in ["apiVersion", "kind", "metadata", "spec"] {
        assert!(ignored.has(&Path::fields(&[name])));
    }
    assert!(!ignored.has(&Path::fields(&["status"])));
    assert!(ignored_by_main().has(&Path::fields(&["status"])));
}
