//! Sets: elements that were added once, in the store or beside it.
//!
//! *A pass proves* for every set of the history: each read showed every element whose addition was
//! acknowledged before the read began, showed nothing that nobody was adding by then, and kept what an
//! earlier read had shown. Sets beside the store are guarded by nothing but a lock of the store: with
//! fences the pass must hold under every fault; without, a pause of the holder must break it, which is
//! how a run shows that it can see such things at all.
//!
//! Elements are never taken away. Reads that may be old are left out.

use super::verdict::{Court, Finding, Violation};
use crate::history::{
    Call, History, Intent, KvCall, KvReply, Nanos, OpId, Operation, Outcome, OutsideCall,
    RangeReply, Reply, SetLayout,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Debug)]
struct Addition {
    op: OpId,
    element: u64,
    invoke: Nanos,
    acknowledged: Option<Nanos>,
}

#[derive(Debug)]
struct Reading {
    op: OpId,
    invoke: Nanos,
    complete: Nanos,
    elements: BTreeSet<u64>,
}

#[derive(Debug, Default)]
struct Set {
    additions: Vec<Addition>,
    readings: Vec<Reading>,
}

fn words(value: &[u8]) -> Vec<u64> {
    let text = String::from_utf8_lossy(value);
    let words = text.split([' ', ',']).filter_map(|word| word.parse().ok());
    words.collect()
}

fn elements(range: &RangeReply, layout: &SetLayout) -> BTreeSet<u64> {
    match layout {
        SetLayout::OneValue => range.kvs.iter().flat_map(|kv| words(&kv.value)).collect(),
        SetLayout::OneKeyEach => {
            let last = |key: &[u8]| {
                let start = key
                    .iter()
                    .rposition(|byte| *byte == b'/')
                    .map_or(0, |at| at + 1);
                words(&key[start..]).first().copied()
            };
            range.kvs.iter().filter_map(|kv| last(&kv.key)).collect()
        }
    }
}

/// If an addition by a request of the store took place: nothing if that is not known.
fn took_place(operation: &Operation) -> Option<bool> {
    match &operation.outcome {
        Outcome::Failed { .. } => Some(false),
        Outcome::Unknown { .. } => None,
        Outcome::Ok(Reply::Kv { reply, .. }) => match reply {
            KvReply::Txn(txn) => Some(txn.succeeded),
            _ => Some(true),
        },
        Outcome::Ok(Reply::Outside { accepted, .. }) => Some(*accepted),
        Outcome::Ok(_) => Some(true),
    }
}

fn add(sets: &mut BTreeMap<String, Set>, set: &str, element: u64, operation: &Operation) {
    let acknowledged = match took_place(operation) {
        Some(false) => return,
        Some(true) => operation.complete,
        None => None,
    };
    let set = sets.entry(set.to_owned()).or_default();
    set.additions.push(Addition {
        op: operation.id,
        element,
        invoke: operation.invoke,
        acknowledged,
    });
}

fn collect(sets: &mut BTreeMap<String, Set>, operation: &Operation) {
    let mut read = |set: &str, elements: BTreeSet<u64>| {
        if let Some(complete) = operation.complete {
            sets.entry(set.to_owned())
                .or_default()
                .readings
                .push(Reading {
                    op: operation.id,
                    invoke: operation.invoke,
                    complete,
                    elements,
                });
        }
    };
    match (&operation.call, &operation.intent, &operation.outcome) {
        (
            Call::Outside(OutsideCall::Read { set }),
            _,
            Outcome::Ok(Reply::Outside { elements, .. }),
        ) => {
            read(set, elements.iter().copied().collect());
        }
        (Call::Outside(OutsideCall::Add { set, element, .. }), ..) => {
            add(sets, set, *element, operation);
        }
        (
            Call::Kv(KvCall::Range(range)),
            Some(Intent::ReadSet { set, layout }),
            Outcome::Ok(Reply::Kv {
                reply: KvReply::Range(reply),
                ..
            }),
        ) if !range.serializable && range.revision <= 0 && !reply.more => {
            read(set, elements(reply, layout));
        }
        (_, Some(Intent::Add { set, element }), _) => add(sets, set, *element, operation),
        _ => {}
    }
}

/// Checks every set.
pub fn check(history: &History) -> Finding {
    let mut court = Court::new("set");
    let mut sets = BTreeMap::new();
    for operation in &history.operations {
        collect(&mut sets, operation);
    }
    for (name, set) in &mut sets {
        court.look(set.additions.len());
        judge(&mut court, name, set);
        if set.readings.is_empty() && set.additions.iter().any(|one| one.acknowledged.is_some()) {
            court.doubt(format!("set {name} was added to and never read"));
        }
    }
    court.close()
}

fn judge(court: &mut Court, name: &str, set: &mut Set) {
    set.readings.sort_by_key(|one| one.invoke);
    let by_element: HashMap<u64, &Addition> =
        set.additions.iter().map(|one| (one.element, one)).collect();
    let mut acknowledged: Vec<(Nanos, &Addition)> = set
        .additions
        .iter()
        .filter_map(|one| one.acknowledged.map(|at| (at, one)))
        .collect();
    acknowledged.sort_by_key(|(at, _)| *at);
    // Elements that reads have shown, with the earliest end of such a read.
    let mut shown: BTreeMap<u64, (Nanos, OpId)> = BTreeMap::new();
    for reading in &set.readings {
        let must = acknowledged.partition_point(|(at, _)| *at < reading.invoke);
        let lost = acknowledged[..must].iter();
        let lost = lost
            .map(|(_, one)| one)
            .find(|one| !reading.elements.contains(&one.element));
        if let Some(lost) = lost {
            let text = format!(
                "set {name}: {} was acknowledged and operation {} does not see it",
                lost.element, reading.op
            );
            return court.violation(Violation::new("set.lost", text).by([lost.op, reading.op]));
        }
        for element in &reading.elements {
            let began = by_element.get(element).map(|one| one.invoke);
            if began.is_none_or(|began| began > reading.complete) {
                let text = format!(
                    "set {name}: operation {} sees {element}, which nobody had added",
                    reading.op
                );
                return court.violation(Violation::new("set.phantom", text).by([reading.op]));
            }
        }
        for (element, (seen, op)) in &shown {
            if *seen < reading.invoke && !reading.elements.contains(element) {
                let text = format!(
                    "set {name}: {element} was seen and is gone in operation {}",
                    reading.op
                );
                return court.violation(Violation::new("set.unstable", text).by([*op, reading.op]));
            }
        }
        for element in &reading.elements {
            let entry = shown
                .entry(*element)
                .or_insert((reading.complete, reading.op));
            if reading.complete < entry.0 {
                *entry = (reading.complete, reading.op);
            }
        }
    }
}
