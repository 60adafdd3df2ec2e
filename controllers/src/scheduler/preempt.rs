//! Who has to go so that a Pod of a higher priority finds room.
//!
//! On each node that would do if some Pods were not there, all Pods of a lower priority are taken away;
//! if the Pod then fits, they are brought back one by one, the most important first, as long as it still
//! does. What cannot come back are the victims. The node is taken whose victims matter least.
//!
//! Rule I5: nobody goes for a Pod of the same or a lower priority.

use super::cycle::Cycle;
use super::decide::{Look, PushOut};
use super::framework::Rejection;
use super::message::Diagnosis;
use super::pod::PodInfo;
use super::snapshot::{Row, Table};
use std::cmp::Reverse;
use std::sync::Arc;

const NO_VICTIMS: &str = "No preemption victims found for incoming pod";
const NEVER: &str = "not eligible due to preemptionPolicy=Never.";
const GOING: &str = "not eligible due to a terminating pod on the nominated node.";
/// After this many nodes with victims, or a tenth of all if that is more, no more are looked at.
const CANDIDATES_MIN: usize = 100;

/// The victims on one node, the most important first.
struct Candidate {
    row: Row,
    victims: Vec<Arc<PodInfo>>,
}

/// Looks for victims. `Err`: why there are none, for people. The table is as it was afterwards.
pub fn look(
    look: Look<'_>,
    cycle: &mut Cycle,
    table: &mut Table,
    diagnosis: &Diagnosis,
    nominated: Option<Row>,
) -> Result<PushOut, (String, PushOut)> {
    let pod = look.pod;
    if pod.pod.spec.preemption_policy.as_deref() == Some("Never") {
        return Err((NEVER.to_owned(), PushOut::Nobody));
    }
    let mut rows: Vec<Row> = diagnosis.resolvable().collect();
    let is_going = |row: Row| {
        let mut there = table.pods_on(row);
        there.any(|one| one.info.priority < pod.priority && one.info.pod.metadata.is_deleting())
    };
    if nominated.is_some_and(|row| rows.contains(&row) && is_going(row)) {
        return Err((GOING.to_owned(), PushOut::Wait));
    }
    if !rows.is_empty() {
        let offset = cycle.draw(rows.len());
        rows.rotate_left(offset);
    }
    let wanted = CANDIDATES_MIN.max(rows.len() / 10);
    let (mut candidates, mut said) = (Vec::new(), Vec::new());
    for row in rows {
        match candidate(look, cycle, table, row) {
            Ok(candidate) => candidates.push(candidate),
            Err(rejection) => said.push(rejection),
        }
        if candidates.len() >= wanted {
            break;
        }
    }
    let best = candidates.into_iter().min_by_key(Candidate::harm);
    match best {
        Some(Candidate { row, victims }) => Ok(PushOut::Victims {
            node: table.name(row).clone(),
            pods: victims,
        }),
        None => Err((diagnosis.preemption(&said), PushOut::Nobody)),
    }
}

/// Who would have to go on one node, or why that does not help.
fn candidate(
    look: Look<'_>,
    cycle: &Cycle,
    table: &mut Table,
    row: Row,
) -> Result<Candidate, Rejection> {
    if !table.has_lower(row, look.pod.priority) {
        return Err(Rejection::resolvable(NO_VICTIMS));
    }
    let lower = table.pods_on(row);
    let lower = lower.filter(|one| one.info.priority < look.pod.priority);
    let mut lower: Vec<_> = lower.cloned().collect();
    lower.sort_by_cached_key(|one| importance(&one.info));
    let node = table.name(row).clone();
    for one in &lower {
        table.remove(&one.info.key);
    }
    let rejection = cycle.rejection(&look.round(table), row);
    let mut victims = Vec::new();
    for one in lower {
        let key = one.info.key.clone();
        let is_assumed = one.is_assumed;
        table.place(one.info.clone(), &node, is_assumed);
        let must_go = rejection.is_none() && cycle.rejection(&look.round(table), row).is_some();
        if must_go {
            table.remove(&key);
            victims.push((one.info, is_assumed));
        }
    }
    for (info, is_assumed) in &victims {
        table.place(info.clone(), &node, *is_assumed);
    }
    match rejection {
        Some(rejection) => Err(rejection),
        None if victims.is_empty() => Err(Rejection::resolvable(NO_VICTIMS)),
        None => Ok(Candidate {
            row,
            victims: victims.into_iter().map(|(info, _)| info).collect(),
        }),
    }
}

/// Orders by importance: by priority, then by who has been there longer.
fn importance(pod: &PodInfo) -> (Reverse<i32>, String) {
    (Reverse(pod.priority), started(pod))
}

/// Since when a Pod runs, as a text that orders; those that do not run yet are the last.
fn started(pod: &PodInfo) -> String {
    let started = pod.pod.status.start_time.clone();
    started.unwrap_or_else(|| "~".to_owned())
}

impl Candidate {
    /// Less is better: the highest priority that goes, the sum of all, how many, and the later the most
    /// important of them has started.
    fn harm(&self) -> (i32, i64, usize, Reverse<String>) {
        let priorities = || self.victims.iter().map(|one| one.priority);
        let highest = priorities().max().unwrap_or(i32::MIN);
        // Each counts, even one below zero.
        let sum = priorities().map(|one| i64::from(one) + i64::from(i32::MAX) + 1);
        let important = self.victims.iter().filter(|one| one.priority == highest);
        let earliest = important.map(|one| started(one)).min();
        (
            highest,
            sum.sum(),
            self.victims.len(),
            Reverse(earliest.unwrap_or_default()),
        )
    }
}
