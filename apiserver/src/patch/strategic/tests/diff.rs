//! A patch that a client makes from two objects turns the first into the second.

use super::table::{POD, table};
use crate::patch::strategic::apply;
use crate::schema::{Node, Patch, Table, Type, TypeId};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a client knows of a member: its node and how it is patched.
fn known<'a>(table: &'a Table, node: Option<&'a Node>, name: &str) -> (Option<&'a Node>, Patch) {
    match node {
        Some(Node::Struct(id)) => {
            let field = Type::field(table.get(*id), name);
            (
                field.map(|f| &f.node),
                field.map(|f| f.patch.clone()).unwrap_or_default(),
            )
        }
        Some(Node::Map(map)) => (Some(&map.value), Patch::default()),
        _ => (None, Patch::default()),
    }
}

/// The patch from one object to another, as clients make it.
fn diff_objects(
    table: &Table,
    node: Option<&Node>,
    retains: bool,
    from: &Map<String, Value>,
    to: &Map<String, Value>,
) -> Map<String, Value> {
    let mut patch = Map::new();
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, new) in to {
        let (node, strategy) = known(table, node, name);
        match (from.get(name), new) {
            (Some(old), new) if old == new => {}
            (Some(Value::Object(old)), Value::Object(new)) if strategy.replaces => {
                let _ = old;
                patch.insert(name.clone(), json!(new));
            }
            (Some(Value::Object(old)), Value::Object(new)) => {
                let inner = diff_objects(table, node, strategy.retains_keys, old, new);
                patch.insert(name.clone(), Value::Object(inner));
            }
            (Some(Value::Array(old)), Value::Array(new)) if strategy.merges => {
                patch.extend(diff_lists(table, node, &strategy, name, old, new));
            }
            (_, new) => {
                patch.insert(name.clone(), new.clone());
            }
        }
    }
    if retains && !patch.is_empty() {
        let kept: Vec<&String> = to.keys().collect();
        patch.insert("$retainKeys".to_owned(), json!(kept));
    }
    patch
}

fn diff_lists(
    table: &Table,
    node: Option<&Node>,
    strategy: &Patch,
    name: &str,
    old: &[Value],
    new: &[Value],
) -> Map<String, Value> {
    let mut patch = Map::new();
    let Some(key) = strategy.merge_key.as_deref() else {
        let gone: Vec<_> = old.iter().filter(|item| !new.contains(item)).collect();
        let added: Vec<_> = new.iter().filter(|item| !old.contains(item)).collect();
        if !gone.is_empty() {
            patch.insert(format!("$deleteFromPrimitiveList/{name}"), json!(gone));
        }
        if !added.is_empty() {
            patch.insert(name.to_owned(), json!(added));
        }
        patch.insert(format!("$setElementOrder/{name}"), json!(new));
        return patch;
    };
    let element = match node {
        Some(Node::List(list)) => Some(&list.element),
        _ => None,
    };
    let find = |list: &[Value], item: &Value| list.iter().find(|i| i[key] == item[key]).cloned();
    let mut changes = Vec::new();
    for item in new {
        match find(old, item) {
            None => changes.push(item.clone()),
            Some(before) if before == *item => {}
            Some(before) => {
                let (before, after) = (before.as_object().unwrap(), item.as_object().unwrap());
                let mut change = diff_objects(table, element, strategy.retains_keys, before, after);
                change.insert(key.to_owned(), item[key].clone());
                changes.push(Value::Object(change));
            }
        }
    }
    for item in old.iter().filter(|item| find(new, item).is_none()) {
        changes.push(json!({"$patch": "delete", key: item[key]}));
    }
    if !changes.is_empty() {
        patch.insert(name.to_owned(), Value::Array(changes));
    }
    let order: Vec<Value> = new.iter().map(|item| json!({key: item[key]})).collect();
    patch.insert(format!("$setElementOrder/{name}"), Value::Array(order));
    patch
}

fn word() -> impl Strategy<Value = Value> {
    prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(Value::from)
}

fn map() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-d]", word(), 0..4).prop_map(|m| json!(m))
}

/// Some of these members, in any combination.
fn object(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| prop::option::of(value).prop_map(move |v| (name, v)))
        .collect();
    members
        .prop_map(|members| {
            let present = members
                .into_iter()
                .filter_map(|(n, v)| Some((n.to_owned(), v?)));
            Value::Object(present.collect())
        })
        .boxed()
}

/// Elements with different keys, in any order.
fn keyed(
    key: &'static str,
    keys: Vec<Value>,
    element: BoxedStrategy<Value>,
) -> BoxedStrategy<Value> {
    let count = keys.len();
    (
        prop::collection::vec(element, count),
        Just(keys).prop_shuffle(),
        0..=count,
    )
        .prop_map(move |(elements, keys, count)| {
            let named = elements.into_iter().zip(keys).map(|(mut element, name)| {
                element[key] = name;
                element
            });
            Value::Array(named.take(count).collect())
        })
        .boxed()
}

