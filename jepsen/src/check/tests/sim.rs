//! A tiny concurrent world in virtual time: a right server, clients, watches, leases, lost answers.
//! A seed decides everything. What comes out is a right history, for others to spoil.

use crate::history::*;
use crate::model::Store;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

pub(super) const MS: u64 = 1_000_000;

/// Chance, from a seed.
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What a world is like.
#[derive(Clone, Copy)]
pub struct World {
    pub operations: usize,
    pub clients: u32,
    pub keys: u64,
    pub unknown_percent: u64,
    pub watches: usize,
    /// Only requests that the second judge looks at.
    pub plain: bool,
}

impl Default for World {
    fn default() -> World {
        World {
            operations: 150,
            clients: 5,
            keys: 6,
            unknown_percent: 6,
            watches: 4,
            plain: false,
        }
    }
}

pub(super) enum Step {
    Invoke(u32),
    Apply(usize),
    Complete(usize),
    Deliver(usize),
    Expire(i64),
}

pub(super) struct Doing {
    pub(super) client: u32,
    pub(super) call: Call,
    pub(super) outcome: Option<Outcome>,
    pub(super) is_lost: bool,
}

pub(super) struct Viewer {
    pub(super) open: WatchOpen,
    pub(super) next: i64,
    pub(super) created: bool,
    pub(super) over: bool,
}

pub struct Sim {
    pub(super) dice: Dice,
    pub(super) world: World,
    pub(super) now: u64,
    pub(super) queue: BinaryHeap<Reverse<(u64, u64, usize)>>,
    pub(super) steps: Vec<Option<Step>>,
    pub(super) store: Store,
    pub(super) changes: Vec<(i64, Vec<Event>)>,
    pub(super) doing: Vec<Doing>,
    pub(super) processes: Vec<Process>,
    pub(super) next_process: Process,
    pub(super) left: usize,
    pub(super) viewers: Vec<Viewer>,
    pub(super) leases: BTreeMap<i64, (u64, u64)>,
    pub(super) next_lease: i64,
    pub(super) next_element: u64,
    pub(super) members: Vec<MemberInfo>,
    pub(super) records: Vec<Record>,
}

/// A right history.
pub fn history(seed: u64, world: World) -> History {
    History::of(records(seed, world))
}

pub fn records(seed: u64, world: World) -> Vec<Record> {
    let mut sim = Sim::new(seed, world);
    for client in 0..world.clients {
        let after = sim.dice.below(5 * MS);
        sim.at(after, Step::Invoke(client));
    }
    for _ in 0..world.watches {
        sim.watch(None);
    }
    while let Some(Reverse((at, _, step))) = sim.queue.pop() {
        sim.now = sim.now.max(at) + 1;
        match sim.steps[step].take().unwrap() {
            Step::Invoke(client) => sim.invoke(client),
            Step::Apply(op) => sim.apply(op),
            Step::Complete(op) => sim.complete(op),
            Step::Deliver(watch) => sim.deliver(watch),
            Step::Expire(lease) => sim.expire(lease),
        }
    }
    sim.finish()
}

impl Sim {
    pub(super) fn new(seed: u64, world: World) -> Sim {
        let mut head = Head::new(seed, format!("keelson-jepsen run --seed {seed}"));
        head.nodes = 3;
        head.workloads = vec!["simulated".to_owned()];
        head.least_operations = 10;
        head.required_faults = vec!["kill".to_owned()];
        head.invariants = vec![
            Invariant::Sum {
                prefix: "bank/".to_owned(),
                total: 30,
            },
            Invariant::CountsUp {
                key: "counter".to_owned(),
            },
            Invariant::NeverDecreases {
                key: "counter".to_owned(),
            },
        ];
        let member = |id: u64| MemberInfo {
            id,
            name: format!("m{id}"),
            peer_urls: vec![format!("http://m{id}")],
            learner: false,
        };
        Sim {
            dice: Dice(seed.wrapping_mul(0x1234_5677) ^ 0x5eed),
            world,
            now: 0,
            queue: BinaryHeap::new(),
            steps: Vec::new(),
            store: Store::new(),
            changes: Vec::new(),
            doing: Vec::new(),
            processes: (0..world.clients).collect(),
            next_process: world.clients,
            left: world.operations,
            viewers: Vec::new(),
            leases: BTreeMap::new(),
            next_lease: 1,
            next_element: 1,
            members: (1..=3).map(member).collect(),
            records: vec![Record::Head(Box::new(head))],
        }
    }

    pub(super) fn at(&mut self, after: u64, step: Step) {
        let number = self.steps.len();
        self.steps.push(Some(step));
        self.queue
            .push(Reverse((self.now + after, number as u64, number)));
    }

