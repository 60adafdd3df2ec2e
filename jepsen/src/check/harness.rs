//! The run itself: whether its history can carry a verdict at all.
//!
//! *A pass proves* nothing about the server. It says that the history is whole, that its clock never
//! went back, that processes behaved as a recorder promises, that enough was done, that every fault
//! that began was seen to work and to end or is named as skipped, and that the faults that the run is
//! about were seen to work. Everything else is unknown, never a pass: a campaign that did nothing finds
//! nothing.

use super::verdict::{Court, Finding};
use crate::history::{Defect, FaultPhase, History};
use std::collections::BTreeMap;

/// How often faults of a kind took place.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Coverage {
    /// Seen to work.
    pub effective: u64,
    /// Begun and not seen to work, or not done.
    pub ineffective: u64,
    /// Not possible here.
    pub skipped: u64,
}

/// What became of the faults of a run, by kind.
pub fn coverage(history: &History) -> BTreeMap<String, Coverage> {
    let mut kinds: BTreeMap<String, Coverage> = BTreeMap::new();
    for fault in &history.faults {
        let Some((_, first)) = fault.steps.first() else {
            continue;
        };
        let coverage = kinds.entry(first.kind.clone()).or_default();
        let any =
            |wanted: fn(&FaultPhase) -> bool| fault.steps.iter().any(|(_, one)| wanted(&one.phase));
        let is_effective = any(
            |phase| matches!(phase, FaultPhase::Effective { evidence } if !evidence.trim().is_empty()),
        );
        let has_failed = any(|phase| matches!(phase, FaultPhase::Failed { .. }));
        if any(|phase| matches!(phase, FaultPhase::Skipped { .. })) {
            coverage.skipped += 1;
        } else if is_effective && !has_failed {
            coverage.effective += 1;
        } else {
            coverage.ineffective += 1;
        }
    }
    kinds
}

fn describe(defect: &Defect) -> String {
    match defect {
        Defect::Truncated { records } => {
            format!("history.truncated: it ends after {records} records, before the run did")
        }
        Defect::Damaged { what } => format!("history.damaged: {what}"),
        Defect::ClockWentBack { record, from, to } => {
            format!("history.clock: at record {record} the clock went from {from} back to {to}")
        }
        Defect::Unordered { what } => format!("history.unordered: {what}"),
        Defect::NotAlone { process, op } => {
            format!("history.process: process {process} began operation {op} with another one open")
        }
    }
}

/// Checks the run.
pub fn check(history: &History) -> Finding {
    let mut court = Court::new("harness");
    court.look(history.operations.len());
    for defect in &history.defects {
        court.doubt(describe(defect));
    }
    let acknowledged = history.operations.iter().filter(|one| one.is_ok()).count() as u64;
    if acknowledged < history.head.least_operations {
        court.doubt(format!(
            "run.too-small: {acknowledged} operations were answered, {} make it worth a verdict",
            history.head.least_operations
        ));
    }
    let coverage = coverage(history);
    for (kind, count) in &coverage {
        if count.ineffective > 0 {
            court.doubt(format!(
                "fault.ineffective: {} faults of kind {kind} were not seen to work",
                count.ineffective
            ));
        }
    }
    for kind in &history.head.required_faults {
        if coverage.get(kind).is_none_or(|count| count.effective == 0) {
            court.doubt(format!(
                "fault.missing: no fault of kind {kind} was seen to work"
            ));
        }
    }
    court.close()
}
