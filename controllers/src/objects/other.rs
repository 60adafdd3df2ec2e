//! The kinds of which little matters.

use super::meta::Meta;
use serde::Deserialize;
use serde_json::Value;

/// A Namespace.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Namespace {
    /// Its metadata.
    pub metadata: Meta,
    /// What holds it back.
    pub spec: NamespaceSpec,
    /// Whether it is going.
    pub status: NamespaceStatus,
}

/// What holds a Namespace back.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NamespaceSpec {
    /// What must happen before it goes.
    pub finalizers: Vec<String>,
}

/// Whether a Namespace is going.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NamespaceStatus {
    /// `Active` or `Terminating`.
    pub phase: String,
    /// Its conditions.
    pub conditions: Vec<super::meta::Condition>,
}

/// A ConfigMap.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConfigMap {
    /// Its metadata.
    pub metadata: Meta,
}

/// An object that keeps an old template.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ControllerRevision {
    /// Its metadata.
    pub metadata: Meta,
    /// What is kept, as it is stored.
    pub data: Value,
    /// Its number.
    pub revision: i64,
}
