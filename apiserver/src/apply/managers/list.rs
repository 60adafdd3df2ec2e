//! All managers of one object.

use super::{ANCIENT_CHANGES, Entry, Identity, MAX_UPDATERS, Operation};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// The managers of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Managers {
    /// Each with what it owns.
    pub entries: BTreeMap<Identity, Entry>,
}

/// Managed fields that cannot be read. An update goes on as if there were none, an apply is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

impl Managers {
    /// Reads the managed fields of an object.
    ///
    /// # Errors
    /// If an entry lacks what it must have, or its fields are malformed.
    pub fn of(object: &Value) -> Result<Self, Unreadable> {
        match object.pointer("/metadata/managedFields") {
            None | Some(Value::Null) => Ok(Self::default()),
            Some(Value::Array(stored)) => Self::decode(stored),
            Some(_) => Err(Unreadable("managedFields must be a list".to_owned())),
        }
    }

    /// Reads stored entries. Of several with one identity the last counts; one without fields says
    /// nothing.
    ///
    /// # Errors
    /// If an entry lacks what it must have, or its fields are malformed.
    pub fn decode(stored: &[Value]) -> Result<Self, Unreadable> {
        let mut entries = BTreeMap::new();
        for (at, stored) in stored.iter().enumerate() {
            let (identity, entry) = Entry::decode(stored, at).map_err(Unreadable)?;
            entries.insert(identity, entry);
        }
        Ok(Self { entries })
    }

    /// The entries as they are stored: appliers first, then updaters, each by time.
    pub fn encode(&self) -> Vec<Value> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(identity, entry)| {
            let age = (identity.operation, &entry.time, &identity.manager);
            (age, &entry.api_version, &identity.subresource)
        });
        entries
            .into_iter()
            .map(|(identity, entry)| entry.encode(identity))
            .collect()
    }

    /// Puts the entries into an object, in the place of those it has.
    pub fn write_to(&self, object: &mut Value) {
        let stored = self.encode();
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
            return;
        };
        match stored.is_empty() {
            true => metadata.remove("managedFields"),
            false => metadata.insert("managedFields".to_owned(), Value::Array(stored)),
        };
    }

    /// Makes the oldest updaters one, by API version, until no more are left than the cap allows. An
    /// API version with one old updater keeps it under its own name.
    pub fn cap(&mut self) {
        let updaters = self
            .entries
            .iter()
            .filter(|(id, _)| id.operation == Operation::Update);
        let mut oldest: Vec<_> = updaters
            .map(|(id, entry)| (entry.time.clone(), id.clone()))
            .collect();
        let mut count = oldest.len();
        if count <= MAX_UPDATERS {
            return;
        }
        oldest.sort();
        let mut first_of_version: HashMap<String, Identity> = HashMap::new();
        for (time, identity) in oldest {
            if count <= MAX_UPDATERS {
                return;
            }
            let version = identity.api_version.clone();
            let Some(first) = first_of_version.get(&version) else {
                first_of_version.insert(version, identity);
                continue;
            };
            let bucket = Identity::updater(ANCIENT_CHANGES, &version, "");
            if !self.entries.contains_key(&bucket)
                && let Some(entry) = self.entries.remove(first)
            {
                self.entries.insert(bucket.clone(), entry);
            }
            // The bucket itself may be next in age: then it has nothing to take in.
            if identity == bucket {
                continue;
            }
            let Some(taken) = self.entries.remove(&identity) else {
                continue;
            };
            if let Some(entry) = self.entries.get_mut(&bucket) {
                entry.fields = entry.fields.union(&taken.fields);
                entry.time = time;
            }
            count -= 1;
        }
    }
}
