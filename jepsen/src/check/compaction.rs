//! Compaction: what is forgotten is refused, what is not is not.

use super::truth::{Compaction, compactions};
use super::verdict::{Court, Finding, Violation};
use crate::history::{Call, History, KvCall, Nanos, Operation, Outcome};

/// The revision that a read is pinned to, alone or in a transaction of reads.
fn pinned(call: &Call) -> Option<i64> {
    match call {
        Call::Kv(KvCall::Range(range)) if range.revision > 0 => Some(range.revision),
        _ => None,
    }
}

fn is_local(operation: &Operation) -> bool {
    super::witness::is_local(&operation.call)
}

/// *A pass proves*: every read of a fixed revision that began after a compaction beyond it was
/// acknowledged was refused (unless it may be old), and every refusal as compacted was for a revision
/// below one that somebody had asked to compact to. That what was answered is unchanged is for the
/// witness, which forgets nothing.
pub fn check(history: &History) -> Finding {
    let mut court = Court::new("compaction");
    let compactions = compactions(history);
    // The greatest acknowledged compaction by time of its acknowledgement.
    let mut done: Vec<(Nanos, i64)> = compactions
        .iter()
        .filter_map(|one| one.done.map(|done| (done, one.to)))
        .collect();
    done.sort_unstable();
    let mut greatest = 0;
    for (_, to) in &mut done {
        greatest = greatest.max(*to);
        *to = greatest;
    }
    for operation in &history.operations {
        let Some(revision) = pinned(&operation.call) else {
            continue;
        };
        court.look(1);
        let before = done.partition_point(|(at, _)| *at < operation.invoke);
        let compacted = before.checked_sub(1).map_or(0, |place| done[place].1);
        match &operation.outcome {
            Outcome::Ok(_) if revision < compacted && !is_local(operation) => {
                let text = format!(
                    "operation {} read revision {revision} after the compaction to {compacted}",
                    operation.id
                );
                let violation = Violation::new("compaction.readable", text).at(revision);
                court.violation(violation.by([operation.id]));
            }
            Outcome::Failed { text, .. } if text.contains("has been compacted") => {
                let end = operation.complete.unwrap_or(Nanos::MAX);
                let asked = |one: &Compaction| one.to > revision && one.invoked < end;
                if !compactions.iter().any(asked) {
                    let text = format!(
                        "operation {} was refused revision {revision}, which nobody compacted",
                        operation.id
                    );
                    let violation = Violation::new("compaction.refused", text).at(revision);
                    court.violation(violation.by([operation.id]));
                }
            }
            _ => {}
        }
    }
    court.close()
}
