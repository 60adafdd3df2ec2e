//! Operations as bars, one row for each process; and the few that show a violation, close up.

use super::describe;
use super::plot::{LEFT, Time, WIDTH, background, escape};
use crate::check::Violation;
use crate::history::{History, Nanos, Observation, OpId, Operation, Outcome, Process};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// More bars than these are too many to look at: then a part of the run is shown.
const BARS_MAX: usize = 2500;
const ROW: f64 = 14.0;
const TOP: f64 = 22.0;
/// Width of a letter of a label.
const LETTER: f64 = 6.6;

fn class(operation: &Operation) -> &'static str {
    match operation.outcome {
        Outcome::Ok(_) => "ok",
        Outcome::Failed { .. } => "failed",
        Outcome::Unknown { .. } => "unknown",
    }
}

fn title(operation: &Operation) -> String {
    let node = operation
        .node
        .map_or(String::new(), |node| format!(" on n{node}"));
    format!(
        "operation {} by process {}{node}\n{}\n{}",
        operation.id,
        operation.process,
        describe::call(&operation.call),
        describe::outcome(operation)
    )
}

/// The operations around the interesting moment of a run: the violation, else the first fault.
fn around<'a>(history: &'a History, violation: Option<&Violation>) -> &'a [Operation] {
    let operations = &history.operations;
    if operations.len() <= BARS_MAX {
        return operations;
    }
    let shown = violation.and_then(|one| one.operations.last());
    let moment = match shown {
        Some(id) => operations
            .iter()
            .find(|one| one.id == *id)
            .map(|one| one.invoke),
        None => history
            .faults
            .first()
            .and_then(|one| one.steps.first())
            .map(|(at, _)| *at),
    };
    let centre = operations.partition_point(|one| one.invoke < moment.unwrap_or(0));
    let from = centre
        .saturating_sub(BARS_MAX / 2)
        .min(operations.len() - BARS_MAX);
    &operations[from..from + BARS_MAX]
}

/// Rows: a process that took over after an unknown outcome goes on in the row of the one before it, so
/// that there are as many rows as there were clients.
fn rows(operations: &[Operation]) -> BTreeMap<Process, usize> {
    let mut rows: BTreeMap<Process, usize> = BTreeMap::new();
    let mut free_from: Vec<Nanos> = Vec::new();
    let mut last: BTreeMap<Process, Nanos> = BTreeMap::new();
    for one in operations {
        let end = last.entry(one.process).or_default();
        *end = (*end).max(one.complete.unwrap_or(one.invoke));
    }
    for one in operations {
        if rows.contains_key(&one.process) {
            continue;
        }
        let end = last.get(&one.process).copied().unwrap_or(Nanos::MAX);
        let free = free_from.iter().position(|free| *free < one.invoke);
        let row = free.unwrap_or(free_from.len());
        match free {
            Some(row) => free_from[row] = end,
            None => free_from.push(end),
        }
        rows.insert(one.process, row);
    }
    rows
}

/// One row for each member: when its process ran.
fn members(history: &History, time: Time, top: f64) -> (String, usize) {
    let mut marks: BTreeMap<u8, Vec<(Nanos, bool)>> = BTreeMap::new();
    for (at, observation) in &history.observations {
        match observation {
            Observation::Start { node, .. } => marks.entry(*node).or_default().push((*at, true)),
            Observation::Exit { node, .. } => marks.entry(*node).or_default().push((*at, false)),
            _ => {}
        }
    }
    let mut svg = String::new();
    for (row, (node, steps)) in marks.iter().enumerate() {
        let y = top + row as f64 * ROW;
        let _ = write!(
            svg,
            "<text class='tick' x='{:.1}' y='{:.1}' text-anchor='end'>n{node}</text>",
            LEFT - 6.0,
            y + 10.0
        );
        let mut since = steps
            .first()
            .is_none_or(|(_, starts)| !starts)
            .then_some(time.from);
        for (at, starts) in steps.iter().copied().chain([(time.to, false)]) {
            match (since, starts) {
                (Some(from), false) if at >= time.from => {
                    let (left, right) = (time.x(from), time.x(at));
                    let _ = write!(
                        svg,
                        "<rect class='member' x='{left:.1}' y='{:.1}' width='{:.1}' height='6'/>",
                        y + 4.0,
                        (right - left).max(0.0)
                    );
                    since = None;
                }
                (None, true) => since = Some(at),
                _ => {}
            }
        }
    }
    (svg, marks.len())
}

