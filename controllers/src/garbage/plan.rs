//! What becomes of a dependent, and whether an owner is free: pure.

use super::judge::Standing;
use super::sight::Dependent;
use crate::runtime::{Graph, GraphNode};
use keelson_apiserver::request::Propagation;
use std::collections::HashSet;

/// Owners that are followed in search of a circle. Whoever builds a larger one waits for ever.
const CIRCLE_MAX: usize = 4096;

/// How an owner that is going holds on to its dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// Until none refers to it.
    Orphan,
    /// Until none is left that blocks it.
    Foreground,
}

impl Hold {
    /// How it holds on; `None`: it does not, or is not going.
    pub(super) fn of(node: &GraphNode) -> Option<Hold> {
        [Hold::Orphan, Hold::Foreground]
            .into_iter()
            .find(|hold| node.is_deleting && node.is_held_by(hold.finalizer()))
    }

    /// What says so.
    pub(super) fn finalizer(self) -> &'static str {
        match self {
            Hold::Orphan => "orphan",
            Hold::Foreground => "foregroundDeletion",
        }
    }
}

/// What is done to a dependent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It goes.
    Delete(Propagation),
    /// It does not name the owners of these uids any more.
    Drop(Vec<String>),
    /// It does not block its owners any more.
    Unblock,
}

/// What becomes of a dependent whose owners stand like this, in their order.
pub(super) fn step(dependent: &Dependent, standings: &[Standing]) -> Option<Step> {
    let node = &dependent.node;
    let unblock = (dependent.is_in_circle && blocks(node)).then_some(Step::Unblock);
    if node.is_deleting {
        return unblock;
    }
    let has = |wanted: Standing| standings.contains(&wanted);
    if has(Standing::Unknown) || has(Standing::Nowhere) || standings.is_empty() {
        return None;
    }
    if has(Standing::Solid) {
        let owners = node.owners.iter().zip(standings);
        let dead = owners.filter(|(_, standing)| **standing != Standing::Solid);
        let dead: Vec<String> = dead.map(|(owner, _)| owner.uid.clone()).collect();
        return (!dead.is_empty()).then_some(Step::Drop(dead));
    }
    if has(Standing::Waiting) && dependent.has_dependents {
        // What it owns goes first, unless that is the one who waits for it.
        return Some(unblock.unwrap_or(Step::Delete(Propagation::Foreground)));
    }
    let propagation = if node.is_held_by(Hold::Orphan.finalizer()) {
        Propagation::Orphan
    } else if node.is_held_by(Hold::Foreground.finalizer()) {
        Propagation::Foreground
    } else {
        Propagation::Background
    };
    Some(Step::Delete(propagation))
}

/// Whether it blocks any of its owners.
pub(super) fn blocks(node: &GraphNode) -> bool {
    let mut owners = node.owners.iter();
    owners.any(|owner| owner.block_owner_deletion == Some(true))
}

fn blocks_one(node: &GraphNode, owner: &str) -> bool {
    let mut owners = node.owners.iter();
    owners.any(|one| one.uid == owner && one.block_owner_deletion == Some(true))
}

/// Whether nothing keeps an owner any more that holds on to its dependents.
pub(super) fn is_free(graph: &Graph, owner: &GraphNode) -> bool {
    let mut dependents = graph.dependents(&owner.uid);
    match Hold::of(owner) {
        None => false,
        Some(Hold::Orphan) => dependents.next().is_none(),
        Some(Hold::Foreground) => !dependents.any(|node| blocks_one(node, &owner.uid)),
    }
}

/// Whether an owner that waits for this dependent is itself waited for by it, over however many others.
pub(super) fn is_in_circle(graph: &Graph, dependent: &str, owner: &str) -> bool {
    let mut known: HashSet<&str> = HashSet::new();
    let mut open = vec![dependent];
    while let Some(uid) = open.pop() {
        for node in graph.dependents(uid) {
            if Hold::of(node) != Some(Hold::Foreground) || !blocks_one(node, uid) {
                continue;
            }
            if &*node.uid == owner {
                return true;
            }
            if known.len() < CIRCLE_MAX && known.insert(&node.uid) {
                open.push(&node.uid);
            }
        }
    }
    false
}
