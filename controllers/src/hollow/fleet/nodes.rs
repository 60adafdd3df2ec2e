//! What nodes do: they register, tell their status, and fail if they are told to (L1).

use super::super::addresses::Addresses;
use super::super::api::{Ask, Call, Outcome, Told};
use super::super::node_object as object;
use super::super::plan::{Mode, Plan};
use super::super::seen::{self, revision};
use super::{Counts, Due, Fleet, Now, Ticket};
use crate::runtime::Kind;
use std::collections::HashSet;
use std::sync::Arc;

const STATUS_MS: u64 = 300_000;
const STATUS_SPREAD_MS: u64 = 30_000;
/// A status that others have changed is told anew after this.
const MEND_MS: u64 = 500;
/// After trouble.
pub(super) const AGAIN_MS: u64 = 1_000;

/// One node.
pub struct Node {
    pub name: String,
    pub ip: String,
    pub uid: String,
    pub addresses: Addresses,
    /// The Pods on it, by uid.
    pub pods: HashSet<Arc<str>>,
    pub revision: u64,
    pub epoch: u32,
    is_registered: bool,
    /// The plan has it down for now.
    is_down: bool,
    /// A user has it down.
    is_failed: bool,
    pub(super) has_lease: bool,
    pub(super) is_renewing: bool,
    is_telling: bool,
    pub(super) renewal: u32,
    status: u32,
    /// Since when it is up.
    since_us: i64,
}

impl Node {
    pub fn new(plan: &Plan, position: u32) -> Node {
        let (base, bits) = plan.pod_slice(position);
        Node {
            name: plan.name(position),
            ip: plan.node_ip(position).to_string(),
            uid: String::new(),
            addresses: Addresses::new(base, bits),
            pods: HashSet::new(),
            revision: 0,
            epoch: 0,
            is_registered: false,
            is_down: false,
            is_failed: false,
            has_lease: false,
            is_renewing: false,
            is_telling: false,
            renewal: 0,
            status: 0,
            since_us: 0,
        }
    }

    /// It is registered and does what nodes do.
    pub fn is_up(&self) -> bool {
        self.is_registered && !self.is_down && !self.is_failed
    }
}

impl Fleet {
    pub(super) fn begin(&mut self) {
        let (failing, flapping) = (self.plan.failing, self.plan.flapping);
        let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        for at in 0..self.plan.nodes {
            self.wheel.put(0, Due::Register(at));
            match self.plan.mode(at) {
                Mode::Steady => {}
                Mode::Fails => self.wheel.put(ms(failing.after), Due::Down(at)),
                Mode::Flaps => {
                    // Not all at once.
                    let up_ms = ms(flapping.up);
                    let first_ms = self.chance_ms(up_ms / 2, up_ms);
                    self.wheel.put(first_ms, Due::Down(at));
                }
            }
        }
    }

    pub(super) fn node(&mut self, at: u32) -> &mut Node {
        &mut self.nodes[at as usize]
    }

    pub(super) fn register(&mut self, at: u32, now: Now) {
        let node = object::node(&self.plan, at, now.us);
        let call = self.about_node(at, Ask::Create(node));
        self.urgent.push_back((Ticket::Register(at), call));
    }

    pub(super) fn about_node(&self, at: u32, ask: Ask) -> Call {
        let name = &self.nodes[at as usize].name;
        Call {
            node: name.clone(),
            kind: Kind::Node,
            namespace: String::new(),
            name: name.clone(),
            ask,
        }
    }

    pub(super) fn registered(&mut self, at: u32, outcome: Outcome, now: Now) {
        match outcome {
            Outcome::Done(bytes) => self.is_known(at, &bytes, now),
            // An earlier run's: it is this node now.
            Outcome::Exists => self.send_status(at, now),
            _ => {
                let later_ms = self.chance_ms(now.ms + AGAIN_MS, AGAIN_MS);
                self.wheel.put(later_ms, Due::Register(at));
            }
        }
    }

    /// The Node is there, with this text.
    fn is_known(&mut self, at: u32, bytes: &[u8], now: Now) {
        if let Ok(node) = serde_json::from_slice::<seen::Node>(bytes) {
            self.look_at(at, &node, now);
        }
        if std::mem::replace(&mut self.node(at).is_registered, true) {
            return;
        }
        if self.node(at).is_up() {
            self.rises(at, now);
        }
    }

    /// The node begins to do what nodes do, at once or again.
    fn rises(&mut self, at: u32, now: Now) {
        Counts::add(&self.counts.nodes, 1);
        self.node(at).since_us = now.us;
        self.make_lease(at, now);
        let next_ms = self.chance_ms(now.ms + STATUS_MS / 2, STATUS_MS / 2);
        self.appoint_status(at, next_ms);
        let pods: Vec<Arc<str>> = self.node(at).pods.iter().cloned().collect();
        for uid in pods {
            self.appoint(&uid, now);
        }
    }

    fn falls(&mut self, at: u32) {
        Counts::add(&self.counts.nodes, -1);
        let node = self.node(at);
        // What was appointed is void.
        (node.renewal, node.status) = (node.renewal + 1, node.status + 1);
    }

