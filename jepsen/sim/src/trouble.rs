//! What goes wrong: crashes, disks that fail, cuts of the network. Each has an end; all of it follows from
//! the seed.

use crate::member::Member;
use crate::plan::Plan;
use crate::trace::Trace;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use turmoil::Sim;

/// What is wrong right now.
pub struct Trouble {
    plan: Plan,
    random: SmallRng,
    /// Per member: when it comes back, in ticks; `None` while it lives.
    down: Vec<Option<u64>>,
    /// Per member: its disk was made to fail in this life.
    spoilt: Vec<bool>,
    /// Cuts, and when each is mended.
    cuts: Vec<(u64, Cut)>,
    /// Crashes so far.
    pub crashes: u64,
    /// Cuts so far.
    pub cut: u64,
    /// Disks that were made to fail so far.
    pub failing: u64,
}

/// A connection that does not work.
struct Cut {
    from: String,
    to: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Messages are lost.
    Both,
    /// Messages in one direction are lost.
    OneWay,
    /// Messages wait.
    Held,
}

impl Trouble {
    /// Nothing yet.
    pub fn new(plan: &Plan) -> Trouble {
        Trouble {
            random: SmallRng::seed_from_u64(plan.seed ^ 0x7472_6f75_626c_6521),
            down: vec![None; plan.hosts()],
            spoilt: vec![false; plan.hosts()],
            cuts: Vec::new(),
            crashes: 0,
            cut: 0,
            failing: 0,
            plan: plan.clone(),
        }
    }

    /// How often each kind has happened.
    pub fn counted(&self) -> BTreeMap<String, u64> {
        let all = [
            ("crash", self.crashes),
            ("cut", self.cut),
            ("disk", self.failing),
        ];
        let happened = all.into_iter().filter(|(_, times)| *times > 0);
        happened
            .map(|(kind, times)| (kind.to_owned(), times))
            .collect()
    }

    /// Whether something that comes once in `every_ms` comes now.
    fn comes(&mut self, every_ms: u64) -> bool {
        every_ms > 0 && self.random.random_ratio(1, every_ms as u32)
    }

    /// Makes trouble, in the tick of this number.
    pub fn make(
        &mut self,
        tick: u64,
        sim: &mut Sim<'_>,
        members: &[Arc<Member>],
        trace: &mut Trace,
    ) {
        if self.comes(self.plan.crash_every_ms) {
            // Sometimes the power of all of them fails.
            let all = self.random.random_ratio(1, 8);
            let chosen = self.random.random_range(0..members.len());
            for (number, member) in members.iter().enumerate() {
                if (all || number == chosen) && self.down[number].is_none() {
                    trace.note(tick, || format!("{} crashes", member.name));
                    self.crash(tick, sim, number, member);
                }
            }
        }
        if self.comes(self.plan.disk_fault_every_ms) {
            let number = self.random.random_range(0..members.len());
            if self.down[number].is_none() {
                self.spoil(tick, number, &members[number], trace);
            }
        }
        if self.comes(self.plan.cut_every_ms) {
            self.cut_some(tick, sim, members, trace);
        }
        self.mend(tick, sim, members, trace);
    }

    fn crash(&mut self, tick: u64, sim: &mut Sim<'_>, number: usize, member: &Member) {
        *member.running.lock() = None;
        sim.crash(member.name.as_str());
        member.disk.crash();
        member.disk.limit_space(u64::MAX);
        *member.ended.lock() = None;
        member.excused.store(false, Ordering::SeqCst);
        self.spoilt[number] = false;
        self.crashes += 1;
        let most = if self.random.random_ratio(1, 4) {
            8_000
        } else {
            3_000
        };
        self.down[number] = Some(tick + self.random.random_range(20..most));
    }

    fn spoil(&mut self, tick: u64, number: usize, member: &Member, trace: &mut Trace) {
        self.spoilt[number] = true;
        self.failing += 1;
        let operations = self.random.random_range(0..40);
        let kind = self.random.random_range(0..3);
        trace.note(tick, || {
            format!("the disk of {} fails ({kind})", member.name)
        });
        match kind {
            0 => member.disk.crash_after(operations),
            1 => member.disk.fail_sync_after(operations),
            _ => member.disk.limit_space(operations * 512),
        }
    }

    fn cut_some(&mut self, tick: u64, sim: &Sim<'_>, members: &[Arc<Member>], trace: &mut Trace) {
        let kind = match self.random.random_range(0..5) {
            0..=2 => Kind::Both,
            3 => Kind::OneWay,
            _ => Kind::Held,
        };
        let until = tick + self.random.random_range(50..5_000);
        // Who is on this side, by chance; with one of them alone now and then.
        let alone = self.random.random_range(0..members.len());
        let one = self.random.random_bool(0.4);
        let mut side = Vec::new();
        for number in 0..members.len() {
            side.push(if one {
                number == alone
            } else {
                self.random.random()
            });
        }
        for (from, here) in members.iter().zip(&side) {
            for (to, there) in members.iter().zip(&side) {
                if *here && !*there {
                    self.cut_one(until, sim, &from.name, &to.name, kind);
                }
            }
        }
        let clients = (0..self.plan.clients).map(|number| format!("c{number}"));
        let watchers = (0..self.plan.watchers).map(|number| format!("w{number}"));
        for client in clients.chain(watchers) {
            if self.random.random_ratio(1, 4) {
                let member = self.random.random_range(0..members.len());
                self.cut_one(until, sim, &client, &members[member].name, kind);
            }
        }
        self.cut += 1;
        trace.note(tick, || format!("cut {kind:?} until {until}: {side:?}"));
    }