/// The timeline, and which part of the run it shows.
pub fn timeline(history: &History, violation: Option<&Violation>) -> String {
    let shown = around(history, violation);
    let evidence: BTreeSet<OpId> = violation.map_or(BTreeSet::new(), |one| {
        one.operations.iter().copied().collect()
    });
    let from = shown.first().map_or(0, |one| one.invoke);
    let ends = shown.iter().map(|one| one.complete.unwrap_or(one.invoke));
    let is_whole = shown.len() == history.operations.len();
    let time = match is_whole {
        true => Time {
            from: 0,
            to: history.end.max(1),
        },
        false => Time {
            from,
            to: ends.max().unwrap_or(from + 1),
        },
    };
    let rows = rows(shown);
    let count = rows.values().max().map_or(0, |row| row + 1);
    let (machines, machine_rows) = members(history, time, TOP);
    let top = TOP + machine_rows as f64 * ROW + 4.0;
    let bottom = top + count as f64 * ROW + 4.0;
    let mut svg = background(history, time, bottom) + &time.axis(bottom) + &machines;
    for operation in shown {
        let y = top + rows[&operation.process] as f64 * ROW;
        let left = time.x(operation.invoke);
        let right = time.x(operation.complete.unwrap_or(time.to));
        let mark = if evidence.contains(&operation.id) {
            " evidence"
        } else {
            ""
        };
        let _ = write!(
            svg,
            "<rect class='bar {}{mark}' x='{left:.1}' y='{:.1}' width='{:.1}' height='{:.1}'><title>{}</title></rect>",
            class(operation),
            y + 2.0,
            (right - left).max(1.5),
            ROW - 4.0,
            escape(&title(operation))
        );
    }
    let what = match is_whole {
        true => format!("all {} operations, one row for each client", shown.len()),
        false => format!(
            "{} operations around the interesting moment, of {}; one row for each client",
            shown.len(),
            history.operations.len()
        ),
    };
    format!(
        "<figure><figcaption>Timeline <span class='unit'>{what}</span></figcaption>\
         <svg viewBox='0 0 {WIDTH} {:.0}' role='img' aria-label='Timeline'>{svg}</svg></figure>",
        bottom + 22.0
    )
}

/// The operations of a violation, with equal distances between their beginnings and ends: what counts
/// is who was before whom.
pub fn close_up(operations: &[&Operation]) -> String {
    let mut moments: Vec<Nanos> = operations
        .iter()
        .flat_map(|one| [Some(one.invoke), one.complete])
        .flatten()
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let step = (WIDTH - LEFT - 40.0) / moments.len().max(1) as f64;
    let x = |at: Nanos| LEFT + moments.partition_point(|one| *one < at) as f64 * step;
    let mut svg = String::new();
    for (row, one) in operations.iter().enumerate() {
        let y = 8.0 + row as f64 * 38.0;
        let left = x(one.invoke);
        let right = one.complete.map_or(WIDTH - 8.0, x);
        let label = format!("{} → {}", describe::call(&one.call), describe::outcome(one));
        let (at, anchor, room) = match left > WIDTH / 2.0 {
            true => (right, "end", right),
            false => (left, "start", WIDTH - left),
        };
        let label: String = label.chars().take((room / LETTER) as usize).collect();
        let _ = write!(
            svg,
            "<text class='tick' x='{:.1}' y='{:.1}' text-anchor='end'>{}</text>\
             <rect class='bar {}' x='{left:.1}' y='{y:.1}' width='{:.1}' height='12'/>\
             <text class='label' x='{at:.1}' y='{:.1}' text-anchor='{anchor}'>{}</text>",
            LEFT - 8.0,
            y + 10.0,
            one.id,
            class(one),
            (right - left).max(3.0),
            y + 26.0,
            escape(&label)
        );
    }
    format!(
        "<svg viewBox='0 0 {WIDTH} {:.0}' role='img' aria-label='Smallest history'>{svg}</svg>",
        operations.len() as f64 * 38.0 + 12.0
    )
}