    pub(super) fn invoke(&mut self, client: u32) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let (call, intent) = self.call();
        let op = self.doing.len();
        let unknown = self.dice.chance(self.world.unknown_percent);
        self.records.push(Record::Invoke {
            at: self.now,
            op: op as u64,
            process: self.processes[client as usize],
            node: Some(1 + (client % 3) as u8),
            call: call.clone(),
            intent,
        });
        self.doing.push(Doing {
            client,
            call,
            outcome: None,
            is_lost: unknown,
        });
        let (first, second) = (1 + self.dice.below(8 * MS), 1 + self.dice.below(8 * MS));
        if !unknown {
            self.at(first, Step::Apply(op));
            self.at(first + second, Step::Complete(op));
            return;
        }
        // An unknown operation happens before or after its error, or never.
        match self.dice.below(3) {
            0 => self.at(first, Step::Apply(op)),
            1 => self.at(first * 5, Step::Apply(op)),
            _ => {}
        }
        self.at(second, Step::Complete(op));
    }

    pub(super) fn header(&self) -> Header {
        Header {
            cluster: 1,
            member: 1,
            revision: self.store.revision(),
            term: 2,
        }
    }

    pub(super) fn changed(&mut self, events: Vec<Event>) {
        if let Some(first) = events.first() {
            self.changes.push((first.kv.mod_revision, events));
            for watch in 0..self.viewers.len() {
                let after = 1 + self.dice.below(12 * MS);
                self.at(after, Step::Deliver(watch));
            }
        }
    }

    pub(super) fn complete(&mut self, op: usize) {
        let lost = self.doing[op].is_lost;
        let outcome = match self.doing[op].outcome.take() {
            Some(outcome) if !lost => outcome,
            _ => Outcome::Unknown {
                code: "Unavailable".to_owned(),
                text: "lost".to_owned(),
            },
        };
        let client = self.doing[op].client;
        self.records.push(Record::Complete {
            at: self.now,
            op: op as u64,
            outcome,
        });
        if lost {
            self.processes[client as usize] = self.next_process;
            self.next_process += 1;
        }
        let pause = if self.dice.chance(5) {
            800 * MS
        } else {
            4 * MS
        };
        let after = 1 + self.dice.below(pause);
        self.at(after, Step::Invoke(client));
    }

    pub(super) fn observe(&mut self, observation: Observation) {
        self.records.push(Record::Observe {
            at: self.now,
            observation,
        });
    }

    pub(super) fn finish(mut self) -> Vec<Record> {
        let phases = [
            FaultPhase::Start {
                detail: String::new(),
            },
            FaultPhase::Effective {
                evidence: "pid 7 is gone".to_owned(),
            },
            FaultPhase::End {
                detail: "started again".to_owned(),
            },
        ];
        for phase in phases {
            let (kind, class) = ("kill".to_owned(), "F1".to_owned());
            let fault = FaultRecord {
                fault: 1,
                kind,
                class,
                nodes: vec![1],
                phase,
            };
            self.records.push(Record::Fault {
                at: self.now,
                fault,
            });
            self.now += MS;
        }
        for watch in 0..self.viewers.len() {
            self.left = 0;
            self.deliver(watch);
        }
        self.read_set();
        let revision = self.store.revision();
        self.observe(Observation::Recovered {
            complete: true,
            revision,
            detail: String::new(),
        });
        let all = self.store.range_at(&KeyRange::all(), revision);
        let kvs: Vec<KeyValue> = all.into_iter().cloned().collect();
        let compact_revision = self.store.compacted();
        for node in 1..=3 {
            let hash = HashReply {
                hash: 77,
                hash_revision: revision,
                compact_revision,
                revision,
            };
            self.observe(Observation::FullRange {
                node,
                reply: Observed::Got((revision, kvs.clone())),
            });
            self.observe(Observation::HashKv {
                node,
                asked: 0,
                reply: Observed::Got(hash),
            });
            self.observe(Observation::LogScan {
                node,
                lines: 10,
                alarms: Vec::new(),
            });
        }
        self.observe(Observation::Leader { node: 1, term: 2 });
        let records = self.records.len() as u64;
        self.records.push(Record::End {
            at: self.now,
            records,
        });
        self.records
    }

    /// Whatever was added is looked at in the end.
    fn read_set(&mut self) {
        let range = RangeCall {
            range: KeyRange::prefix("set/"),
            ..RangeCall::default()
        };
        let reply = self.store.range(&range).unwrap();
        let (op, process) = (self.doing.len() as u64, self.next_process);
        let (set, layout) = ("set".to_owned(), SetLayout::OneKeyEach);
        self.records.push(Record::Invoke {
            at: self.now,
            op,
            process,
            node: None,
            call: Call::Kv(KvCall::Range(range)),
            intent: Some(Intent::ReadSet { set, layout }),
        });
        let reply = Reply::Kv {
            header: self.header(),
            reply: KvReply::Range(reply),
        };
        self.records.push(Record::Complete {
            at: self.now + 1,
            op,
            outcome: Outcome::Ok(reply),
        });
        self.now += 2;
    }
}
