//! Managers that speak different API versions of one kind.

use super::table::table;
use super::world::World;
use crate::apply::Kind;
use crate::apply::managers::Identity;
use crate::schema::Table;
use serde_json::{Value, json};
use std::sync::LazyLock;

static WIDGETS: LazyLock<Table> = LazyLock::new(|| {
    table(
        "
kind x.io/v1 Widget
  apiVersion string
  kind string
  metadata Meta
  spec SpecV1
kind x.io/v2 Widget
  apiVersion string
  kind string
  metadata Meta
  spec SpecV2
type Meta
  name string
  uid string
  managedFields list any
type SpecV1
  size int
  color string
type SpecV2
  width int
  color string
",
    )
});

/// `size` became `width`.
fn convert(object: &Value, to: &str) -> Option<Value> {
    let mut object = object.clone();
    let (old, new) = if to == "x.io/v2" {
        ("size", "width")
    } else {
        ("width", "size")
    };
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut)
        && let Some(value) = spec.remove(old)
    {
        spec.insert(new.to_owned(), value);
    }
    object["apiVersion"] = json!(to);
    Some(object)
}

fn world() -> World {
    let kind = Kind {
        table: &WIDGETS,
        group: "x.io",
        name: "Widget",
        convert: &convert,
    };
    World {
        kind,
        ..World::of("x.io/v1", "Widget")
    }
}

/// Goes on in another version, as a server does that converts what it stores.
fn switch(world: &mut World, to: &'static str) {
    world.live = world.live.take().and_then(|live| convert(&live, to));
    world.api_version = to;
}

fn widget(version: &str, spec: Value) -> Value {
    json!({"apiVersion": version, "kind": "Widget", "metadata": {"name": "w"}, "spec": spec})
}

#[test]
fn a_conflict_is_found_in_the_version_of_its_owner() {
    let mut world = world();
    world.put("old", widget("x.io/v1", json!({"size": 1, "color": "red"})));
    switch(&mut world, "x.io/v2");
    assert_eq!(
        world.conflict("new", &widget("x.io/v2", json!({"width": 2}))),
        "Apply failed with 1 conflict: conflict with \"old\" using x.io/v1: .spec.size"
    );
    world
        .apply("new", &widget("x.io/v2", json!({"width": 1})))
        .unwrap();
    assert_eq!(world.applied_by("new"), json!({"f:spec": {"f:width": {}}}));
    world
        .force("new", &widget("x.io/v2", json!({"width": 2})))
        .unwrap();
    let old = Identity::updater("old", "x.io/v1", "");
    assert_eq!(
        world.owned_by(&old),
        json!({"f:spec": {".": {}, "f:color": {}}})
    );
}

#[test]
fn what_an_applier_dropped_goes_across_versions() {
    let mut world = world();
    world
        .apply("m", &widget("x.io/v1", json!({"size": 1, "color": "red"})))
        .unwrap();
    switch(&mut world, "x.io/v2");
    world
        .apply("m", &widget("x.io/v2", json!({"color": "red"})))
        .unwrap();
    assert_eq!(world.live()["spec"], json!({"color": "red"}));
    assert_eq!(world.live()["apiVersion"], "x.io/v2");
    assert_eq!(world.applied_by("m"), json!({"f:spec": {"f:color": {}}}));

    // Another applier's claim in the other version keeps it.
    world
        .apply("m", &widget("x.io/v2", json!({"color": "red", "width": 3})))
        .unwrap();
    switch(&mut world, "x.io/v1");
    world
        .apply("other", &widget("x.io/v1", json!({"size": 3})))
        .unwrap();
    switch(&mut world, "x.io/v2");
    world
        .apply("m", &widget("x.io/v2", json!({"color": "red"})))
        .unwrap();
    assert_eq!(world.live()["spec"], json!({"color": "red", "width": 3}));
}

#[test]
fn owners_in_a_version_that_is_gone_are_forgotten() {
    let mut world = world();
    world.put("old", widget("x.io/v1", json!({"size": 1})));
    let managed = &mut world.live.as_mut().unwrap()["metadata"]["managedFields"][0];
    managed["apiVersion"] = json!("x.io/v0");
    world
        .apply("m", &widget("x.io/v1", json!({"size": 2})))
        .unwrap();
    assert_eq!(world.owners(), ["m"]);
    assert_eq!(world.live()["spec"]["size"], 2);
}
