//! JSON patches and merge patches: what they do, what they refuse, and what bounds them.

mod fuzz;

use super::json::{MAX_COPIED_BYTES, MAX_OPERATIONS, Patch};
use super::{PatchError, merge};
use crate::status::Failure;
use proptest::prelude::*;
use serde_json::{Value, json};

fn patched(object: Value, patch: Value) -> Result<Value, PatchError> {
    Patch::parse(patch)?.apply(object)
}

/// The code and message that a client sees.
fn seen(result: Result<Value, PatchError>) -> (u16, String) {
    let failure = Failure::from(result.expect_err("the patch is refused"));
    (failure.code(), failure.message)
}

#[test]
fn operations_apply_in_order() {
    let object = json!({"a": {"b": [1, 2]}, "m~/n": 1});
    let patch = json!([
        {"op": "test", "path": "/a/b/0", "value": 1},
        {"op": "add", "path": "/a/b/-", "value": 3},
        {"op": "add", "path": "/a/b/0", "value": 0},
        {"op": "replace", "path": "/m~0~1n", "value": null},
        {"op": "copy", "from": "/a/b", "path": "/c"},
        {"op": "remove", "path": "/c/1"},
        {"op": "move", "from": "/a", "path": "/d"},
    ]);
    assert_eq!(
        patched(object, patch),
        Ok(json!({"c": [0, 2, 3], "d": {"b": [0, 1, 2, 3]}, "m~/n": null}))
    );
}

#[test]
fn a_negative_index_counts_from_the_end() {
    let patch = json!([
        {"op": "remove", "path": "/a/-1"},
        {"op": "add", "path": "/a/-1", "value": "last"},
        {"op": "test", "path": "/a/-3", "value": 1},
    ]);
    assert_eq!(
        patched(json!({"a": [1, 2, 3]}), patch),
        Ok(json!({"a": [1, 2, "last"]}))
    );
}

#[test]
fn testing_for_null_passes_where_nothing_is() {
    let test = |path| json!([{"op": "test", "path": path, "value": null}]);
    assert!(patched(json!({}), test("/a")).is_ok());
    assert!(patched(json!({"a": 1}), test("/a")).is_err());
    assert!(patched(json!({}), test("/a/b")).is_err());
}

#[test]
fn the_whole_document_can_be_tested_and_replaced() {
    let patch = json!([
        {"op": "test", "path": "", "value": {"a": 1}},
        {"op": "replace", "path": "", "value": {"b": 2}},
    ]);
    assert_eq!(patched(json!({"a": 1}), patch), Ok(json!({"b": 2})));
}

#[test]
fn what_does_not_apply_is_422_and_changes_nothing() {
    let cases = [
        json!([{"op": "add", "path": "/x", "value": 1}, {"op": "test", "path": "/a", "value": 2}]),
        json!([{"op": "remove", "path": "/missing"}]),
        json!([{"op": "replace", "path": "/missing", "value": 1}]),
        json!([{"op": "add", "path": "/missing/a", "value": 1}]),
        json!([{"op": "add", "path": "/a/b", "value": 1}]),
        json!([{"op": "add", "path": "/list/3", "value": 1}]),
        json!([{"op": "add", "path": "/list/-4", "value": 1}]),
        json!([{"op": "replace", "path": "/list/2", "value": 1}]),
        json!([{"op": "remove", "path": "/list/-3"}]),
        json!([{"op": "remove", "path": "/list/-"}]),
        json!([{"op": "remove", "path": "/list/99999999999999999999"}]),
        json!([{"op": "remove", "path": ""}]),
        json!([{"op": "remove", "path": "a"}]),
        json!([{"op": "remove"}]),
        json!([{"op": "move", "path": "/x"}]),
        json!([{"op": "move", "from": "/inner", "path": "/inner/x"}]),
        json!([{"op": "move", "from": "/list/0", "path": "/list/0/x"}]),
        json!([{"op": "frob", "path": "/a"}]),
        json!([{"path": "/a"}]),
    ];
    for patch in cases {
        let object = json!({"a": 1, "list": [1, {}], "inner": {}});
        let text = "the server rejected our request due to an error in our request".to_owned();
        assert_eq!(seen(patched(object, patch.clone())), (422, text), "{patch}");
    }
}

#[test]
fn what_is_no_patch_is_400() {
    let cases = [
        json!({}),
        json!("x"),
        json!([1]),
        json!([{"op": 1, "path": "/a"}]),
        json!([{"op": "add", "path": ["a"]}]),
    ];
    for patch in cases {
        let (code, text) = seen(patched(json!({}), patch.clone()));
        assert_eq!(code, 400, "{patch}");
        assert!(
            text.starts_with("error decoding patch: json: cannot unmarshal "),
            "{text}"
        );
    }
}

#[test]
fn unknown_members_are_told_for_field_validation() {
    let patch =
        Patch::parse(json!([{"op": "remove", "path": "/a"}, {"op": "remove", "pth": "/a"}]));
    assert_eq!(
        patch.expect("its form is sound").unknown_members(),
        ["json patch unknown field \"[1].pth\""]
    );
}

#[test]
fn too_many_operations_are_413() {
    let operations = |count| Value::Array(vec![json!({"op": "test", "path": "/a"}); count]);
    assert!(patched(json!({}), operations(MAX_OPERATIONS)).is_ok());
    assert_eq!(
        seen(patched(json!({}), operations(MAX_OPERATIONS + 1))),
        (
            413,
            "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001"
                .to_owned()
        )
    );
}

