//! From the index to records: a few hundred keys under the lock, then the engine without it.

use super::query::{End, Query};
use crate::Revision;
use crate::error::Error;
use crate::mvcc::index::{Seen, Slot, Version};
use crate::mvcc::record::{self, Fields};
use crate::mvcc::store::{Meta, State, Store};
use crate::mvcc::write::Writer;
use bytes::Bytes;
use std::ops::ControlFlow;

/// Keys looked at per hold of the lock.
const KEYS_PER_LOCK: usize = 500;
/// An answer of so few keys is cached even if others must go for it.
const SMALL_ANSWER: usize = 64;
/// What a record costs an answer beside its bytes, roughly.
const KEY_BYTES: usize = 16;

/// Where a range reads: the published state, or the writer's in the middle of a run.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    Store(&'a Store),
    Writer(&'a Writer<'a>),
}

impl Source<'_> {
    pub fn with_state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        match self {
            Source::Store(store) => read(&store.state.read()),
            Source::Writer(writer) => read(writer.state()),
        }
    }

    pub fn fetch(&self, positions: &[(Revision, u32)]) -> Result<Vec<Bytes>, Error> {
        match self {
            _ if positions.is_empty() => Ok(Vec::new()),
            Source::Store(store) => store.fetch(positions),
            Source::Writer(writer) => writer.fetch(positions),
        }
    }
}

/// One key of an answer, as far as the index knows it.
pub(crate) struct Found {
    pub position: (Revision, u32),
    pub record_len: usize,
    /// Known of newest versions.
    pub meta: Option<Meta>,
    /// The record, where it was at hand. With `keys_only` already without its value.
    pub record: Option<Bytes>,
}

impl Found {
    fn at(version: Version, meta: Option<Meta>, record: Option<Bytes>) -> Found {
        Found {
            position: version.position(),
            record_len: version.record_len(),
            meta,
            record,
        }
    }

    /// What it adds to an answer, roughly.
    pub fn answer_len(&self, query: &Query) -> usize {
        KEY_BYTES + if query.keys_only { 0 } else { self.record_len }
    }
}

/// How far a range has come.
pub(crate) struct Cursor {
    /// Where to go on; `None` when done.
    next: Option<Bytes>,
    /// Keys that may still be returned.
    left: u64,
}

impl Cursor {
    pub fn new(query: &Query) -> Cursor {
        let left = match (query.limit, query.collects()) {
            (0, _) => u64::MAX,
            (limit, false) => limit,
            // One more than asked for, to know whether something was cut off.
            (limit, true) if query.limit_first => limit.saturating_add(1),
            (_, true) => u64::MAX,
        };
        Cursor {
            next: (!query.count_only).then(|| query.interval.from.clone()),
            left,
        }
    }

    pub fn is_done(&self) -> bool {
        self.next.is_none()
    }
}

/// Keys in the interval, whatever the limit and the filters (contract #19).
pub(crate) fn count(state: &State, query: &Query) -> u64 {
    let interval = &query.interval;
    match interval.end {
        End::Single => {
            let slot = state.tree.get(&interval.from);
            slot.is_some_and(|slot| slot.entry().at(query.at) != Seen::Nothing)
                .into()
        }
        _ => state.tree.count(&interval.from, interval.to(), query.at),
    }
}

/// Takes the next keys off the index, at most `keys_max` or about `bytes_max`.
fn take(
    state: &State,
    query: &Query,
    cursor: &mut Cursor,
    keys_max: usize,
    bytes_max: usize,
) -> Vec<Found> {
    let Some(from) = cursor.next.take() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if query.interval.end == End::Single {
        found.extend(state.tree.get(&from).and_then(|slot| visible(slot, query)));
        return found;
    }
    let mut keys_left = usize::try_from(cursor.left)
        .unwrap_or(usize::MAX)
        .min(keys_max);
    let mut bytes = 0;
    let mut visited = 0;
    let mut last: &[u8] = &[];
    let _ = state.tree.visit(&from, query.interval.to(), &mut |slot| {
        if keys_left == 0 || bytes >= bytes_max || visited == KEYS_PER_LOCK {
            cursor.next = Some(successor(last));
            return ControlFlow::Break(());
        }
        visited += 1;
        last = &slot.entry().key;
        if let Some(item) = visible(slot, query) {
            keys_left -= 1;
            bytes += item.answer_len(query);
            found.push(item);
        }
        ControlFlow::Continue(())
    });
    cursor.left -= found.len() as u64;
    if cursor.left == 0 {
        cursor.next = None;
    }
    found
}

