//! The form in which a Go server would store what it was sent.

use super::super::conform::conform;
use super::super::testing::{gvk, table};
use super::json;
use serde_json::{Value, json};

/// Bodies of kinds, and what is stored of them. `apiVersion` and `kind` are left out on both sides.
fn cases() -> Vec<(&'static str, Value, Value)> {
    let meta = || json!({"name": "x", "creationTimestamp": null});
    let pod = |spec: Value| json!({"metadata": {"name": "x"}, "spec": spec});
    let stored = |spec: Value| json!({"metadata": meta(), "spec": spec, "status": {}});
    vec![
        // What Go always prints is there; what is null is absent.
        (
            "Pod",
            json!({"metadata": {"name": "x", "labels": null}, "spec": null}),
            json!({"metadata": meta(), "spec": {"containers": null}, "status": {}}),
        ),
        (
            "Pod",
            pod(json!({"containers": [{}]})),
            stored(json!({"containers": [{"name": "", "resources": {}}]})),
        ),
        // Zeros and empty things stay if Go can tell them from absent ones.
        (
            "Pod",
            pod(json!({
                "containers": [], "volumes": [], "nodeSelector": {}, "hostNetwork": false,
                "restartPolicy": "", "securityContext": {}, "priority": 0,
                "enableServiceLinks": false, "preemptionPolicy": ""
            })),
            stored(json!({
                "containers": [], "securityContext": {}, "priority": 0,
                "enableServiceLinks": false, "preemptionPolicy": ""
            })),
        ),
        (
            "Pod",
            pod(json!({"containers": null, "volumes": [{"name": "v", "emptyDir": {}}]})),
            stored(json!({"containers": null, "volumes": [{"name": "v", "emptyDir": {}}]})),
        ),
        // Null elements and entries are zeros.
        (
            "Pod",
            pod(json!({"containers": [null], "nodeSelector": {"a": null}})),
            stored(json!({
                "containers": [{"name": "", "resources": {}}], "nodeSelector": {"a": ""}
            })),
        ),
        // Quantities are canonical, and may come as numbers.
        (
            "Pod",
            pod(json!({"containers": [{
                "name": "c",
                "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 0.5, "x": 2}},
                "env": [{"name": "e", "valueFrom": {"resourceFieldRef": {"resource": "r"}}}]
            }]})),
            stored(json!({"containers": [{
                "name": "c",
                "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "x": "2"}},
                "env": [{"name": "e", "valueFrom": {"resourceFieldRef": {"resource": "r", "divisor": "0"}}}]
            }]})),
        ),
        // Times are UTC and whole seconds; the beginning of the year 1 is none.
        (
            "Pod",
            json!({
                "metadata": {
                    "name": "x", "creationTimestamp": "2024-01-01T01:00:00.5+01:00",
                    "deletionTimestamp": "0001-01-01T00:00:00Z"
                },
                "spec": {"containers": []}, "status": {}
            }),
            json!({
                "metadata": {"name": "x", "creationTimestamp": "2024-01-01T00:00:00Z"},
                "spec": {"containers": []}, "status": {}
            }),
        ),
        (
            "Lease",
            json!({"metadata": {"name": "x"}, "spec": {"renewTime": "2024-01-01T01:00:00.123456+01:00"}}),
            json!({"metadata": meta(), "spec": {"renewTime": "2024-01-01T00:00:00.123456Z"}}),
        ),
        // Numbers or text.
        (
            "Service",
            json!({"metadata": {"name": "x"}, "spec": {"ports": [
                {"port": 1}, {"port": 2, "targetPort": "http"}, {"port": 3, "targetPort": 8080},
                {"targetPort": null}
            ]}}),
            json!({"metadata": meta(), "spec": {"ports": [
                {"port": 1, "targetPort": 0}, {"port": 2, "targetPort": "http"},
                {"port": 3, "targetPort": 8080}, {"port": 0, "targetPort": 0}
            ]}}),
        ),
        // Bytes.
        (
            "Secret",
            json!({"metadata": {"name": "x"}, "data": {"a": "Zm9v", "b": "Zm9\nv", "c": "", "d": null}}),
            json!({"metadata": meta(), "data": {"a": "Zm9v", "b": "Zm9v", "c": "", "d": ""}}),
        ),
        // A list that Go always prints is null if nobody gave it.
        (
            "Role",
            json!({"metadata": {"name": "x"}}),
            json!({"metadata": meta(), "rules": null}),
        ),
        // Raw JSON is not looked into.
        (
            "Pod",
            json!({"metadata": {"name": "x", "managedFields": [
                {"manager": "m", "fieldsV1": {"f:a": {"f:b": {}}, "x": null}}
            ]}}),
            json!({"metadata": {"name": "x", "creationTimestamp": null, "managedFields": [
                {"manager": "m", "fieldsV1": {"f:a": {"f:b": {}}, "x": null}}
            ]}, "spec": {"containers": null}, "status": {}}),
        ),
        (
            "Everything",
            json!({
                "metadata": {}, "any": {"a": [null, {}]}, "anys": {"a": 1.5, "b": {}, "c": false},
                "wait": "90s", "ratio": 0, "ratios": [1, 0.5], "maps": {"a": {}, "b": {"c": "d"}},
                "self": {}, "selves": [{"flag": true}], "timeouts": ["2024-01-01T00:00:00Z", null]
            }),
            json!({
                "metadata": {"creationTimestamp": null}, "any": {"a": [null, {}]},
                "anys": {"a": 1.5, "b": {}, "c": false}, "wait": "1m30s", "ratio": 0, "ratios": [1, 0.5],
                "maps": {"a": {}, "b": {"c": "d"}},
                "self": {"metadata": {"creationTimestamp": null}},
                "selves": [{"flag": true, "metadata": {"creationTimestamp": null}}],
                "timeouts": ["2024-01-01T00:00:00Z", null]
            }),
        ),
    ]
}