#[test]
fn copies_that_double_are_stopped() {
    let object = json!({"a": ["x".repeat(1000)]});
    let double = json!({"op": "copy", "from": "/a", "path": "/a/-"});
    // After thirty doublings it would be a terabyte.
    let patch = Value::Array(vec![double.clone(); 30]);
    assert_eq!(seen(patched(object.clone(), patch)).0, 422);
    assert!(patched(object, Value::Array(vec![double; 5])).is_ok());
    // Each copy is far below the limit; it is for all of them together.
    let object = json!({"a": "x".repeat(MAX_COPIED_BYTES / 3)});
    let copies = |count| {
        let copy = |n| json!({"op": "copy", "from": "/a", "path": format!("/copy{n}")});
        Value::Array((0..count).map(copy).collect())
    };
    assert!(patched(object.clone(), copies(2)).is_ok());
    assert_eq!(seen(patched(object, copies(3))).0, 422);
    let exact = json!({"a": "x".repeat(MAX_COPIED_BYTES - 2)});
    let copy = json!([{"op": "copy", "from": "/a", "path": "/b"}]);
    assert!(patched(exact, copy.clone()).is_ok());
    let over = json!({"a": "x".repeat(MAX_COPIED_BYTES - 1)});
    assert_eq!(seen(patched(over, copy)).0, 422);
}

#[test]
fn operations_cannot_dig_too_deep() {
    let dig = |count: usize| {
        let step = |depth| json!({"op": "add", "path": "/a".repeat(depth), "value": {}});
        Value::Array((1..=count).map(step).collect())
    };
    assert!(patched(json!({}), dig(127)).is_ok());
    assert_eq!(
        seen(patched(json!({}), dig(128))),
        (400, "exceeded max depth".to_owned())
    );
    let endless = json!([{"op": "test", "path": "/a".repeat(100_000), "value": 1}]);
    assert_eq!(seen(patched(json!({}), endless)).0, 422);
}

#[test]
fn operations_cannot_shift_long_lists_for_ever() {
    let object = json!({"a": vec![0; 300_000]});
    let patch = Value::Array(vec![json!({"op": "remove", "path": "/a/0"}); 10_000]);
    assert_eq!(seen(patched(object, patch)).0, 422);
}

#[test]
fn merge_patch_follows_its_rfc() {
    let cases = [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (
            json!({"a": "b"}),
            json!({"b": "c"}),
            json!({"a": "b", "b": "c"}),
        ),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (
            json!({"a": {"b": "c"}}),
            json!({"a": {"b": "d", "c": null}}),
            json!({"a": {"b": "d"}}),
        ),
        (
            json!({"a": [{"b": "c"}]}),
            json!({"a": [1]}),
            json!({"a": [1]}),
        ),
        (
            json!({"e": null}),
            json!({"a": 1}),
            json!({"a": 1, "e": null}),
        ),
        (
            json!({}),
            json!({"a": {"bb": {"ccc": null}}}),
            json!({"a": {"bb": {}}}),
        ),
        (
            json!({}),
            json!({"a": [{"b": null}]}),
            json!({"a": [{"b": null}]}),
        ),
    ];
    for (object, patch, wanted) in cases {
        assert_eq!(merge::apply(object, patch.clone()), Ok(wanted), "{patch}");
    }
    for patch in [json!([]), json!(null), json!("x")] {
        assert_eq!(
            seen(merge::apply(json!({}), patch)),
            (400, "Invalid JSON Patch".to_owned())
        );
    }
}

/// Small values with few names, so that they meet.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_u8).prop_map(Value::from),
        "[a-b]".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|fields| json!(fields)),
        ]
    })
}

/// The merge patch from one value to another.
fn diff(from: &Value, to: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (from, to) else {
        return to.clone();
    };
    let mut patch = serde_json::Map::new();
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, value) in new
        .iter()
        .filter(|(name, value)| old.get(*name) != Some(value))
    {
        patch.insert(
            name.clone(),
            diff(old.get(name).unwrap_or(&Value::Null), value),
        );
    }
    Value::Object(patch)
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn the_merge_diff_of_two_objects_turns_the_first_into_the_second(from in value(), to in value()) {
        let (from, to) = (json!({"o": without_nulls(&from)}), json!({"o": without_nulls(&to)}));
        prop_assume!(!to["o"].is_null());
        prop_assert_eq!(merge::apply(from.clone(), diff(&from, &to)), Ok(to));
    }

    #[test]
    fn no_list_of_operations_is_too_odd(
        object in value(),
        operations in prop::collection::vec(
            (
                prop::sample::select(vec!["add", "remove", "replace", "move", "copy", "test"]),
                "(/([a-d]|-?[0-3]|-|~[01]?)){0,4}",
                "(/([a-d]|-?[0-3]|-|~[01]?)){0,4}",
                value(),
            ),
            0..8,
        ),
    ) {
        let operations: Vec<Value> = operations
            .into_iter()
            .map(|(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}))
            .collect();
        // It must not panic; an operation that was added is there for a test.
        let first = operations.first().cloned();
        let _ = patched(object.clone(), Value::Array(operations));
        if let Some(first) = first.filter(|op| op["op"] == "add" && !op["path"].as_str().unwrap().contains('-')) {
            let test = json!({"op": "test", "path": first["path"], "value": first["value"]});
            if patched(object.clone(), json!([first])).is_ok() {
                prop_assert!(patched(object, json!([first, test])).is_ok());
            }
        }
    }

    #[test]
    fn no_value_is_too_odd_for_a_patch(object in value(), patch in value()) {
        let _ = patched(object.clone(), patch.clone());
        let _ = merge::apply(object, patch);
    }
}
