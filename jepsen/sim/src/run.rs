//! One seed from beginning to end: trouble, then health, then the reckoning.

use crate::client::{Client, Desk};
use crate::history::{Change, judge};
use crate::inspect::Inspector;
use crate::member::{self, Member};
use crate::plan::Plan;
use crate::trace::Trace;
use crate::trouble::Trouble;
use keelson_proto::mvccpb::KeyValue;
use keelson_store::mvcc::Store;
use keelson_store::raft::probe::Probe;
use parking_lot::Mutex;
use prost::Message;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use turmoil::{Builder, Sim};

/// In so much time what is healed must acknowledge some writes for each client.
const PROGRESS_MS: u64 = 60_000;
/// In so much time after the last question all members that are healed must be alike.
const AGREEMENT_MS: u64 = 60_000;
/// Bytes of history read at once.
const HISTORY_BYTES: usize = 1 << 20;

/// A panic that nobody meant.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// How a run ended.
pub struct Report {
    /// What is wrong, if anything.
    pub broken: Option<String>,
    /// One line for people.
    pub summary: String,
    /// The trace's checksum.
    pub trace: u64,
}

struct Run<'a> {
    plan: &'a Plan,
    sim: Sim<'static>,
    members: Vec<Arc<Member>>,
    desk: Arc<Desk>,
    trouble: Trouble,
    inspector: Inspector,
    trace: Trace,
    tick: u64,
}

