//! The search, on the keys of a store.

use super::search::{Model, Searched, Timed, is_order, search};
use super::smaller::smallest;
use crate::check::truth::Truth;
use crate::check::verdict::{Court, Finding, Violation};
use crate::check::witness::{is_local, is_write};
use crate::history::{
    Blob, Call, Comparison, History, KeyRange, KvCall, KvReply, LockCall, OpId, Operation,
    Operator, Outcome, Reply, Target,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Steps for one group of keys: some seconds.
const STEPS: u64 = 20_000_000;
/// Groups with more keys than these are left to the witness.
const KEYS_MAX: usize = 64;

/// A key as the search knows it. What no answer has shown yet is not known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cell {
    pub(super) value: Blob,
    pub(super) version: i64,
}

/// Keys that are there.
pub(super) type Cells = BTreeMap<Blob, Cell>;

/// What one operation asked and was answered.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) id: OpId,
    pub(super) call: KvCall,
    pub(super) reply: Option<KvReply>,
    /// Where the store says that it took effect: a revision, and if it only read it. Nothing if it never did.
    place: Option<(i64, bool)>,
}

/// Values and versions of keys; not revisions, which this judge does not trust.
pub(super) struct Keys;

/// If a comparison holds; nothing if it is about something that is not known here.
fn holds(cells: &Cells, one: &Comparison) -> Option<bool> {
    let cell = cells.get(&one.range.key);
    let order = match &one.target {
        Target::Value(wanted) => match cell {
            None => return Some(false),
            Some(cell) => cell.value.cmp(wanted),
        },
        Target::Version(wanted) => cell.map_or(0, |cell| cell.version).cmp(wanted),
        // Whether a key is there is known; which revision made it is not.
        Target::Create(0) | Target::Mod(0) => usize::from(cell.is_some()).cmp(&0),
        Target::Create(_) | Target::Mod(_) => match (cell, one.operator) {
            (None, Operator::Equal) => return Some(false),
            (None, Operator::NotEqual) => return Some(true),
            _ => return None,
        },
        Target::Lease(_) => return None,
    };
    Some(match one.operator {
        Operator::Equal => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
        Operator::Greater => order.is_gt(),
        Operator::Less => order.is_lt(),
    })
}

/// Carries a request out in all ways that are possible and agree with its answer.
pub(super) fn carry_out(cells: &Cells, call: &KvCall, reply: Option<&KvReply>) -> Vec<Cells> {
    match (call, reply) {
        (KvCall::Range(range), Some(KvReply::Range(reply))) => {
            let shown = reply.kvs.first();
            let cell = cells.get(&range.range.key);
            let is_right = match (shown, cell) {
                _ if range.count_only => (reply.count == 1) == cell.is_some(),
                (None, None) => true,
                (Some(kv), Some(cell)) => {
                    (range.keys_only || kv.value == cell.value) && kv.version == cell.version
                }
                _ => false,
            };
            Vec::from_iter(is_right.then(|| cells.clone()))
        }
        (KvCall::Put(put), reply) => {
            let before = cells.get(&put.key);
            if let Some(KvReply::Put(answer)) = reply
                && put.prev_kv
                && answer.prev.as_ref().map(|kv| (&kv.value, kv.version))
                    != before.map(|cell| (&cell.value, cell.version))
            {
                return Vec::new();
            }
            let value = match (put.ignore_value, before) {
                (true, None) => return Vec::from_iter(reply.is_none().then(|| cells.clone())),
                (true, Some(cell)) => cell.value.clone(),
                (false, _) => put.value.clone(),
            };
            let version = before.map_or(1, |cell| cell.version + 1);
            let mut after = cells.clone();
            after.insert(put.key.clone(), Cell { value, version });
            vec![after]
        }
        (KvCall::Delete(delete), reply) => {
            let mut after = cells.clone();
            let gone = after.remove(&delete.range.key).is_some();
            match reply {
                Some(KvReply::Delete(answer)) if (answer.deleted == 1) != gone => Vec::new(),
                _ => vec![after],
            }
        }
        (KvCall::Txn(txn), reply) => {
            let answers: Vec<Option<bool>> =
                txn.compare.iter().map(|one| holds(cells, one)).collect();
            let can_fail = txn.compare.is_empty().then_some(false);
            let can_fail = can_fail.unwrap_or(answers.iter().any(|one| *one != Some(true)));
            let can_succeed = answers.iter().all(|one| *one != Some(false));
            let mut states = Vec::new();
            for (is_possible, succeeded, branch) in [
                (can_succeed, true, &txn.success),
                (can_fail, false, &txn.failure),
            ] {
                let replies = match reply {
                    Some(KvReply::Txn(reply)) if reply.succeeded != succeeded => continue,
                    Some(KvReply::Txn(reply)) => Some(&reply.replies),
                    _ => None,
                };
                if is_possible {
                    states.extend(in_turn(cells, branch, replies));
                }
            }
            states
        }
        (KvCall::Range(_), _) => vec![cells.clone()],
    }
}

