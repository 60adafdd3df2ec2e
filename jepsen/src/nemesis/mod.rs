//! Faults: begun and taken away by a plan, and believed only when they were seen to work.
//!
//! Each fault leaves records in the history: its start, what showed that it was effective, its end; or why it was
//! skipped, or how it failed. Whoever counts coverage counts what was effective. What never happens here: a look
//! at what clients do, or at whether the members behave.
//!
//! | file | what |
//! |---|---|
//! | `kind` | the faults and what they need |
//! | `plan` | when which begins, from a seed |
//! | `active` | a fault that goes on |
//! | `ends` | members that end by themselves, and which fault explains it |
//! | `process`, `failpoint`, `storage`, `full`, `slow`, `calls`, `wires`, `requests`, `members`, `story` | how they are done |
//! | `damage`, `bytes`, `lost`, `image`, `lie` | the same for disks that are wrong |
//! | `clocks` | clocks that jump, leap, hurry or dawdle |
//! | `frames` | frames that are lost, doubled, late or wrong |
//! | `scarce`, `duty` | too little processor, files, memory |
//! | `flood`, `flood_clients` | clients that ask for too much |
//! | `backup` | a backup that becomes a cluster of its own |

mod active;
mod backup;
mod bytes;
mod calls;
mod clocks;
mod damage;
mod duty;
mod ends;
mod failpoint;
mod flood;
mod flood_clients;
mod frames;
mod full;
mod image;
pub mod kind;
mod lie;
mod lost;
mod members;
pub mod plan;
mod process;
mod requests;
mod scarce;
mod slow;
mod storage;
mod story;
mod wires;

use crate::cluster::Cluster;
use crate::doctor::Host;
use crate::history::{FaultPhase, FaultRecord, Node};
use crate::recorder::Recorder;
use active::{Active, Means};
use flood::ebb;
use keelson_kit::check::Check;
use kind::Lane;
pub use kind::Nemesis;
use plan::{Role, Step};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Between two looks at what is to be done.
const TICK: Duration = Duration::from_millis(20);
/// A cluster has a leader again so long after a fault, also on a busy machine.
const SETTLES: Duration = Duration::from_secs(5);
/// Time for changes of members to come to their end when nothing else is broken.
const LAST_CHANGES: Duration = Duration::from_secs(90);

/// Carries out a plan.
pub struct Injector<'a> {
    cluster: &'a mut Cluster,
    recorder: &'a Recorder,
    host: &'a Host,
    active: Vec<Active>,
    tallies: Vec<(&'static str, bool)>,
    /// Members whose disks were full a moment ago.
    freed: Vec<full::Freed>,
    /// When the last fault ended.
    ended: Option<Instant>,
}

impl<'a> Injector<'a> {
    /// Nothing is done yet.
    pub fn new(cluster: &'a mut Cluster, recorder: &'a Recorder, host: &'a Host) -> Self {
        Injector {
            cluster,
            recorder,
            host,
            active: Vec::new(),
            tallies: Vec::new(),
            freed: Vec::new(),
            ended: None,
        }
    }