/// Runs a plan. What is a file even here lies under `scratch`.
pub fn run(plan: &Plan, scratch: &Path, show: bool) -> Report {
    std::panic::set_hook(Box::new(|panic| {
        PANIC.lock().get_or_insert_with(|| panic.to_string());
    }));
    keelson_store::world::end_members_with(member::end);
    let mut run = Run::new(plan, scratch, show);
    let broken = run.all().err();
    let history = run.desk.history.lock().len();
    let snapshots: u64 = run.members.iter().map(|one| one.shelf.arrived()).sum();
    let summary = format!(
        "members {} ticks {} asked {history} written {} snapshots {snapshots} crashes {} cuts {} lines {}",
        plan.members,
        run.tick,
        run.desk.written.load(Ordering::SeqCst),
        run.trouble.crashes,
        run.trouble.cut,
        run.trace.lines(),
    );
    Report {
        broken: broken.map(|broken| format!("{broken} (tick {})", run.tick)),
        summary,
        trace: run.trace.sum(),
    }
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, scratch: &Path, show: bool) -> Run<'a> {
        let mut sim = Builder::new()
            .rng_seed(plan.seed)
            .simulation_duration(Duration::from_secs(3600))
            .tick_duration(Duration::from_millis(1))
            .min_message_latency(Duration::from_micros(100))
            .max_message_latency(Duration::from_millis(plan.latency_ms))
            .tcp_capacity(1 << 16)
            .enable_random_order()
            .build();
        let members: Vec<_> = (0..plan.members)
            .map(|number| Member::new(plan, number, scratch))
            .collect();
        for member in &members {
            let this = Arc::clone(member);
            sim.host(member.name.as_str(), move || Arc::clone(&this).live());
        }
        let desk = Arc::new(Desk::default());
        desk.members.store(plan.members as u64, Ordering::SeqCst);
        for number in 0..plan.clients {
            let client = Client {
                number: number as u64,
                plan: plan.clone(),
                desk: Arc::clone(&desk),
            };
            sim.client(format!("c{number}"), client.work());
        }
        Run {
            trouble: Trouble::new(plan),
            plan,
            sim,
            members,
            desk,
            inspector: Inspector::default(),
            trace: Trace::new(show),
            tick: 0,
        }
    }

    fn all(&mut self) -> Result<(), String> {
        while self.tick < self.plan.trouble_ms {
            let Run {
                trouble,
                tick,
                sim,
                members,
                trace,
                ..
            } = self;
            trouble.make(*tick, sim, members, trace);
            self.step()?;
        }
        let healthy = if self.plan.only_quorum {
            self.plan.quorum()
        } else {
            self.plan.members
        };
        self.heal(healthy);
        self.demand_progress(healthy)?;
        self.demand_agreement(healthy)?;
        let changes = self.changes(healthy)?;
        judge(&self.desk.history.lock(), &changes)
    }

    fn step(&mut self) -> Result<(), String> {
        self.tick += 1;
        self.sim.step().map_err(|error| error.to_string())?;
        if let Some(panic) = PANIC.lock().take() {
            return Err(format!("a panic: {panic}"));
        }
        let Run {
            trouble,
            tick,
            sim,
            members,
            trace,
            inspector,
            ..
        } = self;
        trouble.bury(*tick, sim, members, trace)?;
        inspector.look(*tick, members, trace)
    }

    fn heal(&mut self, healthy: usize) {
        self.desk.members.store(healthy as u64, Ordering::SeqCst);
        let Run {
            trouble,
            tick,
            sim,
            members,
            trace,
            ..
        } = self;
        trouble.heal(*tick, sim, members, healthy, trace);
    }

    /// Lets time pass until something is so; trouble that is left goes on coming to its end.
    fn until(
        &mut self,
        what: &str,
        within_ms: u64,
        mut so: impl FnMut(&mut Self) -> Result<bool, String>,
    ) -> Result<(), String> {
        let end = self.tick + within_ms;
        while !so(self)? {
            if self.tick >= end {
                return Err(format!(
                    "liveness: after {within_ms} ms of health not {what}"
                ));
            }
            let Run {
                trouble,
                tick,
                sim,
                members,
                trace,
                ..
            } = self;
            trouble.make(*tick, sim, members, trace);
            self.step()?;
        }
        Ok(())
    }

    fn demand_progress(&mut self, healthy: usize) -> Result<(), String> {
        let written = self.desk.written.load(Ordering::SeqCst);
        let wanted = written + 5 * self.plan.clients as u64;
        self.until("served", PROGRESS_MS, |run| {
            let served = run.desk.written.load(Ordering::SeqCst) >= wanted;
            Ok(served && run.probes(healthy).len() == healthy)
        })?;
        self.desk.closed.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn probes(&self, healthy: usize) -> Vec<Probe> {
        let healthy = self.members.iter().enumerate().take(healthy);
        healthy
            .filter(|(number, member)| self.trouble.lives(*number, member))
            .filter_map(|(_, member)| member.running.lock().clone())
            .collect()
    }

    /// Waits until all healed members have applied all there is, and compares them.
    fn demand_agreement(&mut self, healthy: usize) -> Result<(), String> {
        // Answers to the last questions.
        let quiet = self.tick + 10_000;
        self.until("quiet", AGREEMENT_MS, |run| Ok(run.tick >= quiet))?;
        self.until("alike", AGREEMENT_MS, |run| {
            let seen: Vec<_> = run.probes(healthy).iter().map(Probe::look).collect();
            let leaders = seen.iter().filter(|seen| seen.leads).count();
            let last = seen.first().and_then(|seen| seen.last);
            let settled = seen.iter().all(|seen| {
                seen.last == last
                    && seen.committed == last
                    && last.is_some_and(|last| last.index == seen.applied_index)
            });
            Ok(seen.len() == healthy && leaders == 1 && settled)
        })?;
        for probe in self.probes(healthy) {
            self.inspector.compare_state(&probe)?;
        }
        Ok(())
    }

    /// All changes that were ever made, as one healed member has them.
    fn changes(&self, healthy: usize) -> Result<Vec<Change>, String> {
        let probes = self.probes(healthy);
        let probe = probes.first().ok_or("nobody is left")?;
        changes(&probe.store())
    }
}

fn changes(store: &Store) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    let mut next = 2;
    while next <= store.revision() {
        let batch = store.history(next, store.revision(), HISTORY_BYTES);
        let batch = batch.map_err(|error| error.to_string())?;
        next = batch.revision + 1;
        for event in batch.events {
            let record = KeyValue::decode(event.record).map_err(|error| error.to_string())?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            changes.push(Change {
                revision: event.revision,
                key: text(&event.key),
                value: (!event.deleted).then(|| text(&record.value)),
            });
        }
    }
    Ok(changes)
}
