//! Beside which Pods a Pod must, must not, would and would not be: what it says of others, and what others
//! say of it.
//!
//! | file | what |
//! |---|---|
//! | `term` | what one Pod says of others |
//! | `filter` | what must and must not be |
//! | `score` | what would be better |
//!
//! What may enter: the rules of `podAffinity` and `podAntiAffinity`. What never happens here: a look at
//! Pods that say nothing for a Pod that says nothing.

mod filter;
mod score;
mod term;
#[cfg(test)]
mod tests;

pub use term::{Affinities, PodTerm};

use crate::scheduler::framework::{Event, Plugin, PreFilter, Round, Score};
use crate::scheduler::pod::PodInfo;
use crate::scheduler::snapshot::Row;

/// See the module.
pub struct InterPodAffinity;

/// Whether one of these terms may be about a Pod.
fn may_be_about(terms: &[PodTerm], pod: &PodInfo) -> bool {
    terms.iter().any(|term| term.may_match(pod))
}

impl Plugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn pre_filter<'r>(&self, round: &'r Round<'r>) -> PreFilter<'r> {
        match filter::Rules::of(round) {
            Some(rules) => PreFilter::by(move |row| rules.judge(row)),
            None => PreFilter::Skip,
        }
    }

    fn pre_score<'r>(&self, round: &'r Round<'r>, _: &[Row]) -> Option<Box<dyn Score + 'r>> {
        let sums = score::Sums::of(round)?;
        Some(Box::new(sums))
    }

    fn heeds_placing(&self) -> bool {
        true
    }

    fn is_helped(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        let own = &pod.affinities;
        match event {
            Event::PodPlaced(other) => may_be_about(&own.required, other),
            Event::PodGone(other) => {
                may_be_about(&own.required_anti, other)
                    || may_be_about(&other.affinities.required_anti, pod)
            }
            Event::PodChanged { before, after } => {
                before.pod.metadata.labels != after.pod.metadata.labels
                    && (may_be_about(&own.required, after)
                        || may_be_about(&own.required_anti, before)
                        || may_be_about(&before.affinities.required_anti, pod))
            }
            Event::NodeAdded(_) => true,
            Event::NodeChanged { before, after } => before.labels != after.labels,
            Event::Itself { before } => before.pod.metadata.labels != pod.pod.metadata.labels,
            Event::NodeRemoved(_) => false,
        }
    }
}
