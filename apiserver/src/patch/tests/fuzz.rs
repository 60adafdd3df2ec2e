//! Any text as an object and a patch of it: refused, or what a patch without bounds would make of it.

use super::super::{MAX_DEPTH, is_shallow, strategic};
use super::*;
use crate::decode::conform::conform;
use crate::decode::json_any;
use crate::schema::{Gvk, builtin};
use keelson_fuzz::{Form, Target};
use serde_json::Map;

/// The object and the patch: the first two lines. Both have come through the reader of bodies.
fn halves(input: &[u8]) -> Option<(Value, Value)> {
    let at = input.iter().position(|byte| *byte == b'\n')?;
    let (object, _) = json_any(&input[..at]).ok()?;
    let (patch, _) = json_any(&input[at + 1..]).ok()?;
    Some((object, patch))
}

fn merged(target: &Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else {
        return patch.clone();
    };
    let mut fields = target.as_object().cloned().unwrap_or_default();
    for (name, change) in changes {
        match change {
            Value::Null => drop(fields.remove(name)),
            change => {
                let value = merged(fields.get(name).unwrap_or(&Value::Null), change);
                fields.insert(name.clone(), value);
            }
        }
    }
    Value::Object(fields)
}

/// RFC 7396 says the function itself.
fn check_merge(input: &[u8]) {
    let Some((object, patch)) = halves(input) else {
        return;
    };
    let expected = patch.is_object().then(|| merged(&object, &patch));
    let found = merge::apply(object, patch.clone()).ok();
    assert_eq!(found, expected);
    if let Some(found) = found {
        assert_eq!(
            merge::apply(found.clone(), patch),
            Ok(found),
            "twice is once"
        );
    }
}

/// Where a path leads, for a model that goes there step by step. `None`: nowhere.
fn at<'a>(document: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    let Some((part, rest)) = path.split_first() else {
        return Some(document);
    };
    let next = match document {
        Value::Object(fields) => fields.get_mut(part)?,
        Value::Array(items) => {
            let place = place(part, items.len())?;
            items.get_mut(place)?
        }
        _ => return None,
    };
    at(next, rest)
}

/// An index; a negative one counts from the end.
fn place(part: &str, length: usize) -> Option<usize> {
    let number: i64 = part.parse().ok()?;
    let from_end = if number < 0 { length as i64 } else { 0 };
    usize::try_from(number.checked_add(from_end)?).ok()
}

fn parts(path: &str) -> Option<Vec<String>> {
    let rest = match path {
        "" => return Some(Vec::new()),
        path => path.strip_prefix('/')?,
    };
    let parts = rest.split('/');
    Some(
        parts
            .map(|it| it.replace("~1", "/").replace("~0", "~"))
            .collect(),
    )
}

fn take(document: &mut Value, path: &str) -> Option<Value> {
    let mut path = parts(path)?;
    let last = path.pop()?;
    match at(document, &path)? {
        Value::Object(fields) => fields.remove(&last),
        Value::Array(items) => {
            let place = place(&last, items.len()).filter(|place| *place < items.len())?;
            Some(items.remove(place))
        }
        _ => None,
    }
}

fn put(document: &mut Value, path: &str, value: Value) -> Option<()> {
    let mut path = parts(path)?;
    let Some(last) = path.pop() else {
        *document = value;
        return Some(());
    };
    match at(document, &path)? {
        Value::Object(fields) => drop(fields.insert(last, value)),
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => {
            // One behind the last is a place to add at, so "from the end" counts from there.
            let place = place(&last, items.len() + 1).filter(|place| *place <= items.len())?;
            items.insert(place, value);
        }
        _ => return None,
    }
    Some(())
}

/// Whether an operation is one of those that the model knows to say about.
fn is_plain(operation: &Map<String, Value>) -> bool {
    let path = |name: &str| operation.get(name).and_then(Value::as_str);
    let deep = |path: &str| path.matches('/').count() > 100;
    let op = path("op").unwrap_or_default();
    let known = ["add", "remove", "test", "replace"].contains(&op);
    known && path("path").is_some_and(|path| !path.is_empty() && !deep(path))
}

/// Some operations by the book. `None`: they fail.
fn operated(mut document: Value, patch: &[Value]) -> Option<Value> {
    for operation in patch {
        let fields = operation.as_object()?;
        let path = fields.get("path")?.as_str()?;
        let value = fields.get("value").cloned().unwrap_or(Value::Null);
        match fields.get("op")?.as_str()? {
            "add" => put(&mut document, path, value)?,
            "remove" => drop(take(&mut document, path)?),
            "test" => {
                let found = at(&mut document, &parts(path)?).cloned();
                // What is absent is null to a test, if there is something to be absent from.
                if found.is_none() && value.is_null() {
                    let mut outer = parts(path)?;
                    outer.pop();
                    at(&mut document, &outer).filter(|it| it.is_object())?;
                } else if found? != value {
                    return None;
                }
            }
            _ => *at(&mut document, &parts(path)?)? = value,
        }
    }
    Some(document)
}

fn check_json(input: &[u8]) {
    let Some((object, patch)) = halves(input) else {
        return;
    };
    let outcome = patched(object.clone(), patch.clone());
    if let Ok(patched) = &outcome {
        assert!(
            is_shallow(patched, MAX_DEPTH + 1),
            "deeper than anybody may read"
        );
    }
    let Value::Array(operations) = &patch else {
        return assert!(outcome.is_err());
    };
    let plain = |operation: &Value| operation.as_object().is_some_and(is_plain);
    if operations.iter().all(plain) {
        assert_eq!(outcome.ok(), operated(object, operations));
    }
}

