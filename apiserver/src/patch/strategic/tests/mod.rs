//! Strategic merge patches against a small table made by hand, and against the diffs of a client.

mod diff;
mod table;

use super::apply;
use crate::patch::PatchError;
use serde_json::{Value, json};
use table::{POD, table};

fn patched(object: Value, patch: Value) -> Value {
    apply(&table(), POD, object, patch).expect("the patch applies")
}

fn refused(object: Value, patch: Value) -> String {
    match apply(&table(), POD, object, patch) {
        Err(PatchError::Malformed(text) | PatchError::DoesNotApply(text)) => text,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// An object whose spec has these containers.
fn containers(list: Value) -> Value {
    json!({"spec": {"containers": list}})
}

#[test]
fn keyed_lists_are_merged_at_every_level() {
    let before = containers(json!([
        {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}],
         "ports": [{"containerPort": 80, "name": "web"}]},
        {"name": "b", "image": "b:1"},
    ]));
    let patch = containers(json!([
        {"name": "a", "image": "a:2", "env": [{"name": "Y", "value": "3"}],
         "ports": [{"containerPort": 80, "protocol": "TCP"}]},
    ]));
    let after = containers(json!([
        {"name": "a", "image": "a:2", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "3"}],
         "ports": [{"containerPort": 80, "name": "web", "protocol": "TCP"}]},
        {"name": "b", "image": "b:1"},
    ]));
    assert_eq!(patched(before, patch), after);
}

#[test]
fn lists_without_a_strategy_are_replaced_and_sets_are_merged() {
    let before = json!({
        "metadata": {"finalizers": ["a", "b"]},
        "spec": {"tolerations": [{"key": "x"}, {"key": "y"}]},
    });
    let patch = json!({
        "metadata": {"finalizers": ["c", "b"]},
        "spec": {"tolerations": [{"key": "z", "value": null}]},
    });
    // Of the set, the patch's own order is kept; "a" stood before "b", so it still does.
    let after = json!({
        "metadata": {"finalizers": ["c", "a", "b"]},
        "spec": {"tolerations": [{"key": "z"}]},
    });
    assert_eq!(patched(before, patch), after);
}

#[test]
fn new_elements_go_before_those_of_the_server() {
    let before = containers(json!([{"name": "a"}, {"name": "b"}]));
    let after = patched(before, containers(json!([{"name": "c"}])));
    assert_eq!(
        after,
        containers(json!([{"name": "c"}, {"name": "a"}, {"name": "b"}]))
    );
}

