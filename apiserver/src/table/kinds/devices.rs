//! Devices: the group `resource.k8s.io`.

use super::Kind;
use super::config::{NAME_AND_AGE, name_and_age};
use crate::table::column::{AGE, Column, NAME};
use crate::table::object::Object;
use serde_json::Value;

const GROUP: &str = "resource.k8s.io";

pub(super) const KINDS: &[Kind] = &[
    Kind::new(GROUP, "DeviceClass", NAME_AND_AGE, name_and_age),
    Kind::new(GROUP, "ResourceClaim", CLAIM, claim),
    Kind::new(GROUP, "ResourceClaimTemplate", NAME_AND_AGE, name_and_age),
    Kind::new(GROUP, "ResourceSlice", SLICE, slice),
    Kind::new(GROUP, "DeviceTaintRule", TAINT, taint),
];

const CLAIM: &[Column] = &[NAME, Column::text("State", "What has become of it"), AGE];

const SLICE: &[Column] = &[
    NAME,
    Column::text("Node", "Where its devices are"),
    Column::text("Driver", "Whose devices they are"),
    Column::text("Pool", "The pool that it is part of"),
    AGE,
];

const TAINT: &[Column] = &[
    NAME,
    Column::text("Key", "What the taint is called"),
    Column::text("Value", "What it says"),
    Column::text("Effect", "What it does to pods that do not bear it"),
    Column::text("TimeAdded", "How long ago it was added"),
    AGE,
];

fn claim(object: &Object<'_>) -> Vec<Value> {
    let is_allocated = object.has("status.allocation");
    let is_reserved = is_allocated && !object.list("status.reservedFor").is_empty();
    let states = [
        (object.is_going(), "deleted"),
        (!is_allocated && !object.is_going(), "pending"),
        (is_allocated, "allocated"),
        (is_reserved, "reserved"),
    ];
    let states = states
        .iter()
        .filter(|(is_so, _)| *is_so)
        .map(|(_, state)| *state);
    vec![
        object.name(),
        states.collect::<Vec<_>>().join(",").into(),
        object.age(),
    ]
}

fn slice(object: &Object<'_>) -> Vec<Value> {
    vec![
        object.name(),
        object.text("spec.nodeName").into(),
        object.text("spec.driver").into(),
        object.text("spec.pool.name").into(),
        object.age(),
    ]
}

fn taint(object: &Object<'_>) -> Vec<Value> {
    let added = match object.has("spec.taint.timeAdded") {
        true => object.since("spec.taint.timeAdded"),
        false => String::new(),
    };
    vec![
        object.name(),
        object.text("spec.taint.key").into(),
        object.text("spec.taint.value").into(),
        object.text("spec.taint.effect").into(),
        added.into(),
        object.age(),
    ]
}
