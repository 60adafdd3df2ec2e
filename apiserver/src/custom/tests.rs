use super::{judged, rows};
use crate::resource::Resource;
use serde_json::{Value, json};

/// An established definition of apes, with this schema of their spec.
fn definition(spec: &Value) -> Value {
    let mut definition = json!({
        "metadata": {"name": "apes.z.io"},
        "spec": {"group": "z.io", "scope": "Namespaced",
            "names": {"plural": "apes", "singular": "ape", "kind": "Ape", "listKind": "ApeList"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}}]},
        "status": {},
    });
    definition["status"] = judged(&definition, [].into_iter(), "now");
    definition
}

fn row(spec: &Value) -> Resource {
    rows(&definition(spec)).remove(0)
}

fn ape(spec: Value) -> Value {
    json!({"apiVersion": "z.io/v1", "kind": "Ape", "metadata": {"name": "a"}, "spec": spec})
}

/// The spec in form, and what was unknown in it.
fn formed(schema: &Value, spec: Value) -> (Value, Vec<String>) {
    let mut object = ape(spec);
    let row = row(schema);
    let strict = row.custom.unwrap().form("v1", &mut object).unwrap();
    (object["spec"].take(), strict.warnings())
}

fn wrong(schema: &Value, new: Value, old: Option<Value>) -> Vec<String> {
    let row = row(schema);
    let old = old.map(ape);
    let errors = row.custom.unwrap().check("v1", &ape(new), old.as_ref());
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn s84_unknown_fields_are_pruned_except_where_they_are_kept() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "string"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
            "properties": {"b": {"type": "object"}}},
        "map": {"type": "object", "additionalProperties": {"type": "object"}},
        "list": {"type": "array", "items": {"type": "object"}}}});
    let sent = json!({"a": "x", "z": 1, "free": {"y": 2, "b": {"x": 3}},
        "map": {"k": {"w": 4}}, "list": [{"v": 5}]});
    let (spec, unknown) = formed(&schema, sent);
    let kept = json!({"a": "x", "free": {"y": 2, "b": {}}, "map": {"k": {}}, "list": [{}]});
    assert_eq!(spec, kept);
    let all =
        ["free.b.x", "list[0].v", "map.k.w", "z"].map(|at| format!("unknown field \"spec.{at}\""));
    assert_eq!(unknown, all);
}

#[test]
fn s85_defaults_are_set_and_a_null_that_may_not_be_becomes_one() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "string", "default": "x"},
        "b": {"type": "string", "default": "y", "nullable": true},
        "c": {"type": "string"},
        "d": {"type": "object", "default": {}, "properties": {"e": {"type": "integer", "default": 7}}}}});
    let (spec, _) = formed(&schema, json!({}));
    assert_eq!(spec, json!({"a": "x", "b": "y", "d": {"e": 7}}));
    let (spec, _) = formed(&schema, json!({"a": null, "b": null, "c": null}));
    assert_eq!(spec, json!({"a": "x", "b": null, "d": {"e": 7}}));
}

#[test]
fn defaults_do_not_make_an_object_grow_without_bound() {
    let long = "x".repeat(64 * 1024);
    let item = json!({"type": "object", "properties": {"a": {"type": "string", "default": long}}});
    let schema = json!({"type": "object", "properties": {"l": {"type": "array", "items": item}}});
    let many = |count: usize| ape(json!({"l": vec![json!({}); count]}));
    let row = row(&schema);
    let custom = row.custom.unwrap();
    assert!(custom.form("v1", &mut many(10)).is_ok());
    assert!(custom.form("v1", &mut many(1000)).is_err());
}

#[test]
fn a_long_list_is_checked_in_a_moment_and_not_everything_is_told() {
    let schema = json!({"type": "object", "properties": {
        "t": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "integer"}}}});
    let all: Vec<u32> = (0..50_000).chain([7, 7]).collect();
    assert_eq!(
        wrong(&schema, json!({"t": all}), None),
        [
            "spec.t[50000]: Duplicate value: 7",
            "spec.t[50001]: Duplicate value: 7"
        ]
    );
    let all = vec!["x"; 50_000];
    assert_eq!(wrong(&schema, json!({"t": all}), None).len(), 100);
}

