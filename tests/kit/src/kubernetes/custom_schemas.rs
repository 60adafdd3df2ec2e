//! 84, 85, 94: what a schema means for an object.

use super::client::Patch;
use super::definition::{DEFINITIONS, Own, PATIENCE, define, undefine};
use super::place::Place;
use super::run::asked;
use crate::check::{Check, holds, same};
use crate::wait::wait_until;
use serde_json::{Value, json};

asked![
    s84_what_the_schema_does_not_know_is_dropped_except_where_it_is_kept,
    s84_an_object_in_an_object_keeps_what_every_object_has,
    s85_defaults_are_set_when_written_and_when_read,
    s94_keyed_lists_and_sets_have_nothing_twice,
    s94_values_are_checked_by_the_schema,
];

async fn s84_what_the_schema_does_not_know_is_dropped_except_where_it_is_kept(p: &Place) -> Check {
    let own = Own::of(p);
    let apes = own.resource("apes");
    let spec = json!({"type": "object", "properties": {
        "known": {"type": "string"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
            "properties": {"strict": {"type": "object"}}},
        "list": {"type": "array", "items": {"type": "object"}},
        "map": {"type": "object", "additionalProperties": {"type": "object"}}}});
    define(p, &own.definition("apes", "Ape", &spec)).await?;
    let sent = json!({"known": "x", "odd": 1, "free": {"odd": 2, "strict": {"odd": 3}},
        "list": [{"odd": 4}], "map": {"any": {"odd": 5}}});
    let ape = own.object("Ape", "a", &sent);
    let answer = p.try_create(&apes, &ape).await?;
    let warned = answer.all("warning").join("\n");
    holds(&warned, warned.contains(r#"unknown field \"spec.odd\""#))?;
    let kept =
        json!({"known": "x", "free": {"odd": 2, "strict": {}}, "list": [{}], "map": {"any": {}}});
    same("spec", &answer.with(201)?["spec"], &kept)?;
    same("stored", &p.get(&apes, "a").await?["spec"], &kept)?;
    let strict = format!("{}?fieldValidation=Strict", p.all(&apes));
    let ape = own.object("Ape", "b", &sent);
    let refused = p.client.post(&strict, &ape).await?;
    let status = refused.refused(400, "BadRequest")?;
    let message = status["message"].as_str().unwrap_or_default();
    holds(
        message,
        message.contains(r#"unknown field "spec.map.any.odd""#),
    )?;
    let patch = json!({"spec": {"odd": 1, "known": "y"}});
    let patched = p.merge(&apes, "a", &patch).await?;
    same("after a patch", patched["spec"].get("odd"), None)?;
    undefine(p, &own, "apes").await
}

async fn s84_an_object_in_an_object_keeps_what_every_object_has(p: &Place) -> Check {
    let own = Own::of(p);
    let apes = own.resource("apes");
    let spec = json!({"type": "object", "properties": {"child": {"type": "object",
        "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object"}}}}});
    define(p, &own.definition("apes", "Ape", &spec)).await?;
    let child = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "labels": {"a": "b"}},
        "spec": {}, "odd": 1});
    let ape = own.object("Ape", "a", &json!({"child": child}));
    let made = p.create(&apes, &ape).await?;
    let mut kept = child.clone();
    kept.as_object_mut().and_then(|child| child.remove("odd"));
    same("child", &made["spec"]["child"], &kept)?;
    let ape = own.object("Ape", "b", &json!({"child": {"spec": {}}}));
    let refused = p.try_create(&apes, &ape).await?.refused(422, "Invalid")?;
    let message = refused["message"].as_str().unwrap_or_default();
    holds(message, message.contains("spec.child.kind: Required value"))?;
    undefine(p, &own, "apes").await
}

async fn s85_defaults_are_set_when_written_and_when_read(p: &Place) -> Check {
    let own = Own::of(p);
    let apes = own.resource("apes");
    let spec = json!({"type": "object", "properties": {
        "name": {"type": "string", "default": "x"},
        "perhaps": {"type": "string", "default": "y", "nullable": true}}});
    let definition = define(p, &own.definition("apes", "Ape", &spec)).await?;
    let made = p.create(&apes, &own.object("Ape", "a", &json!({}))).await?;
    same("spec", &made["spec"], &json!({"name": "x", "perhaps": "y"}))?;
    let nulls = json!({"name": null, "perhaps": null});
    let made = p.create(&apes, &own.object("Ape", "b", &nulls)).await?;
    same(
        "nulls",
        &made["spec"],
        &json!({"name": "x", "perhaps": null}),
    )?;
    // A default that comes later holds for what was stored before.
    let path = format!("{DEFINITIONS}/{}", own.name("apes"));
    let place = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/later";
    let later = json!({"type": "object", "default": {}, "properties": {
        "number": {"type": "integer", "default": 7}}});
    let patch = json!([{"op": "add", "path": place, "value": later}]);
    let after = p.client.patch(&path, Patch::Json, &patch).await?;
    let after = after.with(200)?;
    same(
        "generation",
        after["metadata"]["generation"].as_u64(),
        definition["metadata"]["generation"]
            .as_u64()
            .map(|one| one + 1),
    )?;
    for member in 0..p.client.members() {
        let client = &p.client.at(member);
        let one = p.one(&apes, "a");
        wait_until("a new default is set", PATIENCE, || async {
            let found = client
                .get(&one)
                .await
                .ok()
                .and_then(|one| one.with(200).ok());
            found.is_some_and(|one| one["spec"]["later"]["number"] == 7)
        })
        .await?;
        let list = client.get(&p.all(&apes)).await?.with(200)?;
        let last = &list["items"][1]["spec"]["later"];
        same("in a list", last, &json!({"number": 7}))?;
    }
    undefine(p, &own, "apes").await
}

