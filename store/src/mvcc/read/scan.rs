//! A range in chunks, all of one revision.

use super::collect::collect;
use super::gather::{Cursor, Found, Source, count, finish, gather, look};
use super::query::Query;
use crate::Revision;
use crate::error::Error;
use crate::faults::{Plant, planted};
use crate::mvcc::pins::Pin;
use crate::mvcc::store::Store;
use bytes::Bytes;
use keelson_proto::etcdserverpb::{RangeRequest, ResponseHeader};
use keelson_proto::serving;
use std::sync::Arc;

/// Records read per chunk of a collected answer.
const CHUNK_KEYS: usize = 500;

/// A range that is being read, chunk by chunk. Every chunk is of the revision at which the scan
/// began: it holds a pin, so compaction takes nothing away from it. Let go of it soon.
pub struct RangeScan {
    store: Arc<Store>,
    query: Query,
    _pin: Pin,
    count: u64,
    more: bool,
    body: Body,
}

/// One key of an answer.
pub struct Find(Where);

enum Where {
    /// The record is at hand.
    Here(Bytes),
    /// It has to be read.
    Stored {
        position: (Revision, u32),
        record_len: u32,
        is_newest: bool,
    },
}

impl Find {
    /// Length of the record.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        match &self.0 {
            Where::Here(record) => record.len(),
            Where::Stored { record_len, .. } => *record_len as usize,
        }
    }

    fn of(found: Found) -> Find {
        Find(match found.record {
            Some(record) => Where::Here(record),
            None => Where::Stored {
                position: found.position,
                record_len: found.record_len as u32,
                is_newest: found.meta.is_some(),
            },
        })
    }

    fn here(self) -> Option<Bytes> {
        match self.0 {
            Where::Here(record) => Some(record),
            Where::Stored { .. } => None,
        }
    }

    /// Bytes that have to be read for it.
    pub fn unread(&self) -> usize {
        match &self.0 {
            Where::Here(_) => 0,
            Where::Stored { record_len, .. } => *record_len as usize,
        }
    }
}

enum Body {
    Stream(Cursor),
    Collected(std::vec::IntoIter<Found>),
}

impl Store {
    /// Checks the request's revision, pins it, counts, and starts a scan. Sorted and filtered
    /// answers are collected here already.
    pub fn begin_range(&self, request: &RangeRequest) -> Result<RangeScan, Error> {
        let (query, pin, count) = {
            let state = self.state.read();
            let query = Query::plan(request, state.revision, state.compacted)?;
            // Under the lock nothing is compacted, so the pin is in time.
            let pin = self.pins.pin(query.at);
            let count = count(&state, &query);
            (query, pin, count)
        };
        let store = self.this.upgrade().expect("the caller holds the store");
        let (body, more) = if query.collects() && !query.count_only {
            let collected = collect(&Source::Store(self), &query)?;
            (Body::Collected(collected.found.into_iter()), collected.more)
        } else {
            let cut = !query.count_only && query.limit > 0 && count > query.limit;
            (Body::Stream(Cursor::new(&query)), cut)
        };
        Ok(RangeScan {
            store,
            query,
            _pin: pin,
            count,
            more,
            body,
        })
    }

    /// The whole answer at once. The header has only the revision.
    pub fn range(&self, request: &RangeRequest) -> Result<serving::RangeResponse, Error> {
        if let Some(response) = self.get_cached(request) {
            return Ok(response);
        }
        let mut scan = self.begin_range(request)?;
        let mut kvs = Vec::new();
        loop {
            let chunk = scan.next_chunk(usize::MAX, usize::MAX)?;
            if chunk.is_empty() {
                break;
            }
            match kvs.is_empty() {
                true => kvs = chunk,
                false => kvs.extend(chunk),
            }
        }
        Ok(response(&scan.query, scan.count, kvs, scan.more))
    }

    /// The commonest read by far, without a pin: the present of one key whose record is cached.
    fn get_cached(&self, request: &RangeRequest) -> Option<serving::RangeResponse> {
        if !request.range_end.is_empty() || request.revision > 0 || request.count_only {
            return None;
        }
        let state = self.state.read();
        let query = Query::plan(request, state.revision, state.compacted).ok()?;
        if query.keys_only || query.filter.is_set() {
            return None;
        }
        let kvs = match state.tree.get(&request.key) {
            Some(slot) if slot.entry().is_live() => vec![slot.record()?.clone()],
            _ => Vec::new(),
        };
        Some(response(&query, kvs.len() as u64, kvs, false))
    }
}

impl RangeScan {
    /// The store's revision when the scan began, for the header: also where an older one is read.
    pub fn revision(&self) -> Revision {
        self.query.current
    }

    /// Keys in the range at the revision that is read, whatever the limit and the filters.
    pub fn count(&self) -> i64 {
        self.count as i64
    }

    /// Whether the limit cut something off.
    pub fn more(&self) -> bool {
        self.more
    }

