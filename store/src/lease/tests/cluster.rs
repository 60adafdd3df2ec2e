//! The clock and the state machine against what clients were promised.
//!
//! A log of commands, applied by the real machine, one leader's clock, and clients that choose their
//! ids from a few. What is proposed may get into the log in any order, late, or not at all.

use super::*;
use crate::apply::{Entry, LogId, Machine, Origin, Payload};
use crate::engine::GarbageSlot;
use crate::engine::memory::MemoryEngine;
use crate::mvcc::Store;
use keelson_proto::etcdserverpb::{LeaseGrantRequest, LeaseRevokeRequest};
use keelson_proto::log::command::Operation;
use keelson_proto::log::{self, Command, LeaseNote, LeaseNotes};
use proptest::prelude::*;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One step in the life of a cluster, as far as leases see it.
#[derive(Clone, Debug)]
enum Step {
    /// Milliseconds.
    Wait(u64),
    /// A client's.
    Grant(LeaseId, i64),
    /// A client's.
    Revoke(LeaseId),
    KeepAlive(LeaseId),
    /// The leader proposes what is due.
    Tick,
    /// Two neighbours change places on their way into the log.
    Overtake(usize),
    /// This many of the oldest proposals are applied.
    Apply(usize),
    /// A new leader; this many of the oldest proposals survive.
    Elect(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let id = 1..5i64;
    prop_oneof![
        3 => (1..400_000u64).prop_map(Step::Wait),
        3 => (id.clone(), prop::sample::select(vec![1i64, 5, 60, 400, 700, 2000]))
            .prop_map(|(id, ttl)| Step::Grant(id, ttl)),
        1 => id.clone().prop_map(Step::Revoke),
        4 => id.prop_map(Step::KeepAlive),
        4 => Just(Step::Tick),
        2 => (0..6usize).prop_map(Step::Overtake),
        4 => (1..4usize).prop_map(Step::Apply),
        1 => (0..4usize).prop_map(Step::Elect),
    ]
}

struct Cluster {
    now: Instant,
    clock: Clock,
    machine: Machine,
    applied: u64,
    /// Proposed and not yet applied.
    log: Vec<Operation>,
    /// Until when each lease was promised to live.
    promised: BTreeMap<LeaseId, Instant>,
}

impl Cluster {
    fn new() -> Cluster {
        let now = Instant::now();
        let garbage = GarbageSlot::default();
        let engine = Arc::new(MemoryEngine::new(garbage.clone()));
        let store = Store::open(engine, garbage, Default::default()).expect("the store opens");
        let nobody = Origin {
            member: 1,
            incarnation: 1,
        };
        Cluster {
            now,
            clock: primary(now),
            machine: Machine::open(store, nobody).expect("the machine opens"),
            applied: 0,
            log: Vec::new(),
            promised: BTreeMap::new(),
        }
    }

    fn promise(&mut self, id: LeaseId, ttl: i64) {
        self.promised.insert(id, self.now + ttl as u32 * S);
    }

    fn apply(&mut self, count: usize) -> Result<(), TestCaseError> {
        let run: Vec<_> = self.log.drain(..count.min(self.log.len())).collect();
        for operation in run {
            let by_client = matches!(operation, Operation::LeaseRevoke(_));
            self.applied += 1;
            let entry = entry(self.applied, operation);
            for change in self.machine.apply(&[entry]).lease_changes {
                match change {
                    Change::Granted { id, ttl, .. } => self.promise(id, ttl),
                    Change::Revoked { id } => {
                        let promised = self.promised.remove(&id);
                        let over = promised.is_none_or(|promised| self.now >= promised);
                        prop_assert!(by_client || over, "lease {} ended early", id);
                    }
                    Change::Checkpointed { .. } => {}
                }
                self.clock.changed(&change, self.now);
            }
        }
        Ok(())
    }

