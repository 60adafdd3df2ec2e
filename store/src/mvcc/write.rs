//! The writer: applies a run of commands to the index and collects one batch for the engine.

use super::index::{Entry, Seen, Version};
use super::read::{Query, Source, answer};
use super::record::{self, Fields};
use super::schema;
use super::store::{Meta, State, Store};
use crate::engine::{Batch, EngineError, Family, history_key};
use crate::error::Error;
use crate::event::{Event, EventBatch, Previous};
use crate::faults::{Plant, failpoint, planted};
use crate::{LeaseId, Revision};
use bytes::Bytes;
use keelson_proto::etcdserverpb::RangeRequest;
use keelson_proto::serving;
use parking_lot::RwLockWriteGuard;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

/// A spare batch larger than this is given back to the system.
const SPARE_BATCH_BYTES: usize = 4 << 20;

/// The one writer of a run. Sees its own changes; readers see none before [`Writer::commit`].
///
/// Changes go into the index at once, so a run that changed something must be committed: dropping
/// such a writer stops the member.
pub struct Writer<'a> {
    store: &'a Store,
    state: RwLockWriteGuard<'a, State>,
    batch: Batch,
    /// Changes of this run. Also where records are read from that the engine does not have yet.
    events: Vec<Event>,
    /// The revision before this run.
    base: Revision,
    /// The last finished revision.
    revision: Revision,
    /// Changes so far in the revision in progress.
    sub: u32,
    open: bool,
}

impl Store {
    /// The exclusive writer. Readers wait until it is gone: hold it for one run of commands.
    pub fn writer(&self) -> Writer<'_> {
        let mut state = self.state.write();
        Writer {
            store: self,
            batch: std::mem::take(&mut state.spare),
            events: Vec::new(),
            base: state.revision,
            revision: state.revision,
            sub: 0,
            open: true,
            state,
        }
    }
}