async fn s94_keyed_lists_and_sets_have_nothing_twice(p: &Place) -> Check {
    let own = Own::of(p);
    let apes = own.resource("apes");
    let spec = json!({"type": "object", "properties": {
        "list": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
            "items": {"type": "object", "required": ["k"], "properties": {
                "k": {"type": "string"}, "v": {"type": "string"}}}},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}}});
    define(p, &own.definition("apes", "Ape", &spec)).await?;
    for (spec, path, message) in [
        (
            json!({"list": [{"k": "a"}, {"k": "a", "v": "x"}]}),
            "spec.list[1]",
            "Duplicate value: {\"k\":\"a\"}",
        ),
        (
            json!({"set": ["a", "b", "a"]}),
            "spec.set[2]",
            "Duplicate value: \"a\"",
        ),
    ] {
        let refused = p.try_create(&apes, &own.object("Ape", "a", &spec)).await?;
        let status = refused.refused(422, "Invalid")?;
        let cause = &status["details"]["causes"][0];
        same("reason", &cause["reason"], &json!("FieldValueDuplicate"))?;
        same("field", &cause["field"], &json!(path))?;
        same("message", &cause["message"], &json!(message))?;
    }
    // Two managers have an element each.
    for (manager, key) in [("one", "a"), ("two", "b")] {
        let spec = json!({"list": [{"k": key, "v": manager}]});
        let applied = p
            .apply(&apes, manager, &own.object("Ape", "b", &spec))
            .await?;
        holds("it is applied", applied.code == 200 || applied.code == 201)?;
    }
    let stored = p.get(&apes, "b").await?;
    let list = stored["spec"]["list"].as_array().cloned();
    let mut list = list.unwrap_or_default();
    list.sort_by_key(|one| one["k"].to_string());
    let both = [json!({"k": "a", "v": "one"}), json!({"k": "b", "v": "two"})];
    same("list", list, both)?;
    undefine(p, &own, "apes").await
}

async fn s94_values_are_checked_by_the_schema(p: &Place) -> Check {
    let own = Own::of(p);
    let apes = own.resource("apes");
    let spec = json!({"type": "object", "required": ["n"], "properties": {
        "n": {"type": "integer", "minimum": 1, "maximum": 10},
        "e": {"type": "string", "enum": ["a", "b"]},
        "p": {"type": "string", "pattern": r"^\d+$"},
        "f": {"type": "string", "format": "date-time"},
        "i": {"x-kubernetes-int-or-string": true}}});
    define(p, &own.definition("apes", "Ape", &spec)).await?;
    let sound = json!({"n": 1, "e": "a", "p": "12", "f": "2025-01-01T00:00:00Z", "i": "50%"});
    p.create(&apes, &own.object("Ape", "a", &sound)).await?;
    p.merge(&apes, "a", &json!({"spec": {"i": 5}})).await?;
    for (spec, field, message) in wrong() {
        let refused = p.try_create(&apes, &own.object("Ape", "b", &spec)).await?;
        let status = refused.refused(422, "Invalid")?;
        let causes = status["details"]["causes"].as_array().map(Vec::len);
        same("causes", causes, Some(1))?;
        let cause = &status["details"]["causes"][0];
        same("field", &cause["field"], &json!(field))?;
        same("message", &cause["message"], &json!(message))?;
    }
    undefine(p, &own, "apes").await
}

/// Specs, the field that is wrong, and what is said of it.
fn wrong() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (json!({}), "spec.n", "Required value"),
        (
            json!({"n": "1"}),
            "spec.n",
            "Invalid value: \"string\": spec.n in body must be of type integer: \"string\"",
        ),
        (
            json!({"n": 11}),
            "spec.n",
            "Invalid value: 11: spec.n in body should be less than or equal to 10",
        ),
        (
            json!({"n": 0}),
            "spec.n",
            "Invalid value: 0: spec.n in body should be greater than or equal to 1",
        ),
        (
            json!({"n": 1, "e": "c"}),
            "spec.e",
            "Unsupported value: \"c\": supported values: \"a\", \"b\"",
        ),
        (
            json!({"n": 1, "p": "x"}),
            "spec.p",
            r#"Invalid value: "x": spec.p in body should match '^\d+$'"#,
        ),
        (
            json!({"n": 1, "f": "soon"}),
            "spec.f",
            "Invalid value: \"soon\": spec.f in body must be of type date-time: \"soon\"",
        ),
        (
            json!({"n": 1, "i": true}),
            "spec.i",
            "Invalid value: \"boolean\": spec.i in body must be of type integer,string: \"boolean\"",
        ),
    ]
}
