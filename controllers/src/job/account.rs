//! Counting each Pod exactly once.
//!
//! A Pod that ends is first noted in the status as not counted yet; then its finalizer is taken off, so
//! that it may go; then it is moved from the notes to the counter, in one write. So after any of these
//! writes it can be told what has happened: a Pod that is noted and has no finalizer (or is gone) is to be
//! counted; one that has it is not. Indexes that succeeded need no notes: a set does not count twice.

use super::observe::Observed;
use super::pod::is_tracked;
use super::policy::Action;
use super::tally::Tally;
use super::verdict::Verdict;
use crate::objects::{JobStatus, Pod};
use std::collections::HashSet;
use std::sync::Arc;

/// Pods that are noted and not counted yet, at most; the rest comes with the next look.
pub const UNCOUNTED_MAX: usize = 500;

/// What is to be written, and the Pods whose finalizer goes afterwards.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The status.
    pub status: JobStatus,
    /// Noted now, or for nothing to note.
    pub released: Vec<Arc<Pod>>,
    /// There are more.
    pub is_full: bool,
}

/// Notes what has ended. `verdict`: the Job is over, so what has not ended counts as failed. What was removed
/// just now has changed: it is noted when that is seen.
pub fn account(
    observed: &Observed,
    tally: &Tally,
    verdict: Option<&Verdict>,
    removed: &[Arc<Pod>],
    mut status: JobStatus,
) -> Ledger {
    let tracked: HashSet<&str> = observed
        .pods
        .iter()
        .filter(|pod| is_tracked(pod))
        .map(|pod| pod.metadata.uid.as_str())
        .collect();
    settle(&mut status, |uid| tracked.contains(uid));
    let mut entry = Entry {
        observed,
        tally,
        verdict,
        notes: status.uncounted_terminated_pods.take().unwrap_or_default(),
        indexes: Vec::new(),
    };
    let removed: HashSet<_> = removed.iter().map(|pod| &pod.metadata.uid).collect();
    let pods = observed.pods.iter().filter(|pod| {
        is_tracked(pod)
            && !removed.contains(&pod.metadata.uid)
            && may_go(observed, tally, verdict, pod)
    });
    let mut pods: Vec<_> = pods.collect();
    pods.sort_by_key(|pod| observed.index(pod));
    let mut ledger = Ledger {
        status,
        released: Vec::new(),
        is_full: false,
    };
    for pod in pods {
        if entry.len() >= UNCOUNTED_MAX {
            ledger.is_full = true;
            break;
        }
        entry.note(pod);
        ledger.released.push(pod.clone());
    }
    let status = &mut ledger.status;
    if observed.is_indexed() {
        let completed = tally.noted.with(entry.indexes);
        status.succeeded = completed.total();
        status.completed_indexes = completed.to_string();
    }
    if observed.limit_per_index().is_some() {
        status.failed_indexes = Some(tally.failed_indexes.to_string());
    }
    status.uncounted_terminated_pods = Some(entry.notes);
    ledger
}

/// Moves to the counters what is noted and not tracked any more.
pub fn settle(status: &mut JobStatus, is_tracked: impl Fn(&str) -> bool) {
    let Some(notes) = &mut status.uncounted_terminated_pods else {
        return;
    };
    for (uids, counter) in [
        (&mut notes.succeeded, &mut status.succeeded),
        (&mut notes.failed, &mut status.failed),
    ] {
        let before = uids.len();
        uids.retain(|uid| is_tracked(uid));
        *counter += i32::try_from(before - uids.len()).unwrap_or(i32::MAX);
    }
}

/// Nothing about the Pod is waited for any more.
fn may_go(observed: &Observed, tally: &Tally, verdict: Option<&Verdict>, pod: &Pod) -> bool {
    if verdict.is_some() || observed.job.metadata.is_deleting() {
        return true;
    }
    let has_ended = pod.status.phase == "Succeeded" || observed.is_failed(pod);
    // The last Pod of an index that is to be tried again tells how often, and since when.
    let replaced = observed
        .index(pod)
        .and_then(|index| tally.replaceable.get(&index));
    has_ended && replaced.is_none_or(|replaced| replaced.metadata.uid != pod.metadata.uid)
}

struct Entry<'a> {
    observed: &'a Observed,
    tally: &'a Tally,
    verdict: Option<&'a Verdict>,
    notes: crate::objects::Uncounted,
    indexes: Vec<i32>,
}

impl Entry<'_> {
    fn len(&self) -> usize {
        self.indexes.len() + self.notes.succeeded.len() + self.notes.failed.len()
    }

    fn note(&mut self, pod: &Pod) {
        let uid = &pod.metadata.uid;
        if self.notes.failed.contains(uid) || self.notes.succeeded.contains(uid) {
            return;
        }
        if pod.status.phase == "Succeeded" {
            let index = self.observed.index(pod);
            match index.filter(|index| !self.tally.noted.has(*index)) {
                Some(index) => self.indexes.push(index),
                None if self.observed.is_indexed() => {}
                None => self.notes.succeeded.push(uid.clone()),
            }
            return;
        }
        let is_over = self.verdict.is_some_and(|verdict| !verdict.is_success);
        let is_failed = self.observed.is_failed(pod) || is_over;
        let is_counted = self.observed.counts(pod) && self.observed.action(pod) != Action::Ignore;
        if is_failed && is_counted {
            self.notes.failed.push(uid.clone());
        }
    }
}
