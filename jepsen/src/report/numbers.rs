//! Numbers of a run: how fast, how long the pauses.

use crate::history::{Call, Fault, FaultPhase, History, KvCall, Nanos, Operation, Outcome};
use crate::recovery::{longest_pause, percentile};
use serde::Serialize;

const MS: f64 = 1_000_000.0;

/// Latencies of acknowledged operations, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// Half are faster.
    pub p50_ms: f64,
    /// One in a hundred is slower.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

/// The longest pause of acknowledged writes around one fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recovery {
    /// The fault.
    pub fault: u64,
    /// Its kind.
    pub kind: String,
    /// If it hit the leader alone, and no other fault went on meanwhile: then the pause is its doing.
    pub is_of_leader: bool,
    /// From the last acknowledged write to the next, in milliseconds.
    pub pause_ms: f64,
}

/// How available members were when nothing was broken (W18).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Calm {
    /// Requests that were sent and were to end outside of faults and of the time after them.
    pub asked: u64,
    /// Those of them that were answered, if only by a refusal in the server's own words.
    pub answered: u64,
    /// How long after a fault is not counted, in milliseconds.
    pub after_ms: u64,
}

/// After a fault, members elect, start and connect again.
const AFTER_MS: u64 = 5_000;
/// So long a client waits at most.
const LONGEST_MS: u64 = 5_000;

/// Requests outside of the windows of faults.
pub(super) fn calm(history: &History) -> Calm {
    let ns = |ms: u64| ms * 1_000_000;
    let windows = history.faults.iter().filter_map(|fault| {
        let (from, to) = (fault.steps.first()?.0, fault.steps.last()?.0);
        Some((from, to + ns(AFTER_MS)))
    });
    let windows: Vec<(Nanos, Nanos)> = windows.collect();
    let mut calm = Calm {
        after_ms: AFTER_MS,
        ..Calm::default()
    };
    for operation in &history.operations {
        let (from, to) = (operation.invoke, operation.invoke + ns(LONGEST_MS));
        let is_near = windows.iter().any(|one| one.0 < to && from < one.1);
        if !is_near {
            calm.asked += 1;
            calm.answered += u64::from(!matches!(operation.outcome, Outcome::Unknown { .. }));
        }
    }
    calm
}

/// If a request asks for a change.
pub(super) fn asks_for_change(call: &Call) -> bool {
    fn writes(call: &KvCall) -> bool {
        match call {
            KvCall::Range(_) => false,
            KvCall::Put(_) | KvCall::Delete(_) => true,
            KvCall::Txn(txn) => txn.success.iter().chain(&txn.failure).any(writes),
        }
    }
    match call {
        Call::Kv(kv) => writes(kv),
        Call::Http(http) => http.asks_for_change(),
        _ => false,
    }
}

/// How long an acknowledged operation took, in milliseconds.
pub(super) fn took_ms(operation: &Operation) -> Option<f64> {
    let complete = operation.complete.filter(|_| operation.is_ok())?;
    Some(complete.saturating_sub(operation.invoke) as f64 / MS)
}

/// Latencies of some operations.
pub(super) fn latency<'a>(operations: impl Iterator<Item = &'a Operation>) -> Latency {
    let mut all: Vec<f64> = operations.filter_map(took_ms).collect();
    all.sort_by(f64::total_cmp);
    Latency {
        count: all.len() as u64,
        p50_ms: percentile(&all, 0.5),
        p99_ms: percentile(&all, 0.99),
        max_ms: all.last().copied().unwrap_or(0.0),
    }
}

/// The pause of writes around each fault that was seen to work.
pub(super) fn recoveries(history: &History) -> Vec<Recovery> {
    let writes = history
        .operations
        .iter()
        .filter(|one| asks_for_change(&one.call));
    let answered = writes
        .filter(|one| one.is_ok())
        .filter_map(|one| one.complete);
    let mut acknowledged: Vec<Nanos> = answered.collect();
    acknowledged.sort_unstable();
    let mut found = Vec::new();
    for (nth, fault) in history.faults.iter().enumerate() {
        let was_seen = fault
            .steps
            .iter()
            .any(|(_, one)| matches!(one.phase, FaultPhase::Effective { .. }));
        let (Some((from, first)), Some((to, _))) = (fault.steps.first(), fault.steps.last()) else {
            continue;
        };
        if !was_seen || acknowledged.is_empty() {
            continue;
        }
        let others = history.faults.iter().enumerate();
        let mut others = others.filter(|(other, _)| *other != nth);
        let is_alone = !others.any(|(_, other)| overlaps(fault, other));
        found.push(Recovery {
            fault: first.fault,
            kind: first.kind.clone(),
            is_of_leader: is_alone && hits_leader(&first.phase),
            pause_ms: longest_pause(&acknowledged, *from, *to) as f64 / MS,
        });
    }
    found
}

fn overlaps(one: &Fault, other: &Fault) -> bool {
    let span = |fault: &Fault| {
        let at = |step: Option<&(Nanos, _)>| step.map_or(0, |(at, _)| *at);
        (at(fault.steps.first()), at(fault.steps.last()))
    };
    let (one, other) = (span(one), span(other));
    one.0 < other.1 && other.0 < one.1
}

fn hits_leader(phase: &FaultPhase) -> bool {
    matches!(phase, FaultPhase::Start { detail } if detail.starts_with("leader"))
}

/// Operations that the second judge looked at as well.
pub(super) fn double_checked(findings: &[crate::check::Finding]) -> u64 {
    let wgl = findings.iter().find(|one| one.checker == "wgl");
    wgl.map_or(0, |one| one.looked_at)
}
