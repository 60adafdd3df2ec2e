//! What holds for any sequence of writes.

use super::table::table;
use super::world::World;
use crate::apply::managers::{Managers, Operation};
use crate::apply::path::Set;
use crate::apply::typed::{everything, owned};
use crate::apply::{Kind, Refused, Request, apply, rename_version, update};
use crate::schema::Table;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// Every way to own something, small.
static THINGS: LazyLock<Table> = LazyLock::new(|| {
    table(
        "
kind core/v1 Thing
  apiVersion string
  kind string
  metadata Meta always
  spec Spec always
  status Status
type Meta
  name string
  uid string
  labels map string
  finalizers set string
  managedFields list any
type Spec kept
  count int
  args list string
  ports keyed(port,protocol) Port
  groups map Group
  probe Probe pointer
  selector Selector pointer
  template Probe always
type Port
  port int
  protocol string =\"TCP\"
  name string
  tags set string
  probe Probe pointer
type Group
  members set string
  size int
type Probe
  path string
  period int
type Selector atomic
  labels map string
type Status
  phase string
",
    )
});

fn object(fields: Vec<(&'static str, Option<Value>)>) -> Value {
    let given = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect())
}

fn text() -> impl Strategy<Value = Value> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(|text| json!(text))
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![(0..3).prop_map(|n| json!(n)), Just(json!(1.0))]
}

/// Now and then a null instead.
fn or_null(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop_oneof![9 => value, 1 => Just(Value::Null)]
}

/// A list without doubles.
fn set() -> impl Strategy<Value = Value> {
    let texts = prop::sample::subsequence(vec!["x", "y", "z"], 0..=3);
    texts.prop_shuffle().prop_map(|texts| json!(texts))
}

fn probe() -> impl Strategy<Value = Value> {
    (of(text()), of(number()))
        .prop_map(|(path, period)| object(vec![("path", path), ("period", period)]))
}

fn port() -> impl Strategy<Value = Value> {
    let protocol = of(prop::sample::select(vec!["TCP", "UDP"]).prop_map(|text| json!(text)));
    (
        number(),
        protocol,
        of(or_null(text())),
        of(or_null(set())),
        of(or_null(probe())),
    )
        .prop_map(|(port, protocol, name, tags, probe)| {
            let rest = vec![("name", name), ("tags", tags), ("probe", probe)];
            let mut fields = vec![("port", Some(port)), ("protocol", protocol)];
            fields.extend(rest);
            object(fields)
        })
}

/// Elements with doubles taken out, as a configuration must have them.
fn without_doubles(ports: Vec<Value>) -> Value {
    let key = |port: &Value| {
        let protocol = port["protocol"].as_str().unwrap_or("TCP").to_owned();
        (port["port"].as_f64().map(f64::to_bits), protocol)
    };
    let mut kept: Vec<Value> = Vec::new();
    for port in ports {
        if kept.iter().all(|other| key(other) != key(&port)) {
            kept.push(port);
        }
    }
    Value::Array(kept)
}

fn ports(has_doubles: bool) -> impl Strategy<Value = Value> {
    vec(port(), 0..4).prop_map(move |ports| match has_doubles {
        true => Value::Array(ports),
        false => without_doubles(ports),
    })
}

fn groups() -> impl Strategy<Value = Value> {
    let group = (of(set()), of(number()))
        .prop_map(|(members, size)| object(vec![("members", members), ("size", size)]));
    btree_map("[ab]", or_null(group), 0..3).prop_map(|groups| json!(groups))
}

fn spec(has_doubles: bool) -> impl Strategy<Value = Value> {
    let labels = btree_map("[ab]", text(), 0..3).prop_map(|labels| json!({"labels": labels}));
    let free = prop_oneof![number(), probe(), set()];
    let lists = (
        of(vec(text(), 0..3).prop_map(Value::Array)),
        of(or_null(ports(has_doubles))),
    );
    let structs = (
        of(or_null(probe())),
        of(or_null(labels)),
        of(probe()),
        of(or_null(groups())),
    );
    (of(or_null(number())), lists, structs, of(free)).prop_map(
        |(count, (args, ports), (probe, selector, template, groups), free)| {
            object(vec![
                ("count", count),
                ("args", args),
                ("ports", ports),
                ("groups", groups),
                ("probe", probe),
                ("selector", selector),
                ("template", template),
                ("free", free),
            ])
        },
    )
}