impl Writer<'_> {
    /// The last finished revision.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The newest compaction, those of this run included.
    pub fn compacted(&self) -> Revision {
        self.state.compacted
    }

    /// Something changed since the last [`Writer::end_revision`].
    pub fn changed(&self) -> bool {
        self.sub > 0
    }

    /// The newest version of a key that exists.
    pub fn get(&self, key: &[u8]) -> Option<Meta> {
        let entry = self.state.tree.get(key)?.entry();
        entry.is_live().then(|| entry.meta())
    }

    /// The newest version of a key that exists, encoded.
    pub fn record(&self, key: &[u8]) -> Option<Bytes> {
        let slot = self.state.tree.get(key)?;
        if !slot.entry().is_live() {
            return None;
        }
        if let Some(record) = slot.record() {
            return Some(record.clone());
        }
        match self.fetch(&[slot.entry().newest().position()]) {
            Ok(mut records) => records.pop(),
            Err(error) => crate::broken!("reading the record of a live key: {error}"),
        }
    }

    /// The value of a key that exists.
    pub fn value(&self, key: &[u8]) -> Option<Bytes> {
        let record = self.record(key)?;
        let Some(fields) = Fields::parse(&record) else {
            crate::broken!("a stored record does not parse");
        };
        Some(record::share(&record, fields.value))
    }

    /// Visits the keys that exist in `[key, range_end)` in order; `range_end` as in a `RangeRequest`.
    pub fn visit(
        &self,
        key: &[u8],
        range_end: &[u8],
        visit: &mut dyn FnMut(&[u8], Meta) -> ControlFlow<()>,
    ) {
        let mut visit_live = |entry: &Entry| match entry.is_live() {
            true => visit(&entry.key, entry.meta()),
            false => ControlFlow::Continue(()),
        };
        let tree = &self.state.tree;
        let to = match range_end {
            [] => {
                let _ = tree.get(key).map(|slot| visit_live(slot.entry()));
                return;
            }
            [0] => None,
            to => Some(to),
        };
        let _ = tree.visit(key, to, &mut |slot| visit_live(slot.entry()));
    }

    /// A range that sees the changes of this run. The header has the revision in progress: one above
    /// [`Writer::revision`] if something changed since it was finished.
    pub fn range(&self, request: &RangeRequest) -> Result<serving::RangeResponse, Error> {
        let current = self.revision + Revision::from(self.changed());
        let query = Query::plan(request, current, self.state.compacted)?;
        let source = Source::Writer(self);
        answer(&source, &query)
    }

    /// Writes a key at [`Writer::revision`] + 1.
    pub fn put(&mut self, key: &Bytes, value: &Bytes, lease: LeaseId) {
        let (revision, sub) = self.next_position();
        let State {
            tree,
            cache,
            size,
            segments,
            undumped_bytes,
            ..
        } = &mut *self.state;
        let (record, previous, version) = tree.upsert(key, |entry, cached| {
            let before = entry.is_live().then(|| entry.meta());
            let previous = previous(entry, cached, revision);
            let create_revision = before.map_or(revision, |meta| meta.create_revision);
            let again = planted(Plant::VersionKept) && entry.newest().revision > 0;
            let count = before.map_or(1 + i64::from(again), |meta| meta.version + 1);
            let record = Fields {
                key,
                create_revision,
                mod_revision: revision,
                version: count,
                value,
                lease,
            }
            .encode();
            let version = Version::new(revision, sub, record.len(), false);
            entry.push(version, create_revision, count, lease);
            let caching = cache.is_enabled().then(|| record.clone());
            cache.exchange(cached.as_ref(), caching.as_ref());
            *cached = caching;
            (record, previous, version)
        });
        size.added(version.stored_bytes());
        segments.added(version);
        *undumped_bytes += version.stored_bytes();
        self.log(version, record, previous);
    }

    /// Deletes a key at [`Writer::revision`] + 1. False, and nothing happens, if it does not exist.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        let (revision, sub) = (self.revision + 1, self.sub);
        let State {
            tree,
            cache,
            size,
            segments,
            undumped_bytes,
            ..
        } = &mut *self.state;
        let deleted = tree.modify(key, |entry, cached| {
            if !entry.is_live() {
                return None;
            }
            let previous = previous(entry, cached, revision);
            let record = Fields {
                key,
                mod_revision: revision,
                ..Fields::default()
            }
            .encode();
            let version = Version::new(revision, sub, record.len(), true);
            entry.push(version, 0, 0, 0);
            cache.exchange(cached.as_ref(), None);
            *cached = None;
            Some((record, previous, version))
        });
        let Some((record, previous, version)) = deleted.flatten() else {
            return false;
        };
        size.added(version.stored_bytes());
        segments.added(version);
        *undumped_bytes += version.stored_bytes();
        self.log(version, record, previous);
        true
    }

    fn next_position(&self) -> (Revision, u32) {
        (self.revision + 1, self.sub)
    }

    /// One change into the batch and the events.
    fn log(&mut self, version: Version, record: Bytes, previous: Previous) {
        let deleted = version.is_tombstone();
        let kind = if deleted {
            record::TOMBSTONE
        } else {
            record::PUT
        };
        let position = history_key(version.revision, version.sub);
        self.batch
            .put(Family::History, &position, &[&[kind], &record]);
        let key = record::peek_key(&record).unwrap_or_default();
        self.events.push(Event {
            revision: version.revision,
            sub: version.sub,
            key: record::share(&record, key),
            deleted,
            record,
            previous,
        });
        self.sub += 1;
    }

    /// Closes the revision in progress: if something changed since the last call, the revision is
    /// now one higher.
    pub fn end_revision(&mut self) -> Revision {
        if self.changed() || (planted(Plant::NothingMakesRevision) && self.open) {
            self.revision += 1;
            self.sub = 0;
        }
        self.revision
    }

    /// Makes `revision` the oldest that can be read. What is dropped is dropped later, by
    /// [`Store::sweep`].
    pub fn compact(&mut self, revision: Revision) -> Result<(), Error> {
        if revision <= self.state.compacted {
            return Err(Error::Compacted);
        }
        if revision > self.revision {
            return Err(Error::FutureRevision);
        }
        self.state.compacted = revision;
        schema::put_number(&mut self.batch, schema::COMPACTED, revision);
        failpoint!("compact-decided");
        Ok(())
    }

    /// For other families' changes, which belong into the same atomic batch.
    pub fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// Writes the batch and shows the changes to readers. After an error the index is ahead of the
    /// database: the member must stop.
    pub fn commit(mut self) -> Result<EventBatch, EngineError> {
        self.open = false;
        self.end_revision();
        if self.revision > self.base {
            schema::put_number(&mut self.batch, schema::REVISION, self.revision);
            let total = self.state.size.total as i64;
            schema::put_number(&mut self.batch, schema::TOTAL, total);
        }
        if !self.batch.is_empty() {
            failpoint!("apply-before-write");
            self.store.engine.write(&self.batch)?;
            failpoint!("apply-after-write");
        }
        self.state.revision = self.revision;
        self.store
            .compacted
            .store(self.state.compacted, Ordering::Release);
        self.store.revision.store(self.revision, Ordering::Release);
        let State { cache, tree, .. } = &mut *self.state;
        cache.evict(tree);
        if self.batch.bytes() <= SPARE_BATCH_BYTES {
            self.batch.clear();
            self.state.spare = std::mem::take(&mut self.batch);
        }
        Ok(EventBatch {
            events: std::mem::take(&mut self.events),
            revision: self.revision,
        })
    }

    /// Records at these positions, those of this run included.
    pub(super) fn fetch(&self, positions: &[(Revision, u32)]) -> Result<Vec<Bytes>, Error> {
        let stored: Vec<_> = positions
            .iter()
            .copied()
            .filter(|at| at.0 <= self.base)
            .collect();
        let mut stored = self.store.fetch(&stored)?.into_iter();
        let own = |position: &(Revision, u32)| {
            let at = self
                .events
                .binary_search_by_key(position, |event| (event.revision, event.sub));
            match at {
                Ok(at) => self.events[at].record.clone(),
                Err(_) => {
                    crate::broken!("the index refers to {position:?}, which this run did not write")
                }
            }
        };
        let record = |position: &(Revision, u32)| match position.0 <= self.base {
            true => stored.next().unwrap_or_default(),
            false => own(position),
        };
        Ok(positions.iter().map(record).collect())
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        let dirty = !self.events.is_empty() || !self.batch.is_empty();
        if self.open && dirty && !std::thread::panicking() {
            crate::broken!("a run of commands was applied to the index and not committed");
        }
    }
}

/// How an event refers to the version before its revision (contract #65).
fn previous(entry: &Entry, cached: &Option<Bytes>, revision: Revision) -> Previous {
    if entry.newest().revision == revision && !planted(Plant::PreviousOfSameRevision) {
        // Written twice in one transaction, which validation leaves two gaps for.
        return before(entry, revision);
    }
    if entry.at(Revision::MAX) != Seen::Newest {
        return Previous::None;
    }
    match cached {
        Some(record) => Previous::Record(record.clone()),
        None => {
            let (revision, sub) = entry.newest().position();
            Previous::At(revision, sub)
        }
    }
}

/// The version of a key before a whole revision.
pub(super) fn before(entry: &Entry, revision: Revision) -> Previous {
    match entry.before((revision, 0)) {
        Some(version) if !version.is_tombstone() => Previous::At(version.revision, version.sub),
        _ => Previous::None,
    }
}
