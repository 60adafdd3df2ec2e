//! Which Pod goes first when there are too many (RS2).

use crate::objects::{Container, ContainerStatus, Pod};
use crate::pods::{micros, ready_since_us};
use std::cmp::Reverse;

const COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// The place of a Pod among those that could go: the least goes first. Fields are compared in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    is_bound: bool,
    phase: u8,
    is_ready: bool,
    cost: i32,
    /// Related Pods on its node, itself included.
    crowd: Reverse<usize>,
    /// For how long it has served; 0 if it does not.
    ready_for: i64,
    restarts: Reverse<i32>,
    /// Of containers that run beside the others.
    sidecar_restarts: Reverse<i32>,
    age: i64,
    /// Decides among Pods that are much of an age.
    uid: String,
}

/// The rank of a Pod on whose node there are `crowd` related ones.
pub(super) fn rank(pod: &Pod, crowd: usize, now_us: i64) -> Rank {
    let is_ready = pod.is_ready();
    let (restarts, sidecar_restarts) = restarts(pod);
    let created = pod.metadata.creation_timestamp.as_deref();
    Rank {
        is_bound: pod.is_bound(),
        phase: match pod.status.phase.as_str() {
            "Running" => 2,
            "Unknown" => 1,
            _ => 0,
        },
        is_ready,
        cost: cost(pod),
        crowd: Reverse(if pod.is_bound() { crowd } else { 0 }),
        ready_for: match is_ready {
            true => bucket(ready_since_us(pod), now_us),
            false => 0,
        },
        restarts: Reverse(restarts),
        sidecar_restarts: Reverse(sidecar_restarts),
        age: bucket(created.and_then(micros), now_us),
        uid: pod.metadata.uid.clone(),
    }
}

/// How long ago something was, in powers of two of nanoseconds: what differs by little is alike, so that
/// chance (the uid) spreads deletions over all who came about the same time. What nobody knows is shortest.
fn bucket(since_us: Option<i64>, now_us: i64) -> i64 {
    let Some(since_us) = since_us else {
        return -2;
    };
    let ago_ns = now_us.saturating_sub(since_us).saturating_mul(1000);
    ago_ns.checked_ilog2().map_or(-1, i64::from)
}

/// What its owner says a Pod costs to delete. What is no proper number is 0.
fn cost(pod: &Pod) -> i32 {
    let text = pod
        .metadata
        .annotations
        .get(COST)
        .map_or("", String::as_str);
    let is_proper = match text.as_bytes() {
        [b'0'] | [b'1'..=b'9', ..] | [b'-', ..] => true,
        // "+10" and "008" are none.
        _ => false,
    };
    text.parse().ok().filter(|_| is_proper).unwrap_or(0)
}

/// The most restarts of one of its containers, and of one of its sidecars.
fn restarts(pod: &Pod) -> (i32, i32) {
    let most = |statuses: &mut dyn Iterator<Item = &ContainerStatus>| {
        statuses
            .map(|status| status.restart_count)
            .max()
            .unwrap_or(0)
    };
    let is_sidecar = |container: &&Container| container.restart_policy.as_deref() == Some("Always");
    let sidecars = pod.spec.init_containers.iter().filter(is_sidecar);
    let sidecars: Vec<&str> = sidecars.map(|container| container.name.as_str()).collect();
    let mut beside = pod
        .status
        .init_container_statuses
        .iter()
        .filter(|status| sidecars.contains(&status.name.as_str()));
    let containers = most(&mut pod.status.container_statuses.iter());
    (containers, most(&mut beside))
}
