//! The few operations on keys that have no order.

use super::keys::{Asked, Cells, Keys, Touched, carry_out, touch};
use super::minimise;
use super::search::{Model, Searched, Timed, search};
use crate::history::{KvCall, KvReply, OpId};
use std::collections::BTreeSet;

/// How often a smaller history is tried, and with how many steps each.
const TRIES: usize = 400;
const TRY_STEPS: u64 = 200_000;

/// The smallest part that still has no order. A write may go only if nobody who stays saw it: since
/// versions count writes, one that was seen keeps everything before it, so reads go first.
pub(super) fn smallest(group: &[Timed<Asked>]) -> Vec<Timed<Asked>> {
    let is_read = |one: &Timed<Asked>| {
        let mut touched = Touched::default();
        touch(&one.op.call, &mut touched, false);
        !touched.writes
    };
    let fails =
        |ops: &[Timed<Asked>]| search(&Keys, Cells::new(), ops, TRY_STEPS) == Searched::Illegal;
    // Nothing that began after the first contradiction is needed to see it.
    let mut short = group.to_vec();
    let (mut low, mut high) = (0, group.len());
    while low < high {
        let middle = low.midpoint(high);
        match fails(&until(group, middle)) {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    if fails(&until(group, low)) {
        short = until(group, low);
    }
    let writes: Vec<usize> = (0..short.len())
        .filter(|nth| !is_read(&short[*nth]))
        .collect();
    let reads: Vec<usize> = (0..short.len())
        .filter(|nth| is_read(&short[*nth]))
        .collect();
    let with_writes = |kept: &[usize]| -> Vec<Timed<Asked>> {
        let mut all: Vec<usize> = writes.iter().chain(kept).copied().collect();
        all.sort_unstable();
        all.into_iter().map(|nth| short[nth].clone()).collect()
    };
    let kept = minimise(&reads, TRIES, |kept| fails(&with_writes(kept)));
    values_only(with_writes(&kept))
}

/// The first operations, in the order of invocation, whose answers were there when the next one
/// began; those that were still open count as unknown.
fn until(group: &[Timed<Asked>], count: usize) -> Vec<Timed<Asked>> {
    let at = group.get(count).map_or(u64::MAX, |next| next.invoke);
    let mut first = group[..count].to_vec();
    for one in &mut first {
        if one.returned > at {
            one.returned = u64::MAX;
            one.op.reply = None;
        }
    }
    first
}

/// Values alone: what a search can say about fewer writes.
struct Values;

impl Model for Values {
    type Op = Asked;
    type State = Cells;
    fn step(&self, state: &Cells, op: &Asked) -> Vec<Cells> {
        let mut states = carry_out(state, &op.call, op.reply.as_ref());
        for state in &mut states {
            state.values_mut().for_each(|cell| cell.version = 0);
        }
        states
    }
}

fn without_versions(reply: &mut KvReply) {
    match reply {
        KvReply::Range(range) => range.kvs.iter_mut().for_each(|kv| kv.version = 0),
        KvReply::Put(put) => put.prev.iter_mut().for_each(|kv| kv.version = 0),
        KvReply::Delete(delete) => delete.prev.iter_mut().for_each(|kv| kv.version = 0),
        KvReply::Txn(txn) => txn.replies.iter_mut().for_each(without_versions),
    }
}

/// If values alone have no order, drops writes as well, as long as every value that was seen was
/// written by somebody who stays, and deletions stay where an absence was seen.
fn values_only(ops: Vec<Timed<Asked>>) -> Vec<Timed<Asked>> {
    let has_txn = ops.iter().any(|one| matches!(one.op.call, KvCall::Txn(_)));
    let strip = |one: &Timed<Asked>| {
        let mut one = one.clone();
        one.op.reply.iter_mut().for_each(without_versions);
        one
    };
    let stripped: Vec<Timed<Asked>> = ops.iter().map(strip).collect();
    let fails =
        |ops: &[Timed<Asked>]| search(&Values, Cells::new(), ops, TRY_STEPS) == Searched::Illegal;
    if has_txn || !fails(&stripped) {
        return ops;
    }
    let kept = minimise(&stripped, TRIES, |rest| {
        is_grounded(rest, &stripped) && fails(rest)
    });
    let ids: BTreeSet<OpId> = kept.iter().map(|one| one.op.id).collect();
    ops.into_iter()
        .filter(|one| ids.contains(&one.op.id))
        .collect()
}

fn is_grounded(rest: &[Timed<Asked>], all: &[Timed<Asked>]) -> bool {
    let is_delete = |one: &&Timed<Asked>| matches!(one.op.call, KvCall::Delete(_));
    let (mut seen, mut sees_absence) = (BTreeSet::new(), false);
    let mut written = BTreeSet::new();
    for one in rest {
        match (&one.op.call, &one.op.reply) {
            (KvCall::Put(put), reply) => {
                written.insert(&put.value);
                if let Some(KvReply::Put(answer)) = reply
                    && put.prev_kv
                {
                    seen.extend(answer.prev.iter().map(|kv| &kv.value));
                    sees_absence |= answer.prev.is_none();
                }
            }
            (KvCall::Range(_), Some(KvReply::Range(range))) => {
                seen.extend(range.kvs.iter().map(|kv| &kv.value));
                sees_absence |= range.kvs.is_empty();
            }
            (KvCall::Delete(_), Some(KvReply::Delete(answer))) => {
                // That it found something needs the write of it, whichever it was.
                if answer.deleted > 0 {
                    return all
                        .iter()
                        .filter(|one| matches!(one.op.call, KvCall::Put(_)))
                        .all(|put| rest.iter().any(|one| one.op.id == put.op.id));
                }
                sees_absence = true;
            }
            _ => {}
        }
    }
    let has_deletes = rest.iter().filter(is_delete).count() == all.iter().filter(is_delete).count();
    (!sees_absence || has_deletes) && seen.is_subset(&written)
}