    fn cut_one(&mut self, until: u64, sim: &Sim<'_>, from: &str, to: &str, kind: Kind) {
        match kind {
            Kind::Both => sim.partition(from, to),
            Kind::OneWay => sim.partition_oneway(from, to),
            Kind::Held => sim.hold(from, to),
        }
        let (from, to) = (from.to_owned(), to.to_owned());
        self.cuts.push((until, Cut { from, to, kind }));
    }

    fn mend(&mut self, tick: u64, sim: &mut Sim<'_>, members: &[Arc<Member>], trace: &mut Trace) {
        let (over, still): (Vec<_>, Vec<_>) = std::mem::take(&mut self.cuts)
            .into_iter()
            .partition(|(until, _)| *until <= tick);
        self.cuts = still;
        for (_, cut) in &over {
            // Others may have cut the same connection; mending is what it takes from all of them.
            match cut.kind {
                Kind::Held => sim.release(cut.from.as_str(), cut.to.as_str()),
                _ => sim.repair(cut.from.as_str(), cut.to.as_str()),
            }
        }
        for (number, member) in members.iter().enumerate() {
            if self.down[number].is_some_and(|at| at <= tick) {
                trace.note(tick, || format!("{} comes back", member.name));
                self.down[number] = None;
                sim.bounce(member.name.as_str());
            }
        }
    }

    /// Members that have ended themselves go down. One that had no reason is what we look for.
    ///
    /// # Errors
    /// The reason that it gave.
    pub fn bury(
        &mut self,
        tick: u64,
        sim: &mut Sim<'_>,
        members: &[Arc<Member>],
        trace: &mut Trace,
    ) -> Result<(), String> {
        self.part(tick, sim, members, trace);
        for (number, member) in members.iter().enumerate() {
            let reason = member.ended.lock().clone();
            let reason = match reason {
                Some(reason) => reason,
                None if self.down[number].is_none() && member.disk.is_down() => {
                    "its disk has no power".to_owned()
                }
                None => continue,
            };
            trace.note(tick, || format!("{} has ended: {reason}", member.name));
            if !self.spoilt[number] && !member.excused.load(Ordering::SeqCst) {
                return Err(format!("{} ended without a fault: {reason}", member.name));
            }
            self.crash(tick, sim, number, member);
        }
        Ok(())
    }

    /// Members that were removed go, and what they have is thrown away once somebody wants that.
    fn part(&mut self, tick: u64, sim: &mut Sim<'_>, members: &[Arc<Member>], trace: &mut Trace) {
        for (number, member) in members.iter().enumerate() {
            if member.removed.load(Ordering::SeqCst) && self.down[number].is_none() {
                trace.note(tick, || {
                    format!("{} has learned that it was removed", member.name)
                });
                self.crash(tick, sim, number, member);
                self.down[number] = Some(u64::MAX);
            }
            if member.dismissed.load(Ordering::SeqCst) {
                trace.note(tick, || format!("{} is thrown away", member.name));
                if self.down[number].is_none() {
                    self.crash(tick, sim, number, member);
                }
                member.wipe();
                self.down[number] = Some(tick + 20);
            }
        }
    }

    /// Ends all trouble among the members below `healthy`, for ever. The others stay away.
    pub fn heal(
        &mut self,
        tick: u64,
        sim: &mut Sim<'_>,
        members: &[Arc<Member>],
        healthy: usize,
        trace: &mut Trace,
    ) {
        trace.note(tick, || format!("{healthy} members are healed"));
        self.cuts.iter_mut().for_each(|(until, _)| *until = tick);
        for (number, member) in members.iter().enumerate() {
            if number < healthy {
                member.disk.limit_space(u64::MAX);
                member.may_stall.store(false, Ordering::SeqCst);
                member.shelf.cut_arrivals(0);
                if self.down[number].is_some() && !member.removed.load(Ordering::SeqCst) {
                    self.down[number] = Some(tick);
                }
            } else {
                if self.down[number].is_none() {
                    self.crash(tick, sim, number, member);
                }
                self.down[number] = Some(u64::MAX);
            }
        }
        self.mend(tick, sim, members, trace);
        (self.plan.crash_every_ms, self.plan.cut_every_ms) = (0, 0);
        self.plan.disk_fault_every_ms = 0;
    }

    /// Whether a member lives.
    pub fn lives(&self, number: usize, member: &Member) -> bool {
        self.down[number].is_none() && member.life.load(Ordering::SeqCst) > 0
    }
}
