//! What becomes of Pods: each looks like something, and the table of stages says what comes next.
//!
//! At one time there is at most one appointment for a Pod, or one call about it. What is seen meanwhile is
//! remembered, and looked at when the call is answered.

use super::super::api::{Outcome, Told};
use super::super::container_status::back_off_s;
use super::super::look::{Look, Phase, restarts, run_for, started_at};
use super::super::seen::{self, revision};
use super::super::stage::{self, Delay, STAGES};
use super::{Counts, Due, Fleet, Now};
use keelson_apiserver::canonical::Instant;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// After trouble: so long, twice as long each time, up to the second.
pub(super) const AGAIN_MS: u64 = 500;
const AGAIN_MAX_MS: u64 = 16_000;

/// A Pod on one of the nodes.
pub struct Pod {
    pub seen: seen::Pod,
    pub node: u32,
    pub address: Option<Ipv4Addr>,
    revision: u64,
    epoch: u32,
    /// The stage that comes next.
    pub next: Option<usize>,
    pub turn: u32,
    /// A call is on its way, or waits for its turn.
    pub is_busy: bool,
    /// It was taken away; others may still hold it.
    is_removed: bool,
    troubles: u32,
}

impl Fleet {
    /// What is seen of Pods.
    pub fn pod_told(&mut self, told: Told<seen::Pod>, now: Now) {
        match told {
            Told::Began => self.pods_epoch += 1,
            Told::Here(pod) => self.pod_seen(pod, now),
            Told::Gone(pod) => self.pod_gone(&pod.metadata.uid),
            Told::Complete(revision) => {
                let epoch = self.pods_epoch;
                let lost = self.pods.iter();
                let lost = lost.filter(|(_, pod)| pod.epoch != epoch && pod.revision <= revision);
                let lost: Vec<Arc<str>> = lost.map(|(uid, _)| uid.clone()).collect();
                for uid in lost {
                    self.pod_gone(&uid);
                }
            }
        }
    }

    fn pod_seen(&mut self, seen: seen::Pod, now: Now) {
        let Some(&node) = self.index.get(&seen.spec.node_name) else {
            return;
        };
        let epoch = self.pods_epoch;
        let uid: Arc<str> = match self.pods.get_key_value(seen.metadata.uid.as_str()) {
            Some((uid, _)) => uid.clone(),
            None => {
                let uid: Arc<str> = seen.metadata.uid.as_str().into();
                let pod = Pod {
                    seen: seen::Pod::default(),
                    node,
                    address: None,
                    revision: 0,
                    epoch,
                    next: None,
                    turn: 0,
                    is_busy: false,
                    is_removed: false,
                    troubles: 0,
                };
                self.pods.insert(uid.clone(), pod);
                self.node(node).pods.insert(uid.clone());
                Counts::add(&self.counts.pods, 1);
                uid
            }
        };
        if let Some(pod) = self.pods.get_mut(&uid) {
            pod.epoch = epoch;
        }
        self.absorb(&uid, seen);
        self.appoint(&uid, now);
    }

    /// Takes in what a Pod looks like, if it is not old.
    fn absorb(&mut self, uid: &Arc<str>, seen: seen::Pod) {
        let Some(pod) = self.pods.get_mut(uid) else {
            return;
        };
        let revision = revision(&seen.metadata.resource_version);
        if revision < pod.revision || *seen.metadata.uid != **uid {
            return;
        }
        pod.revision = revision;
        pod.seen = seen;
        let addresses = &mut self.nodes[pod.node as usize].addresses;
        let is_over = Look::of(&pod.seen).phase == Phase::Ended;
        let own = pod
            .seen
            .status
            .pod_ip
            .parse()
            .ok()
            .filter(|_| !pod.seen.spec.host_network);
        match (is_over, own) {
            (true, _) => {
                if let Some(address) = pod.address.take() {
                    addresses.give_back(address);
                }
            }
            (false, Some(address)) if pod.address.is_none() => {
                pod.address = Some(address);
                addresses.mark(address);
            }
            _ => {}
        }
    }

