//! H1 to H6: what a bad harness would do to a history is no pass. (H1 and H4 leave traces that the
//! witness flags: `spoil`.)

use super::sim::{self, World};
use crate::check::harness::coverage;
use crate::check::wgl::{Model, Searched, Timed, search};
use crate::check::{Verdict, judge};
use crate::history::*;

fn unknown(records: Vec<Record>, reason: &str) {
    match judge(&History::of(records)).verdict() {
        Verdict::Unknown(text) => assert!(text.contains(reason), "{text}"),
        verdict => panic!("{reason}: {verdict:#?}"),
    }
}

#[test]
fn h2_a_clock_that_goes_back_is_no_pass() {
    let mut records = sim::records(3, World::default());
    let half = records.len() / 2;
    for record in &mut records[half..] {
        if let Record::Invoke { at, .. } | Record::Complete { at, .. } | Record::Watch { at, .. } =
            record
        {
            *at = at.saturating_sub(50_000_000);
        }
    }
    let history = History::of(records);
    assert!(
        history
            .defects
            .iter()
            .any(|one| matches!(one, Defect::ClockWentBack { .. }))
    );
    assert!(!judge(&history).verdict().is_pass());
}

#[test]
fn h3_a_fault_that_nobody_saw_work_is_no_pass() {
    let spoils: [fn(&mut FaultPhase); 4] = [
        |phase| {
            if let FaultPhase::Effective { evidence } = phase {
                evidence.clear()
            }
        },
        |phase| {
            if let FaultPhase::Effective { .. } = phase {
                *phase = FaultPhase::End {
                    detail: String::new(),
                }
            }
        },
        |phase| {
            if let FaultPhase::End { .. } = phase {
                *phase = FaultPhase::Failed {
                    error: "no such process".to_owned(),
                }
            }
        },
        |phase| {
            if let FaultPhase::Start { .. } = phase {
                *phase = FaultPhase::Skipped {
                    reason: "no root".to_owned(),
                }
            }
        },
    ];
    for spoil in spoils {
        let mut records = sim::records(3, World::default());
        for record in &mut records {
            if let Record::Fault { fault, .. } = record {
                spoil(&mut fault.phase);
            }
        }
        unknown(records, "fault.");
    }
    let mut records = sim::records(3, World::default());
    records.retain(|record| !matches!(record, Record::Fault { .. }));
    unknown(records, "fault.missing");
}

/// Every fault once more, under another number and without effect.
fn with_faults_in_vain(is_named: bool) -> Vec<Record> {
    let mut records = Vec::new();
    for record in sim::records(3, World::default()) {
        records.push(record);
        let Some(Record::Fault { at, fault }) = records.last() else {
            continue;
        };
        let (at, mut fault) = (*at, fault.clone());
        fault.fault += 1_000_000;
        let is_end = matches!(fault.phase, FaultPhase::End { .. });
        if matches!(fault.phase, FaultPhase::Effective { .. }) {
            continue;
        }
        records.push(Record::Fault {
            at,
            fault: fault.clone(),
        });
        if is_end && is_named {
            let reason = "nobody came there".to_owned();
            fault.phase = FaultPhase::Skipped { reason };
            records.push(Record::Fault { at, fault });
        }
    }
    records
}

#[test]
fn a_fault_in_vain_casts_doubt_unless_it_is_named() {
    unknown(with_faults_in_vain(false), "fault.ineffective");
    let named = History::of(with_faults_in_vain(true));
    assert!(judge(&named).verdict().is_pass());
    for (kind, count) in coverage(&named) {
        assert_eq!(count.ineffective, 0, "{kind}");
        assert_eq!(count.effective, count.skipped, "{kind}");
        assert!(count.skipped > 0, "{kind}");
    }
}

/// A model in which everything is possible and nothing helps.
struct Maze;

impl Model for Maze {
    type Op = u32;
    type State = u64;
    fn step(&self, state: &u64, op: &u32) -> Vec<u64> {
        match op {
            0 => Vec::new(),
            op => vec![state.wrapping_mul(31).wrapping_add(u64::from(*op))],
        }
    }
}

#[test]
fn h5_a_search_that_gives_up_is_no_pass() {
    let ops: Vec<Timed<u32>> = (0..20)
        .map(|op| Timed {
            invoke: u64::from(op),
            returned: 100,
            op,
        })
        .collect();
    assert_eq!(search(&Maze, 0, &ops, 10_000), Searched::OutOfSteps);
    // And what a checker makes of it never becomes one: `unknown_never_becomes_a_pass`.
}

#[test]
fn h6_a_truncated_history_is_no_pass() {
    let records = sim::records(3, World::default());
    let Some((Record::Head(head), rest)) = records.split_first() else {
        panic!("no head")
    };
    let mut writer = HistoryWriter::new(Vec::new(), head).unwrap();
    for record in &rest[..rest.len() - 1] {
        writer.append(record).unwrap();
    }
    let bytes = writer.finish(u64::MAX).unwrap();
    let whole = History::read(HistoryReader::new(&bytes[..])).unwrap();
    assert!(
        judge(&whole).verdict().is_pass(),
        "{:#?}",
        judge(&whole).verdict()
    );
    // The last line alone, and everything after some line.
    let ends: Vec<usize> = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at + 1)
        .collect();
    for nth in [1, ends.len() / 3, ends.len() - 2] {
        let cut = History::read(HistoryReader::new(&bytes[..ends[nth]])).unwrap();
        assert!(
            matches!(judge(&cut).verdict(), Verdict::Unknown(_)),
            "{nth}"
        );
    }
}

#[test]
fn a_run_that_did_too_little_is_no_pass() {
    let mut records = sim::records(3, World::default());
    if let Record::Head(head) = &mut records[0] {
        head.least_operations = 1_000_000;
    }
    unknown(records, "run.too-small");
}