#[test]
fn structures_maps_and_nulls() {
    let before = json!({"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {"nodeName": "n"}});
    let patch = json!({"metadata": {"labels": {"b": null, "c": "3", "d": null}}, "spec": {"nodeName": null}});
    assert_eq!(
        patched(before, patch),
        json!({"metadata": {"labels": {"a": "1", "c": "3"}}, "spec": {}})
    );
    assert_eq!(
        patched(
            json!({}),
            json!({"spec": {"nodeSelector": {"a": null, "b": "1"}}})
        ),
        json!({"spec": {"nodeSelector": {"b": "1"}}})
    );
}

#[test]
fn an_element_is_deleted_by_its_key() {
    let before = containers(json!([{"name": "a"}, {"name": "b"}, {"name": "a", "image": "twice"}]));
    let patch = containers(json!([{"name": "a", "$patch": "delete"}]));
    assert_eq!(patched(before, patch), containers(json!([{"name": "b"}])));
    // Where there is no list, there is nothing to delete, and the directive is not stored.
    let patch = containers(json!([{"name": "a", "$patch": "delete"}, {"name": "c"}]));
    assert_eq!(
        patched(json!({}), patch),
        containers(json!([{"name": "c"}]))
    );
}

#[test]
fn replace_takes_the_patch_at_its_word() {
    let before = json!({"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [{"name": "a", "image": "x"}]}});
    let patch = json!({
        "metadata": {"labels": {"$patch": "replace", "b": "2", "c": null}},
        "spec": {"containers": [{"$patch": "replace"}, {"name": "a", "env": [{"name": "X", "$patch": "delete"}]}]},
    });
    let after = json!({"metadata": {"labels": {"b": "2"}}, "spec": {"containers": [{"name": "a", "env": []}]}});
    assert_eq!(patched(before, patch), after);
}

#[test]
fn delete_leaves_an_empty_object() {
    let before = json!({"metadata": {"labels": {"a": "1"}}});
    let patch = json!({"metadata": {"labels": {"$patch": "delete", "b": "1"}}});
    assert_eq!(patched(before, patch), json!({"metadata": {"labels": {}}}));
}

#[test]
fn a_field_that_is_replaced_is_replaced() {
    let before = json!({"spec": {"dns": {"a": "1", "b": "2"}}});
    let patch = json!({"spec": {"dns": {"b": "3"}}});
    assert_eq!(patched(before, patch), json!({"spec": {"dns": {"b": "3"}}}));
}

#[test]
fn values_are_deleted_from_sets() {
    let before = json!({"metadata": {"finalizers": ["a", "b", "c"]}});
    let patch =
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"], "finalizers": ["d"]}});
    assert_eq!(
        patched(before.clone(), patch),
        json!({"metadata": {"finalizers": ["d", "a", "c"]}})
    );
    let patch = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"],
        "$setElementOrder/finalizers": ["c", "a"]}});
    assert_eq!(
        patched(before, patch.clone()),
        json!({"metadata": {"finalizers": ["c", "a"]}})
    );
    assert_eq!(patched(json!({}), patch), json!({"metadata": {}}));
}

#[test]
fn the_order_of_elements_is_set_and_the_servers_own_keep_their_place() {
    let named =
        |names: &[&str]| Value::Array(names.iter().map(|name| json!({"name": name})).collect());
    let before = containers(named(&["a", "server", "b", "c"]));
    let patch = json!({"spec": {
        "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}, {"name": "d"}, {"name": "b"}],
        "containers": [{"name": "d"}],
    }});
    // "server" stood before "c", which now comes first.
    assert_eq!(
        patched(before.clone(), patch),
        containers(named(&["server", "c", "a", "d", "b"]))
    );
    let patch = json!({"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}, {"name": "c"}]}});
    assert_eq!(
        patched(before, patch.clone()),
        containers(named(&["server", "b", "a", "c"]))
    );
    assert_eq!(patched(json!({"spec": {}}), patch), json!({"spec": {}}));
}

#[test]
fn an_order_of_a_new_list_orders_it() {
    let patch = json!({"spec": {
        "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
        "containers": [{"name": "b", "image": null}, {"name": "a"}],
    }});
    assert_eq!(
        patched(json!({}), patch),
        containers(json!([{"name": "b"}, {"name": "a"}]))
    );
}

#[test]
fn elements_of_a_new_list_are_not_merged_with_each_other() {
    let ports =
        json!([{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]);
    let patch = containers(json!([{"name": "dns", "ports": ports}]));
    assert_eq!(patched(json!({}), patch.clone()), patch);
}

#[test]
fn an_order_does_not_merge_the_elements_of_a_new_list() {
    let order = json!([{"containerPort": 80}, {"containerPort": 53}, {"containerPort": 53}]);
    let ports =
        json!([{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]);
    let patch = containers(json!([{"name": "a", "$setElementOrder/ports": order, "ports": ports}]));
    let after = patched(containers(json!([{"name": "a"}])), patch);
    assert_eq!(after, containers(json!([{"name": "a", "ports": ports}])));
}

#[test]
fn an_element_with_a_directive_is_no_value_of_a_list_that_is_replaced() {
    let patch = json!({"spec": {"tolerations": [{"$patch": "replace"}, {"key": "z"}]}});
    let after = json!({"spec": {"tolerations": [{"key": "z"}]}});
    assert_eq!(
        patched(json!({"spec": {"tolerations": [{"key": "x"}]}}), patch),
        after
    );
}

#[test]
fn retained_keys_clear_their_siblings() {
    let before = json!({"spec": {
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
        "volumes": [{"name": "v", "emptyDir": {}}],
    }});
    let patch = json!({"spec": {
        "strategy": {"$retainKeys": ["type"], "type": "Recreate"},
        "volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/"}}],
    }});
    let after = json!({"spec": {
        "strategy": {"type": "Recreate"},
        "volumes": [{"name": "v", "hostPath": {"path": "/"}}],
    }});
    assert_eq!(patched(before.clone(), patch), after);
    let wrong = "invalid patch format of retainKeys";
    let patch = json!({"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": {}}}});
    assert_eq!(refused(before.clone(), patch), wrong);
    let patch = json!({"spec": {"strategy": {"$retainKeys": "type"}}});
    assert_eq!(refused(before, patch), wrong);
}

