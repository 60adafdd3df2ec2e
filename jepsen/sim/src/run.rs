//! One seed from beginning to end: trouble, then health, then the reckoning.

use crate::chronicle::Chronicle;
use crate::client::{Client, Desk};
use crate::inspect::Inspector;
use crate::member::{self, Member};
use crate::operator::Operator;
use crate::plan::Plan;
use crate::tally::Tally;
use crate::trace::Trace;
use crate::trouble::Trouble;
use crate::watcher::Watcher;
use crate::{entropy, history, leases, watches};
use keelson_store::faults::panics::excused;
use keelson_store::raft::probe::Probe;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use turmoil::{Builder, Sim};

/// In so much time what is healed must acknowledge some writes for each client.
const PROGRESS_MS: u64 = 60_000;
/// In so much time after the last question all members that are healed must be alike.
const AGREEMENT_MS: u64 = 60_000;
/// In so much time after the last question all leases must have ended.
const LEASES_MS: u64 = 60_000;

/// A panic that nobody meant.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// How a run ended.
pub struct Report {
    /// What is wrong, if anything.
    pub broken: Option<String>,
    /// How much it was.
    pub tally: Tally,
    /// The trace's checksum.
    pub trace: u64,
    /// How many lines the trace has.
    pub lines: u64,
}

/// What the simulation itself has panicked with, if it has.
pub fn panicked() -> Option<String> {
    PANIC.lock().take()
}

struct Run<'a> {
    plan: &'a Plan,
    sim: Sim<'static>,
    members: Vec<Arc<Member>>,
    desk: Arc<Desk>,
    trouble: Trouble,
    inspector: Inspector,
    chronicle: Chronicle,
    trace: Trace,
    tick: u64,
    /// By the clock that only rises.
    began: Instant,
}

