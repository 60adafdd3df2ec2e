//! The checksum by which members compare their states (contract #107).

use super::record;
use super::store::{Store, read_failed};
use crate::Revision;
use crate::engine::{Family, history_key, parse_history_key};
use crate::error::Error;
use std::ops::ControlFlow;

/// A checksum of the state at a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash {
    /// CRC32-C over every version that a compaction at `compact_revision` keeps, up to `revision`.
    pub hash: u32,
    /// The store's compaction floor when it was computed. Hashes compare only if this is equal.
    pub compact_revision: Revision,
    /// The revision up to which versions count.
    pub revision: Revision,
}

impl Store {
    /// Checksums the state at `revision` (0: now). Reads the whole history: costs what it holds.
    ///
    /// Depends only on the log: not on which garbage this member has dropped already, nor on when
    /// it restarted. So it counts exactly what logical compaction keeps, and leaves out a tombstone
    /// at the floor itself, which members keep for watchers for different lengths of time.
    pub fn hash(&self, revision: Revision) -> Result<Hash, Error> {
        let (revision, compacted, _pin) = {
            let state = self.state.read();
            let revision = if revision <= 0 {
                state.revision
            } else {
                revision
            };
            if revision > state.revision {
                return Err(Error::FutureRevision);
            }
            if revision < state.compacted {
                return Err(Error::Compacted);
            }
            (revision, state.compacted, self.pins.pin(state.compacted))
        };
        let mut hash = crc32c::crc32c(b"key");
        let mut bad = false;
        let end = history_key(revision.saturating_add(1), 0);
        self.engine
            .scan(Family::History, &[], &end, &mut |key, stored| {
                match self.is_kept(compacted, key, stored) {
                    Some(true) => {
                        hash = crc32c::crc32c_append(hash, key);
                        hash = crc32c::crc32c_append(hash, stored);
                    }
                    Some(false) => {}
                    None => bad = true,
                }
                match bad {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })
            .map_err(read_failed)?;
        if bad {
            crate::broken!("a history record does not parse");
        }
        Ok(Hash {
            hash,
            compact_revision: compacted,
            revision,
        })
    }

    /// Whether a compaction at `compacted` keeps this record. `None`: it is not a record.
    fn is_kept(&self, compacted: Revision, key: &[u8], stored: &[u8]) -> Option<bool> {
        let (revision, sub) = parse_history_key(key)?;
        let (&kind, record) = stored.split_first()?;
        if revision > compacted {
            return Some(true);
        }
        if kind == record::TOMBSTONE {
            return Some(false);
        }
        let key = record::peek_key(record)?;
        let state = self.state.read();
        let visible = state
            .tree
            .get(key)
            .and_then(|slot| slot.entry().version_at(compacted));
        Some(visible.is_some_and(|version| version.position() == (revision, sub)))
    }
}
