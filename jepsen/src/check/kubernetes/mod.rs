//! Judges of runs in which members serve the Kubernetes API.
//!
//! Others than clients write then: API servers note where they are, control loops claim and renew. So no operation of a
//! client explains every revision, and the witness of the store has nothing to say. What the store went through is told
//! by the watches of everything that go on through each run ([`chronicle::check`] says when they can be believed), and
//! every other judge holds what clients of the Kubernetes API were told against that.
//!
//! | room | judges |
//! |---|---|
//! | `chronicle` | whether what the store went through is known, and is what all members have in the end |
//! | `time` | what anybody can have known, and when |
//! | `objects` | who made each version of an object, and under which conditions (W15) |
//! | `answers` | what was answered to requests for one object |
//! | `lists` | what lists showed (W16) |
//! | `informers` | what watches told (W16) |
//! | `gone` | whether what was said to be gone can be gone (W16) |
//! | `loops` | what control loops did and what they left (W17) |
//! | `selection` | paths, keys, and what a selector selects |
//!
//! What is not judged in such runs: keys that clients write through the store's own API, leases, and whether what was
//! compacted is refused.

mod answers;
mod chronicle;
mod gone;
mod informers;
mod lists;
mod loops;
mod objects;
mod selection;
#[cfg(test)]
mod tests;
mod time;

use super::verdict::{Court, Finding, Violation};
use super::{end, harness, refusal, resources};
use crate::history::{Call, History, HttpCall, Operation};
use time::Times;

/// Asks every judge of such runs.
pub fn judge(history: &History) -> Vec<Finding> {
    let (told, chronicle) = chronicle::check(history);
    let authors = objects::Authors::of(history, &chronicle);
    let times = Times::of(history, &authors);
    let mut findings = vec![
        harness::check(history),
        told,
        objects::check(history, &chronicle, &authors, &times),
        answers::check(history, &chronicle, &authors, &times),
        lists::check(history, &chronicle, &times),
        informers::check(history, &chronicle),
        gone::check(history),
        end::hashes(history),
        end::processes(history),
        refusal::check(history),
        resources::check(history),
    ];
    if history
        .head
        .workloads
        .iter()
        .any(|one| one == "controllers")
    {
        findings.push(loops::check(history, &chronicle));
    }
    findings
}

/// The requests to the Kubernetes API.
fn requests(history: &History) -> impl Iterator<Item = (&Operation, &HttpCall)> {
    let all = history.operations.iter();
    all.filter_map(|operation| match &operation.call {
        Call::Http(call) => Some((operation, call)),
        _ => None,
    })
}