    /// Takes the next few hundred keys off the index and reads nothing. Empty when done. Not for
    /// answers that are collected or have no values: those are known only once they are read.
    pub fn look(&mut self) -> Vec<Find> {
        let (Body::Stream(cursor), false) = (&mut self.body, self.query.keys_only) else {
            return Vec::new();
        };
        let source = Source::Store(&self.store);
        while !cursor.is_done() {
            let found = look(&source, &self.query, cursor);
            if !found.is_empty() {
                return found.into_iter().map(Find::of).collect();
            }
        }
        Vec::new()
    }

    /// The records (encoded `KeyValue`s) of what [`RangeScan::look`] found. Blocks on the disk.
    pub fn read(&self, finds: Vec<Find>) -> Result<Vec<Bytes>, Error> {
        let stored = |find: &Find| match find.0 {
            Where::Stored { position, .. } => Some(position),
            Where::Here(_) => None,
        };
        let positions: Vec<_> = finds.iter().filter_map(stored).collect();
        let mut read = self.store.fetch(&positions)?.into_iter();
        let mut newest = Vec::new();
        let mut records = Vec::with_capacity(finds.len());
        for find in finds {
            let Where::Stored {
                position,
                record_len,
                is_newest,
            } = find.0
            else {
                records.extend(find.here());
                continue;
            };
            let record = read.next().unwrap_or_default();
            if record.len() != record_len as usize {
                crate::broken!(
                    "the record at {position:?} has {} bytes, not {record_len}",
                    record.len()
                );
            }
            if is_newest {
                newest.push((position, record.clone()));
            }
            records.push(record);
        }
        self.store.warm(&newest, false);
        Ok(records)
    }

    /// The next records (encoded `KeyValue`s), at most `keys_max` or about `bytes_max`, at least
    /// one. Empty when done.
    pub fn next_chunk(&mut self, keys_max: usize, bytes_max: usize) -> Result<Vec<Bytes>, Error> {
        if planted(Plant::RangeMixesRevisions) {
            self.query.at = self.store.revision();
        }
        let source = Source::Store(&self.store);
        let keys_max = keys_max.max(1);
        match &mut self.body {
            Body::Stream(cursor) => {
                next_records(&source, &self.query, cursor, (keys_max, bytes_max.max(1)))
            }
            Body::Collected(found) => {
                let mut chunk = Vec::new();
                let mut bytes = 0;
                while chunk.len() < keys_max.min(CHUNK_KEYS) && bytes < bytes_max.max(1) {
                    let Some(next) = found.next() else { break };
                    bytes += next.answer_len(&self.query);
                    chunk.push(next);
                }
                load(&source, &self.query, chunk)
            }
        }
    }
}

/// The whole answer for a reader that already holds what it reads: the writer.
pub(crate) fn answer(source: &Source<'_>, query: &Query) -> Result<serving::RangeResponse, Error> {
    let count = source.with_state(|state| count(state, query));
    if query.collects() && !query.count_only {
        let collected = collect(source, query)?;
        let kvs = load(source, query, collected.found)?;
        return Ok(response(query, count, kvs, collected.more));
    }
    let mut cursor = Cursor::new(query);
    let mut kvs = Vec::new();
    while !cursor.is_done() {
        kvs.extend(next_records(
            source,
            query,
            &mut cursor,
            (usize::MAX, usize::MAX),
        )?);
    }
    let more = !query.count_only && query.limit > 0 && count > query.limit;
    Ok(response(query, count, kvs, more))
}

/// The next records in key order. Empty only when done, although a stretch of the index may hold
/// nothing that is visible.
fn next_records(
    source: &Source<'_>,
    query: &Query,
    cursor: &mut Cursor,
    most: (usize, usize),
) -> Result<Vec<Bytes>, Error> {
    while !cursor.is_done() {
        let found = gather(source, query, cursor, most, |_| true)?;
        if !found.is_empty() {
            return Ok(found
                .into_iter()
                .map(|found| finish(query, found))
                .collect());
        }
    }
    Ok(Vec::new())
}

/// Reads the records of collected keys that were not read for collecting them.
fn load(source: &Source<'_>, query: &Query, mut found: Vec<Found>) -> Result<Vec<Bytes>, Error> {
    let missing: Vec<_> = found
        .iter()
        .filter(|found| found.record.is_none())
        .map(|found| found.position)
        .collect();
    let mut records = source.fetch(&missing)?.into_iter();
    for found in found.iter_mut().filter(|found| found.record.is_none()) {
        found.record = records.next();
    }
    Ok(found
        .into_iter()
        .map(|found| finish(query, found))
        .collect())
}

fn response(query: &Query, count: u64, kvs: Vec<Bytes>, more: bool) -> serving::RangeResponse {
    serving::RangeResponse {
        header: Some(ResponseHeader {
            revision: query.current,
            ..ResponseHeader::default()
        }),
        kvs,
        more,
        count: count as i64,
    }
}
