//! Old ReplicaSets that are not kept (D11).

use super::annotation::revision;
use super::observed::{Observed, Set};
use super::step::Step;

/// As many as upstream keeps where nothing is said.
const LIMIT: i32 = 10;

/// Deletes the oldest revisions beyond the limit. One that has Pods, or may have, stays.
pub(super) fn steps(seen: &Observed) -> Vec<Step> {
    let limit = seen.deployment.spec.revision_history_limit;
    let limit = usize::try_from(limit.unwrap_or(LIMIT)).unwrap_or_default();
    let mut old = seen.old_sets();
    old.retain(|set| !set.set.metadata.is_deleting());
    let surplus = old.len().saturating_sub(limit);
    // Sets of the same revision stay in the order of their age.
    old.sort_by_key(|set| revision(&set.set.metadata));
    let unused = old.into_iter().take(surplus).filter(|set| is_unused(set));
    unused
        .map(|set| Step::Delete {
            set: set.set.clone(),
        })
        .collect()
}

fn is_unused(set: &Set) -> bool {
    let status = &set.set.status;
    !set.is_wanted() && set.pods.left == 0 && status.replicas == 0 && set.is_observed()
}
