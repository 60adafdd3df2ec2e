//! What clients ask, what they are told, and what the store has made of it.

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To set a key to a value that nobody else uses.
    Put(String, String),
    /// To remove a key.
    Delete(String),
    /// To set a key to a value if it was last changed at a revision.
    Swap(String, i64, String),
    /// To read a key, as of a moment after the question.
    Read(String),
    /// To read a key as the member has it.
    ReadAny(String),
    /// To read a key as it was at a revision.
    Past(String, i64),
    /// To set a key to a value for as long as a lease lives.
    Lend(String, String, i64),
    /// To grant a lease of so many seconds under an id.
    Grant(i64, i64),
    /// To let a lease begin anew.
    Renew(i64),
    /// To end a lease.
    Revoke(i64),
    /// To forget what was before a revision.
    Compact(i64),
}

impl Asked {
    /// Whether nothing changes by it.
    pub fn reads(&self) -> bool {
        matches!(self, Asked::Read(_) | Asked::ReadAny(_) | Asked::Past(..))
    }
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Done, at this revision. `false`: nothing was changed (no such key, or the comparison failed).
    Done(i64, bool),
    /// The value, told at this revision.
    Value(i64, Option<String>),
    /// A lease lives for so many seconds from now on; zero: there is none.
    Lease(i64),
    /// No, and certainly nothing was changed.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// One question and its answer, in milliseconds.
#[derive(Clone, Debug)]
pub struct Operation {
    /// When it was asked.
    pub asked_ms: u64,
    /// When it was answered.
    pub told_ms: u64,
    /// The question.
    pub asked: Asked,
    /// The answer.
    pub told: Told,
}

/// One change, as the store's history has it; `None` removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The revision.
    pub revision: i64,
    /// The key.
    pub key: String,
    /// The new value.
    pub value: Option<String>,
    /// The lease that it hangs on; zero: none.
    pub lease: i64,
    /// When it was first seen in a store: not before it was made.
    pub seen_ms: u64,
}