#[test]
fn what_makes_no_sense_is_refused_with_the_known_texts() {
    let before = || containers(json!([{"name": "a"}]));
    let cases = [
        (
            containers(json!([{"image": "x", "args": ["y", "z"]}])),
            "map: map[args:[y z] image:x] does not contain declared merge key: name",
        ),
        (
            containers(json!([{"$patch": "delete"}])),
            "map: map[$patch:delete] does not contain declared merge key: name",
        ),
        (
            containers(json!([{"name": "a", "$patch": "merge"}])),
            "merging lists cannot yet be specified in the patch",
        ),
        (
            containers(json!([{"name": "a", "$patch": "x"}])),
            "unknown patch type: x in map: map[$patch:x name:a]",
        ),
        (
            json!({"$patch": "merge"}),
            "unknown patch type: merge in map: map[$patch:merge]",
        ),
        (
            containers(json!(["a"])),
            "list element types are not identical: [[map[name:a]] [a]]",
        ),
        (
            json!({"spec": {"$setElementOrder/containers": {}}}),
            "invalid patch format of setElementOrder list",
        ),
        (
            json!({"spec": {"$setElementOrder": []}}),
            "invalid patch format of setElementOrder list",
        ),
        (
            json!({"spec": {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]}}),
            "The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
        ),
        (
            json!({"metadata": {"$deleteFromPrimitiveList/finalizers": "a"}}),
            "invalid patch format of primitive list",
        ),
        (
            json!({"metadata": {"$deleteFromPrimitiveListOf/finalizers": []}}),
            "invalid patch format of primitive list",
        ),
        (
            json!([]),
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
        ),
    ];
    for (patch, text) in cases {
        assert_eq!(refused(before(), patch.clone()), text, "{patch}");
    }
    let lists = json!({"metadata": {"finalizers": [["a"]]}});
    let before = json!({"metadata": {"finalizers": [["b"]]}});
    assert_eq!(refused(before, lists), "lists of lists are not supported");
}

#[test]
fn what_the_table_does_not_know_is_merged_like_a_map() {
    let before = json!({"unknown": {"a": 1, "list": [1]}, "spec": {"extra": {"x": {"y": 1}}}});
    let patch = json!({"unknown": {"b": 2, "list": [2]}, "spec": {"extra": {"x": {"z": [null]}}}});
    assert_eq!(
        patched(before, patch),
        json!({"unknown": {"a": 1, "b": 2, "list": [2]}, "spec": {"extra": {"x": {"y": 1, "z": [null]}}}})
    );
}

#[test]
fn a_patch_that_is_too_deep_is_refused() {
    let nest = |depth| (0..depth).fold(json!({}), |inner, _| json!({"extra": inner}));
    assert!(apply(&table(), POD, json!({}), nest(127)).is_ok());
    assert_eq!(refused(json!({}), nest(128)), "exceeded max depth");
}

#[test]
fn long_lists_are_merged_in_time() {
    let names = |from: usize| {
        (from..from + 40_000)
            .map(|n| json!({"name": n.to_string()}))
            .collect::<Vec<_>>()
    };
    // Comparing every element with every other would take minutes.
    let after = patched(
        containers(json!(names(0))),
        containers(json!(names(20_000))),
    );
    assert_eq!(
        after["spec"]["containers"].as_array().map(Vec::len),
        Some(60_000)
    );
}
