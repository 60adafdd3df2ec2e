//! Requests to the Kubernetes API and what it shows: as they were sent and as they came.

use super::{Node, Process};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HttpCall {
    /// `GET`, `POST`, `PUT`, `DELETE`; of a patch also its form: `PATCH merge`, `PATCH apply`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// What was sent; null if nothing was.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
}

impl HttpCall {
    /// A request without a body.
    pub fn get(path: impl Into<String>) -> HttpCall {
        HttpCall {
            method: "GET".to_owned(),
            path: path.into(),
            body: Value::Null,
        }
    }

    /// The path without its query.
    pub fn place(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// A parameter of the query, as it stands there; nothing if it is not given.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.path.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    }

    /// If it asks for a change.
    pub fn asks_for_change(&self) -> bool {
        self.method != "GET"
    }
}

/// One answer that says that the request was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpReply {
    /// The status.
    pub code: u16,
    /// What came.
    pub body: Value,
}

impl HttpReply {
    /// The resourceVersion of the object or list that came; zero if there is none.
    pub fn version(&self) -> i64 {
        version(&self.body)
    }
}

/// The resourceVersion of an object or a list; zero if there is none.
pub fn version(object: &Value) -> i64 {
    let version = object.pointer("/metadata/resourceVersion");
    let text = version.and_then(Value::as_str);
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A watch of the Kubernetes API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InformerOpen {
    /// Unique in the history.
    pub informer: u64,
    /// Who watches.
    pub process: Process,
    /// The member that was asked.
    pub node: Node,
    /// Path and query, without `watch=1`.
    pub path: String,
}

/// Something about such a watch, in the order in which it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InformerRecord {
    /// It was asked for.
    Open(InformerOpen),
    /// An event.
    Event {
        /// Which.
        informer: u64,
        /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
        kind: String,
        /// What it is about.
        object: Value,
    },
    /// It is over.
    Ended {
        /// Which.
        informer: u64,
        /// `end`: the server ended it in order; `closed`: by whoever watched; `refused`, `broken` and why.
        how: String,
    },
}

impl InformerRecord {
    /// Which watch it is about.
    pub fn informer(&self) -> u64 {
        match self {
            InformerRecord::Open(open) => open.informer,
            InformerRecord::Event { informer, .. } | InformerRecord::Ended { informer, .. } => {
                *informer
            }
        }
    }
}
