//! What is made of the catalog once: rows that requests hold on to, and documents.

use super::discovery::Listing;
use super::openapi::{Documents, Older};
use crate::decode::{Decoder, Wire};
use crate::resource::{Catalog, Resource};
use crate::schema::{self, Gvk, Table};
use crate::table::Printer;
use std::cmp::Ordering;
use std::sync::{Arc, LazyLock, OnceLock};
use tokio::sync::OnceCell;

static WIRE: LazyLock<Wire> = LazyLock::new(|| Wire::new(schema::builtin()));

/// A resource that is served.
pub(super) struct Row {
    pub(super) resource: Arc<Resource>,
    pub(super) printer: Printer,
    /// Its kind has a shape in the table: it has a protobuf form and takes strategic patches.
    pub(super) is_builtin: bool,
    /// What everybody is told who uses it.
    pub(super) warning: Option<String>,
}

impl Row {
    pub(super) fn of(resource: &Resource) -> Row {
        Row {
            printer: match &resource.custom {
                Some(custom) => {
                    Printer::custom(&resource.gvk, custom.columns(&resource.gvk.version))
                }
                None => Printer::new(&resource.gvk),
            },
            is_builtin: table().kind(&resource.gvk).is_some(),
            warning: resource
                .custom
                .as_ref()
                .and_then(|custom| custom.deprecation(&resource.gvk)),
            resource: Arc::new(resource.clone()),
        }
    }
}

/// A catalog, and what is made of it. Replaced as a whole when the catalog changes.
pub(super) struct Served {
    pub(super) catalog: Arc<Catalog>,
    /// In the catalog's order.
    rows: Vec<Arc<Row>>,
    /// `/api` and `/apis`, in two versions each.
    pub(super) listings: [OnceLock<Listing>; 4],
    /// Made at the first request: it takes a moment.
    pub(super) documents: OnceCell<Documents>,
    /// The same in the words of before. Few clients ask.
    pub(super) older: OnceCell<Older>,
}

impl Served {
    pub(super) fn new(catalog: Arc<Catalog>) -> Served {
        Served {
            rows: catalog
                .all()
                .iter()
                .map(|one| Arc::new(Row::of(one)))
                .collect(),
            catalog,
            listings: [const { OnceLock::new() }; 4],
            documents: OnceCell::new(),
            older: OnceCell::new(),
        }
    }

    /// The resource at a path.
    pub(super) fn row(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Row>> {
        let order = |row: &Arc<Row>| -> Ordering {
            let Resource {
                gvk, plural: own, ..
            } = &*row.resource;
            let own = (gvk.group.as_str(), gvk.version.as_str(), own.as_str());
            own.cmp(&(group, version, plural))
        };
        let found = self.rows.binary_search_by(order);
        found.ok().map(|at| &self.rows[at])
    }
}

/// The shapes of built-in kinds.
pub(super) fn table() -> &'static Table {
    schema::builtin()
}

/// The same table by protobuf tags.
pub(super) fn wire() -> &'static Wire {
    &WIRE
}

/// Reads bodies of built-in kinds.
pub(super) fn decoder() -> Decoder<'static> {
    Decoder::new(table(), wire())
}

/// A kind by name.
pub(super) fn gvk(group: &str, version: &str, kind: &str) -> Gvk {
    Gvk {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
    }
}