/// Runs a plan. What is a file even here lies under `scratch`.
pub fn run(plan: &Plan, scratch: &Path, show: bool) -> Report {
    std::panic::set_hook(Box::new(|panic| {
        let panic = panic.to_string();
        if !excused(&panic) {
            PANIC.lock().get_or_insert(panic);
        }
    }));
    keelson_store::world::end_members_with(member::end);
    let mut run = Run::new(plan, scratch, show);
    let broken = run.all().err();
    Report {
        broken: broken.map(|broken| format!("{broken} (tick {})", run.tick)),
        tally: run.tally(),
        trace: run.trace.sum(),
        lines: run.trace.lines(),
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
        let members: Vec<_> = (0..plan.hosts())
            .map(|number| Member::new(plan, number, scratch))
            .collect();
        for member in &members {
            let this = Arc::clone(member);
            sim.host(member.name.as_str(), move || Arc::clone(&this).live());
        }
        let desk = Arc::new(Desk::default());
        desk.members.store(plan.hosts() as u64, Ordering::SeqCst);
        let at_work = plan.clients + plan.watchers;
        desk.at_work.store(at_work as u64, Ordering::SeqCst);
        for number in 0..plan.clients {
            let client = Client {
                number: number as u64,
                plan: plan.clone(),
                desk: Arc::clone(&desk),
            };
            sim.client(format!("c{number}"), client.work());
        }
        for number in 0..plan.watchers {
            let watcher = Watcher {
                number: number as u64,
                plan: plan.clone(),
                desk: Arc::clone(&desk),
            };
            sim.client(format!("w{number}"), watcher.work());
        }
        if plan.spares > 0 {
            let operator = Operator {
                plan: plan.clone(),
                desk: Arc::clone(&desk),
                hosts: members.clone(),
            };
            sim.client("operator", operator.work());
        }
        Run {
            trouble: Trouble::new(plan),
            plan,
            sim,
            members,
            desk,
            inspector: Inspector::default(),
            chronicle: Chronicle::default(),
            trace: Trace::new(show),
            tick: 0,
            began: Instant::now(),
        }
    }

    fn tally(&self) -> Tally {
        Tally {
            simulated_ms: self.tick,
            asked: self.desk.history.lock().len() as u64,
            written: self.desk.written.load(Ordering::SeqCst),
            watched: self.desk.watched.lock().len() as u64,
            snapshots: self.members.iter().map(|one| one.shelf.arrived()).sum(),
            faults: self.trouble.counted(),
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
            self.plan.hosts()
        };
        self.heal(healthy);
        self.demand_progress(healthy)?;
        self.demand_agreement(healthy)?;
        self.judge(healthy)
    }

    /// Compares what clients were told with what was written down.
    fn judge(&self, healthy: usize) -> Result<(), String> {
        let group = self.group(healthy).unwrap_or_default();
        let probe = group.first().ok_or("nobody is left")?;
        self.chronicle.compare(&probe.store())?;
        let changes = self.chronicle.changes();
        let told = self.desk.history.lock();
        history::judge(&told, changes)?;
        leases::judge(&told, changes)?;
        watches::judge(&self.desk.watched.lock(), changes, &told)
    }

    fn step(&mut self) -> Result<(), String> {
        self.tick += 1;
        entropy::turn_clock(self.tick);
        self.sim.step().map_err(|error| error.to_string())?;
        // Libraries ask this clock. If real time went by there, a slow machine would change what happens.
        let passed = self.began.elapsed();
        if passed != Duration::from_millis(self.tick) {
            return Err(format!("time is not simulated: {passed:?} went by"));
        }
        if let Some(panic) = panicked() {
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
        inspector.look(*tick, members, trace)?;
        for member in &self.members {
            if let Some(probe) = &*member.running.lock() {
                self.chronicle.read(self.tick, &probe.store())?;
            }
        }
        let chronicled = self.chronicle.revision();
        self.desk.chronicled.store(chronicled, Ordering::SeqCst);
        Ok(())
    }

    fn heal(&mut self, healthy: usize) {
        self.desk.members.store(healthy as u64, Ordering::SeqCst);
        self.desk.healed.store(true, Ordering::SeqCst);
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
            let settled = run.plan.spares == 0 || run.desk.settled.load(Ordering::SeqCst);
            Ok(served && settled && run.group(healthy).is_some())
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

    /// The healed members, if all live that the group consists of.
    fn group(&self, healthy: usize) -> Option<Vec<Probe>> {
        let mut probes = self.probes(healthy);
        if self.plan.spares == 0 {
            return (probes.len() == healthy).then_some(probes);
        }
        let leader = probes.iter().find(|probe| probe.look().leads)?;
        let members = leader.handle().members();
        let ids: BTreeSet<u64> = members.iter().map(|member| member.id).collect();
        probes.retain(|probe| ids.contains(&probe.handle().identity().member_id));
        (probes.len() == ids.len()).then_some(probes)
    }

    /// Waits until all healed members have applied all there is, and compares them.
    fn demand_agreement(&mut self, healthy: usize) -> Result<(), String> {
        self.until("quiet", AGREEMENT_MS, |run| {
            Ok(run.desk.at_work.load(Ordering::SeqCst) == 0)
        })?;
        self.until("free of leases", LEASES_MS, |run| {
            let group = run.group(healthy).unwrap_or_default();
            let state = group.first().map(|probe| probe.handle().state());
            Ok(state.is_some_and(|state| state.leases().is_empty()))
        })?;
        self.until("alike", AGREEMENT_MS, |run| {
            let Some(group) = run.group(healthy) else {
                return Ok(false);
            };
            let seen: Vec<_> = group.iter().map(Probe::look).collect();
            let leaders = seen.iter().filter(|seen| seen.leads).count();
            let last = seen.first().and_then(|seen| seen.last);
            let settled = seen.iter().all(|seen| {
                seen.last == last
                    && seen.committed == last
                    && last.is_some_and(|last| last.index == seen.applied_index)
            });
            Ok(leaders == 1 && settled)
        })?;
        for probe in self.group(healthy).unwrap_or_default() {
            self.inspector.compare_state(&probe)?;
        }
        Ok(())
    }
}