/// A whole object, or a configuration of one.
fn thing(has_doubles: bool) -> impl Strategy<Value = Value> {
    let labels = btree_map("[ab]", or_null(text()), 0..3).prop_map(|labels| json!(labels));
    let parts = (
        of(spec(has_doubles)),
        of(or_null(labels)),
        of(or_null(set())),
        of(text()),
    );
    parts.prop_map(|(spec, labels, finalizers, phase)| {
        let named = Some(json!("t"));
        let metadata = object(vec![
            ("name", named),
            ("labels", labels),
            ("finalizers", finalizers),
        ]);
        object(vec![
            ("apiVersion", Some(json!("v1"))),
            ("kind", Some(json!("Thing"))),
            ("metadata", Some(metadata)),
            ("spec", spec),
            ("status", phase.map(|phase| json!({"phase": phase}))),
        ])
    })
}

#[derive(Debug, Clone)]
enum Write {
    Apply(Value),
    Force(Value),
    Put(Value),
}

fn write() -> impl Strategy<Value = (&'static str, Write)> {
    let what = prop_oneof![
        3 => thing(false).prop_map(Write::Apply),
        2 => thing(false).prop_map(Write::Force),
        2 => thing(true).prop_map(Write::Put),
    ];
    (prop::sample::select(vec!["a", "b", "c"]), what)
}

fn things() -> World {
    let kind = Kind {
        table: &THINGS,
        group: "",
        name: "Thing",
        convert: &rename_version,
    };
    World {
        kind,
        ..World::of("v1", "Thing")
    }
}

fn owners_own_what_is_there(world: &World) -> Result<(), TestCaseError> {
    let fields = everything(world.kind.typed("v1").unwrap(), world.live());
    for (owner, entry) in world.managers().entries {
        let missing = entry.fields.difference(&fields).paths();
        prop_assert!(
            missing.is_empty(),
            "{owner} owns {} in {}",
            missing[0],
            world.live()
        );
        prop_assert!(!entry.fields.is_empty());
        prop_assert!(entry.time.is_some());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_any_writes_owners_own_only_what_is_there(writes in vec(write(), 1..8)) {
        let mut world = things();
        for (manager, write) in writes {
            match write {
                Write::Apply(config) => match world.apply(manager, &config) {
                    Ok(_) | Err(Refused::Conflicts(_)) => {}
                    Err(other) => prop_assert!(false, "{other}"),
                },
                Write::Force(config) => {
                    world.force(manager, &config).unwrap();
                }
                Write::Put(object) => {
                    world.put(manager, object);
                }
            }
            if world.live.is_some() {
                owners_own_what_is_there(&world)?;
            }
        }
    }

    #[test]
    fn a_forced_apply_can_be_repeated_without_force_and_changes_nothing(
        writes in vec(write(), 0..5),
        config in thing(false),
    ) {
        let mut world = things();
        for (manager, write) in writes {
            match write {
                Write::Apply(config) | Write::Force(config) => {
                    world.force(manager, &config).unwrap();
                }
                Write::Put(object) => {
                    world.put(manager, object);
                }
            }
        }
        // Whoever applies nothing that can be owned is no manager, and may be told as an unknown one.
        let mut config = config;
        config["metadata"]["labels"] = json!({"owned": "yes"});
        world.force("a", &config).unwrap();
        let version = world.resource_version;
        let again = world.apply("a", &config).cloned();
        prop_assert!(again.is_ok(), "{}", again.unwrap_err());
        prop_assert_eq!(world.resource_version, version);
    }

    #[test]
    fn what_is_applied_is_in_the_object(config in thing(false)) {
        let mut world = things();
        world.put("b", thing_with_everything());
        world.force("a", &config).unwrap();
        let typed = world.kind.typed("v1").unwrap();
        let wanted = owned(typed, &config);
        let there = everything(typed, world.live());
        prop_assert!(wanted.is_subset(&there));
    }

    #[test]
    fn no_input_makes_it_panic(
        live in of(any_json()), config in any_json(), new in any_json(),
        (fields, manager) in (any_json(), "[a-z]{0,3}"),
    ) {
        let kind = Kind { table: &THINGS, group: "", name: "Thing", convert: &rename_version };
        let ignored = Set::default();
        let request = Request {
            kind, api_version: "v1", manager: &manager, subresource: "", ignored: &ignored,
            now: "2026-01-01T00:00:00Z",
        };
        let entry = |operation: &str| json!({
            "manager": "a", "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        });
        let managed = json!([entry("Apply"), entry("Update")]);
        let mut with_managers = like_a_thing(live.clone().unwrap_or_default());
        with_managers["metadata"]["managedFields"] = managed;
        for live in [live, Some(with_managers)] {
            for config in [config.clone(), like_a_thing(config.clone())] {
                let _ = apply(&request, live.as_ref(), &config, false);
                let _ = apply(&request, live.as_ref(), &config, true);
            }
            for new in [new.clone(), like_a_thing(new.clone())] {
                let stored = update(&request, live.as_ref(), new);
                let _ = apply(&request, Some(&stored), &thing_with_everything(), true);
            }
        }
    }
}

fn thing_with_everything() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Thing",
        "metadata": {"name": "t", "labels": {"a": "1"}, "finalizers": ["x"]},
        "spec": {
            "count": 1,
            "args": ["a"],
            "ports": [{"port": 1, "tags": ["x"], "probe": {"path": "p"}}, {"port": 1}],
            "groups": {"a": {"members": ["x"], "size": 1}},
            "probe": {"path": "p", "period": 2},
            "selector": {"labels": {"a": "1"}},
            "free": {"path": "p", "deep": {"er": [1]}},
        },
    })
}