    fn pod_gone(&mut self, uid: &str) {
        let Some(pod) = self.pods.remove(uid) else {
            return;
        };
        Counts::add(&self.counts.pods, -1);
        let node = self.node(pod.node);
        node.pods.remove(uid);
        if let Some(address) = pod.address {
            node.addresses.give_back(address);
        }
    }

    /// Decides what comes next for a Pod, and when.
    pub(super) fn appoint(&mut self, uid: &Arc<str>, now: Now) {
        let Some(pod) = self.pods.get(uid) else {
            return;
        };
        if pod.is_busy || pod.is_removed || !self.nodes[pod.node as usize].is_up() {
            return;
        }
        let next = stage::next(&Look::of(&pod.seen));
        if next == pod.next {
            return;
        }
        let due_ms = next.map(|stage| self.due_ms(uid, stage, now));
        self.put(uid, next, due_ms);
    }

    pub(super) fn put(&mut self, uid: &Arc<str>, next: Option<usize>, due_ms: Option<u64>) {
        let Some(pod) = self.pods.get_mut(uid) else {
            return;
        };
        pod.next = next;
        pod.turn += 1;
        if let Some(due_ms) = due_ms {
            self.wheel.put(due_ms, Due::Pod(uid.clone(), pod.turn));
        }
    }

    fn due_ms(&mut self, uid: &Arc<str>, stage: usize, now: Now) -> u64 {
        let stage = &STAGES[stage];
        if let Some(delay) = self.plan.delays.get(stage.name) {
            return now.ms + delay.as_millis() as u64;
        }
        let pod = &self.pods[uid].seen;
        match stage.delay {
            Delay::Ms(from_ms, spread_ms) => self.chance_ms(now.ms + from_ms, spread_ms),
            Delay::BackOff => now.ms + back_off_s(restarts(pod)) * 1000,
            Delay::RunFor => {
                let whole = run_for(pod).unwrap_or(self.plan.run_for);
                let since = started_at(pod).and_then(|since| Instant::parse(since).ok());
                let ran_us = since
                    .map_or(0, |since| now.us - since.seconds * 1_000_000)
                    .max(0);
                let left_ms = (whole.as_millis() as u64).saturating_sub(ran_us as u64 / 1000);
                now.ms + left_ms
            }
        }
    }

    pub(super) fn said(&mut self, uid: &Arc<str>, outcome: Outcome, now: Now) {
        let Some(pod) = self.pods.get_mut(uid) else {
            return;
        };
        pod.is_busy = false;
        pod.next = None;
        match outcome {
            Outcome::Done(bytes) => {
                pod.troubles = 0;
                match serde_json::from_slice(&bytes) {
                    Ok(seen) => self.absorb(uid, seen),
                    Err(error) => tracing::warn!(%error, "an answer is no Pod"),
                }
                self.appoint(uid, now);
            }
            // The stream tells of it.
            Outcome::Absent => {}
            _ => self.again(uid, now),
        }
    }

    pub(super) fn removed(&mut self, uid: &Arc<str>, outcome: &Outcome, now: Now) {
        let Some(pod) = self.pods.get_mut(uid) else {
            return;
        };
        pod.is_busy = false;
        pod.next = None;
        match outcome {
            Outcome::Done(_) | Outcome::Absent => pod.is_removed = true,
            _ => self.again(uid, now),
        }
    }

    /// After trouble: what comes next is decided on what is known by then.
    fn again(&mut self, uid: &Arc<str>, now: Now) {
        let Some(pod) = self.pods.get_mut(uid) else {
            return;
        };
        pod.troubles += 1;
        let wait_ms = (AGAIN_MS << pod.troubles.min(5)).min(AGAIN_MAX_MS);
        let next = stage::next(&Look::of(&pod.seen));
        let due_ms = self.chance_ms(now.ms + wait_ms / 2, wait_ms / 2);
        self.put(uid, next, next.map(|_| due_ms));
    }
}
