//! Reads: which keys, in which order, how much of them.

use super::{Refusal, Store};
use crate::history::{KeyValue, RangeCall, RangeReply, SortBy, SortOrder};

pub(super) fn range(store: &Store, call: &RangeCall) -> Result<RangeReply, Refusal> {
    if call.revision > store.revision() {
        return Err(Refusal::Future);
    }
    if call.revision > 0 && call.revision < store.compacted() {
        return Err(Refusal::Compacted);
    }
    let revision = match call.revision {
        revision if revision > 0 => revision,
        _ => i64::MAX,
    };
    Ok(answer_range(call, &store.range_at(&call.range, revision)))
}

fn is_within(revision: i64, (least, most): (i64, i64)) -> bool {
    (least == 0 || revision >= least) && (most == 0 || revision <= most)
}

fn sort(kvs: &mut [&KeyValue], by: SortBy) {
    match by {
        SortBy::Key => {}
        SortBy::Version => kvs.sort_by_key(|kv| kv.version),
        SortBy::Create => kvs.sort_by_key(|kv| kv.create_revision),
        SortBy::Mod => kvs.sort_by_key(|kv| kv.mod_revision),
        SortBy::Value => kvs.sort_by(|a, b| a.value.cmp(&b.value)),
    }
}

/// The answer to a read that finds these keys, which are in key order.
pub fn answer_range(call: &RangeCall, found: &[&KeyValue]) -> RangeReply {
    let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
    if call.count_only {
        return RangeReply {
            count,
            ..RangeReply::default()
        };
    }
    let mut kvs: Vec<&KeyValue> = found
        .iter()
        .filter(|kv| is_within(kv.mod_revision, call.mod_bounds))
        .filter(|kv| is_within(kv.create_revision, call.create_bounds))
        .copied()
        .collect();
    match call.order {
        SortOrder::None => {}
        SortOrder::Ascend => sort(&mut kvs, call.sort),
        SortOrder::Descend => {
            sort(&mut kvs, call.sort);
            kvs.reverse();
        }
    }
    let limit = match usize::try_from(call.limit) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(limit) => limit,
    };
    let more = kvs.len() > limit;
    kvs.truncate(limit);
    let shown = |kv: &&KeyValue| match call.keys_only {
        true => KeyValue {
            value: crate::history::Blob::empty(),
            ..(*kv).clone()
        },
        false => (*kv).clone(),
    };
    RangeReply {
        kvs: kvs.iter().map(shown).collect(),
        more,
        count,
    }
}