#[test]
fn values_are_checked_by_the_schema() {
    let schema = json!({"type": "object", "required": ["n"], "properties": {
        "n": {"type": "integer", "minimum": 1, "maximum": 10},
        "s": {"type": "string", "enum": ["a", "b"], "maxLength": 1},
        "p": {"x-kubernetes-int-or-string": true},
        "c": {"type": "string", "pattern": r"^\d+$"}, "d": {"type": "string", "format": "date"},
        "l": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
            "maxItems": 2, "items": {"type": "object", "properties": {"k": {"type": "string"}}}},
        "t": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "o": {"type": "object", "oneOf": [{"required": ["x"]}, {"required": ["y"]}],
            "x-kubernetes-preserve-unknown-fields": true}}});
    for (spec, expected) in [
        (json!({"n": 1, "p": "50%", "s": "a"}), vec![]),
        (json!({}), vec!["spec.n: Required value"]),
        (
            json!({"n": "1"}),
            vec![
                "spec.n: Invalid value: \"string\": spec.n in body must be of type integer: \"string\"",
            ],
        ),
        (
            json!({"n": 0}),
            vec!["spec.n: Invalid value: 0: spec.n in body should be greater than or equal to 1"],
        ),
        (
            json!({"n": 11}),
            vec!["spec.n: Invalid value: 11: spec.n in body should be less than or equal to 10"],
        ),
        (
            json!({"n": 1, "s": "c"}),
            vec!["spec.s: Unsupported value: \"c\": supported values: \"a\", \"b\""],
        ),
        (
            json!({"n": 1, "p": true}),
            vec![
                "spec.p: Invalid value: \"boolean\": spec.p in body must be of type integer,string: \"boolean\"",
            ],
        ),
        // s94
        (
            json!({"n": 1, "l": [{"k": "a"}, {"k": "a"}]}),
            vec!["spec.l[1]: Duplicate value: {\"k\":\"a\"}"],
        ),
        (
            json!({"n": 1, "t": ["a", "a"]}),
            vec!["spec.t[1]: Duplicate value: \"a\""],
        ),
        (
            json!({"n": 1, "l": [{"k": "a"}, {"k": "b"}, {"k": "c"}]}),
            vec!["spec.l: Too many: 3: must have at most 2 items"],
        ),
        (
            json!({"n": 1, "o": {}}),
            vec![
                "<nil>: Invalid value: \"\": \"spec.o\" must validate one and only one schema (oneOf). Found none valid",
            ],
        ),
        (json!({"n": 1, "o": {"x": 1}}), vec![]),
        (
            json!({"n": 1, "c": "* * *"}),
            vec![r#"spec.c: Invalid value: "* * *": spec.c in body should match '^\d+$'"#],
        ),
        (
            json!({"n": 1, "d": "soon"}),
            vec!["spec.d: Invalid value: \"soon\": spec.d in body must be of type date: \"soon\""],
        ),
    ] {
        assert_eq!(wrong(&schema, spec.clone(), None), expected, "{spec}");
    }
}

#[test]
fn s87_what_an_update_does_not_change_does_not_block_it() {
    let schema = json!({"type": "object", "properties": {
        "n": {"type": "integer", "minimum": 1}, "m": {"type": "integer"}}});
    let old = json!({"n": 0, "m": 1});
    assert_eq!(
        wrong(&schema, json!({"n": 0, "m": 2}), Some(old.clone())),
        [""; 0]
    );
    assert_eq!(wrong(&schema, json!({"n": -1, "m": 2}), Some(old)).len(), 1);
}

#[test]
fn s93_a_name_that_is_taken_is_not_given_away() {
    let spec = json!({"type": "object"});
    let first = definition(&spec);
    let mut second = definition(&spec);
    second["metadata"]["name"] = "monkeys.z.io".into();
    second["spec"]["names"] =
        json!({"plural": "monkeys", "singular": "ape", "kind": "Monkey", "listKind": "MonkeyList"});
    second["status"] = json!({});
    second["status"] = judged(&second, [&first].into_iter(), "now");
    assert_eq!(
        second["status"]["conditions"][0]["reason"],
        "SingularConflict"
    );
    assert_eq!(
        second["status"]["conditions"][0]["message"],
        "\"ape\" is already in use"
    );
    assert_eq!(second["status"]["conditions"][1]["reason"], "NotAccepted");
    assert!(rows(&second).is_empty());
    // What has its names keeps them, and nothing changes when it is looked at again.
    assert_eq!(
        judged(&first, [&second].into_iter(), "later"),
        first["status"]
    );
}
