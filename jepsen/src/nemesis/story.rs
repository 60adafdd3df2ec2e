//! What a change of members is to lead to, and what is done about it next: decided by a seed and by a list.

use crate::cluster::Cluster;
use crate::history::{MemberCall, MemberInfo};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// One thing that a story wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// There is a voter in a place, which was a learner at first or never.
    Comes { place: usize, learner: bool },
    /// There is no member in a place, and what it wrote is gone.
    Goes { place: usize },
}

impl Goal {
    pub(super) fn place(self) -> usize {
        match self {
            Goal::Comes { place, .. } | Goal::Goes { place } => place,
        }
    }
}

/// What is to be done about a goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// A change.
    Change(MemberCall),
    /// The process of the member with this id is to run.
    Start(u64),
    /// The newcomer with this id is asked to read.
    Read(u64),
    /// The process of who has left is to end, and its data to go.
    Discard,
}

/// The goals of a story about one member, and perhaps another, with two places that are empty or more.
pub(super) fn goals(
    present: &[usize],
    vacant: &[usize],
    first: usize,
    random: &mut StdRng,
) -> Vec<Goal> {
    let learner = random.random_bool(0.6);
    let comes = |place: usize| Goal::Comes { place, learner };
    let goes = |place: usize| Goal::Goes { place };
    let (one, two) = (vacant[0], vacant[1]);
    // Of two, none can go first: one member alone is no cluster that faults are for.
    let kinds = if present.len() > 2 { 0..6 } else { 3..6 };
    match random.random_range(kinds) {
        // Replaced where it was, under another id.
        0 | 1 => vec![goes(first), comes(first)],
        // Its host is lost.
        2 => vec![goes(first), comes(one)],
        // It moves.
        3 => vec![comes(one), goes(first)],
        // More are wanted, and then fewer: any of those that are there by then.
        4 => {
            let mut others = [present, &[one, two][..]].concat();
            others.retain(|place| *place != first);
            others.shuffle(random);
            vec![comes(one), comes(two), goes(first), goes(others[0])]
        }
        // Somebody comes and goes again.
        _ => vec![comes(one), goes(one)],
    }
}

/// What is to be done about a goal, by a list of members that is true. `url` is where peers find the member of its
/// place, `runs` says if there is a process.
pub(super) fn next(goal: Goal, list: &[MemberInfo], url: &str, runs: bool) -> Act {
    let listed = list
        .iter()
        .find(|one| one.peer_urls.iter().any(|own| own == url));
    match (goal, listed) {
        (Goal::Comes { learner, .. }, None) => Act::Change(MemberCall::Add {
            peer_urls: vec![url.to_owned()],
            learner,
        }),
        (Goal::Comes { .. }, Some(one)) if !runs => Act::Start(one.id),
        (Goal::Comes { .. }, Some(one)) if one.learner => {
            Act::Change(MemberCall::Promote { id: one.id })
        }
        (Goal::Comes { .. }, Some(one)) => Act::Read(one.id),
        (Goal::Goes { .. }, Some(one)) => Act::Change(MemberCall::Remove { id: one.id }),
        (Goal::Goes { .. }, None) => Act::Discard,
    }
}

/// All members by name and peer URL, as a newcomer must be told. Whoever has no name yet is given one.
pub(super) fn everyone(cluster: &Cluster, list: &[MemberInfo]) -> String {
    let places = 0..cluster.size();
    let name = |one: &MemberInfo| {
        let mut places = places.clone();
        let place = places.find(|i| one.peer_urls.iter().any(|url| url == cluster.peer_url(*i)));
        place.map_or_else(|| format!("id{:x}", one.id), |i| cluster.name(i).to_owned())
    };
    let pairs = list.iter().flat_map(|one| {
        let name = name(one);
        one.peer_urls.iter().map(move |url| format!("{name}={url}"))
    });
    pairs.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use std::collections::BTreeSet;

    #[test]
    fn a_story_ends_with_as_many_members_and_somebody_has_come() {
        for seed in 0..500 {
            let mut random = StdRng::seed_from_u64(seed);
            let size = random.random_range(1..=7);
            let mut all: Vec<usize> = (0..size + 2).collect();
            all.shuffle(&mut random);
            let (present, vacant) = all.split_at(size);
            let goals = goals(present, vacant, present[0], &mut random);
            let mut members: BTreeSet<usize> = present.iter().copied().collect();
            for goal in &goals {
                let changed = match goal {
                    Goal::Comes { place, .. } => members.insert(*place),
                    Goal::Goes { place } => members.remove(place),
                };
                assert!(changed, "seed {seed}: {goal:?} of {goals:?}");
                assert!(!members.is_empty() && (size < 3 || members.len() > 1));
            }
            assert_eq!(members.len(), size, "seed {seed}: {goals:?}");
            assert!(goals.iter().any(|goal| matches!(goal, Goal::Comes { .. })));
        }
    }

    #[test]
    fn what_is_done_follows_from_the_list_alone() {
        let member = |learner| MemberInfo {
            id: 7,
            peer_urls: vec!["http://a".to_owned()],
            learner,
            ..MemberInfo::default()
        };
        let comes = Goal::Comes {
            place: 0,
            learner: true,
        };
        let goes = Goal::Goes { place: 0 };
        let step = |goal, list: &[MemberInfo], runs| next(goal, list, "http://a", runs);
        let add = MemberCall::Add {
            peer_urls: vec!["http://a".to_owned()],
            learner: true,
        };
        assert_eq!(step(comes, &[], false), Act::Change(add));
        assert_eq!(step(comes, &[member(true)], false), Act::Start(7));
        let promote = MemberCall::Promote { id: 7 };
        assert_eq!(step(comes, &[member(true)], true), Act::Change(promote));
        assert_eq!(step(comes, &[member(false)], true), Act::Read(7));
        let remove = MemberCall::Remove { id: 7 };
        assert_eq!(step(goes, &[member(false)], true), Act::Change(remove));
        assert_eq!(step(goes, &[], true), Act::Discard);
    }
}