/// Puts any JSON where the fields of a Thing are expected.
fn like_a_thing(value: Value) -> Value {
    let mut fields = match value {
        Value::Object(fields) => fields,
        other => Map::from_iter([("spec".to_owned(), other)]),
    };
    fields.insert("apiVersion".to_owned(), json!("v1"));
    fields.insert("kind".to_owned(), json!("Thing"));
    let metadata = fields
        .get("metadata")
        .filter(|metadata| metadata.is_object());
    let metadata = metadata.cloned().unwrap_or_else(|| json!({"name": "t"}));
    fields.insert("metadata".to_owned(), metadata);
    Value::Object(fields)
}

/// Any JSON, with a liking for names and elements that mean something.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        text(),
    ];
    let name = prop_oneof![
        prop::sample::select(vec![
            "metadata",
            "spec",
            "status",
            "labels",
            "finalizers",
            "ports",
            "port",
            "protocol",
            "tags",
            "probe",
            "groups",
            "members",
            "selector",
            "managedFields",
            ".",
            "f:spec",
            "f:metadata",
            "f:labels",
            "f:ports",
            "k:{\"port\":1}",
            "k:{\"port\":1,\"protocol\":\"TCP\"}",
            "v:\"x\"",
            "i:0",
            "k:[]",
            "v:",
            "f:probe",
            "f:path",
        ])
        .prop_map(str::to_owned),
        ".{0,4}",
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            btree_map(name.clone(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[test]
fn nesting_without_end_is_owned_as_a_whole() {
    let mut deep = json!({});
    for _ in 0..5_000 {
        deep = json!({"x": deep});
    }
    let mut config = thing_with_everything();
    config["spec"] = json!({"free": deep});
    let mut world = things();
    world.put("b", thing_with_everything());
    world.apply("a", &config).unwrap();
    world.edit("c", |thing| thing["spec"]["free"] = json!(1));
    assert_eq!(world.live()["spec"]["free"], 1);
    let managers: Managers = world.managers();
    let updaters = managers
        .entries
        .keys()
        .filter(|id| id.operation == Operation::Update);
    assert_eq!(updaters.count(), 2);
    // Such a value cannot come from a parser; taking it apart must not be left to the stack.
    let mut rest = config["spec"]["free"].take();
    while let Some(inner) = rest.get_mut("x").map(Value::take) {
        rest = inner;
    }
}
