//! What members have on disks that were copied while they worked, or damaged: whole, and never invented.

use super::end;
use super::truth::Truth;
use super::verdict::{Court, Finding, Violation};
use crate::history::{History, Nanos, Node, Observation, Observed, Stored};

/// *A pass proves* that every member that was started on a copied disk could open it, and that what it read from
/// there, and what one served whose disk was damaged, was exactly the state of the revision that it named, as the
/// witness knows it; that this revision was not one of the future; and that nothing was applied that was not
/// committed.
///
/// How new it is says nothing: a member may be behind.
pub fn check(history: &History, truth: &Truth) -> Finding {
    let mut court = Court::new("stored");
    let last = end::recovered(history);
    for (at, observation) in &history.observations {
        let Observation::Stored { node, of, reply } = observation else {
            continue;
        };
        match reply {
            Observed::Error(error) => {
                let text = format!("member {node} did not open {of}: {error}");
                court.violation(Violation::new("stored.unopened", text).on([*node]));
            }
            Observed::Got(stored) => one(&mut court, truth, last, (*at, *node, of), stored),
        }
    }
    court.close()
}

fn one(
    court: &mut Court,
    truth: &Truth,
    last: Option<(Nanos, i64)>,
    (at, node, of): (Nanos, Node, &str),
    stored: &Stored,
) {
    court.look(1 + stored.kvs.len());
    let Stored {
        revision,
        committed,
        applied,
        kvs,
    } = stored;
    if applied > committed {
        let text = format!("member {node}, {of}: applied {applied}, committed {committed}");
        court.violation(Violation::new("stored.applied-early", text).on([node]));
    }
    match last {
        None => court.doubt(format!(
            "member {node}, {of}: nobody knows which revision was the last, so revision {revision} may be real or not"
        )),
        Some((ended, last)) if at < ended && *revision > last => {
            let text = format!("member {node}, {of}: at {revision}, but the run ended at {last}");
            court.violation(Violation::new("stored.future", text).on([node]).at(*revision));
        }
        Some(_) => end::member(court, "stored", truth, node, *revision, kvs),
    }
}
