//! What is to be done about the Pods of a Job: a verdict, Pods to remove, Pods to make.

use super::backoff;
use super::observe::{Observed, count};
use super::pod;
use super::tally::Tally;
use super::verdict::{Verdict, deadline_us};
use crate::objects::Pod;
use crate::pods::ready_since_us;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Pods that are made or removed in one look at a Job.
pub const BATCH_MAX: usize = 500;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The Job is over once `removed` are.
    pub verdict: Option<Verdict>,
    /// Pods to remove.
    pub removed: Vec<Arc<Pod>>,
    /// They are let go first, so that what becomes of them does not count.
    pub lets_go: bool,
    /// Pods to make.
    pub made: Vec<Wanted>,
    /// When the Job is to be looked at again.
    pub again: Option<Duration>,
}

/// A Pod to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its index.
    pub index: Option<i32>,
    /// How often Pods of this index failed before, with and without counting; `None`: that is not noted.
    pub failures: Option<(i32, i32)>,
}

/// What is to be done.
pub fn plan(observed: &Observed, tally: &Tally) -> Plan {
    if let Some(verdict) = Verdict::of(observed, tally) {
        return Plan {
            removed: observed.active().cloned().collect(),
            // What a Job that has succeeded does not need any more has not failed.
            lets_go: verdict.is_success,
            verdict: Some(verdict),
            ..Plan::default()
        };
    }
    let mut plan = Plan::default();
    plan.wake(deadline_us(observed).unwrap_or_default());
    if !observed.job.metadata.is_deleting() {
        plan.manage(observed, tally);
    }
    let left = count(observed.active()) - count(plan.removed.iter()) + count(plan.made.iter());
    let is_enough = match observed.job.spec.completions {
        None => tally.succeeded > 0,
        Some(wanted) => tally.succeeded >= wanted,
    };
    if is_enough && left == 0 {
        plan.verdict = Some(Verdict::complete());
    }
    plan
}

impl Plan {
    /// Makes or removes Pods, so that there are as many as are wanted; never both in one look.
    fn manage(&mut self, observed: &Observed, tally: &Tally) {
        let active: Vec<_> = observed.active().cloned().collect();
        let running = count(active.iter());
        let wanted = match observed.job.spec.suspend {
            true => 0,
            false => wanted(observed, tally, running),
        };
        self.removed = surplus(observed, active, running - wanted);
        self.lets_go = true;
        if !self.removed.is_empty() || observed.job.spec.suspend {
            return;
        }
        let going = match observed.waits_for_ends() {
            true => observed.terminating(),
            false => 0,
        };
        let missing = usize::try_from(wanted - going - running).unwrap_or_default();
        if missing == 0 {
            return;
        }
        match observed.limit_per_index() {
            Some(_) => self.replace(observed, tally, missing),
            None => {
                let pause = backoff::of_job(observed);
                self.wake(pause);
                if pause == 0 {
                    self.make(observed, tally, missing);
                }
            }
        }
    }

    fn make(&mut self, observed: &Observed, tally: &Tally, missing: usize) {
        let missing = missing.min(BATCH_MAX);
        let indexes: Vec<Option<i32>> = match observed.is_indexed() {
            true => vacant(observed, tally, missing)
                .into_iter()
                .map(Some)
                .collect(),
            false => vec![None; missing],
        };
        let made = indexes.into_iter().map(|index| Wanted {
            index,
            failures: None,
        });
        self.made = made.collect();
    }

    /// Makes Pods for indexes whose failures count by themselves, and so do their pauses.
    fn replace(&mut self, observed: &Observed, tally: &Tally, missing: usize) {
        for index in vacant(observed, tally, missing.min(BATCH_MAX)) {
            let failures = match tally.replaceable.get(&index) {
                None => (0, 0),
                Some(replaced) => {
                    let pause = backoff::of_index(replaced, observed.now_us);
                    if pause > 0 {
                        self.wake(pause);
                        continue;
                    }
                    let (counted, ignored) = pod::failures(replaced);
                    match observed.action(replaced) {
                        super::policy::Action::Ignore => (counted, ignored + 1),
                        _ => (counted + 1, ignored),
                    }
                }
            };
            self.made.push(Wanted {
                index: Some(index),
                failures: Some(failures),
            });
        }
    }

    fn wake(&mut self, after_us: i64) {
        if let Ok(after_us @ 1..) = u64::try_from(after_us) {
            let after = Duration::from_micros(after_us);
            self.again = Some(self.again.map_or(after, |again| again.min(after)));
        }
    }
}

/// How many Pods shall run.
fn wanted(observed: &Observed, tally: &Tally, running: i32) -> i32 {
    let spec = &observed.job.spec;
    let parallelism = spec.parallelism.unwrap_or(1);
    match spec.completions {
        // The first success says that the work is done: those that run finish it.
        None if tally.succeeded > 0 => running,
        None => parallelism,
        Some(completions) => (completions - tally.succeeded).clamp(0, parallelism.max(0)),
    }
}

/// The lowest indexes that have no Pod, have not succeeded and may be tried.
fn vacant(observed: &Observed, tally: &Tally, most: usize) -> Vec<i32> {
    let waits = observed.waits_for_ends();
    let taken: HashSet<i32> = observed
        .pods
        .iter()
        .filter(|pod| pod.is_active() || (waits && pod::is_terminating(pod)))
        .filter_map(|pod| observed.index(pod))
        .collect();
    let missing = tally
        .completed
        .missing(observed.indexes().unwrap_or_default());
    missing
        .filter(|index| !taken.contains(index) && !tally.failed_indexes.has(*index))
        .take(most)
        .collect()
}

/// Pods to remove: at least so many, and all that have an index that is too high or taken.
fn surplus(observed: &Observed, mut active: Vec<Arc<Pod>>, at_least: i32) -> Vec<Arc<Pod>> {
    let at_least = usize::try_from(at_least).unwrap_or_default();
    active.sort_by_cached_key(|pod| Reverse(rank(pod)));
    let mut removed = Vec::new();
    let mut left = Vec::new();
    let mut seen = HashSet::new();
    for pod in active {
        let is_fit = match observed.is_indexed() {
            true => observed.index(&pod).is_some_and(|index| seen.insert(index)),
            false => true,
        };
        match is_fit {
            true => left.push(pod),
            false => removed.push(pod),
        }
    }
    let more = at_least.saturating_sub(removed.len()).min(left.len());
    removed.extend(left.split_off(left.len() - more));
    removed.truncate(BATCH_MAX);
    removed
}

/// What has least to lose comes first: no node, not running, not ready, ready for a shorter time, restarted
/// more often, younger.
fn rank(pod: &Pod) -> (bool, u8, bool, Reverse<i64>, Reverse<i32>, Reverse<String>) {
    let phase = match pod.status.phase.as_str() {
        "Running" => 2,
        "Unknown" => 1,
        _ => 0,
    };
    (
        pod.is_bound(),
        phase,
        pod.is_ready(),
        Reverse(ready_since_us(pod).unwrap_or(i64::MAX)),
        Reverse(pod::restarts(pod)),
        Reverse(pod.metadata.creation_timestamp.clone().unwrap_or_default()),
    )
}
