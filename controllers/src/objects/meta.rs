//! What all objects have: names, times, labels, owners.

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Which object of a kind. Orders by namespace, then by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Empty for objects that are in none.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl Key {
    /// The key of this namespace and name.
    pub fn new(namespace: &str, name: &str) -> Key {
        Key {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// The key of an object that is in no namespace.
    pub fn cluster(name: &str) -> Key {
        Key::new("", name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.is_empty() {
            true => out.write_str(&self.name),
            false => write!(out, "{}/{}", self.namespace, self.name),
        }
    }
}

/// The metadata of an object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Unique among those of its kind and namespace.
    pub name: String,
    /// Empty for objects that are in none.
    pub namespace: String,
    /// Unique for ever.
    pub uid: String,
    /// Counts changes of what is wanted.
    pub generation: i64,
    /// RFC 3339.
    pub creation_timestamp: Option<String>,
    /// Since when it is going, or will be: RFC 3339.
    pub deletion_timestamp: Option<String>,
    /// How long it may take to go.
    pub deletion_grace_period_seconds: Option<i64>,
    /// What selectors look at.
    pub labels: BTreeMap<String, String>,
    /// What others note on it.
    pub annotations: BTreeMap<String, String>,
    /// Without all of these it goes.
    pub owner_references: Vec<OwnerReference>,
    /// What must happen before it goes.
    pub finalizers: Vec<String>,
    /// Its `resourceVersion`.
    #[serde(skip)]
    pub revision: u64,
}

/// One owner of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    /// The owner's group and version.
    pub api_version: String,
    /// The owner's kind.
    pub kind: String,
    /// The owner's name.
    pub name: String,
    /// The owner's uid, which decides.
    pub uid: String,
    /// It is the one owner that manages the object.
    pub controller: Option<bool>,
    /// The owner cannot go in the foreground before the object.
    pub block_owner_deletion: Option<bool>,
}

impl Meta {
    /// Which object it is of.
    pub fn key(&self) -> Key {
        Key::new(&self.namespace, &self.name)
    }

    /// Whether it is going.
    pub fn is_deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// The owner that manages it.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references
            .iter()
            .find(|owner| owner.controller == Some(true))
    }

    /// Whether the object of this uid manages it.
    pub fn is_controlled_by(&self, uid: &str) -> bool {
        self.controller().is_some_and(|owner| owner.uid == uid)
    }

    /// A reference to this object as the owner that manages another one.
    pub fn owner_reference(&self, api_version: &str, kind: &str) -> Value {
        json!({
            "apiVersion": api_version,
            "kind": kind,
            "name": self.name,
            "uid": self.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        })
    }
}

/// A condition in a status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// Which condition.
    pub r#type: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word.
    pub reason: String,
    /// For people.
    pub message: String,
    /// When `status` last changed: RFC 3339.
    pub last_transition_time: Option<String>,
    /// When the reporter last said so (nodes).
    pub last_heartbeat_time: Option<String>,
    /// When it was last written (deployments).
    pub last_update_time: Option<String>,
    /// When the reporter last looked (pods, jobs).
    pub last_probe_time: Option<String>,
    /// The generation it is about.
    pub observed_generation: Option<i64>,
}

/// The condition of this type.
pub fn condition<'c>(conditions: &'c [Condition], wanted: &str) -> Option<&'c Condition> {
    conditions
        .iter()
        .find(|condition| condition.r#type == wanted)
}

/// Whether the condition of this type is there and `True`.
pub fn is_true(conditions: &[Condition], wanted: &str) -> bool {
    condition(conditions, wanted).is_some_and(|condition| condition.status == "True")
}

/// An object of which only the metadata matters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Partial {
    /// Its metadata.
    pub metadata: Meta,
}
