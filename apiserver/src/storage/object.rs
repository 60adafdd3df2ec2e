//! An object as it lies in the store.

use bytes::Bytes;
use serde_json::Value;

/// The stored bytes of an object, and the revision that is its `resourceVersion`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    bytes: Bytes,
    revision: u64,
}

impl Object {
    /// An object that was read. `bytes` are canonical JSON without a `resourceVersion`.
    pub fn new(bytes: Bytes, revision: u64) -> Object {
        Object { bytes, revision }
    }

    /// An object that was made: its `resourceVersion` is taken out.
    pub fn of(mut value: Value, revision: u64) -> Object {
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("resourceVersion");
        }
        Object {
            bytes: value.to_string().into(),
            revision,
        }
    }

    /// As it is stored.
    pub fn stored(&self) -> &Bytes {
        &self.bytes
    }

    /// Its revision; 0 for one that was never written.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The object with its `resourceVersion`. `None` if the stored bytes are not JSON.
    pub fn value(&self) -> Option<Value> {
        let mut value: Value = serde_json::from_slice(&self.bytes).ok()?;
        if self.revision > 0
            && let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut)
        {
            metadata.insert("resourceVersion".into(), self.revision.to_string().into());
        }
        Some(value)
    }
}
