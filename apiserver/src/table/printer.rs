//! What prints a kind.

use super::column::{CREATED_AT, Column, NAME};
use super::custom;
use super::jsonpath::Path;
use super::kinds::{self, Kind};
use super::object::Object;
use crate::schema::Gvk;
use serde_json::Value;
use std::cmp::Ordering;

/// What prints objects of a kind. Make it once per kind, it is used by every request.
#[derive(Clone, Debug)]
pub struct Printer {
    pub(super) gvk: Gvk,
    columns: Vec<Column>,
    cells: Cells,
}

/// Where cells come from.
#[derive(Clone, Debug)]
enum Cells {
    /// A row of the table of kinds.
    Kind(&'static Kind),
    /// A name, and the results of these paths; absent ones cannot be understood.
    Custom(Vec<Option<Path>>),
    /// A name and a time.
    Plain,
}

impl Printer {
    /// The printer of a kind: columns of its own if it is a built-in one that has some, and else its name
    /// and the time of its creation. All versions of a kind have the same columns.
    pub fn new(gvk: &Gvk) -> Printer {
        let found = kinds::find(&gvk.group, &gvk.kind);
        let (columns, cells) = match found {
            Some(kind) => (kind.columns.to_vec(), Cells::Kind(kind)),
            None => (vec![NAME, CREATED_AT], Cells::Plain),
        };
        Printer {
            gvk: gvk.clone(),
            columns,
            cells,
        }
    }

    /// The printer of a custom resource with these `additionalPrinterColumns` of its version, in the
    /// definition's JSON form. None given means a column with its age.
    pub fn custom(gvk: &Gvk, additional: &[Value]) -> Printer {
        let (columns, paths) = custom::columns(additional);
        Printer {
            gvk: gvk.clone(),
            columns,
            cells: Cells::Custom(paths),
        }
    }

    /// The columns, those for `-o wide` included.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The cells of an object, as many as there are columns. `now_us` is the time of the day in
    /// microseconds since 1970.
    pub fn cells(&self, object: &Value, now_us: i64) -> Vec<Value> {
        let object = Object {
            value: object,
            now_us,
        };
        match &self.cells {
            Cells::Kind(kind) => (kind.cells)(&object),
            Cells::Custom(paths) => custom::cells(&object, &self.columns, paths),
            Cells::Plain => plain(&object),
        }
    }

    /// The conditions of the row of an object: what is over says so.
    pub(super) fn conditions(&self, object: &Value) -> Option<Value> {
        match &self.cells {
            Cells::Kind(kind) => kind.conditions.and_then(|conditions| conditions(object)),
            _ => None,
        }
    }

    /// How rows of a list are sorted; nothing if they stay as they came.
    pub(super) fn order(&self) -> Option<fn(&Value, &Value) -> Ordering> {
        match &self.cells {
            Cells::Kind(kind) => kind.order,
            _ => None,
        }
    }
}

fn plain(object: &Object<'_>) -> Vec<Value> {
    let created = object.text_or("metadata.creationTimestamp", "0001-01-01T00:00:00Z");
    vec![object.name(), created.into()]
}