fn names() -> Vec<Value> {
    ["x", "y", "z", "w"].map(Value::from).to_vec()
}

fn container() -> BoxedStrategy<Value> {
    let ports = [80, 81, 82].map(Value::from).to_vec();
    object(vec![
        ("image", word().boxed()),
        (
            "args",
            prop::collection::vec(word(), 0..3)
                .prop_map(Value::from)
                .boxed(),
        ),
        ("limits", map().boxed()),
        (
            "env",
            keyed("name", names(), object(vec![("value", word().boxed())])),
        ),
        (
            "ports",
            keyed(
                "containerPort",
                ports,
                object(vec![("protocol", word().boxed())]),
            ),
        ),
    ])
}

fn pod() -> BoxedStrategy<Value> {
    let finalizers = (Just(names()).prop_shuffle(), 0..=4_usize)
        .prop_map(|(names, count)| Value::Array(names[..count].to_vec()));
    let volume = object(vec![
        ("emptyDir", map().boxed()),
        ("hostPath", map().boxed()),
    ]);
    let strategy = object(vec![
        ("type", word().boxed()),
        ("rollingUpdate", Just(json!({"maxSurge": 1})).boxed()),
    ]);
    let metadata = object(vec![
        ("name", word().boxed()),
        ("labels", map().boxed()),
        ("finalizers", finalizers.boxed()),
    ]);
    let spec = object(vec![
        ("containers", keyed("name", names(), container())),
        (
            "tolerations",
            prop::collection::vec(map(), 0..3)
                .prop_map(Value::from)
                .boxed(),
        ),
        ("volumes", keyed("name", names(), volume)),
        ("strategy", strategy),
        ("dns", map().boxed()),
        ("nodeSelector", map().boxed()),
        ("nodeName", word().boxed()),
        ("extra", map().boxed()),
    ]);
    object(vec![("metadata", metadata), ("spec", spec)])
}

/// Any value, with members that look like directives.
fn anything() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        word(),
        prop::sample::select(vec!["delete", "replace", "merge"]).prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "metadata",
        "spec",
        "containers",
        "name",
        "env",
        "finalizers",
        "labels",
        "volumes",
        "strategy",
        "$patch",
        "$retainKeys",
        "$setElementOrder/containers",
        "$setElementOrder/finalizers",
        "$deleteFromPrimitiveList/finalizers",
        "$setElementOrder",
        "extra",
    ]);
    leaf.prop_recursive(6, 60, 6, move |inner| {
        let members = prop::collection::vec((name.clone(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| {
                let members: BTreeMap<_, _> = members.into_iter().collect();
                json!(members)
            }),
        ]
    })
    .boxed()
}

/// If a directive is left where the table says what stands there. What is of another kind than it says is refused
/// when the object is decoded, and what it does not know is pruned then: nobody looks below either.
fn has_directive(table: &Table, node: &Node, value: &Value) -> bool {
    match (node, value) {
        (Node::Struct(id), Value::Object(fields)) => {
            let known = table.get(*id);
            fields.iter().any(|(name, value)| {
                let field = known.field(name);
                name.starts_with('$')
                    || field.is_some_and(|field| has_directive(table, &field.node, value))
            })
        }
        (Node::Map(map), Value::Object(fields)) => fields
            .iter()
            .any(|(name, value)| name.starts_with('$') || has_directive(table, &map.value, value)),
        (Node::List(list), Value::Array(items)) => items
            .iter()
            .any(|item| has_directive(table, &list.element, item)),
        _ => false,
    }
}

proptest! {
    #[test]
    fn the_diff_of_two_objects_turns_the_first_into_the_second(from in pod(), to in pod()) {
        let table = table();
        let root = Node::Struct(TypeId(0));
        let (old, new) = (from.as_object().unwrap(), to.as_object().unwrap());
        let patch = Value::Object(diff_objects(&table, Some(&root), false, old, new));
        let after = apply(&table, POD, from.clone(), patch.clone());
        prop_assert_eq!(after, Ok(to), "patch: {}", patch);
    }

    #[test]
    fn a_patch_without_directives_applies_twice_as_once(object in pod(), patch in pod()) {
        let table = table();
        let once = apply(&table, POD, object, patch.clone()).expect("it applies");
        let twice = apply(&table, POD, once.clone(), patch).expect("it applies again");
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn no_patch_is_too_odd_and_no_directive_is_stored(object in pod(), patch in anything()) {
        let table = table();
        if let Ok(after) = apply(&table, POD, object, patch) {
            prop_assert!(!has_directive(&table, &Node::Struct(POD), &after), "{}", after);
        }
    }
}
