//! Rules by example: a sound object of each kind, changes that break it, and what is said then.

mod config;
mod job;
mod meta;
mod network;
mod node;
mod pod;
mod pod_containers;
mod pod_update;
mod pod_volumes;
mod quota;
mod rbac;
mod scaling;
mod service;
mod shapes;
mod storage;
mod warn;
mod workload;

use super::{create, update, update_status};
use crate::defaults;
use crate::schema::Gvk;
use crate::status::FieldError;
use serde_json::{Map, Value, json};

/// A place and what is put there; null takes away what is there.
type Edit<'t> = (&'t str, Value);
/// Changes, and what is wrong then. A text that ends with an ellipsis is the beginning of one.
type Case<'t> = (Vec<Edit<'t>>, Vec<&'t str>);

/// One change and its one error.
fn case(pointer: &'static str, value: Value, expected: &'static str) -> Case<'static> {
    (vec![(pointer, value)], vec![expected])
}

/// One change, and nothing is wrong.
fn fine(pointer: &'static str, value: Value) -> Case<'static> {
    (vec![(pointer, value)], vec![])
}

/// `group/version/Kind`.
fn gvk(id: &str) -> Gvk {
    let parts: Vec<&str> = id.rsplitn(3, '/').collect();
    Gvk {
        kind: parts[0].to_owned(),
        version: parts[1].to_owned(),
        group: parts.get(2).copied().unwrap_or("").to_owned(),
    }
}

/// An object with metadata and defaults.
fn sound(id: &str, object: Value) -> Value {
    let mut object = object;
    let fields = object.as_object_mut().expect("an object");
    let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
    if metadata.get("name").is_none() {
        metadata["name"] = json!("x");
    }
    defaults::apply(&gvk(id), &mut object);
    object
}

/// The same in a namespace.
fn local(id: &str, object: Value) -> Value {
    let mut object = sound(id, object);
    object["metadata"]["namespace"] = json!("ns");
    object
}

/// Puts a value at a pointer. Missing objects on the way are made; a dash adds to a list.
fn edit(object: &mut Value, pointer: &str, value: Value) {
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
    let mut at = object;
    for part in parent.split('/').skip(1) {
        let part = part.replace("~1", "/");
        at = match at {
            Value::Array(items) => &mut items[part.parse::<usize>().expect("an index")],
            other => {
                if !other.is_object() {
                    *other = Value::Object(Map::new());
                }
                let fields = other.as_object_mut().expect("an object");
                fields.entry(part).or_insert(Value::Null)
            }
        };
    }
    let last = last.replace("~1", "/");
    match at {
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => items[last.parse::<usize>().expect("an index")] = value,
        other => {
            if !other.is_object() {
                *other = Value::Object(Map::new());
            }
            let fields = other.as_object_mut().expect("an object");
            match value.is_null() {
                true => drop(fields.remove(&last)),
                false => drop(fields.insert(last, value)),
            }
        }
    }
}

fn edited(base: &Value, edits: &[Edit<'_>]) -> Value {
    let mut object = base.clone();
    for (pointer, value) in edits {
        edit(&mut object, pointer, value.clone());
    }
    object
}

fn texts(errors: &[FieldError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

fn expect(what: &str, found: &[FieldError], expected: &[&str]) {
    let found = texts(found);
    let agrees = |(found, expected): (&String, &&str)| match expected.strip_suffix('…') {
        Some(beginning) => found.starts_with(beginning),
        None => found == expected,
    };
    let is_same = found.len() == expected.len() && found.iter().zip(expected).all(agrees);
    assert!(
        is_same,
        "{what}\nfound:    {found:#?}\nexpected: {expected:#?}"
    );
}

/// New objects: the base is sound, and each change has its errors.
fn creates(id: &str, base: &Value, cases: Vec<Case<'_>>) {
    let gvk = gvk(id);
    expect("the base is sound", &create(&gvk, base), &[]);
    for (edits, expected) in cases {
        let object = edited(base, &edits);
        expect(
            &format!("{id} {edits:?}"),
            &create(&gvk, &object),
            &expected,
        );
    }
}

/// Updates: nothing changed is sound, and each change has its errors.
fn updates(id: &str, base: &Value, cases: Vec<Case<'_>>) {
    let gvk = gvk(id);
    expect("no change is sound", &update(&gvk, base, base), &[]);
    for (edits, expected) in cases {
        let object = edited(base, &edits);
        expect(
            &format!("{id} {edits:?}"),
            &update(&gvk, &object, base),
            &expected,
        );
    }
}

/// Updates of a status.
fn statuses(id: &str, base: &Value, cases: Vec<Case<'_>>) {
    let gvk = gvk(id);
    expect("no change is sound", &update_status(&gvk, base, base), &[]);
    for (edits, expected) in cases {
        let object = edited(base, &edits);
        let found = update_status(&gvk, &object, base);
        expect(&format!("{id} status {edits:?}"), &found, &expected);
    }
}

/// A Pod with one container.
fn a_pod() -> Value {
    local(
        "v1/Pod",
        json!({"spec": {"containers": [{"name": "c", "image": "i"}]}}),
    )
}

/// A template of such Pods with a label.
fn a_template() -> Value {
    json!({
        "metadata": {"labels": {"app": "x"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    })
}

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