/// The next keys of a range as the index knows them, read from nowhere. May be empty before the range
/// is done.
pub(crate) fn look(source: &Source<'_>, query: &Query, cursor: &mut Cursor) -> Vec<Found> {
    source.with_state(|state| take(state, query, cursor, usize::MAX, usize::MAX))
}

fn visible(slot: Slot<'_>, query: &Query) -> Option<Found> {
    let entry = slot.entry();
    let version = match entry.at(query.at) {
        Seen::Nothing => return None,
        Seen::Older(version) => {
            return Some(Found::at(version, None, None));
        }
        Seen::Newest => entry.newest(),
    };
    let meta = entry.meta();
    let record = match query.keys_only && !query.sorts_values() {
        // The index knows all of it.
        true => Some(key_record(&entry.key, meta)),
        false => slot.record().cloned(),
    };
    Some(Found::at(version, Some(meta), record))
}

fn key_record(key: &[u8], meta: Meta) -> Bytes {
    Fields {
        key,
        create_revision: meta.create_revision,
        mod_revision: meta.mod_revision,
        version: meta.version,
        value: &[],
        lease: meta.lease,
    }
    .encode()
}

/// The smallest key above `key`.
fn successor(key: &[u8]) -> Bytes {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next.into()
}

/// The next keys of a range, with those records that `needed` wants read from the engine. May be
/// empty before the range is done.
pub(crate) fn gather(
    source: &Source<'_>,
    query: &Query,
    cursor: &mut Cursor,
    (keys_max, bytes_max): (usize, usize),
    needed: impl Fn(&Found) -> bool,
) -> Result<Vec<Found>, Error> {
    let mut found = source.with_state(|state| take(state, query, cursor, keys_max, bytes_max));
    let missing: Vec<usize> = (0..found.len())
        .filter(|at| found[*at].record.is_none() && needed(&found[*at]))
        .collect();
    if missing.is_empty() {
        return Ok(found);
    }
    let positions: Vec<_> = missing.iter().map(|at| found[*at].position).collect();
    let mut newest = Vec::new();
    for (at, record) in missing.iter().zip(source.fetch(&positions)?) {
        if found[*at].meta.is_some() {
            newest.push((found[*at].position, record.clone()));
        }
        found[*at].record = Some(record);
    }
    if let Source::Store(store) = source {
        store.warm(&newest, found.len() <= SMALL_ANSWER);
    }
    Ok(found)
}

/// The record as it is answered.
pub(crate) fn finish(query: &Query, found: Found) -> Bytes {
    let record = found.record.unwrap_or_default();
    if !query.keys_only {
        return record;
    }
    match record::without_value(&record) {
        Some(record) => record,
        None => crate::broken!("the record at {:?} does not parse", found.position),
    }
}

impl Store {
    /// Caches records of newest versions that had to be read, given in the order of their keys. Best
    /// effort: never waits.
    pub(super) fn warm(&self, records: &[((Revision, u32), Bytes)], may_evict: bool) {
        if records.is_empty() {
            return;
        }
        let Some(mut state) = self.state.try_write() else {
            return;
        };
        let State { tree, cache, .. } = &mut *state;
        if !cache.is_enabled() {
            return;
        }
        let mut records = records.iter().map(|(position, record)| {
            let key = record::peek_key(record).unwrap_or_default();
            (key, position, record)
        });
        let mut next = records.next();
        let from = next.map_or(&[][..], |(key, ..)| key);
        // They are the keys of a range, in order: one walk over its leaves.
        let _ = tree.walk_leaves(from, &|_| true, &mut |leaf| {
            for at in 0..leaf.entries.len() {
                let known = &*leaf.entries[at].key;
                while next.is_some_and(|(key, ..)| key < known) {
                    next = records.next();
                }
                let Some((key, position, record)) = next else {
                    return ControlFlow::Break(());
                };
                if key != known {
                    continue;
                }
                if !may_evict && !cache.has_room_for(record) {
                    return ControlFlow::Break(());
                }
                leaf.change(at, |entry, cached| {
                    if cached.is_none() && entry.newest().position() == *position {
                        cache.exchange(None, Some(record));
                        *cached = Some(record.clone());
                    }
                });
                next = records.next();
            }
            ControlFlow::Continue(())
        });
        cache.evict(tree);
    }
}
