//! The kinds of which little matters.

use super::meta::Meta;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

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
    /// What is in it.
    pub data: ConfigMapData,
}

/// What is in a ConfigMap: of all that there may be only the certificate of the cluster's authority.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigMapData {
    /// How many entries there are.
    pub len: usize,
    /// The entry `ca.crt`.
    pub ca_crt: Option<String>,
}

impl<'de> Deserialize<'de> for ConfigMapData {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ConfigMapData, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = ConfigMapData;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("texts by name")
            }

            fn visit_unit<E>(self) -> Result<ConfigMapData, E> {
                Ok(ConfigMapData::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ConfigMapData, A::Error> {
                let mut data = ConfigMapData::default();
                while let Some(name) = map.next_key::<String>()? {
                    data.len += 1;
                    match name.as_str() {
                        "ca.crt" => data.ca_crt = Some(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(data)
            }
        }

        from.deserialize_any(Entries)
    }
}

/// A ResourceQuota.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResourceQuota {
    /// Its metadata.
    pub metadata: Meta,
    /// What it is about and how much there may be, as it is stored.
    pub spec: Value,
    /// What counts and what is used.
    pub status: ResourceQuotaStatus,
}

/// What counts and what is used, as quantities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ResourceQuotaStatus {
    /// How much there may be.
    pub hard: Map<String, Value>,
    /// How much there is.
    pub used: Map<String, Value>,
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

/// A ClusterRole.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterRole {
    /// Its metadata.
    pub metadata: Meta,
    /// What it allows, as it is stored.
    pub rules: Value,
    /// From which others it gathers what it allows, as it is stored.
    pub aggregation_rule: Option<Value>,
}

impl ClusterRole {
    /// The parts that count, as an object.
    pub fn to_value(&self) -> Value {
        serde_json::json!({
            "metadata": {"name": self.metadata.name, "labels": self.metadata.labels},
            "rules": self.rules,
            "aggregationRule": self.aggregation_rule,
        })
    }
}