fn without_kind(mut value: Value) -> Value {
    let fields = value.as_object_mut().expect("an object");
    fields.remove("apiVersion");
    fields.remove("kind");
    value
}

#[test]
fn a_body_becomes_what_a_go_server_would_store() {
    for (kind, body, expected) in cases() {
        assert_eq!(without_kind(json(kind, &body.to_string())), expected);
    }
}

#[test]
fn a_value_is_brought_into_the_same_form_as_a_text() {
    let table = table();
    for (kind, mut body, expected) in cases() {
        let id = table.kind(&gvk(kind)).expect("a kind");
        let strict = conform(&table, id, &mut body).expect("conforms");
        assert!(strict.is_empty());
        assert_eq!(body, expected);
        let again = body.clone();
        conform(&table, id, &mut body).expect("conforms");
        assert_eq!(body, again, "a second time changes nothing");
    }
}

#[test]
fn raw_values_are_kept_even_if_they_are_empty() {
    for value in [json!(false), json!(0), json!(""), json!([]), json!({})] {
        let spec =
            json!({"group": "g", "schema": {"default": value, "additionalProperties": value}});
        let stored = json(
            "CustomResourceDefinition",
            &json!({"spec": spec}).to_string(),
        );
        assert_eq!(stored["spec"], spec);
    }
}

#[test]
fn of_a_field_that_stands_there_twice_the_last_counts() {
    let body = r#"{"spec": {"hostNetwork": true, "hostNetwork": false, "nodeName": "a", "nodeName": "b"}}"#;
    let value = json("Pod", body);
    assert_eq!(value["spec"], json!({"containers": null, "nodeName": "b"}));
}

#[test]
fn the_kind_is_filled_in_from_the_request() {
    let value = json("Deployment", r#"{"metadata": {}}"#);
    assert_eq!(value["apiVersion"], "apps/v1");
    assert_eq!(value["kind"], "Deployment");
    // What the body says goes first.
    let value = json("Deployment", r#"{"kind": "Pod", "apiVersion": "v1"}"#);
    assert_eq!(value["kind"], "Pod");
}
