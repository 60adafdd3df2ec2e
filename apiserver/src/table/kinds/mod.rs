//! The built-in kinds that have columns of their own: one row each, in the files of their groups.
//!
//! A row is the kind's columns and a function from an object to as many cells; a new kind is a new row in
//! the `KINDS` of its group's file, or a new file and its line in [`GROUPS`]. What never happens here: a
//! look at anything but the object and the time it is printed at.

mod admission;
mod apps;
mod autoscaling;
mod batch;
mod certificates;
mod cluster;
mod config;
mod devices;
mod endpoints;
mod event;
mod flowcontrol;
mod networking;
mod node;
mod pod;
mod policy;
mod rbac;
mod service;
mod storage;
mod template;

use super::column::Column;
use super::object::Object;
use serde_json::Value;
use std::cmp::Ordering;

/// How a kind is printed.
#[derive(Debug)]
pub(super) struct Kind {
    /// Empty for the core API.
    pub group: &'static str,
    /// Such as `Pod`. All its versions are printed alike.
    pub kind: &'static str,
    /// Those for `-o wide` included.
    pub columns: &'static [Column],
    /// As many cells as there are columns.
    pub cells: fn(&Object<'_>) -> Vec<Value>,
    /// Conditions of its row.
    pub conditions: Option<fn(&Value) -> Option<Value>>,
    /// The order of rows, if it is not that of the list.
    pub order: Option<fn(&Value, &Value) -> Ordering>,
}

impl Kind {
    /// A kind whose rows have no conditions and stay in the order of the list.
    const fn new(
        group: &'static str,
        kind: &'static str,
        columns: &'static [Column],
        cells: fn(&Object<'_>) -> Vec<Value>,
    ) -> Kind {
        Kind {
            group,
            kind,
            columns,
            cells,
            conditions: None,
            order: None,
        }
    }
}

/// All rows, by file.
static GROUPS: &[&[Kind]] = &[
    admission::KINDS,
    apps::KINDS,
    autoscaling::KINDS,
    batch::KINDS,
    certificates::KINDS,
    cluster::KINDS,
    config::KINDS,
    devices::KINDS,
    endpoints::KINDS,
    event::KINDS,
    flowcontrol::KINDS,
    networking::KINDS,
    node::KINDS,
    pod::KINDS,
    policy::KINDS,
    rbac::KINDS,
    service::KINDS,
    storage::KINDS,
];

/// Every row.
pub(super) fn all() -> impl Iterator<Item = &'static Kind> {
    GROUPS.iter().copied().flatten()
}

/// The row of a kind; nothing if it has no columns of its own.
pub(super) fn find(group: &str, kind: &str) -> Option<&'static Kind> {
    all().find(|one| one.group == group && one.kind == kind)
}
