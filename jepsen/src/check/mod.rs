//! Whether a history keeps the promises. Pure: a history goes in, verdicts come out, as often as one
//! likes.
//!
//! A checker is a function from a history (and from what the store went through, which the first of
//! them finds out) to a [`Finding`]. Each says in its doc what a pass proves. A verdict is pass, fail
//! with the rule and the least that shows it, or unknown with a reason; [`combine`] never makes a pass
//! of an unknown. What may enter: one more judge. What never happens here: a clock, chance, a network,
//! a look into a store; trust in anything that a history does not say.
//!
//! | room | judges |
//! |---|---|
//! | `harness` | whether the history can carry a verdict |
//! | `witness` | all operations, by the store's own revisions; finds the [`Truth`] |
//! | `wgl` | single keys and small groups, trusting no revision: one may suggest, and is looked at |
//! | `watch` | the guarantees of watches |
//! | `lease` | leases and their keys |
//! | `compaction` | what may be read and what is refused |
//! | `invariant`, `set` | what workloads promise |
//! | `membership` | changes of members |
//! | `election` | who leads elections |
//! | `end` | durability, hashes, processes |
//! | `stored` | what members have on disks that were copied or damaged |
//! | `refusal` | that members refuse what they must not work with |
//! | `resources` | memory of members that are asked for too much |
//! | `backup` | clusters that were restored from a backup |
//! | `kubernetes` | all of this for runs in which members serve the Kubernetes API |

mod backup;
mod compaction;
mod election;
mod end;
mod harness;
mod invariant;
mod kubernetes;
mod lease;
mod membership;
mod refusal;
mod resources;
mod set;
mod stored;
pub(crate) mod truth;
mod verdict;
mod watch;
pub mod wgl;
mod witness;

#[cfg(test)]
pub(crate) mod tests;

pub use harness::{Coverage, coverage};
pub use truth::{Cause, Change, Truth};
pub use verdict::{Court, Finding, Verdict, Violation, combine};

use crate::history::History;

/// Everything that was found out about a history.
#[derive(Debug)]
pub struct Judgement {
    /// One for each checker, in the order of the table above.
    pub findings: Vec<Finding>,
    /// What the store went through.
    pub truth: Truth,
}

impl Judgement {
    /// The verdict over all.
    pub fn verdict(&self) -> Verdict {
        combine(self.findings.iter().map(|finding| &finding.verdict))
    }
}

/// Asks every checker.
pub fn judge(history: &History) -> Judgement {
    if history.head.kubernetes {
        return Judgement {
            findings: kubernetes::judge(history),
            truth: Truth::default(),
        };
    }
    let (witness, truth) = witness::check(history);
    let findings = vec![
        harness::check(history),
        witness,
        wgl::check(history, &truth),
        watch::check(history, &truth),
        lease::check(history, &truth),
        compaction::check(history),
        invariant::check(history, &truth),
        set::check(history),
        membership::check(history),
        end::durability(history, &truth),
        end::hashes(history),
        end::processes(history),
        election::check(history, &truth),
        stored::check(history, &truth),
        refusal::check(history),
        resources::check(history),
        backup::check(history, &truth),
    ];
    Judgement { findings, truth }
}