fn in_turn(cells: &Cells, calls: &[KvCall], replies: Option<&Vec<KvReply>>) -> Vec<Cells> {
    let mut states = vec![cells.clone()];
    for (nth, call) in calls.iter().enumerate() {
        let reply = replies.and_then(|replies| replies.get(nth));
        states = states
            .iter()
            .flat_map(|state| carry_out(state, call, reply))
            .collect();
    }
    states
}

impl Model for Keys {
    type Op = Asked;
    type State = Cells;
    fn step(&self, state: &Cells, op: &Asked) -> Vec<Cells> {
        carry_out(state, &op.call, op.reply.as_ref())
    }
}

/// What a request is about: single keys, or something that this judge leaves out.
#[derive(Debug, Default)]
pub(super) struct Touched {
    keys: Vec<Blob>,
    pub(super) writes: bool,
    /// It names a range, a fixed revision, a lease, or a nested transaction.
    is_beyond: bool,
    ranges: Vec<KeyRange>,
}

pub(super) fn touch(call: &KvCall, touched: &mut Touched, is_nested: bool) {
    let range = |range: &KeyRange, touched: &mut Touched| match range.is_one() {
        true => touched.keys.push(range.key.clone()),
        false => {
            touched.is_beyond = true;
            touched.ranges.push(range.clone());
        }
    };
    match call {
        KvCall::Range(read) => {
            range(&read.range, touched);
            touched.is_beyond |= read.revision > 0
                || read.mod_bounds != (0, 0)
                || read.create_bounds != (0, 0)
                || read.limit < 0;
        }
        KvCall::Put(put) => {
            touched.keys.push(put.key.clone());
            touched.writes = true;
            touched.is_beyond |= put.lease != 0;
        }
        KvCall::Delete(delete) => {
            range(&delete.range, touched);
            touched.writes = true;
        }
        KvCall::Txn(txn) => {
            // A nested transaction decides on the state before the outer one.
            touched.is_beyond |= is_nested;
            for one in &txn.compare {
                range(&one.range, touched);
            }
            for one in txn.success.iter().chain(&txn.failure) {
                touch(one, touched, true);
            }
        }
    }
}

/// The representative of a group of keys.
fn root(parents: &mut [usize], mut one: usize) -> usize {
    while parents[one] != one {
        parents[one] = parents[parents[one]];
        one = parents[one];
    }
    one
}

/// Groups of operations that share no key, and how many were left out.
struct Groups {
    groups: Vec<Vec<Timed<Asked>>>,
    left_out: usize,
}

fn asked(operation: &Operation) -> Option<(KvCall, Option<KvReply>)> {
    let Call::Kv(call) = &operation.call else {
        return None;
    };
    match &operation.outcome {
        Outcome::Failed { .. } => None,
        Outcome::Unknown { .. } => Some((call.clone(), None)),
        Outcome::Ok(Reply::Kv { reply, .. }) => Some((call.clone(), Some(reply.clone()))),
        Outcome::Ok(_) => None,
    }
}

/// The place that revisions suggest.
fn place(operation: &Operation, truth: &Truth) -> Option<(i64, bool)> {
    match &operation.outcome {
        Outcome::Ok(Reply::Kv { header, reply }) => Some((header.revision, !is_write(reply))),
        _ => Some((*truth.resolved.get(&operation.id)?, false)),
    }
}

/// Whether a group is in order as the store says it.
fn is_as_suggested(group: &[Timed<Asked>]) -> bool {
    let mut suggested: Vec<&Timed<Asked>> =
        group.iter().filter(|one| one.op.place.is_some()).collect();
    // Within a revision the write first, then as they began: the sort keeps that.
    suggested.sort_by_key(|one| one.op.place);
    is_order(&Keys, Cells::new(), &suggested)
}

/// Keys that a service of locks writes.
fn lock_range(call: &LockCall) -> KeyRange {
    match call {
        LockCall::Lock { name, .. }
        | LockCall::Campaign { name, .. }
        | LockCall::Leader { name }
        | LockCall::Observe { name } => KeyRange::prefix(name.clone()),
        LockCall::Unlock { key }
        | LockCall::Proclaim { key, .. }
        | LockCall::Resign { key, .. } => KeyRange::one(key.clone()),
    }
}

