//! What the index knows about one key: the newest version in full, older ones by place and size.

use crate::mvcc::Meta;
use crate::{LeaseId, Revision};

/// Added to the length of a record for what storing it costs beside its bytes: its history key, the
/// engine's framing, its share of the index.
const STORED_OVERHEAD: u64 = 64;

const TOMBSTONE_BIT: u32 = 1 << 31;

/// The length that a version can have a record of: far more than any request has.
pub(crate) const RECORD_LEN_MAX: usize = TOMBSTONE_BIT as usize - 1;

/// Where one version lies, and how large its record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub revision: Revision,
    pub sub: u32,
    /// Record length, and in the top bit whether it is a tombstone.
    packed: u32,
}

impl Version {
    pub fn new(revision: Revision, sub: u32, record_len: usize, tombstone: bool) -> Version {
        debug_assert!(record_len <= RECORD_LEN_MAX);
        let flag = if tombstone { TOMBSTONE_BIT } else { 0 };
        Version {
            revision,
            sub,
            packed: record_len as u32 & !TOMBSTONE_BIT | flag,
        }
    }

    pub fn is_tombstone(&self) -> bool {
        self.packed & TOMBSTONE_BIT != 0
    }

    /// Length of the encoded record.
    pub fn record_len(&self) -> usize {
        (self.packed & !TOMBSTONE_BIT) as usize
    }

    /// What this version counts towards the store's size, in bytes.
    pub fn stored_bytes(&self) -> u64 {
        self.record_len() as u64 + STORED_OVERHEAD
    }

    pub fn position(&self) -> (Revision, u32) {
        (self.revision, self.sub)
    }
}

/// What a reader at some revision sees of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The key does not exist there.
    Nothing,
    /// The newest version.
    Newest,
    /// This older version.
    Older(Version),
}

/// One key. 64 bytes, beside the key itself: there are as many of these as there are keys.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub key: Box<[u8]>,
    create_revision: Revision,
    /// Zero for a tombstone.
    version: i64,
    lease: LeaseId,
    newest: Version,
    /// Versions before the newest, oldest first. Boxed: most keys have none after compaction.
    #[allow(clippy::box_collection)]
    older: Option<Box<Vec<Version>>>,
}

impl Entry {
    /// A key without any version yet; [`Entry::push`] gives it the first.
    pub fn vacant(key: &[u8]) -> Entry {
        Entry {
            key: key.into(),
            create_revision: 0,
            version: 0,
            lease: 0,
            newest: Version::new(0, 0, 0, true),
            older: None,
        }
    }

    /// Makes `newest` the newest version. For a tombstone the other three are zero.
    pub fn push(
        &mut self,
        newest: Version,
        create_revision: Revision,
        version: i64,
        lease: LeaseId,
    ) {
        if self.newest.revision != 0 {
            self.older.get_or_insert_default().push(self.newest);
        }
        self.newest = newest;
        self.create_revision = create_revision;
        self.version = version;
        self.lease = lease;
    }

    /// Sets the older versions, oldest first. For building an index in bulk.
    pub fn set_older(&mut self, older: Vec<Version>) {
        self.older = (!older.is_empty()).then(|| Box::new(older));
    }

    pub fn newest(&self) -> Version {
        self.newest
    }

    /// Versions before the newest, oldest first.
    pub fn older(&self) -> &[Version] {
        self.older.as_ref().map_or(&[], |older| older.as_slice())
    }

    /// The key exists now.
    pub fn is_live(&self) -> bool {
        self.version > 0
    }

    /// A compaction may find something to drop here.
    pub fn is_trimmable(&self) -> bool {
        self.older.is_some() || !self.is_live()
    }

    /// The newest version in full. Meaningful for live keys.
    pub fn meta(&self) -> Meta {
        Meta {
            mod_revision: self.newest.revision,
            sub: self.newest.sub,
            create_revision: self.create_revision,
            version: self.version,
            lease: self.lease,
        }
    }

    /// What a reader at `revision` sees.
    pub fn at(&self, revision: Revision) -> Seen {
        if self.newest.revision <= revision {
            return if self.is_live() {
                Seen::Newest
            } else {
                Seen::Nothing
            };
        }
        match self.version_at(revision) {
            Some(version) if !version.is_tombstone() => Seen::Older(version),
            _ => Seen::Nothing,
        }
    }

    /// The newest version not above `revision`, tombstones included.
    pub fn version_at(&self, revision: Revision) -> Option<Version> {
        if self.newest.revision <= revision {
            return Some(self.newest);
        }
        let older = self.older();
        let visible = older.partition_point(|version| version.revision <= revision);
        visible.checked_sub(1).map(|last| older[last])
    }

    /// The version just before the one at `position`, if the index still has it.
    pub fn before(&self, position: (Revision, u32)) -> Option<Version> {
        if self.newest.position() < position {
            return Some(self.newest);
        }
        let older = self.older();
        let earlier = older.partition_point(|version| version.position() < position);
        earlier.checked_sub(1).map(|last| older[last])
    }

    /// Whether the version at `position` is one that somebody may still ask for.
    pub fn references(&self, position: (Revision, u32)) -> bool {
        self.newest.position() == position
            || self
                .older()
                .binary_search_by_key(&position, Version::position)
                .is_ok()
    }

    /// Drops what a compaction at `floor` drops: every version but the newest not above `floor`,
    /// and that one too if it is a tombstone strictly below. Returns false if nothing is left.
    pub fn trim(&mut self, floor: Revision, dropped: &mut dyn FnMut(Version)) -> bool {
        if self.newest.revision <= floor {
            if let Some(older) = self.older.take() {
                older.iter().copied().for_each(&mut *dropped);
            }
            let dead = self.newest.is_tombstone() && self.newest.revision < floor;
            if dead {
                dropped(self.newest);
            }
            return !dead;
        }
        let Some(older) = &mut self.older else {
            return true;
        };
        let visible = older.partition_point(|version| version.revision <= floor);
        let Some(last) = visible.checked_sub(1) else {
            return true;
        };
        let dead = older[last].is_tombstone() && older[last].revision < floor;
        older
            .drain(..if dead { visible } else { last })
            .for_each(&mut *dropped);
        if older.is_empty() {
            self.older = None;
        } else {
            older.shrink_to_fit();
        }
        true
    }
}
