//! Delta debugging: the shortest script that still shows a difference.

use super::step::Step;
use crate::check::Check;

/// Every try starts two fresh servers, so there is an end to trying.
const TRIES: usize = 300;

/// Leaves out parts of `steps`, larger ones first, as long as `differs` still says yes.
///
/// # Errors
///
/// When `differs` fails.
pub async fn shrink(
    mut steps: Vec<Step>,
    mut differs: impl AsyncFnMut(&[Step]) -> Check<bool>,
) -> Check<Vec<Step>> {
    let mut tries = 0;
    let mut part = steps.len().div_ceil(2).max(1);
    loop {
        let before = steps.len();
        let mut from = 0;
        while from < steps.len() && tries < TRIES {
            let mut candidate = steps.clone();
            candidate.drain(from..(from + part).min(steps.len()));
            tries += 1;
            if !candidate.is_empty() && differs(&candidate).await? {
                steps = candidate;
            } else {
                from += part;
            }
        }
        if tries >= TRIES {
            return Ok(steps);
        }
        if part == 1 && steps.len() == before {
            return simplify(steps, differs, TRIES - tries).await;
        }
        part = part.div_ceil(2).min(steps.len().div_ceil(2)).max(1);
    }
}

/// Makes single steps simpler, one part of one transaction at a time.
async fn simplify(
    mut steps: Vec<Step>,
    mut differs: impl AsyncFnMut(&[Step]) -> Check<bool>,
    mut tries: usize,
) -> Check<Vec<Step>> {
    for i in 0..steps.len() {
        let mut from = 0;
        while let Some(simpler) = simpler(&steps[i], from) {
            if tries == 0 {
                return Ok(steps);
            }
            tries -= 1;
            let mut candidate = steps.clone();
            candidate[i] = simpler;
            if differs(&candidate).await? {
                steps = candidate;
            } else {
                from += 1;
            }
        }
    }
    Ok(steps)
}

/// The step without its part number `part`; `None` when it has no such part.
fn simpler(step: &Step, part: usize) -> Option<Step> {
    let Step::Txn(txn) = step else {
        return None;
    };
    let mut txn = txn.clone();
    let (compares, successes) = (txn.compare.len(), txn.success.len());
    if part < compares {
        txn.compare.remove(part);
    } else if part < compares + successes {
        txn.success.remove(part - compares);
    } else if part < compares + successes + txn.failure.len() {
        txn.failure.remove(part - compares - successes);
    } else {
        return None;
    }
    Some(Step::Txn(txn))
}