    /// Changes what decides whether the node is up.
    fn switch(&mut self, at: u32, now: Now, change: impl FnOnce(&mut Node)) {
        let was_up = self.node(at).is_up();
        change(self.node(at));
        match (was_up, self.node(at).is_up()) {
            (true, false) => self.falls(at),
            (false, true) => {
                self.rises(at, now);
                // Meanwhile it has been given up.
                self.appoint_status(at, now.ms);
            }
            _ => {}
        }
    }

    pub(super) fn flap_down(&mut self, at: u32, now: Now) {
        self.switch(at, now, |node| node.is_down = true);
        if self.plan.mode(at) == Mode::Flaps {
            let down_ms = self.plan.flapping.down.as_millis() as u64;
            self.wheel.put(now.ms + down_ms, Due::Up(at));
        }
    }

    pub(super) fn flap_up(&mut self, at: u32, now: Now) {
        self.switch(at, now, |node| node.is_down = false);
        let up_ms = self.plan.flapping.up.as_millis() as u64;
        self.wheel.put(now.ms + up_ms, Due::Down(at));
    }

    fn appoint_status(&mut self, at: u32, due_ms: u64) {
        let node = self.node(at);
        node.status += 1;
        let turn = node.status;
        self.wheel.put(due_ms, Due::Status(at, turn));
    }

    pub(super) fn tell_status(&mut self, at: u32, turn: u32, now: Now) {
        let node = self.node(at);
        if node.status == turn && node.is_up() {
            self.send_status(at, now);
        }
    }

    fn send_status(&mut self, at: u32, now: Now) {
        self.node(at).is_telling = true;
        let since_us = match self.node(at).since_us {
            0 => now.us,
            since_us => since_us,
        };
        let patch = object::status_patch(&self.plan, at, since_us, now.us);
        let call = self.about_node(at, Ask::PatchStatus(patch));
        self.urgent.push_back((Ticket::Status(at), call));
        let next_ms = self.chance_ms(now.ms + STATUS_MS, STATUS_SPREAD_MS);
        self.appoint_status(at, next_ms);
    }

    pub(super) fn status_told(&mut self, at: u32, outcome: Outcome, now: Now) {
        self.node(at).is_telling = false;
        match outcome {
            Outcome::Done(bytes) => self.is_known(at, &bytes, now),
            _ if !self.node(at).is_registered => {
                let later_ms = self.chance_ms(now.ms + AGAIN_MS, AGAIN_MS);
                self.wheel.put(later_ms, Due::Register(at));
            }
            // The stream of Nodes tells what became of it.
            Outcome::Absent => {}
            _ => {
                let later_ms = self.chance_ms(now.ms + AGAIN_MS, AGAIN_MS);
                self.appoint_status(at, later_ms);
            }
        }
    }

    /// What is seen of Nodes.
    pub fn node_told(&mut self, told: &Told<seen::Node>, now: Now) {
        match told {
            Told::Began => self.nodes_epoch += 1,
            Told::Here(node) => {
                let Some(&at) = self.index.get(&node.metadata.name) else {
                    return;
                };
                self.node(at).epoch = self.nodes_epoch;
                self.look_at(at, node, now);
                self.mend(at, node, now);
            }
            Told::Gone(node) => {
                let at = self.index.get(&node.metadata.name).copied();
                if let Some(at) = at.filter(|&at| self.node(at).uid == node.metadata.uid) {
                    self.forget_node(at, now);
                }
            }
            Told::Complete(revision) => {
                for at in 0..self.plan.nodes {
                    let epoch = self.nodes_epoch;
                    let node = self.node(at);
                    if node.is_registered && node.epoch != epoch && node.revision <= *revision {
                        self.forget_node(at, now);
                    }
                }
            }
        }
    }

    /// A user has deleted it: its machine is gone.
    fn forget_node(&mut self, at: u32, now: Now) {
        tracing::info!(
            node = self.nodes[at as usize].name,
            "a node was deleted and is gone"
        );
        self.switch(at, now, |node| {
            node.is_registered = false;
            node.has_lease = false;
            node.revision = 0;
        });
    }

    fn look_at(&mut self, at: u32, seen: &seen::Node, now: Now) {
        let is_failed = seen.metadata.wishes.fail.as_deref() == Some("true");
        let node = self.node(at);
        let revision = revision(&seen.metadata.resource_version);
        if revision < node.revision {
            return;
        }
        node.revision = revision;
        node.uid.clone_from(&seen.metadata.uid);
        if let Some(range) = Addresses::of(&seen.spec.pod_cidr)
            && !range.is_like(&node.addresses)
        {
            node.addresses = range;
            let pods: Vec<Arc<str>> = node.pods.iter().cloned().collect();
            for uid in pods {
                let address = self.pods.get(&uid).and_then(|pod| pod.address);
                if let Some(address) = address {
                    self.node(at).addresses.mark(address);
                }
            }
        }
        if is_failed != self.node(at).is_failed {
            self.switch(at, now, |node| node.is_failed = is_failed);
        }
    }

    /// If others say that it is not ready, it says that it is.
    fn mend(&mut self, at: u32, seen: &seen::Node, now: Now) {
        let node = self.node(at);
        if node.is_up() && !node.is_telling && !seen.is_ready() {
            node.is_telling = true;
            let later_ms = self.chance_ms(now.ms + MEND_MS, MEND_MS);
            self.appoint_status(at, later_ms);
        }
    }
}
