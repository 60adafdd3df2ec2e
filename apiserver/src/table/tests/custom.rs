//! Columns of custom resources.

use super::*;
use crate::table::test_tables::NOW_US;

fn printer(columns: &[Value]) -> Printer {
    let gvk = Gvk {
        group: "example.com".to_owned(),
        version: "v1".to_owned(),
        kind: "Thing".to_owned(),
    };
    Printer::custom(&gvk, columns)
}

fn thing() -> Value {
    json!({
        "metadata": {"name": "a", "creationTimestamp": "2026-05-29T08:00:00Z"},
        "spec": {
            "text": "x", "whole": 3, "float": 2.5, "round": 4.0, "tiny": 1e-7, "huge": 1e22,
            "yes": true, "list": ["a", 1], "map": {"b": 1, "a": "x"}, "null": null,
            "when": "2026-06-01T11:55:00Z", "offset": "2026-06-01T13:55:00+02:00", "empty": "",
        },
        "status": {"conditions": [
            {"type": "Synced", "status": "False"},
            {"type": "Ready", "status": "True"},
        ]},
    })
}

/// The cell of a column.
fn cell(kind: &str, path: &str) -> Value {
    let column = json!({"name": "C", "type": kind, "jsonPath": path});
    let cells = printer(&[column]).cells(&thing(), NOW_US);
    assert_eq!((cells.len(), &cells[0]), (2, &json!("a")));
    cells[1].clone()
}

#[test]
fn a_value_is_shown_as_its_column_says() {
    let cases = [
        ("string", ".spec.text", json!("x")),
        ("string", ".spec.whole", json!("3")),
        ("string", ".spec.float", json!("2.5")),
        ("string", ".spec.round", json!("4")),
        ("string", ".spec.tiny", json!("1e-07")),
        ("string", ".spec.huge", json!("1e+22")),
        ("string", ".spec.yes", json!("true")),
        ("string", ".spec.list", json!("[\"a\",1]")),
        ("string", ".spec.map", json!("{\"a\":\"x\",\"b\":1}")),
        ("string", ".spec.empty", json!("")),
        ("integer", ".spec.whole", json!(3)),
        ("integer", ".spec.float", json!(2)),
        ("integer", ".spec.text", json!(null)),
        ("number", ".spec.float", json!(2.5)),
        ("number", ".spec.whole", json!(3)),
        ("number", ".spec.round", json!(4)),
        ("string", ".spec.null", json!("<no value>")),
        ("boolean", ".spec.yes", json!(true)),
        ("boolean", ".spec.text", json!(null)),
        ("date", ".spec.when", json!("5m")),
        ("date", ".spec.offset", json!("5m")),
        ("date", ".spec.empty", json!("<unknown>")),
        ("date", ".spec.text", json!("<invalid>")),
        ("date", ".spec.whole", json!(null)),
        ("date", ".spec.absent", json!(null)),
        (
            "string",
            ".status.conditions[?(@.type==\"Ready\")].status",
            json!("True"),
        ),
        ("string", ".status.conditions[0].type", json!("Synced")),
        ("string", ".status.conditions[7].type", json!(null)),
        ("string", "..broken", json!(null)),
    ];
    for (kind, path, expected) in cases {
        assert_eq!(cell(kind, path), expected, "{kind} {path}");
    }
}

#[test]
fn a_definition_becomes_columns_behind_the_name() {
    let printer = printer(&[
        json!({"name": "Ready", "type": "string", "priority": 1, "format": "byte",
            "jsonPath": ".status.ready"}),
        json!({"name": "Size", "type": "integer", "description": "How big", "jsonPath": ".spec.size"}),
    ]);
    let columns = printer.columns();
    assert_eq!(columns[0].format, "name");
    let described = "Custom resource definition column (in JSONPath format): .status.ready";
    assert_eq!(columns[1].description, described);
    assert_eq!((columns[1].priority, &*columns[1].format), (1, "byte"));
    assert_eq!(columns[2].description, "How big");
    assert_eq!((columns[2].priority, &*columns[2].kind), (0, "integer"));
}

#[test]
fn without_columns_of_its_own_a_custom_resource_has_an_age() {
    assert_eq!(
        render(&printer(&[]), &[thing()]),
        "NAME   AGE\na      3d4h\n"
    );
}

#[test]
fn whole_objects_of_custom_resources_say_what_they_are() {
    let options = Options {
        include: IncludeObject::Object,
        ..test_tables::OPTIONS
    };
    let table = printer(&[]).table(&thing(), &options);
    assert_eq!(table["rows"][0]["object"]["apiVersion"], "example.com/v1");
}
