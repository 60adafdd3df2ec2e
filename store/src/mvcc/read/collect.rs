//! Answers that are not a run of the index: filtered or sorted. Everything in the range is looked
//! at, as little of it as possible is read.

use super::gather::{Cursor, Found, Source, gather};
use super::query::Query;
use crate::Revision;
use crate::error::Error;
use crate::mvcc::record::{self, Fields};
use bytes::Bytes;
use keelson_proto::etcdserverpb::range_request::SortTarget;

/// Candidates kept beyond twice the limit before the surplus is cut.
const SLACK: usize = 1024;

/// What a key is sorted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// As the index has it: keys are collected in order.
    Key(u64),
    Number(i64),
    Value(Bytes),
}

/// The positions of a collected answer, in order, with the records that had to be read anyway.
pub(crate) struct Collected {
    pub found: Vec<Found>,
    /// The limit cut something off.
    pub more: bool,
}

/// Collects, filters, sorts and cuts (contract #22 to #25).
pub(crate) fn collect(source: &Source<'_>, query: &Query) -> Result<Collected, Error> {
    let mut cursor = Cursor::new(query);
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let mut candidates: Vec<(Rank, Found)> = Vec::new();
    let mut accepted: u64 = 0;
    let needed =
        |found: &Found| query.sorts_values() || (query.reads_fields() && found.meta.is_none());
    while !cursor.is_done() {
        for found in gather(source, query, &mut cursor, (usize::MAX, usize::MAX), needed)? {
            let (create_revision, version) = fields(query, &found);
            if !query.filter.accepts(found.position.0, create_revision) {
                continue;
            }
            let rank = match query.sort {
                None | Some((SortTarget::Key, _)) => Rank::Key(accepted),
                Some((SortTarget::Version, _)) => Rank::Number(version),
                Some((SortTarget::Create, _)) => Rank::Number(create_revision),
                Some((SortTarget::Mod, _)) => Rank::Number(found.position.0),
                Some((SortTarget::Value, _)) => Rank::Value(value(&found)),
            };
            accepted += 1;
            candidates.push((rank, found));
        }
        if limit > 0 && candidates.len() > limit.saturating_mul(2).saturating_add(SLACK) {
            sort(query, &mut candidates);
            candidates.truncate(limit);
        }
    }
    sort(query, &mut candidates);
    if limit > 0 {
        candidates.truncate(limit);
    }
    Ok(Collected {
        found: candidates.into_iter().map(|(_, found)| found).collect(),
        more: query.limit > 0 && accepted > query.limit,
    })
}

/// Equal ranks stay in key order, on every member.
fn sort(query: &Query, candidates: &mut [(Rank, Found)]) {
    match query.sort {
        None => {}
        Some((_, false)) => candidates.sort_by(|a, b| a.0.cmp(&b.0)),
        Some((_, true)) => candidates.sort_by(|a, b| b.0.cmp(&a.0)),
    }
}

/// create_revision and version, where the query looks at them.
fn fields(query: &Query, found: &Found) -> (Revision, i64) {
    match (found.meta, &found.record) {
        (Some(meta), _) => (meta.create_revision, meta.version),
        (None, Some(record)) if query.reads_fields() => {
            let fields = parse(found, record);
            (fields.create_revision, fields.version)
        }
        _ => (0, 0),
    }
}

fn value(found: &Found) -> Bytes {
    match &found.record {
        Some(record) => record::share(record, parse(found, record).value),
        None => Bytes::new(),
    }
}

fn parse<'a>(found: &Found, record: &'a Bytes) -> Fields<'a> {
    match Fields::parse(record) {
        Some(fields) => fields,
        None => crate::broken!("the record at {:?} does not parse", found.position),
    }
}
