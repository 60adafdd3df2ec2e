//! Tables and projections as documents.

use super::*;
use crate::table::test_tables::{NOW_US, OPTIONS};

fn pod(name: &str, phase: &str) -> Value {
    json!({
        "metadata": {
            "name": name,
            "resourceVersion": "7",
            "creationTimestamp": "2026-06-01T11:00:00Z",
            "labels": {"app": "web"},
        },
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": phase},
    })
}

fn pods() -> Printer {
    Printer::new(&Gvk {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "Pod".to_owned(),
    })
}

#[test]
fn a_list_becomes_a_table_with_the_metadata_of_the_list() {
    let list = json!({
        "metadata": {"resourceVersion": "42", "continue": "token", "remainingItemCount": 3, "selfLink": ""},
        "items": [pod("a", "Running"), pod("b", "Succeeded"), pod("c", "Failed")],
    });
    let table = pods().table_of_list(&list, &OPTIONS);
    assert_eq!(table["kind"], "Table");
    assert_eq!(table["apiVersion"], "meta.k8s.io/v1");
    let expected = json!({"resourceVersion": "42", "continue": "token", "remainingItemCount": 3});
    assert_eq!(table["metadata"], expected);
    let expected = json!({
        "name": "Name",
        "type": "string",
        "format": "name",
        "description": "What the object is called, unique among its like",
        "priority": 0,
    });
    assert_eq!(table["columnDefinitions"][0], expected);
    assert_eq!(table["columnDefinitions"][5]["priority"], 1);

    let expected = json!({
        "cells": ["a", "0/1", "Running", "0", "60m", "<none>", "<none>", "<none>", "<none>"],
        "object": {
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": pod("a", "")["metadata"],
        },
    });
    assert_eq!(table["rows"][0], expected);
    let expected = json!([{
        "type": "Completed",
        "status": "True",
        "reason": "Succeeded",
        "message": "The pod has completed successfully.",
    }]);
    assert_eq!(table["rows"][1]["conditions"], expected);
    assert_eq!(table["rows"][2]["conditions"][0]["reason"], "Failed");
}

#[test]
fn an_empty_list_has_columns_and_no_rows() {
    let list = json!({"metadata": {"resourceVersion": "42", "continue": ""}, "items": []});
    let table = pods().table_of_list(&list, &OPTIONS);
    assert_eq!(table["rows"], json!([]));
    assert_eq!(table["columnDefinitions"].as_array().unwrap().len(), 9);
    assert_eq!(table["metadata"], json!({"resourceVersion": "42"}));
}

#[test]
fn a_watch_tells_its_columns_once() {
    let later = Options {
        has_columns: false,
        ..OPTIONS
    };
    let table = pods().table(&pod("a", "Running"), &later);
    assert_eq!(table["columnDefinitions"], Value::Null);
    assert_eq!(table["metadata"], json!({"resourceVersion": "7"}));
    assert_eq!(table["rows"].as_array().unwrap().len(), 1);
}

#[test]
fn rows_hold_what_was_asked_for() {
    let with = |include| {
        let options = Options { include, ..OPTIONS };
        pods().table(&pod("a", "Running"), &options)["rows"][0]["object"].clone()
    };
    assert_eq!(with(IncludeObject::None), Value::Null);
    assert_eq!(with(IncludeObject::Metadata).get("spec"), None);
    let mut whole = pod("a", "Running");
    whole["apiVersion"] = json!("v1");
    whole["kind"] = json!("Pod");
    assert_eq!(with(IncludeObject::Object), whole);
}

#[test]
fn the_end_of_initial_events_is_seen_by_who_asked_for_no_objects() {
    let bookmark = json!({"metadata": {
        "resourceVersion": "9",
        "annotations": {"k8s.io/initial-events-end": "true"},
    }});
    let options = Options {
        include: IncludeObject::None,
        ..OPTIONS
    };
    let table = pods().table(&bookmark, &options);
    assert_eq!(table["rows"][0]["object"]["metadata"], bookmark["metadata"]);
    assert_eq!(table["metadata"]["resourceVersion"], "9");
}

#[test]
fn include_object_is_read_and_a_wrong_one_refused_in_upstreams_words() {
    for (text, expected) in [
        ("", IncludeObject::Metadata),
        ("Metadata", IncludeObject::Metadata),
        ("None", IncludeObject::None),
        ("Object", IncludeObject::Object),
    ] {
        assert_eq!(text.parse(), Ok(expected));
    }
    let error = "none".parse::<IncludeObject>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "Unable to convert to Table as requested: includeObject: Invalid value: \"none\": must be \
         'Metadata', 'Object', 'None', or empty"
    );
}

#[test]
fn flow_schemas_come_as_requests_meet_them() {
    let schema = |name: &str, precedence: i64| json!({"metadata": {"name": name}, "spec": {"matchingPrecedence": precedence}});
    let list = json!({"items": [schema("c", 9), schema("b", 9), schema("z", 1)]});
    let printer = Printer::new(&Gvk {
        group: "flowcontrol.apiserver.k8s.io".to_owned(),
        version: "v1".to_owned(),
        kind: "FlowSchema".to_owned(),
    });
    let table = printer.table_of_list(&list, &OPTIONS);
    let rows = table["rows"].as_array().unwrap();
    let names: Vec<&Value> = rows.iter().map(|row| &row["cells"][0]).collect();
    assert_eq!(names, ["z", "b", "c"]);
}

#[test]
fn partial_objects_hold_metadata_and_nothing_else() {
    let expected = json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1beta1",
        "metadata": pod("a", "")["metadata"],
    });
    assert_eq!(
        partial(&pod("a", "Running"), MetaVersion::V1beta1),
        expected
    );
    assert_eq!(partial(&json!(3), MetaVersion::V1)["metadata"], json!({}));

    let list = json!({
        "kind": "PodList",
        "metadata": {"resourceVersion": "42"},
        "items": [pod("a", "Running")],
    });
    let expected = json!({
        "kind": "PartialObjectMetadataList",
        "apiVersion": "meta.k8s.io/v1beta1",
        "metadata": {"resourceVersion": "42"},
        "items": [expected],
    });
    assert_eq!(partial_list(&list, MetaVersion::V1beta1), expected);
}

#[test]
fn a_time_in_the_future_is_now_or_invalid() {
    let mut pod = pod("a", "Running");
    for (created, age) in [("12:00:01", "0s"), ("12:00:03", "<invalid>")] {
        pod["metadata"]["creationTimestamp"] = json!(format!("2026-06-01T{created}Z"));
        assert_eq!(pods().cells(&pod, NOW_US)[4], age);
    }
}