fn groups(history: &History, truth: &Truth) -> Groups {
    let mut numbers: HashMap<Blob, usize> = HashMap::new();
    let mut parents: Vec<usize> = Vec::new();
    let mut spoilt: HashSet<Blob> = HashSet::new();
    let mut ranges: BTreeSet<(Blob, Blob)> = BTreeSet::new();
    let mut found: Vec<(usize, Timed<Asked>)> = Vec::new();
    let mut left_out = 0;
    for operation in &history.operations {
        if let Call::Lock(lock) = &operation.call {
            let written = lock_range(lock);
            ranges.insert((written.key, written.end));
        }
        let Some((call, reply)) = asked(operation) else {
            continue;
        };
        let mut touched = Touched::default();
        touch(&call, &mut touched, false);
        let is_dropped =
            !touched.writes && (touched.is_beyond || reply.is_none() || is_local(&operation.call));
        if is_dropped || touched.keys.is_empty() && touched.ranges.is_empty() {
            left_out += 1;
            continue;
        }
        if touched.is_beyond {
            // What it writes cannot be left out, so its keys are.
            spoilt.extend(touched.keys);
            ranges.extend(touched.ranges.into_iter().map(|one| (one.key, one.end)));
            left_out += 1;
            continue;
        }
        let mut first = None;
        for key in touched.keys {
            let next = parents.len();
            let number = *numbers.entry(key).or_insert(next);
            if number == next {
                parents.push(next);
            }
            let number = root(&mut parents, number);
            let first = *first.get_or_insert(number);
            parents[number] = first;
        }
        let timed = Timed {
            invoke: operation.invoke,
            returned: operation.returned(),
            op: Asked {
                id: operation.id,
                place: place(operation, truth),
                call,
                reply,
            },
        };
        found.push((first.unwrap_or(0), timed));
    }
    let ranges: Vec<KeyRange> = ranges
        .into_iter()
        .map(|(key, end)| KeyRange { key, end })
        .collect();
    let mut bad: HashSet<usize> = HashSet::new();
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    for (key, number) in &numbers {
        let group = root(&mut parents, *number);
        *sizes.entry(group).or_default() += 1;
        if spoilt.contains(key) || ranges.iter().any(|range| range.contains(key)) {
            bad.insert(group);
        }
    }
    let mut groups: BTreeMap<usize, Vec<Timed<Asked>>> = BTreeMap::new();
    for (number, timed) in found {
        let group = root(&mut parents, number);
        if bad.contains(&group) || sizes[&group] > KEYS_MAX {
            left_out += 1;
        } else {
            groups.entry(group).or_default().push(timed);
        }
    }
    for group in groups.values_mut() {
        group.sort_by_key(|one| one.invoke);
    }
    Groups {
        groups: groups.into_values().collect(),
        left_out,
    }
}

/// The second opinion on every group of keys.
///
/// *A pass proves* that for each group of keys that are joined by transactions there is an order of all
/// its operations that respects real time and explains every value and version that was answered: it
/// is linearizable, whatever the revisions say. Left out are reads of ranges, of fixed revisions and
/// such as may be old; keys in a range that a write names, keys with leases, groups with more than 64
/// keys: all of these are the witness's alone.
pub fn check(history: &History, truth: &Truth) -> Finding {
    let mut court = Court::new("wgl");
    let Groups { groups, left_out } = groups(history, truth);
    let mut out_of_steps = 0;
    for group in &groups {
        if court.is_full() {
            break;
        }
        if is_as_suggested(group) {
            court.look(group.len());
            continue;
        }
        match search(&Keys, Cells::new(), group, STEPS) {
            Searched::Linearizable => court.look(group.len()),
            Searched::OutOfSteps => out_of_steps += 1,
            Searched::Illegal => {
                court.look(group.len());
                let small = smallest(group);
                let ids = small.iter().map(|one| one.op.id);
                let text = format!(
                    "no order explains {} operations on {}",
                    small.len(),
                    names(&small)
                );
                court.violation(Violation::new("wgl.not-linearizable", text).by(ids));
            }
        }
    }
    if out_of_steps > 0 {
        court.doubt(format!(
            "{out_of_steps} groups of keys were too hard for {STEPS} steps; {left_out} operations \
             were left out anyway"
        ));
    }
    court.close()
}

fn names(ops: &[Timed<Asked>]) -> String {
    let mut touched = Touched::default();
    for one in ops {
        touch(&one.op.call, &mut touched, false);
    }
    let keys: BTreeSet<String> = touched.keys.iter().map(Blob::to_string).collect();
    keys.into_iter().take(4).collect::<Vec<_>>().join(", ")
}
