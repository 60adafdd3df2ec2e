//! Replacing all Pods at once (D10): no new one comes before the last old one has gone.

use super::observed::{Observed, Set};
use super::plan;
use super::step::Step;

/// The next step, none if there is nothing to do now.
pub(super) fn steps(seen: &Observed) -> Vec<Step> {
    let (replicas, old) = (seen.replicas(), seen.old_sets());
    let scale = |set: &Set, to| Step::scale(set, to, replicas, replicas);
    let stopped: Vec<Step> = old.iter().filter_map(|set| scale(set, 0)).collect();
    if !stopped.is_empty() {
        return stopped;
    }
    // Those that are going are still there.
    if old.iter().any(|set| set.pods.left > 0) {
        return Vec::new();
    }
    match seen.new_set() {
        None => vec![plan::create(seen, replicas)],
        Some(new) => scale(new, replicas).into_iter().collect(),
    }
}
