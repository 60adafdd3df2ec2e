//! Leases of nodes: made when a node rises, renewed each ten seconds while it is up (L1).

use super::super::api::{Ask, Call, Outcome};
use super::super::node_object as object;
use super::nodes::AGAIN_MS;
use super::{Due, Fleet, Now, Ticket};
use crate::runtime::Kind;

const RENEW_MS: u64 = 10_000;
/// Upstream's kubelets spread their renewals by as much.
const RENEW_SPREAD_MS: u64 = 400;

impl Fleet {
    fn about_lease(&self, at: u32, ask: Ask) -> Call {
        Call {
            kind: Kind::Lease,
            namespace: object::LEASES.to_owned(),
            ..self.about_node(at, ask)
        }
    }

    pub(super) fn make_lease(&mut self, at: u32, now: Now) {
        self.node(at).is_renewing = true;
        let node = self.node(at);
        let lease = object::lease(&node.name, &node.uid, now.us);
        let call = self.about_lease(at, Ask::Create(lease));
        self.urgent.push_back((Ticket::Lease(at), call));
    }

    pub(super) fn lease_made(&mut self, at: u32, outcome: &Outcome, now: Now) {
        self.node(at).is_renewing = false;
        self.node(at).has_lease = matches!(outcome, Outcome::Done(_) | Outcome::Exists);
        let next_ms = match outcome {
            // The first one comes at any time within the interval, so that nodes spread.
            Outcome::Done(_) => self.chance_ms(now.ms, RENEW_MS),
            Outcome::Exists => now.ms,
            _ => self.chance_ms(now.ms + AGAIN_MS, AGAIN_MS),
        };
        self.appoint_renewal(at, next_ms);
    }

    fn appoint_renewal(&mut self, at: u32, due_ms: u64) {
        let node = self.node(at);
        node.renewal += 1;
        let turn = node.renewal;
        self.wheel.put(due_ms, Due::Renew(at, turn));
    }

    pub(super) fn renew(&mut self, at: u32, turn: u32, now: Now) {
        let node = self.node(at);
        if node.renewal != turn || !node.is_up() {
            return;
        }
        if !node.has_lease {
            return self.make_lease(at, now);
        }
        let is_renewing = std::mem::replace(&mut node.is_renewing, true);
        if !is_renewing {
            let renewal = object::renewal(&node.name, now.us);
            let call = self.about_lease(at, Ask::Patch(renewal));
            self.urgent.push_back((Ticket::Renew(at), call));
        }
        let next_ms = self.chance_ms(now.ms + RENEW_MS, RENEW_SPREAD_MS);
        self.appoint_renewal(at, next_ms);
    }

    pub(super) fn renewed(&mut self, at: u32, outcome: &Outcome, now: Now) {
        let node = self.node(at);
        node.is_renewing = false;
        match outcome {
            Outcome::Done(_) => {}
            _ if !node.is_up() => {}
            Outcome::Absent => {
                node.has_lease = false;
                self.appoint_renewal(at, now.ms);
            }
            _ => {
                let later_ms = self.chance_ms(now.ms + AGAIN_MS, AGAIN_MS);
                self.appoint_renewal(at, later_ms);
            }
        }
    }
}
