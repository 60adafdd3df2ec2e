//! Whether what a Pod asks for is left over; more left over is better.

use crate::scheduler::framework::{Event, Plugin, PreFilter, Rejection, Round, SCORE_MAX, Score};
use crate::scheduler::pod::PodInfo;
use crate::scheduler::snapshot::{Columns, NodeInfo, Row};
use std::borrow::Cow;

/// See the module.
pub struct NodeResourcesFit;

/// What is missing on a node, and whether it would be missing on the empty node, too.
struct Missing {
    reasons: Vec<Cow<'static, str>>,
    is_resolvable: bool,
}

impl Missing {
    fn check(
        &mut self,
        asked: i64,
        (all, used): (i64, i64),
        reason: impl FnOnce() -> Cow<'static, str>,
    ) {
        if asked > 0 && asked > all - used {
            self.reasons.push(reason());
            self.is_resolvable &= asked <= all;
        }
    }
}

fn judge(pod: &PodInfo, columns: &Columns, row: Row) -> Option<Rejection> {
    let requests = &pod.requests;
    let has_room = columns.pods[row] < columns.pods_max[row]
        && requests.cpu_m <= columns.cpu_m[row] - columns.used_cpu_m[row]
        && requests.memory <= columns.memory[row] - columns.used_memory[row]
        && requests.ephemeral <= columns.ephemeral[row] - columns.used_ephemeral[row];
    if has_room && requests.extended.is_empty() {
        return None;
    }
    let mut missing = Missing {
        reasons: Vec::new(),
        is_resolvable: true,
    };
    if columns.pods[row] >= columns.pods_max[row] {
        missing.reasons.push("Too many pods".into());
    }
    let fixed = [
        (requests.cpu_m, &columns.cpu_m, &columns.used_cpu_m),
        (requests.memory, &columns.memory, &columns.used_memory),
        (
            requests.ephemeral,
            &columns.ephemeral,
            &columns.used_ephemeral,
        ),
    ];
    let reasons = [
        "Insufficient cpu",
        "Insufficient memory",
        "Insufficient ephemeral-storage",
    ];
    for ((asked, all, used), reason) in fixed.into_iter().zip(reasons) {
        missing.check(asked, (all[row], used[row]), || reason.into());
    }
    for (name, &asked) in &requests.extended {
        missing.check(asked, columns.extended(name, row), || {
            format!("Insufficient {name}").into()
        });
    }
    let Missing {
        reasons,
        is_resolvable,
    } = missing;
    (!reasons.is_empty()).then_some(Rejection {
        is_resolvable,
        reasons,
    })
}

/// Whether the Pod would fit on the empty node.
fn fits_empty(pod: &PodInfo, node: &NodeInfo) -> bool {
    node.pods_max > 0 && !pod.requests.is_more_than(&node.allocatable)
}

/// The part of `all`, in hundredths, that `used` leaves over; `None` if there is none of it.
fn left(all: i64, used: i64) -> Option<i64> {
    match all {
        0 => None,
        all if used > all => Some(0),
        all => Some((all - used) * SCORE_MAX / all),
    }
}

impl Plugin for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn weight(&self) -> i64 {
        1
    }

    fn pre_filter<'r>(&self, round: &'r Round<'r>) -> PreFilter<'r> {
        let columns = &round.table.columns;
        PreFilter::by(move |row| judge(round.pod, columns, row))
    }

    fn pre_score<'r>(&self, round: &'r Round<'r>, _: &[Row]) -> Option<Box<dyn Score + 'r>> {
        let (pod, columns) = (round.pod, &round.table.columns);
        Some(Box::new(move |row: Row| {
            let cpu = columns.scored_cpu_m[row] + pod.scored_cpu_m;
            let memory = columns.scored_memory[row] + pod.scored_memory;
            let parts = (
                left(columns.cpu_m[row], cpu),
                left(columns.memory[row], memory),
            );
            match parts {
                (Some(cpu), Some(memory)) => (cpu + memory) / 2,
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => 0,
            }
        }))
    }

    fn is_helped(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        match event {
            Event::NodeAdded(node) => fits_empty(pod, node),
            Event::NodeChanged { before, after } => {
                let has_more = after.pods_max > before.pods_max
                    || after.allocatable.is_more_than(&before.allocatable);
                has_more && fits_empty(pod, after)
            }
            Event::PodGone(_) => true,
            Event::PodChanged { before, after } => before.requests.is_more_than(&after.requests),
            Event::Itself { before } => before.requests.is_more_than(&pod.requests),
            _ => false,
        }
    }
}