const DIRECTIVES: [&str; 4] = [
    "$patch\"",
    "$retainKeys\"",
    "$deleteFromPrimitiveList/",
    "$setElementOrder/",
];

fn check_strategic(input: &[u8]) {
    let Some((object, patch)) = halves(input) else {
        return;
    };
    let gvk = Gvk {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "Pod".to_owned(),
    };
    let kind = builtin().kind(&gvk).expect("Pods are built in");
    let clean = !object.to_string().contains('$');
    // Fields whose names look like a path to a directive.
    let dotted = input.windows(2).any(|two| two == b".$");
    let Ok(patched) = strategic::apply(builtin(), kind, object, patch) else {
        return;
    };
    // The table does not know directives: they are what is complained about, unless a part of the object is that
    // nobody knows at all.
    let mut known = patched.clone();
    if let (true, Ok(strict)) = (clean, conform(builtin(), kind, &mut known)) {
        let left = |warning: &String| {
            DIRECTIVES
                .iter()
                .any(|name| warning.contains(&format!(".{name}")))
        };
        let warnings = strict.warnings();
        let left = warnings.iter().find(|warning| left(warning));
        assert!(dotted || left.is_none(), "a directive is left: {left:?}");
    }
    // What came out can go in.
    let again = strategic::apply(builtin(), kind, patched.clone(), json!({}));
    assert_eq!(again, Ok(patched));
}

const WORDS: &[&str] = &[
    "\n",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "null",
    "true",
    "0",
    "-1",
    "{\"a\":",
    "[{",
    "}]",
    "\"op\":\"add\"",
    "\"op\":\"remove\"",
    "\"op\":\"test\"",
    "\"op\":\"replace\"",
    "\"op\":\"move\"",
    "\"op\":\"copy\"",
    "\"path\":\"/a\"",
    "\"path\":\"/a/-\"",
    "\"from\":\"/a\"",
    "\"value\":",
    "\"/a/0\"",
    "~1",
    "~0",
    "/",
    "\"$patch\":\"delete\"",
    "\"$patch\":\"replace\"",
    "\"$patch\":\"merge\"",
    "\"$retainKeys\":[\"a\"]",
    "\"$setElementOrder/containers\":",
    "\"$deleteFromPrimitiveList/finalizers\":",
    "\"containers\":",
    "\"name\":\"a\"",
    "\"spec\":",
    "\"metadata\":",
    "\"volumes\":",
    "\"emptyDir\":{}",
];

fn target(name: &'static str) -> Target {
    Target::new(name, Form::Text(WORDS)).length_max(1500)
}

fn seeds(lines: &[&str]) -> Vec<Vec<u8>> {
    lines.iter().map(|line| line.as_bytes().to_vec()).collect()
}

/// Merge patches.
#[test]
fn fuzz_merge_patch() {
    let lines = [
        "{\"a\":{\"b\":1,\"c\":[1]},\"d\":null}\n{\"a\":{\"b\":null,\"e\":{\"f\":null}},\"d\":[2]}",
        "[1]\n{\"a\":\"b\"}",
        "{}\n[]",
    ];
    target("merge_patch").run(seeds(&lines), check_merge);
}

/// JSON patches.
#[test]
fn fuzz_json_patch() {
    let lines = [
        "{\"a\":[1,2]}\n[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":{}},{\"op\":\"test\",\"path\":\"/b\",\"value\":null}]",
        "{\"a\":[1,2]}\n[{\"op\":\"remove\",\"path\":\"/a/-1\"},{\"op\":\"add\",\"path\":\"/a/-\",\"value\":3}]",
        "{\"a\":{\"b~\":1}}\n[{\"op\":\"move\",\"from\":\"/a/b~0\",\"path\":\"/c\"},{\"op\":\"copy\",\"from\":\"/c\",\"path\":\"/d\"}]",
        "{\"a\":1}\n[{\"op\":\"replace\",\"path\":\"/a\",\"value\":[[]]},{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/0\"}]",
        "{\"a\":{\"/\":1,\"~1\":2}}\n[{\"op\":\"test\",\"path\":\"/a/~01\",\"value\":2},{\"op\":\"remove\",\"path\":\"/a/~1\"}]",
        "{\"a\":1}\n[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"b\":2}}]",
    ];
    target("json_patch").run(seeds(&lines), check_json);
}

/// Strategic merge patches of Pods.
#[test]
fn fuzz_strategic_patch() {
    let lines = [
        "{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"},{\"name\":\"b\"}]}}\n{\"spec\":{\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"a\"}],\"containers\":[{\"name\":\"a\",\"$patch\":\"delete\"},{\"name\":\"c\"}]}}",
        "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}\n{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"a\"],\"labels\":{\"$patch\":\"replace\",\"x\":\"y\"}}}",
        "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}}\n{\"spec\":{\"volumes\":[{\"name\":\"v\",\"$retainKeys\":[\"name\",\"secret\"],\"secret\":{}}]}}",
        "{}\n{\"$patch\":\"delete\"}",
        "{}\n{\"spec\":{\"tolerations\":[{\"$patch\":\"delete\",\"key\":\"x\"},{\"key\":\"y\"}]}}",
    ];
    target("strategic_patch").run(seeds(&lines), check_strategic);
}
