//! Requests and answers of the key/value service, reduced to what they mean.

use super::Blob;
use serde::{Deserialize, Serialize};

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Which keys: as on the wire, where an empty end means one key and an end of one zero byte means
/// everything from the key on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyRange {
    /// First key.
    pub key: Blob,
    /// First key that is no longer meant; empty and `\0` are special.
    #[serde(default, skip_serializing_if = "is_default")]
    pub end: Blob,
}

impl KeyRange {
    /// One key.
    pub fn one(key: impl Into<Blob>) -> KeyRange {
        KeyRange {
            key: key.into(),
            end: Blob::empty(),
        }
    }

    /// Every key of the store.
    pub fn all() -> KeyRange {
        KeyRange {
            key: Blob::from(&b"\0"[..]),
            end: Blob::from(&b"\0"[..]),
        }
    }

    /// Every key that begins so. An empty prefix means every key.
    pub fn prefix(prefix: impl Into<Blob>) -> KeyRange {
        let key = prefix.into();
        let Some(last) = key.iter().rposition(|byte| *byte < u8::MAX) else {
            return KeyRange::all();
        };
        let mut end = key[..=last].to_vec();
        end[last] += 1;
        KeyRange {
            key,
            end: Blob::from(end),
        }
    }

    /// If one key is meant.
    pub fn is_one(&self) -> bool {
        self.end.is_empty()
    }

    /// If a key is meant.
    pub fn contains(&self, key: &[u8]) -> bool {
        match &*self.end {
            [] => *self.key == *key,
            [0] => *key >= *self.key,
            end => *key >= *self.key && *key < *end,
        }
    }
}

/// A key with its value and versions, as the store answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyValue {
    /// The key.
    pub key: Blob,
    /// Its value; empty if only keys were asked for, and in a deletion.
    #[serde(default, skip_serializing_if = "is_default")]
    pub value: Blob,
    /// Revision of its creation.
    #[serde(rename = "create", default, skip_serializing_if = "is_default")]
    pub create_revision: i64,
    /// Revision of its last change.
    #[serde(rename = "mod", default, skip_serializing_if = "is_default")]
    pub mod_revision: i64,
    /// Changes since its creation, counted from one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub version: i64,
    /// The lease that it is attached to, or zero.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lease: i64,
}

/// By what an answer is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SortBy {
    /// Key.
    #[default]
    Key,
    /// Version.
    Version,
    /// Create revision.
    Create,
    /// Mod revision.
    Mod,
    /// Value, bytewise.
    Value,
}

/// In which direction an answer is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SortOrder {
    /// Not asked for: key order.
    #[default]
    None,
    /// Smallest first.
    Ascend,
    /// Greatest first.
    Descend,
}

/// A read of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RangeCall {
    /// Which keys.
    #[serde(flatten)]
    pub range: KeyRange,
    /// At which revision; zero or less means now.
    #[serde(default, skip_serializing_if = "is_default")]
    pub revision: i64,
    /// How many keys at most; zero means all.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limit: i64,
    /// In which direction.
    #[serde(default, skip_serializing_if = "is_default")]
    pub order: SortOrder,
    /// By what.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sort: SortBy,
    /// If the member may answer from what it has, however old.
    #[serde(default, skip_serializing_if = "is_default")]
    pub serializable: bool,
    /// If values are left out.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keys_only: bool,
    /// If only the number is asked for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub count_only: bool,
    /// Least and greatest mod revision of keys that are shown; zero means no bound.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mod_bounds: (i64, i64),
    /// Least and greatest create revision of keys that are shown; zero means no bound.
    #[serde(default, skip_serializing_if = "is_default")]
    pub create_bounds: (i64, i64),
}

/// A write of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PutCall {
    /// The key.
    pub key: Blob,
    /// The value.
    #[serde(default, skip_serializing_if = "is_default")]
    pub value: Blob,
    /// The lease to attach it to; zero detaches.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lease: i64,
    /// If the previous version is wanted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prev_kv: bool,
    /// If the value stays as it was.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ignore_value: bool,
    /// If the lease stays as it was.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ignore_lease: bool,
}

/// A deletion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeleteCall {
    /// Which keys.
    #[serde(flatten)]
    pub range: KeyRange,
    /// If what was deleted is wanted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prev_kv: bool,
}

/// How a property and a number are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operator {
    /// Equal.
    Equal,
    /// Not equal.
    NotEqual,
    /// The key's property is greater.
    Greater,
    /// The key's property is less.
    Less,
}

/// The property of a key that is compared, and with what.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Target {
    /// Version.
    Version(i64),
    /// Create revision.
    Create(i64),
    /// Mod revision.
    Mod(i64),
    /// Value. Never holds for a key that is not there.
    Value(Blob),
    /// Lease.
    Lease(i64),
}

/// One condition of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Comparison {
    /// Which keys; it must hold for each that is there.
    #[serde(flatten)]
    pub range: KeyRange,
    /// How.
    pub operator: Operator,
    /// With what.
    pub target: Target,
}

/// A transaction. Conditions see the state before it, operations see those before them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TxnCall {
    /// Conditions, all of which must hold.
    #[serde(default, skip_serializing_if = "is_default")]
    pub compare: Vec<Comparison>,
    /// What is done if they do.
    #[serde(default, skip_serializing_if = "is_default")]
    pub success: Vec<KvCall>,
    /// What is done if they do not.
    #[serde(default, skip_serializing_if = "is_default")]
    pub failure: Vec<KvCall>,
}

/// A request of the key/value service, alone or inside a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KvCall {
    /// Read.
    Range(RangeCall),
    /// Write.
    Put(PutCall),
    /// Delete.
    Delete(DeleteCall),
    /// Transaction.
    Txn(TxnCall),
}

/// What a read found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RangeReply {
    /// The keys.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kvs: Vec<KeyValue>,
    /// If a limit cut something off.
    #[serde(default, skip_serializing_if = "is_default")]
    pub more: bool,
    /// Keys in the range, whatever was shown.
    #[serde(default, skip_serializing_if = "is_default")]
    pub count: i64,
}

/// What a write answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PutReply {
    /// The version before, if it was asked for and there was one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prev: Option<KeyValue>,
}

/// What a deletion answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeleteReply {
    /// How many keys are gone.
    pub deleted: i64,
    /// The versions before, if they were asked for, in key order.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prev: Vec<KeyValue>,
}

/// What a transaction answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TxnReply {
    /// If the conditions held.
    pub succeeded: bool,
    /// The answers of the branch that was taken.
    #[serde(default, skip_serializing_if = "is_default")]
    pub replies: Vec<KvReply>,
}

/// An answer of the key/value service, alone or inside a transaction. Inside, headers are left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KvReply {
    /// Of a read.
    Range(RangeReply),
    /// Of a write.
    Put(PutReply),
    /// Of a deletion.
    Delete(DeleteReply),
    /// Of a transaction.
    Txn(TxnReply),
}
