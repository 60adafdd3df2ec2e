//! What kubectl needs to find and trust a cluster.

use super::authority::Certificate;
use crate::canonical::encode_base64;
use serde_json::{Value, json};
use std::fmt;

/// A file that is no kubeconfig. Its owner must mend or move it; it was not changed.
#[derive(Debug)]
pub struct KubeconfigError(String);

impl fmt::Display for KubeconfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "not a kubeconfig: {}", self.0)
    }
}

impl std::error::Error for KubeconfigError {}

/// A cluster, and who one is there.
#[derive(Clone, Debug)]
pub struct Kubeconfig {
    /// The name of the cluster and its contexts in the file. With several servers, those behind the
    /// first are called `NAME-2` and so on: the format knows one server per cluster.
    pub name: String,
    /// Such as `https://10.0.0.1:6443`. The current context uses the first.
    pub servers: Vec<String>,
    /// The authority's certificate, as PEM.
    pub authority: String,
    /// The name of the user in the file is `NAME-USER`.
    pub user: String,
    /// What the user shows.
    pub client: Certificate,
}

impl Kubeconfig {
    /// As a file of its own.
    pub fn to_yaml(&self) -> String {
        text(&self.to_value())
    }

    /// Put into a file that is there already: entries of the same names are replaced, all others stay,
    /// and the current context becomes this one's. Comments are lost.
    ///
    /// # Errors
    /// If the file is none that can be added to.
    pub fn merge_into(&self, existing: &str) -> Result<String, KubeconfigError> {
        if existing.trim().is_empty() {
            return Ok(self.to_yaml());
        }
        let mut merged: Value = serde_yaml_ng::from_str(existing)
            .map_err(|error| KubeconfigError(error.to_string()))?;
        let own = self.to_value();
        let Some(fields) = merged.as_object_mut() else {
            return Err(KubeconfigError("it is no mapping".to_owned()));
        };
        for field in ["apiVersion", "kind", "preferences"] {
            fields.entry(field).or_insert_with(|| own[field].clone());
        }
        fields.insert("current-context".to_owned(), own["current-context"].clone());
        for field in ["clusters", "contexts", "users"] {
            let there = fields.entry(field).or_insert_with(|| json!([]));
            if there.is_null() {
                *there = json!([]);
            }
            let Some(there) = there.as_array_mut() else {
                return Err(KubeconfigError(format!("{field} is no list")));
            };
            let added = own[field].as_array().into_iter().flatten();
            for entry in added {
                match there.iter_mut().find(|one| one["name"] == entry["name"]) {
                    Some(found) => *found = entry.clone(),
                    None => there.push(entry.clone()),
                }
            }
        }
        Ok(text(&merged))
    }

    fn to_value(&self) -> Value {
        let user = format!("{}-{}", self.name, self.user);
        let named = self.servers.iter().enumerate().map(|(index, server)| {
            let name = match index {
                0 => self.name.clone(),
                _ => format!("{}-{}", self.name, index + 1),
            };
            (name, server)
        });
        let named: Vec<_> = named.collect();
        let data = |pem: &str| encode_base64(pem.as_bytes());
        let authority = data(&self.authority);
        let clusters = named.iter().map(|(name, server)| {
            let cluster = json!({"server": server, "certificate-authority-data": authority});
            json!({"name": name, "cluster": cluster})
        });
        let contexts = named
            .iter()
            .map(|(name, _)| json!({"name": name, "context": {"cluster": name, "user": user}}));
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "preferences": {},
            "current-context": self.name,
            "clusters": clusters.collect::<Vec<_>>(),
            "contexts": contexts.collect::<Vec<_>>(),
            "users": [{"name": user, "user": {
                "client-certificate-data": data(&self.client.certificate),
                "client-key-data": data(&self.client.key),
            }}],
        })
    }
}

fn text(value: &Value) -> String {
    // JSON values always have a YAML form; if that were ever wrong, JSON is YAML, too.
    serde_yaml_ng::to_string(value).unwrap_or_else(|_| value.to_string())
}
