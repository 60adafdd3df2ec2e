//! How many Pods are made, which Pods go.

use super::rank::rank;
use super::seen::Seen;
use crate::objects::Pod;
use std::sync::Arc;

/// Pods that one look makes or deletes at most; the next look goes on. Upstream's number.
const BURST_MAX: usize = 500;

/// What is to be done about a set.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The number is right, or the set is going and is left to the garbage collector.
    Nothing,
    /// So many Pods are to be made.
    Create(usize),
    /// These Pods are to go, the first ones first.
    Delete(Vec<Arc<Pod>>),
}

/// See [`Step`].
pub(super) fn plan(seen: &Seen) -> Step {
    if seen.set.metadata.is_deleting() {
        return Step::Nothing;
    }
    let (there, wanted) = (seen.owned.len(), seen.wanted());
    if there < wanted {
        return Step::Create((wanted - there).min(BURST_MAX));
    }
    if there == wanted {
        return Step::Nothing;
    }
    let mut ranked: Vec<_> = seen.owned.clone();
    ranked.sort_by_cached_key(|pod| {
        let crowd = seen.crowds.get(&pod.spec.node_name);
        rank(pod, crowd.copied().unwrap_or(0), seen.now_us)
    });
    ranked.truncate((there - wanted).min(BURST_MAX));
    Step::Delete(ranked)
}
