//! Reading and writing members of objects.

use serde_json::{Map, Value};

const MADE: &str = "it was made an object one line above";

/// The text at a JSON pointer; empty if there is none.
pub(in crate::registry) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default()
}

/// The members of an object. Anything else becomes an empty object before.
pub(in crate::registry) fn members(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect(MADE)
}

/// The member of this name, made if it is not there.
pub(in crate::registry) fn member<'v>(value: &'v mut Value, name: &str) -> &'v mut Value {
    members(value).entry(name).or_insert(Value::Null)
}

/// The members of the metadata.
pub(in crate::registry) fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    members(member(object, "metadata"))
}

/// Sets a member, or takes it away.
pub(in crate::registry) fn set(members: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
}

/// Makes a member what it is in another object: absent, if it is absent there.
pub(in crate::registry) fn copy(object: &mut Value, from: &Value, name: &str) {
    set(members(object), name, from.get(name).cloned());
}

/// The texts of a list at a JSON pointer.
pub(in crate::registry) fn texts<'v>(value: &'v Value, pointer: &str) -> Vec<&'v str> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    let list = list.map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).collect()
}

/// Whether something is there at a JSON pointer.
pub(in crate::registry) fn is_set(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).is_some_and(|found| !found.is_null())
}
