//! Another number of Pods (D8, D9): during a rollout, or while it is paused, all sets change in
//! proportion to what they are.

use super::annotation::{self, DESIRED, MAX};
use super::fence::Fence;
use super::observed::{Observed, Set, total};
use super::step::Step;

/// Whether another number of Pods is wanted than when the sets were last scaled.
pub(super) fn is_due(seen: &Observed) -> bool {
    let mut wanted = seen.sets.iter().filter(|set| set.is_wanted());
    let differs = wanted.any(|set| {
        let desired = annotation::number(&set.set.metadata, DESIRED);
        desired.is_some_and(|desired| desired != seen.replicas())
    });
    // Several sets that are to be recreated are not scaled before.
    differs && !(seen.recreates() && only(seen).is_none())
}

/// Scales what is to be scaled.
pub(super) fn steps(seen: &Observed) -> Vec<Step> {
    let replicas = seen.replicas();
    let fence = Fence::of(seen);
    let most = fence.most(replicas);
    let targets: Vec<(&Set, i32)> = if let Some(only) = only(seen) {
        vec![(only, replicas)]
    } else if let Some(new) = seen.new_set().filter(|new| is_saturated(seen, new)) {
        let old = seen.sets.iter().filter(|set| set.name() != new.name());
        old.filter(|set| set.is_wanted())
            .map(|set| (set, 0))
            .collect()
    } else if seen.recreates() || !is_due(seen) {
        Vec::new()
    } else {
        in_proportion(seen, most)
    };
    let grows = targets.iter().any(|(set, to)| *to > set.wanted());
    if grows && seen.sets.iter().any(Set::lags) {
        // Pods that are still to go would be too many beside those that come.
        return Vec::new();
    }
    let steps = targets.into_iter();
    steps
        .filter_map(|(set, to)| Step::rescale(set, to, replicas, most))
        .collect()
}

/// The only set that is to have Pods; if none is, the newest.
fn only(seen: &Observed) -> Option<&Set> {
    let mut wanted = seen.sets.iter().filter(|set| set.is_wanted());
    match (wanted.next(), wanted.next()) {
        (None, _) => seen.new_set().or(seen.sets.last()),
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// The new set has all that it is to have.
fn is_saturated(seen: &Observed, new: &Set) -> bool {
    let replicas = seen.replicas();
    new.wanted() == replicas
        && annotation::number(&new.set.metadata, DESIRED) == Some(replicas)
        && new.kept(replicas) == replicas
}

/// What each set with Pods is to have. What is left over by rounding is the largest one's.
fn in_proportion(seen: &Observed, most: i32) -> Vec<(&Set, i32)> {
    let most = if seen.replicas() > 0 { most } else { 0 };
    let mut sets: Vec<&Set> = seen.sets.iter().filter(|set| set.is_wanted()).collect();
    let all = total(sets.iter().map(|set| set.wanted()));
    let to_add = most - all;
    if to_add > 0 {
        // Of equally large ones, the newest grows first and the oldest shrinks first.
        sets.reverse();
    }
    sets.sort_by_key(|set| std::cmp::Reverse(set.wanted()));
    let mut added = 0;
    let mut targets = Vec::with_capacity(sets.len());
    for set in sets {
        let share = share(seen, set, most);
        let left = to_add - added;
        let part = match to_add.signum() {
            1 => share.min(left),
            -1 => share.max(left),
            _ => 0,
        };
        added += part;
        targets.push((set, set.wanted() + part));
    }
    if let Some((_, largest)) = targets.first_mut() {
        *largest = (*largest + to_add - added).max(0);
    }
    targets
}

/// By how much a set changes if all of them change as the Deployment does.
fn share(seen: &Observed, set: &Set, most: i32) -> i32 {
    let size = set.wanted();
    if seen.replicas() == 0 {
        return -size;
    }
    let noted = annotation::number(&set.set.metadata, MAX).filter(|max| *max > 0);
    let before = i64::from(noted.unwrap_or(seen.deployment.status.replicas));
    if before <= 0 {
        return 0;
    }
    // Halves are rounded up: sizes are never negative.
    let doubled = 2 * i64::from(size) * i64::from(most);
    let new = (doubled + before) / (2 * before);
    i32::try_from(new).unwrap_or(i32::MAX) - size
}
