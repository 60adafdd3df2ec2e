//! How Pods of an old template are replaced, a few nodes at a time (DS4).
//!
//! Without surge an old Pod is removed, and the node then gets a new one: at most `maxUnavailable` nodes are
//! without a Pod that serves. With surge a new Pod is made beside the old one, on at most `maxSurge` nodes,
//! and the old one goes when the new one serves. An old Pod that does not serve is replaced at once.

use super::observe::{Fit, Observed, is_updated};
use super::plan::{Cause, Plan};
use crate::objects::Pod;
use serde_json::Value;
use std::sync::Arc;

/// On how many nodes a new Pod may run beside the old one.
pub fn surge(observed: &Observed) -> usize {
    match is_rolling(observed) {
        true => limit(observed, "maxSurge", 0),
        false => 0,
    }
}

/// Old Pods are replaced without anybody deleting them.
pub fn is_rolling(observed: &Observed) -> bool {
    observed.set.spec.update_strategy["type"] != "OnDelete"
}

fn unavailable(observed: &Observed) -> usize {
    let limit = limit(observed, "maxUnavailable", 1);
    // With neither nothing could ever be replaced.
    if surge(observed) == 0 {
        limit.max(1)
    } else {
        limit
    }
}

/// A number of nodes, or a share of those that shall run a Pod, rounded up.
fn limit(observed: &Observed, field: &str, default: usize) -> usize {
    let strategy = &observed.set.spec.update_strategy;
    let value = strategy
        .pointer("/rollingUpdate")
        .and_then(|rolling| rolling.get(field));
    match value {
        Some(Value::Number(number)) => number
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or_default(),
        Some(Value::String(share)) => {
            let share = share.trim_end_matches('%').parse::<usize>();
            let wanted = observed.wanted().count();
            wanted
                .saturating_mul(share.unwrap_or_default())
                .div_ceil(100)
        }
        _ => default,
    }
}

/// What there is on a node.
enum State<'p> {
    /// Nothing that is not going.
    Nothing,
    /// More than there should be: `plan` sees to it.
    Unclear,
    Old(&'p Arc<Pod>),
    New(&'p Arc<Pod>),
    Both(&'p Arc<Pod>, &'p Arc<Pod>),
}

fn state<'p>(observed: &'p Observed, node: &str, hash: &str) -> State<'p> {
    let pods = observed.on(node).iter();
    let pods = pods.filter(|pod| !pod.metadata.is_deleting());
    let (new, old): (Vec<_>, Vec<_>) = pods.partition(|pod| is_updated(pod, hash));
    match (old.as_slice(), new.as_slice()) {
        ([old], []) => State::Old(old),
        ([], [new]) => State::New(new),
        ([old], [new]) => State::Both(old, new),
        ([], []) => State::Nothing,
        _ => State::Unclear,
    }
}

/// Adds to a plan what replaces Pods of old templates.
pub fn roll(observed: &Observed, hash: &str, plan: &mut Plan) {
    match surge(observed) {
        0 => replace(observed, hash, plan),
        most => surge_on(observed, hash, most, plan),
    }
}

/// Nodes that have a Pod, or shall have one.
fn concerned(observed: &Observed) -> impl Iterator<Item = &str> {
    let nodes = observed.nodes.iter();
    let concerned = nodes.filter(|(name, fit)| **fit == Fit::Runs || !observed.on(name).is_empty());
    concerned.map(|(name, _)| name.as_str())
}

fn replace(observed: &Observed, hash: &str, plan: &mut Plan) {
    let mut without = 0;
    let mut candidates = Vec::new();
    for node in concerned(observed) {
        match state(observed, node, hash) {
            State::Nothing | State::Unclear | State::Both(..) => without += 1,
            State::New(pod) => without += usize::from(!observed.is_available(pod)),
            State::Old(pod) if observed.is_available(pod) => candidates.push((pod, node)),
            State::Old(pod) => {
                without += 1;
                plan.remove(pod, node, Cause::Old);
            }
        }
    }
    let allowed = unavailable(observed).saturating_sub(without);
    for (pod, node) in candidates.into_iter().take(allowed) {
        plan.remove(pod, node, Cause::Old);
    }
}

fn surge_on(observed: &Observed, hash: &str, most: usize, plan: &mut Plan) {
    let mut surging = 0;
    let mut candidates = Vec::new();
    for node in observed.wanted() {
        match state(observed, node, hash) {
            State::Unclear => surging += 1,
            State::Nothing | State::New(_) => {}
            State::Old(pod) if observed.is_available(pod) => candidates.push(node.to_owned()),
            State::Old(_) => plan.made.push(node.to_owned()),
            State::Both(old, new) if observed.is_available(new) => {
                plan.remove(old, node, Cause::Old);
            }
            State::Both(..) => surging += 1,
        }
    }
    let allowed = most.saturating_sub(surging);
    plan.made.extend(candidates.into_iter().take(allowed));
}
