//! Disruption budgets.

use super::meta::{Condition, Meta};
use keelson_apiserver::selector::{LabelSelector, from_structure};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A PodDisruptionBudget.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodDisruptionBudget {
    /// Its metadata.
    pub metadata: Meta,
    /// What it asks for.
    pub spec: PodDisruptionBudgetSpec,
    /// What it allows.
    pub status: PodDisruptionBudgetStatus,
}

/// What a budget asks for: one of two numbers, for some Pods.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodDisruptionBudgetSpec {
    /// So many, or such a part of them, must serve.
    pub min_available: Option<Value>,
    /// So many, or such a part of them, may not serve.
    pub max_unavailable: Option<Value>,
    /// Which Pods of its namespace.
    pub selector: Selects,
}

/// A selector that is parsed once; what makes no sense selects nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Value")]
pub struct Selects(pub LabelSelector);

impl Default for Selects {
    fn default() -> Selects {
        Selects(LabelSelector::nothing())
    }
}

impl From<Value> for Selects {
    fn from(structure: Value) -> Selects {
        Selects(from_structure(Some(&structure)).unwrap_or_else(|_| LabelSelector::nothing()))
    }
}

/// What a budget allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodDisruptionBudgetStatus {
    /// The generation that this is about.
    pub observed_generation: i64,
    /// Pods that were evicted and are not seen to go yet: since when (RFC 3339), by name.
    pub disrupted_pods: BTreeMap<String, String>,
    /// How many more may be evicted.
    pub disruptions_allowed: i32,
    /// How many serve.
    pub current_healthy: i32,
    /// How many must serve.
    pub desired_healthy: i32,
    /// How many there should be.
    pub expected_pods: i32,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}
