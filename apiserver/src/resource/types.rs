//! A row of the table.

use crate::custom::Custom;
use crate::schema::Gvk;
use std::sync::Arc;

/// A resource of one group and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What it serves objects of; also names its group and version.
    pub gvk: Gvk,
    /// Its name in paths, such as `pods`.
    pub plural: String,
    /// Such as `pod`.
    pub singular: String,
    /// What people type instead, such as `po`.
    pub short_names: Vec<String>,
    /// Names of bunches of resources that it belongs to, such as `all`.
    pub categories: Vec<String>,
    /// Whether its objects are in namespaces.
    pub scope: Scope,
    /// What can be done with it, sorted by name.
    pub verbs: Vec<Verb>,
    /// Sorted by name.
    pub subresources: Vec<Subresource>,
    /// Where its objects lie below the prefix of the store, such as `services/specs`. Resources that
    /// share it show the same objects.
    pub key: String,
    /// The kind of which its objects are stored. Another one than its own has to be converted.
    pub stored: Gvk,
    /// An update without a resourceVersion is carried out; else it is refused.
    pub updates_unconditionally: bool,
    /// An update of a missing object creates it; else it is refused.
    pub creates_on_update: bool,
    /// What a field selector may name, besides the name and the namespace. In the table's order.
    pub selectable: Vec<SelectableField>,
    /// What its objects look like, if no built-in shape says so.
    pub custom: Option<Arc<Custom>>,
}

impl Resource {
    /// Its group and version as in an object's `apiVersion`.
    pub fn api_version(&self) -> String {
        api_version(&self.gvk)
    }

    /// Whether it can be asked to do this.
    pub fn can(&self, verb: Verb) -> bool {
        self.verbs.contains(&verb)
    }

    /// The subresource of this name.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|sub| sub.name == name)
    }

    /// Where the value lies of which a field selector gives the label, as a path in the object's JSON.
    /// `None`: upstream answers `field label not supported: LABEL`.
    pub fn selectable_path(&self, label: &str) -> Option<&str> {
        match label {
            "metadata.name" => Some("metadata.name"),
            "metadata.namespace" if self.scope == Scope::Namespaced => Some("metadata.namespace"),
            _ => {
                let found = self.selectable.iter().find(|field| field.label == label);
                found.map(|field| field.path.as_str())
            }
        }
    }
}

pub(super) fn api_version(gvk: &Gvk) -> String {
    match gvk.group.as_str() {
        "" => gvk.version.clone(),
        group => format!("{group}/{}", gvk.version),
    }
}

/// Whether objects are in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One name per cluster.
    Cluster,
    /// One name per namespace.
    Namespaced,
}

/// What can be done with a resource. In the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// POST.
    Create,
    /// DELETE of one object.
    Delete,
    /// DELETE of many.
    DeleteCollection,
    /// GET of one object.
    Get,
    /// GET of many.
    List,
    /// PATCH.
    Patch,
    /// PUT.
    Update,
    /// GET of changes.
    Watch,
}

impl Verb {
    /// All of them, in order.
    pub const ALL: [Verb; 8] = [
        Verb::Create,
        Verb::Delete,
        Verb::DeleteCollection,
        Verb::Get,
        Verb::List,
        Verb::Patch,
        Verb::Update,
        Verb::Watch,
    ];

    /// Its name in discovery and in roles.
    pub fn name(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::Delete => "delete",
            Verb::DeleteCollection => "deletecollection",
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Patch => "patch",
            Verb::Update => "update",
            Verb::Watch => "watch",
        }
    }
}

/// A path below an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subresource {
    /// Such as `status`.
    pub name: String,
    /// What is sent there and answered.
    pub gvk: Gvk,
    /// What can be done with it, sorted by name.
    pub verbs: Vec<Verb>,
}

/// A label of a field selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectableField {
    /// What a selector says.
    pub label: String,
    /// Where the value lies: names joined by dots. What is absent there, or is no single value, counts
    /// as an empty text.
    pub path: String,
}
