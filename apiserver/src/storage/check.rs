//! What every implementation refuses before it asks anybody, so that all of them refuse the same.

use super::kv::{At, KvError, Range, Txn, Watch, Write};
use bytes::Bytes;
use std::collections::HashSet;

/// As an end: there is none.
const NO_END: &[u8] = &[0];

impl Range {
    /// Refuses what no store can answer. For implementations of the trait.
    ///
    /// # Errors
    /// [`KvError::Invalid`]: no key, an end that nothing is before, a revision that never was.
    pub fn check(&self) -> Result<(), KvError> {
        check_bounds(&self.key, self.end.as_ref())?;
        match self.at {
            At::Exactly(0) => Err(invalid("there is no revision 0")),
            _ => Ok(()),
        }
    }
}

impl Watch {
    /// Refuses what nobody can follow. For implementations of the trait.
    ///
    /// # Errors
    /// [`KvError::Invalid`]: no key, or no key in the range.
    pub fn check(&self) -> Result<(), KvError> {
        check_bounds(&self.key, self.end.as_ref())?;
        match &self.end {
            Some(end) if end[..] != *NO_END && *end <= self.key => {
                Err(invalid("mvcc: watcher range is empty"))
            }
            _ => Ok(()),
        }
    }
}

impl Txn {
    /// Refuses what breaks the rules of a transaction. For implementations of the trait.
    ///
    /// # Errors
    /// [`KvError::Invalid`]: a key that is empty, or written twice.
    pub fn check(&self) -> Result<(), KvError> {
        let guarded = self.guards.iter().map(|guard| &guard.key);
        if guarded.chain(&self.otherwise).any(Bytes::is_empty) {
            return Err(no_key());
        }
        let mut seen = HashSet::new();
        for write in &self.writes {
            let key = write.key();
            if key.is_empty() {
                return Err(no_key());
            }
            if !seen.insert(key) {
                return Err(invalid("etcdserver: duplicate key given in txn request"));
            }
        }
        Ok(())
    }
}

impl Write {
    /// The key that is written.
    pub fn key(&self) -> &Bytes {
        match self {
            Write::Put { key, .. } | Write::Delete { key } => key,
        }
    }
}

fn check_bounds(key: &Bytes, end: Option<&Bytes>) -> Result<(), KvError> {
    if key.is_empty() {
        return Err(no_key());
    }
    match end {
        Some(end) if end.is_empty() => Err(invalid("a range cannot end before the empty key")),
        _ => Ok(()),
    }
}

fn no_key() -> KvError {
    invalid("etcdserver: key is not provided")
}

fn invalid(text: &str) -> KvError {
    KvError::Invalid(text.into())
}
