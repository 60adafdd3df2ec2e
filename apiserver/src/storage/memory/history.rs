//! Keys with all their versions, and what happened in which revision. No clock, no task, no lock.

use super::super::kv::{
    Change, Changed, Changes, Committed, Guard, KeyValue, KvError, Range, Ranged, Txn, Write,
};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Bound;
use std::sync::Arc;

/// As many guards, writes and reads as a store takes in one transaction, etcd's `--max-txn-ops`.
const MAX_OPS: usize = 128;
/// As many bytes as a store takes in one request, etcd's `--max-request-bytes`.
const MAX_BYTES: usize = 1_572_864;

/// One version of a key.
#[derive(Debug)]
struct Version {
    revision: u64,
    /// `None`: from here on it does not exist.
    state: Option<KeyValue>,
}

/// The state, and its history since the last compaction.
#[derive(Debug)]
pub struct History {
    revision: u64,
    compacted: u64,
    keys: BTreeMap<Bytes, Vec<Version>>,
    /// One entry per revision after the compaction, that of the compaction included.
    log: BTreeMap<u64, Arc<Changes>>,
    leases: BTreeMap<i64, BTreeSet<Bytes>>,
}

impl Default for History {
    /// An empty store has revision 1, as etcd's has.
    fn default() -> History {
        History {
            revision: 1,
            compacted: 0,
            keys: BTreeMap::new(),
            log: BTreeMap::new(),
            leases: BTreeMap::new(),
        }
    }
}

impl History {
    /// The newest revision.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Refuses a revision whose state cannot be read.
    pub fn readable(&self, revision: u64) -> Result<(), KvError> {
        if revision > self.revision {
            return Err(KvError::TooNew {
                current: self.revision,
            });
        }
        self.followable(revision)
    }

    /// Refuses a revision whose changes are gone.
    pub fn followable(&self, revision: u64) -> Result<(), KvError> {
        if revision < self.compacted {
            return Err(KvError::Compacted {
                oldest: self.compacted,
            });
        }
        Ok(())
    }

    /// Reads as of `at`, which is readable.
    pub fn range(&self, range: &Range, at: u64) -> Ranged {
        let mut keys = Vec::new();
        let mut count = 0;
        for found in self.between(&range.key, range.end.as_ref(), at) {
            count += 1;
            if range.limit == 0 || keys.len() < range.limit {
                let mut found = found.clone();
                if range.keys_only {
                    found.value = Bytes::new();
                }
                keys.push(found);
            }
        }
        // Of an older state, the revision of that state is told, so that the next page is of it too.
        Ranged {
            revision: at,
            keys,
            count,
        }
    }

