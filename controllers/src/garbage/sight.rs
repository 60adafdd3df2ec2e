//! What one look at an owner sees, taken out of the world at once.

use super::judge::{Seen, Standing, is_misplaced, seen};
use super::plan::{Hold, blocks, is_free, is_in_circle};
use crate::runtime::{Graph, GraphNode};

/// Dependents that one look is about; with more, another look follows.
const DEPENDENTS_MAX: usize = 1024;

/// See the module.
#[derive(Default)]
pub(super) struct Sight {
    /// The owner, if it holds on to its dependents and none keeps it any more.
    pub(super) free: Option<(GraphNode, Hold)>,
    /// Dependents that the owner lets go of.
    pub(super) orphans: Vec<GraphNode>,
    /// Dependents for which the owner is not simply there.
    pub(super) dependents: Vec<Dependent>,
    /// There are more.
    pub(super) has_more: bool,
}

/// A dependent that may have to go.
#[derive(Debug)]
pub(super) struct Dependent {
    /// It.
    pub(super) node: GraphNode,
    /// What the world knows of its owners, in their order.
    pub(super) seen: Vec<Seen>,
    /// It has dependents itself.
    pub(super) has_dependents: bool,
    /// The owner and it wait for each other, or will.
    pub(super) is_in_circle: bool,
    /// The owner is in another namespace.
    pub(super) is_misplaced: bool,
}

impl Sight {
    /// What is to be seen of the owner with this uid.
    pub(super) fn of(graph: &Graph, uid: &str) -> Sight {
        let mut sight = Sight::default();
        let owner = graph.by_uid(uid);
        let hold = owner.and_then(Hold::of);
        if let (Some(owner), Some(hold)) = (owner, hold)
            && is_free(graph, owner)
        {
            sight.free = Some((owner.clone(), hold));
            return sight;
        }
        for node in graph.dependents(uid) {
            if sight.orphans.len() + sight.dependents.len() >= DEPENDENTS_MAX {
                sight.has_more = true;
                return sight;
            }
            match hold {
                Some(Hold::Orphan) => sight.orphans.push(node.clone()),
                _ => sight.dependents.extend(Dependent::of(graph, node, uid)),
            }
        }
        sight
    }
}

impl Dependent {
    /// `None`: there is nothing to be done about it because of this owner.
    fn of(graph: &Graph, node: &GraphNode, owner: &str) -> Option<Dependent> {
        if node.is_deleting && Hold::of(node) != Some(Hold::Foreground) {
            return None;
        }
        let here = seen(graph, node, node.owner(owner)?);
        if here == Seen::Stands(Standing::Solid) {
            return None;
        }
        let is_waited_for = here == Seen::Stands(Standing::Waiting);
        let is_in_circle = is_waited_for && blocks(node) && is_in_circle(graph, &node.uid, owner);
        if node.is_deleting && !is_in_circle {
            return None;
        }
        let seen = node.owners.iter().map(|one| seen(graph, node, one));
        Some(Dependent {
            seen: seen.collect(),
            has_dependents: graph.has_dependents(&node.uid),
            is_in_circle,
            is_misplaced: node
                .owner(owner)
                .is_some_and(|one| is_misplaced(graph, node, one)),
            node: node.clone(),
        })
    }
}
