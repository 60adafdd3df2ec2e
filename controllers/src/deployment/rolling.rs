//! A step of a rolling update (D4, D5, D13): the new set grows as far as the surge allows; if it cannot,
//! old ones shrink as far as enough Pods stay available. Never both at once.

use super::fence::Fence;
use super::observed::{Observed, Set, total};
use super::plan;
use super::step::Step;

/// The next step, none if there is nothing to do now.
pub(super) fn steps(seen: &Observed) -> Vec<Step> {
    let fence = Fence::of(seen);
    let (replicas, old) = (seen.replicas(), seen.old_sets());
    let most = fence.most(replicas);
    let Some(new) = seen.new_set() else {
        let room = room(&seen.sets, most).min(replicas);
        return vec![plan::create(seen, room)];
    };
    let scale = |set: &Set, to| Step::scale(set, to, replicas, most);
    if let Some(step) = scale(new, grown(replicas, new, &old, most)) {
        return vec![step];
    }
    let old: Vec<&Set> = old.into_iter().filter(|set| set.is_wanted()).collect();
    let shrunk = shrunk(new, &old, fence.least(replicas));
    let steps = old.iter().zip(shrunk);
    steps.filter_map(|(set, to)| scale(set, to)).collect()
}

/// How many Pods there may be beside those that these sets have or will have.
fn room<'s>(sets: impl IntoIterator<Item = &'s Set>, most: i32) -> i32 {
    most.saturating_sub(total(sets.into_iter().map(Set::peak)))
        .max(0)
}

/// How many Pods the new set is to have now. Those that it has already and would lose may stay.
fn grown(replicas: i32, new: &Set, old: &[&Set], most: i32) -> i32 {
    let room = room(old.iter().copied(), most);
    room.max(new.wanted()).min(replicas)
}

/// How many Pods each of the old sets is to have now, the oldest first. At least `least` Pods stay
/// available.
fn shrunk(new: &Set, old: &[&Set], least: i32) -> Vec<i32> {
    let mut wanted: Vec<i32> = old.iter().map(|set| set.wanted()).collect();
    let all = total(wanted.iter().copied().chain([new.wanted()]));
    // Pods that are wanted and not available may still become so: they are not counted on, nor given up
    // where they are needed.
    let mut budget = (all - least).saturating_sub(new.missing());
    if budget <= 0 {
        return wanted;
    }
    let all = old.iter().copied().chain([new]);
    let kept = total(all.map(|set| set.kept(set.wanted())));
    let mut spare = (kept - least).max(0);
    // First those that do not serve: they would only be in the way.
    for (set, wanted) in old.iter().zip(&mut wanted) {
        let before = *wanted;
        let unhealthy = (before - set.pods.available).clamp(0, budget);
        let lost = |to: i32| set.kept(before) - set.kept(to);
        let mut to = before - unhealthy;
        while lost(to) > spare {
            to += 1;
        }
        spare -= lost(to);
        budget -= before - to;
        *wanted = to;
    }
    for wanted in &mut wanted {
        let fewer = spare.min(*wanted);
        *wanted -= fewer;
        spare -= fewer;
    }
    wanted
}