    fn between<'a>(
        &'a self,
        key: &'a Bytes,
        end: Option<&'a Bytes>,
        at: u64,
    ) -> impl Iterator<Item = &'a KeyValue> {
        self.keys
            .range::<Bytes, _>((Bound::Included(key), Bound::Unbounded))
            .take_while(move |(one, _)| holds(key, end, one))
            .filter_map(move |(_, versions)| {
                let newest = versions.iter().rev().find(|one| one.revision <= at)?;
                newest.state.as_ref()
            })
    }

    fn get(&self, key: &Bytes) -> Option<&KeyValue> {
        self.keys.get(key)?.last()?.state.as_ref()
    }

    /// Carries out a transaction. What it changed comes along, for those who follow.
    pub fn txn(&mut self, txn: &Txn) -> Result<(Committed, Option<Arc<Changes>>), KvError> {
        self.check(txn)?;
        let is_true = |guard: &Guard| {
            self.get(&guard.key).map_or(0, |found| found.mod_revision) == guard.mod_revision
        };
        if !txn.guards.iter().all(is_true) {
            let refused = Committed::Refused {
                revision: self.revision,
                found: txn
                    .otherwise
                    .iter()
                    .map(|key| self.get(key).cloned())
                    .collect(),
            };
            return Ok((refused, None));
        }
        for write in &txn.writes {
            if let Write::Put { lease, .. } = write
                && *lease != 0
                && !self.leases.contains_key(lease)
            {
                let text = "etcdserver: requested lease not found";
                return Err(KvError::Invalid(text.into()));
            }
        }
        let changes = self.write(&txn.writes);
        let revision = self.revision;
        Ok((Committed::Written { revision }, changes))
    }

    fn check(&self, txn: &Txn) -> Result<(), KvError> {
        let invalid = |text: &str| Err(KvError::Invalid(format!("etcdserver: {text}")));
        if [txn.guards.len(), txn.writes.len(), txn.otherwise.len()]
            .iter()
            .any(|len| *len > MAX_OPS)
        {
            return invalid("too many operations in txn request");
        }
        let (mut bytes, mut seen) = (0, HashSet::new());
        for write in &txn.writes {
            let key = match write {
                Write::Put { key, value, .. } => {
                    bytes += value.len();
                    key
                }
                Write::Delete { key } => key,
            };
            bytes += key.len();
            if key.is_empty() {
                return invalid("key is not provided");
            }
            if !seen.insert(key) {
                return invalid("duplicate key given in txn request");
            }
        }
        if bytes > MAX_BYTES {
            return Err(KvError::TooLarge);
        }
        Ok(())
    }

    /// Carries out writes under one new revision; under none if nothing changes.
    fn write(&mut self, writes: &[Write]) -> Option<Arc<Changes>> {
        let revision = self.revision + 1;
        let mut changes = Vec::with_capacity(writes.len());
        for write in writes {
            changes.extend(match write {
                Write::Put { key, value, lease } => Some(self.put(key, value, *lease, revision)),
                Write::Delete { key } => self.delete(key, revision),
            });
        }
        if changes.is_empty() {
            return None;
        }
        self.revision = revision;
        let changes = Arc::new(Changes { revision, changes });
        self.log.insert(revision, changes.clone());
        Some(changes)
    }

    fn put(&mut self, key: &Bytes, value: &Bytes, lease: i64, revision: u64) -> Change {
        let before = self.get(key).cloned();
        self.detach(before.as_ref());
        if let Some(attached) = self.leases.get_mut(&lease) {
            attached.insert(key.clone());
        }
        let now = KeyValue {
            key: key.clone(),
            value: value.clone(),
            create_revision: before.as_ref().map_or(revision, |old| old.create_revision),
            mod_revision: revision,
            version: before.as_ref().map_or(1, |old| old.version + 1),
            lease,
        };
        self.push(key, revision, Some(now.clone()));
        Change {
            changed: Changed::Put,
            now,
            before,
        }
    }

    fn delete(&mut self, key: &Bytes, revision: u64) -> Option<Change> {
        let before = self.get(key).cloned()?;
        self.detach(Some(&before));
        self.push(key, revision, None);
        let now = KeyValue {
            key: key.clone(),
            value: Bytes::new(),
            create_revision: 0,
            mod_revision: revision,
            version: 0,
            lease: 0,
        };
        Some(Change {
            changed: Changed::Deleted,
            now,
            before: Some(before),
        })
    }

    fn push(&mut self, key: &Bytes, revision: u64, state: Option<KeyValue>) {
        let versions = self.keys.entry(key.clone()).or_default();
        versions.push(Version { revision, state });
    }

    fn detach(&mut self, old: Option<&KeyValue>) {
        if let Some(old) = old
            && let Some(attached) = self.leases.get_mut(&old.lease)
        {
            attached.remove(&old.key);
        }
    }

    /// What happened to these keys from `from` on, which is followable.
    pub fn since(&self, key: &Bytes, end: Option<&Bytes>, from: u64) -> Vec<Changes> {
        self.log
            .range(from..)
            .filter_map(|(_, changes)| among(changes, key, end))
            .collect()
    }

    /// Drops history before `revision`.
    pub fn compact(&mut self, revision: u64) -> Result<(), KvError> {
        if revision > self.revision {
            return Err(KvError::TooNew {
                current: self.revision,
            });
        }
        if revision <= self.compacted {
            return Ok(());
        }
        self.compacted = revision;
        self.log = self.log.split_off(&revision);
        if let Some(first) = self.log.get_mut(&revision) {
            // What was before the oldest readable revision is not readable.
            Arc::make_mut(first)
                .changes
                .iter_mut()
                .for_each(|change| change.before = None);
        }
        self.keys.retain(|_, versions| {
            let kept = versions
                .iter()
                .rposition(|one| one.revision <= revision)
                .unwrap_or(0);
            versions.drain(..kept);
            versions
                .first()
                .is_some_and(|one| one.revision > revision || one.state.is_some())
                || versions.len() > 1
        });
        Ok(())
    }

    /// Makes a lease.
    pub fn grant(&mut self) -> i64 {
        let id = self.leases.last_key_value().map_or(1, |(id, _)| id + 1);
        self.leases.insert(id, BTreeSet::new());
        id
    }

    /// Ends a lease with its keys. `None` if there is no such lease.
    pub fn expire(&mut self, lease: i64) -> Option<Option<Arc<Changes>>> {
        let keys = self.leases.remove(&lease)?;
        let writes: Vec<Write> = keys.into_iter().map(|key| Write::Delete { key }).collect();
        Some(self.write(&writes))
    }
}

/// Whether a range from `key` to before `end` has the key `one`. As in etcd, an end of one zero byte is
/// none.
pub fn holds(key: &Bytes, end: Option<&Bytes>, one: &Bytes) -> bool {
    match end {
        None => one == key,
        Some(end) if end[..] == [0] => one >= key,
        Some(end) => one >= key && one < end,
    }
}

/// The changes of a revision that are within a range.
pub fn among(changes: &Changes, key: &Bytes, end: Option<&Bytes>) -> Option<Changes> {
    let found: Vec<Change> = changes
        .changes
        .iter()
        .filter(|change| holds(key, end, &change.now.key))
        .cloned()
        .collect();
    (!found.is_empty()).then_some(Changes {
        revision: changes.revision,
        changes: found,
    })
}