    /// Faults that were begun, each with whether it became effective.
    pub fn tallies(&self) -> &[(&'static str, bool)] {
        &self.tallies
    }

    /// Carries out a plan, for so long. Then everything is taken away. `over` ends it early. On a slow machine
    /// faults come late; then it lasts up to twice as long, until each kind of the plan has had its turn and what
    /// goes on has lasted as long as it was to.
    pub async fn carry_out(&mut self, plan: &[Step], length: Duration, over: &dyn Fn() -> bool) {
        let began = Instant::now();
        let mut steps = plan.iter().peekable();
        let mut owed: BTreeSet<Nemesis> = plan.iter().map(|step| step.nemesis).collect();
        while !over() {
            let is_late = began.elapsed() >= length;
            let is_done = self.active.is_empty() && owed.is_empty();
            if is_late && (is_done || began.elapsed() >= length * 2) {
                break;
            }
            let now_ms = began.elapsed().as_millis() as u64;
            while let Some(i) = self.due(now_ms) {
                let fault = self.active.remove(i);
                self.end(fault).await;
            }
            let next = steps.next_if(|step| step.at_ms <= now_ms && !self.is_held(step));
            if let Some(step) = next.filter(|step| owed.remove(&step.nemesis) || !is_late) {
                // Late, because something before took long, if only an end just now: then it lasts as long, from
                // here on.
                let late = Step {
                    at_ms: began.elapsed().as_millis() as u64,
                    ..*step
                };
                self.begin(late).await;
            }
            self.tick();
            self.note_ends();
            sleep(TICK).await;
        }
        self.heal().await;
    }

    /// Takes everything away that goes on.
    pub async fn heal(&mut self) {
        while let Some(i) = self.active.iter().rposition(Active::may_end) {
            let fault = self.active.remove(i);
            self.end(fault).await;
        }
        let began = Instant::now();
        while !self.active.iter().all(Active::may_end) && began.elapsed() < LAST_CHANGES {
            self.tick();
            self.note_ends();
            sleep(TICK).await;
        }
        while let Some(fault) = self.active.pop() {
            self.end(fault).await;
        }
        self.note_ends();
    }

    fn due(&self, now_ms: u64) -> Option<usize> {
        let is_due = |fault: &Active| fault.ends_ms() <= now_ms && fault.may_end();
        self.active.iter().position(is_due)
    }

    /// Whether a fault of the same lane has yet to come to its end.
    fn is_held(&self, step: &Step) -> bool {
        let lane = step.nemesis.facts().lane;
        let mut active = self.active.iter();
        active.any(|one| one.step.nemesis.facts().lane == lane && !one.may_end())
    }

    /// A lane holds one fault: a late one waits until the one before has ended.
    async fn make_room(&mut self, step: &Step) {
        let lane = step.nemesis.facts().lane;
        while let Some(i) = self
            .active
            .iter()
            .position(|one| one.step.nemesis.facts().lane == lane)
        {
            let mut fault = self.active.remove(i);
            fault.is_cut_short = step.at_ms < fault.ends_ms();
            self.end(fault).await;
        }
    }

    /// All wires are whole from here on, until the next fault of them begins.
    async fn end_all_of_network(&mut self) {
        let is_of = |one: &Active| one.step.nemesis.facts().lane == Lane::Network;
        while let Some(i) = self.active.iter().position(is_of) {
            let fault = self.active.remove(i);
            Box::pin(self.end(fault)).await;
        }
    }

    async fn begin(&mut self, step: Step) {
        self.make_room(&step).await;
        let facts = step.nemesis.facts();
        let mut random = StdRng::seed_from_u64(step.seed);
        let victims = self.victims(step.role, &mut random).await;
        let log_from = victims.first().map(|i| self.cluster.log_length(*i));
        let mut fault = Active {
            log_from: log_from.unwrap_or(0),
            record: FaultRecord {
                fault: self.recorder.number(),
                kind: facts.name.to_owned(),
                class: facts.class.to_owned(),
                nodes: victims.iter().map(|i| *i as Node + 1).collect(),
                phase: FaultPhase::Start {
                    detail: format!("{:?}, {} ms", step.role, step.length_ms).to_lowercase(),
                },
            },
            step,
            victims,
            means: Means::None,
            is_effective: false,
            is_cut_short: false,
            ended: None,
            random,
        };
        let lacking = facts
            .needs
            .iter()
            .find_map(|need| Some((need, self.host.lacks(*need)?)))
            .map(|(need, why)| format!("needs {}: {why}", need.question()));
        if let Some(reason) = lacking.or_else(|| self.is_deaf_to(step.nemesis)) {
            self.write(&fault, FaultPhase::Skipped { reason });
            self.tallies.push((facts.name, false));
            return;
        }
        let phase = fault.record.phase.clone();
        self.write(&fault, phase);
        let began = Instant::now();
        match self.inject(&mut fault).await {
            Ok(evidence) => {
                if let Some(evidence) = evidence {
                    self.effective(&mut fault, evidence);
                }
                self.active.push(fault);
            }
            // What members are asked for they may refuse while something else is broken, or was a moment ago.
            Err(failure) if facts.lane == Lane::Requests && self.is_disturbed(began) => {
                let reason = format!("not possible while other faults go on: {failure}");
                self.write(&fault, FaultPhase::Skipped { reason });
                self.tallies.push((facts.name, false));
                if step.nemesis.is_of_clocks() {
                    // Fails as the fault did: there is no file to write then.
                    let _ = self.set_clock_right(&fault);
                }
            }
            Err(failure) => {
                let error = failure.to_string();
                self.write(&fault, FaultPhase::Failed { error });
                self.end(fault).await;
            }
        }
    }

    async fn inject(&mut self, fault: &mut Active) -> Check<Option<String>> {
        match fault.step.nemesis {
            Nemesis::Kill | Nemesis::KillMajority | Nemesis::KillAll => self.kill(fault),
            Nemesis::Restart => self.stop(fault).await,
            Nemesis::Pause => self.pause(fault).await,
            Nemesis::Torn => self.tear(fault),
            Nemesis::Failpoint => self.arm(fault),
            Nemesis::Power | Nemesis::PowerAll => self.power(fault).await,
            Nemesis::Stall => self.stall(fault),
            Nemesis::Slow => self.slow(fault),
            Nemesis::Full => self.fill(fault),
            Nemesis::SyncError | Nemesis::WriteError | Nemesis::ReadError => self.fail_calls(fault),
            Nemesis::Partition | Nemesis::Flap => self.cut(fault),
            Nemesis::Link => self.narrow(fault),
            Nemesis::Transfer => self.transfer(fault).await,
            Nemesis::Defragment => self.defragment(fault).await,
            Nemesis::Clock | Nemesis::ClockRate | Nemesis::ClockLeap => {
                self.turn_clock(fault).await
            }
            Nemesis::Member => self.begin_story(fault),
            Nemesis::Damage => self.damage(fault).await,
            Nemesis::LostData => self.lose(fault).await,
            Nemesis::Image => self.copy_disk(fault).await,
            Nemesis::Lie => self.lie(fault).await,
            Nemesis::Lossy => self.lose_frames(fault),
            Nemesis::Duplicate => self.double_frames(fault),
            Nemesis::Late => self.delay(fault),
            Nemesis::Corrupt => self.corrupt_frames(fault),
            Nemesis::Starved => self.starve(fault),
            Nemesis::NoFiles => self.take_files(fault),
            Nemesis::NoMemory => self.take_memory(fault),
            Nemesis::NoThreads => self.take_threads(fault).await,
            Nemesis::Flood => self.flood(fault).await,
            Nemesis::Backup => self.back_up(fault).await,
        }
    }

    /// Whether a fault goes on, or had ended a moment before something `began`.
    fn is_disturbed(&self, began: Instant) -> bool {
        !self.active.is_empty() || self.ended.is_some_and(|ended| is_unsettled(ended, began))
    }

    /// What goes on in the middle of a fault.
    fn tick(&mut self) {
        for i in 0..self.active.len() {
            let mut fault = self.active.remove(i);
            self.go_on(&mut fault);
            self.active.insert(i, fault);
        }
        let Injector {
            cluster, active, ..
        } = self;
        for fault in active {
            match (&fault.step.nemesis, &fault.means) {
                (Nemesis::Flap, Means::Cut(cuts, is_cut))
                    if fault.random.random_range(0..10) == 0 =>
                {
                    let cuts = cuts.clone();
                    let is_cut = *is_cut;
                    // What did not work is seen at the end, where all wires must be whole.
                    let _ = wires::toggle(cluster, &cuts, is_cut);
                    fault.means = Means::Cut(cuts, !is_cut);
                }
                (Nemesis::NoMemory, Means::Memory(group)) => group.tighten(),
                _ => {}
            }
        }
    }

    async fn end(&mut self, fault: Active) {
        let is_asked = fault.step.nemesis == Nemesis::Damage;
        // An end that the fault explains is seen while the fault is still there.
        self.active.push(fault);
        if is_asked {
            // Over the wire, what it has.
            self.end_all_of_network().await;
        }
        self.note_ends();
        let Some(mut fault) = self.active.pop() else {
            return;
        };
        let ended = match fault.step.nemesis {
            Nemesis::Kill | Nemesis::KillMajority | Nemesis::KillAll | Nemesis::Restart => {
                self.start(&fault)
            }
            Nemesis::Power | Nemesis::PowerAll | Nemesis::Torn => self.start(&fault),
            Nemesis::Pause => self.resume(&fault),
            Nemesis::Stall => self.unstall(&mut fault),
            Nemesis::Slow => self.hurry(&mut fault),
            Nemesis::Full => self.free(&mut fault).await,
            Nemesis::SyncError | Nemesis::WriteError | Nemesis::ReadError => {
                self.end_tracer(&mut fault)
            }
            Nemesis::Failpoint => self.disarm(&mut fault),
            Nemesis::Partition | Nemesis::Flap => self.mend(&fault),
            Nemesis::Link => self.widen(&mut fault),
            Nemesis::Transfer | Nemesis::Defragment => Ok(String::new()),
            Nemesis::Clock | Nemesis::ClockRate | Nemesis::ClockLeap => {
                self.set_clock_right(&fault)
            }
            Nemesis::Member => self.end_story(&mut fault),
            Nemesis::Damage => self.repair(&mut fault).await,
            Nemesis::LostData => self.put_back(&mut fault),
            Nemesis::Image => self.look_at_copy(&mut fault),
            Nemesis::Lie => self.expose(&mut fault).await,
            Nemesis::Lossy => self.lose_no_more(&mut fault),
            Nemesis::Duplicate => self.double_no_more(&mut fault),
            Nemesis::Late => self.delay_no_more(&mut fault),
            Nemesis::Corrupt => self.corrupt_no_more(&mut fault),
            Nemesis::Starved => self.feed(&mut fault),
            Nemesis::NoFiles => self.give_files(&mut fault).await,
            Nemesis::NoMemory => self.give_memory(&mut fault),
            Nemesis::NoThreads => self.give_threads(&mut fault).await,
            Nemesis::Flood => Ok(ebb(&mut fault)),
            Nemesis::Backup => self.try_backup(&mut fault).await,
        };
        let in_vain = ended.is_ok() && !fault.is_effective;
        let phase = match ended {
            Ok(detail) => FaultPhase::End { detail },
            Err(failure) => FaultPhase::Failed {
                error: failure.to_string(),
            },
        };
        self.write(&fault, phase);
        let kind = fault.step.nemesis;
        if let Some(why) = fault.without_effect().filter(|_| in_vain) {
            self.skip(&fault, why);
        }
        self.tallies.push((kind.name(), fault.is_effective));
        self.ended = Some(Instant::now());
    }

    fn effective(&self, fault: &mut Active, evidence: String) {
        fault.is_effective = true;
        self.write(fault, FaultPhase::Effective { evidence });
    }

    /// What was tried is no fault.
    fn skip(&self, fault: &Active, why: &str) {
        let reason = why.to_owned();
        self.write(fault, FaultPhase::Skipped { reason });
    }

    fn write(&self, fault: &Active, phase: FaultPhase) {
        self.recorder.fault(FaultRecord {
            phase,
            ..fault.record.clone()
        });
    }

    async fn victims(&self, role: Role, random: &mut StdRng) -> Vec<usize> {
        let mut all = self.cluster.present();
        let size = all.len();
        if role == Role::All {
            return all;
        }
        all.shuffle(random);
        let leader = self.cluster.leader().await.map(|(i, _)| i);
        match (role, leader) {
            (Role::Majority, _) => all[..size - self.cluster.minority()].to_vec(),
            (Role::Leader, Some(leader)) => vec![leader],
            (_, leader) => {
                let follower = all.iter().find(|i| Some(**i) != leader);
                follower.copied().into_iter().collect()
            }
        }
    }
}

/// Whether members may still be busy with a fault that ended then, when somebody begins to ask them for something. It is
/// the beginning that counts: an answer may be waited for longer than they are.
fn is_unsettled(ended: Instant, began: Instant) -> bool {
    began.saturating_duration_since(ended) < SETTLES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_a_moment_after_a_fault_may_be_refused_however_late_the_refusal_comes() {
        let ended = Instant::now();
        let refused = |after: Duration| is_unsettled(ended, ended + after);
        assert!(refused(Duration::ZERO) && refused(SETTLES / 2));
        assert!(!refused(SETTLES), "long after it, members are to do it");
        let before = ended.checked_sub(SETTLES);
        assert!(before.is_none_or(|began| is_unsettled(ended, began)));
    }
}