    fn run(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Wait(millis) => self.now += Duration::from_millis(millis),
            Step::Grant(id, ttl) => {
                let request = LeaseGrantRequest { id, ttl };
                self.log.push(Operation::LeaseGrant(request));
            }
            Step::Revoke(id) => {
                let request = LeaseRevokeRequest { id };
                self.log.push(Operation::LeaseRevoke(request));
            }
            Step::KeepAlive(id) => self.keep_alive(id)?,
            Step::Tick => {
                let expired = self.clock.expired(self.now, 2).into_iter();
                self.log.extend(expired.map(Operation::LeaseExpiry));
                let notes = self.clock.checkpoints(self.now);
                self.log.push(Operation::LeaseNotes(LeaseNotes { notes }));
            }
            Step::Overtake(at) => {
                if at + 1 < self.log.len() {
                    self.log.swap(at, at + 1);
                }
            }
            Step::Apply(count) => self.apply(count)?,
            Step::Elect(kept) => {
                self.clock.demote();
                self.log.truncate(kept);
                self.apply(kept)?;
                // Elections take no time here, so the promise must hold without an extension.
                let extension = Duration::ZERO;
                let state = self.machine.state();
                self.clock.promote(state.leases(), extension, self.now);
            }
        }
        Ok(())
    }

    fn keep_alive(&mut self, id: LeaseId) -> Result<(), TestCaseError> {
        match self.clock.renew(id, self.now) {
            Ok(Renew::Renewed(ttl)) => self.promise(id, ttl),
            Ok(Renew::ClearFirst(since)) => {
                let note = LeaseNote {
                    id,
                    since: Some(since),
                    remaining_ttl: 0,
                };
                let notes = vec![note];
                self.log.push(Operation::LeaseNotes(LeaseNotes { notes }));
            }
            Ok(Renew::Gone) => prop_assert!(!self.machine.state().leases().contains(id)),
            Ok(Renew::Revoking) => {}
            Err(NotPrimary) => prop_assert!(false, "there is always a leader here"),
        }
        Ok(())
    }
}

fn entry(index: u64, operation: Operation) -> Entry {
    let command = Command {
        operation: Some(operation),
        fence_term: 0,
    };
    let batch = log::Batch {
        origin: 0,
        incarnation: 0,
        requests: vec![0],
        commands: vec![command.encode_to_vec().into()],
    };
    let batches = vec![batch];
    let payload = Payload::Commands(log::Payload { batches }.encode_to_vec().into());
    let log_id = LogId {
        term: 1,
        node_id: 1,
        index,
    };
    Entry { log_id, payload }
}

/// Runs the steps of a story that is too special for chance.
fn tell(steps: &[Step]) {
    let mut cluster = Cluster::new();
    for step in steps {
        cluster.run(step).expect("no lease ends early");
    }
}

const ALL: usize = usize::MAX;

#[test]
fn the_end_of_one_lease_spares_the_next_with_its_id() {
    use Step::{Apply, Grant, Revoke, Tick, Wait};
    let again = [Revoke(1), Grant(1, 60), Tick, Apply(ALL)];
    tell(&[&[Grant(1, 60), Apply(ALL), Wait(60_000)][..], &again].concat());
}

#[test]
fn a_note_of_one_lease_spares_the_next_with_its_id() {
    use Step::{Apply, Elect, Grant, Revoke, Tick, Wait};
    let again = [Revoke(1), Grant(1, 2000), Tick, Apply(ALL)];
    let end = [Elect(0), Wait(1_750_000), Tick, Apply(ALL)];
    tell(
        &[
            &[Grant(1, 2000), Apply(ALL), Wait(301_000)],
            &again[..],
            &end,
        ]
        .concat(),
    );
}

#[test]
fn a_note_that_a_renewal_overtakes_does_not_count() {
    use Step::{Apply, Elect, Grant, KeepAlive, Overtake, Tick, Wait};
    let renewal = [
        KeepAlive(1),
        Overtake(0),
        Apply(1),
        KeepAlive(1),
        Apply(ALL),
    ];
    let end = [Elect(0), Wait(1_750_000), Tick, Apply(ALL)];
    let noted = [Grant(1, 2000), Apply(ALL), Wait(301_000), Tick];
    tell(&[&noted[..], &renewal, &end].concat());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Grants, also of ids that were used before, revocations, renewals, notes, proposals that are
    /// lost or overtake each other, elections: no lease is revoked before the time that a client was
    /// last told, and every lease ends once nobody renews it.
    #[test]
    fn no_lease_ends_early_and_every_lease_ends(steps in prop::collection::vec(step(), 1..60)) {
        let mut cluster = Cluster::new();
        for step in &steps {
            cluster.run(step)?;
        }
        cluster.apply(usize::MAX)?;
        for _ in 0..20 {
            cluster.run(&Step::Wait(1_000_000))?;
            cluster.run(&Step::Tick)?;
            cluster.apply(usize::MAX)?;
        }
        let left = cluster.machine.state().leases().ids();
        prop_assert!(left.is_empty(), "left over: {:?}", left);
    }
}
