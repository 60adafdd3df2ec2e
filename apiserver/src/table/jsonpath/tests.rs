//! Paths against a small object.

use super::*;
use serde_json::json;

fn object() -> Value {
    json!({
        "metadata": {"name": "a", "labels": {"app.io/name": "web"}},
        "spec": {"ports": [{"n": "http", "p": 80}, {"n": "https", "p": 443}], "rate": 0.5},
        "status": {"conditions": [
            {"type": "Synced", "status": "False"},
            {"type": "Ready", "status": "True", "observed": 3, "final": true},
        ], "none": null},
    })
}

fn first(path: &str) -> Option<Value> {
    Path::parse(path)?.first(&object()).cloned()
}

#[test]
fn what_columns_use_is_found() {
    let cases = [
        (".metadata.name", json!("a")),
        (".metadata['name']", json!("a")),
        (".metadata.labels.app\\.io/name", json!("web")),
        (".metadata.labels['app\\.io/name']", json!("web")),
        (".['metadata.name']", json!("a")),
        (".spec.ports[0].p", json!(80)),
        (".spec.ports[-1].p", json!(443)),
        (".spec.ports[1:].n", json!("https")),
        (".spec.ports[0:1].n", json!("http")),
        (".spec.ports[*].n", json!("http")),
        (
            ".spec.*",
            json!([{"n": "http", "p": 80}, {"n": "https", "p": 443}]),
        ),
        (
            ".status.conditions[?(@.type==\"Ready\")].status",
            json!("True"),
        ),
        (
            ".status.conditions[?(@.type == 'Ready')].status",
            json!("True"),
        ),
        (
            ".status.conditions[?(@.type!='Ready')].type",
            json!("Synced"),
        ),
        (".status.conditions[?(@.observed>=3)].type", json!("Ready")),
        (".status.conditions[?(@.observed)].type", json!("Ready")),
        (".status.conditions[?(@.final==true)].type", json!("Ready")),
        (".spec.ports[?(@.p<100)].n", json!("http")),
        (".spec.ports[?(@.p>100)].n", json!("https")),
        (".status.none", json!(null)),
        (".", object()),
    ];
    for (path, expected) in cases {
        assert_eq!(first(path), Some(expected), "{path}");
    }
}

#[test]
fn what_is_not_there_has_no_result() {
    for path in [
        ".metadata.absent",
        ".metadata.name.deeper",
        ".metadata.labels['app.io/name']",
        ".spec.ports[2].p",
        ".spec.ports[-3].p",
        ".spec.rate[0]",
        ".status.none.deeper",
        ".status.conditions[?(@.type==\"Gone\")].status",
        ".status.conditions[?(@.type>1)].status",
        ".spec[?(@.p==1)]",
        ".spec.ports[1:0]",
    ] {
        assert!(Path::parse(path).is_some(), "{path} parses");
        assert_eq!(first(path), None, "{path}");
    }
}

#[test]
fn what_is_not_supported_does_not_parse() {
    let long = ".a".repeat(STEPS_MAX + 1);
    let huge = format!(".{}", "a".repeat(PATH_MAX));
    for path in [
        "",
        "name",
        "$.name",
        "..name",
        ".a..b",
        ".a[",
        ".a[]",
        ".a[x]",
        ".a['x",
        ".a['x y']",
        ".a[\"x\"]",
        ".a[0,1]",
        ".a[0:1:2]",
        ".a[?(@.b==)]",
        ".a[?(@.b==\"x\"]",
        ".a[?(@.b[?(@.c)])]",
        ".a b",
        ".a{b}",
        &long,
        &huge,
    ] {
        assert_eq!(Path::parse(path), None, "{path}");
    }
    assert!(Path::parse(&long[2..]).is_some());
}
