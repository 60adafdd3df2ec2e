//! All nodes of a process as one state machine. It is told what happened and when; it answers with calls to
//! make, and with the time at which it wants to be asked again.
//!
//! | file | what |
//! |---|---|
//! | `nodes` | registration, status, failing and flapping |
//! | `leases` | leases of nodes |
//! | `pods` | what is seen of Pods, and the stages they go through |
//! | `turns` | what is done about them, when it is their turn |
//!
//! What may enter: what has to be remembered between two events. What never happens here: a call, a clock,
//! anything that waits.

mod leases;
mod nodes;
mod pods;
mod turns;

use super::api::{Call, Outcome};
use super::plan::Plan;
use super::wheel::Wheel;
use nodes::Node;
use parking_lot::Mutex;
use pods::Pod;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since the fleet began. Never goes back.
    pub ms: u64,
    /// Microseconds since 1970.
    pub us: i64,
}

/// Which call an outcome belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// The Node is made.
    Register(u32),
    /// Its status is told.
    Status(u32),
    /// Its Lease is made.
    Lease(u32),
    /// Its Lease is renewed.
    Renew(u32),
    /// Something is said about the Pod of this uid.
    Say(Arc<str>),
    /// The Pod of this uid is taken away.
    Remove(Arc<str>),
}

/// What is due at some time. The last number is that of the appointment: an older one is void.
#[derive(Debug)]
enum Due {
    Register(u32),
    Status(u32, u32),
    Renew(u32, u32),
    Down(u32),
    Up(u32),
    Pod(Arc<str>, u32),
}

/// What the fleet has done so far, for whoever wants to tell people.
#[derive(Debug, Default)]
pub struct Counts {
    /// Nodes that are registered and up.
    pub nodes: AtomicU64,
    /// Pods on them that are known.
    pub pods: AtomicU64,
    /// Calls that did not succeed and are made again.
    pub troubles: AtomicU64,
    /// Calls that were refused.
    pub refusals: AtomicU64,
    /// What last went wrong.
    last_problem: Mutex<String>,
}

impl Counts {
    /// What last went wrong; empty if nothing has.
    pub fn problem(&self) -> String {
        self.last_problem.lock().clone()
    }

    fn add(counter: &AtomicU64, by: i64) {
        counter.fetch_add(by as u64, Ordering::Relaxed);
    }
}

/// See the module.
pub struct Fleet {
    plan: Plan,
    nodes: Vec<Node>,
    /// Positions by names.
    index: HashMap<String, u32>,
    pods: HashMap<Arc<str>, Pod>,
    wheel: Wheel<Due>,
    chance: StdRng,
    counts: Arc<Counts>,
    /// Calls by which nodes stay alive.
    urgent: VecDeque<(Ticket, Call)>,
    calls: VecDeque<(Ticket, Call)>,
    /// Pods about which something is to be done: the number of the appointment, and since when, in milliseconds.
    turns: VecDeque<(Arc<str>, u32, u64)>,
    /// Which list of Pods, or of Nodes, what is known was last seen in.
    pods_epoch: u32,
    nodes_epoch: u32,
}

impl Fleet {
    /// The nodes of a plan, none of which is registered. They register as soon as the fleet is asked for
    /// calls.
    pub fn new(plan: Plan, counts: Arc<Counts>) -> Fleet {
        let nodes: Vec<Node> = (0..plan.nodes).map(|at| Node::new(&plan, at)).collect();
        let named = nodes.iter().zip(0..);
        let mut fleet = Fleet {
            index: named.map(|(node, at)| (node.name.clone(), at)).collect(),
            chance: StdRng::seed_from_u64(plan.seed),
            plan,
            nodes,
            pods: HashMap::new(),
            wheel: Wheel::default(),
            counts,
            urgent: VecDeque::new(),
            calls: VecDeque::new(),
            turns: VecDeque::new(),
            pods_epoch: 0,
            nodes_epoch: 0,
        };
        fleet.begin();
        fleet
    }

    /// When it wants to be asked again, in milliseconds since it began.
    pub fn next_ms(&self) -> Option<u64> {
        self.wheel.next_ms()
    }

    /// Looks at what is due.
    pub fn tick(&mut self, now: Now) {
        for due in self.wheel.due(now.ms) {
            match due {
                Due::Register(node) => self.register(node, now),
                Due::Status(node, turn) => self.tell_status(node, turn, now),
                Due::Renew(node, turn) => self.renew(node, turn, now),
                Due::Down(node) => self.flap_down(node, now),
                Due::Up(node) => self.flap_up(node, now),
                Due::Pod(uid, turn) => self.act(&uid, turn, now),
            }
        }
    }

    /// The next call to make. Those that keep nodes alive come first.
    pub fn next_call(&mut self, now: Now) -> Option<(Ticket, Call)> {
        let urgent = self.urgent.pop_front();
        let of_nodes = urgent.or_else(|| self.calls.pop_front());
        of_nodes.or_else(|| self.next_turn(now))
    }

    /// The next call that must not wait for room.
    pub fn next_urgent_call(&mut self) -> Option<(Ticket, Call)> {
        self.urgent.pop_front()
    }

    /// What became of a call.
    pub fn answered(&mut self, ticket: &Ticket, outcome: Outcome, now: Now) {
        match &outcome {
            Outcome::Trouble(why) => {
                tracing::debug!(?ticket, why, "a call did not succeed");
                self.counts.last_problem.lock().clone_from(why);
                Counts::add(&self.counts.troubles, 1);
            }
            Outcome::Refused(why) => {
                tracing::warn!(?ticket, why, "a call was refused");
                self.counts.last_problem.lock().clone_from(why);
                Counts::add(&self.counts.refusals, 1);
            }
            _ => {}
        }
        match ticket {
            Ticket::Register(node) => self.registered(*node, outcome, now),
            Ticket::Status(node) => self.status_told(*node, outcome, now),
            Ticket::Lease(node) => self.lease_made(*node, &outcome, now),
            Ticket::Renew(node) => self.renewed(*node, &outcome, now),
            Ticket::Say(uid) => self.said(uid, outcome, now),
            Ticket::Remove(uid) => self.removed(uid, &outcome, now),
        }
    }

    /// Between `from` and `from + spread` milliseconds.
    fn chance_ms(&mut self, from_ms: u64, spread_ms: u64) -> u64 {
        from_ms + self.chance.random_range(0..=spread_ms)
    }
}
