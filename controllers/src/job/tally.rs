//! How many Pods of a Job have succeeded and failed, those that are not in its counters included.

use super::index::Indexes;
use super::observe::Observed;
use super::pod::{self, is_tracked};
use super::policy::Action;
use crate::objects::{Pod, Uncounted};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Pods, or indexes, that succeeded.
    pub succeeded: i32,
    /// Pods that failed, and it counts.
    pub failed: i32,
    /// Indexes that succeeded, as the status has them.
    pub noted: Indexes,
    /// Indexes that succeeded.
    pub completed: Indexes,
    /// Indexes that failed.
    pub failed_indexes: Indexes,
    /// The last Pod that failed at each index that may get another one.
    pub replaceable: HashMap<i32, Arc<Pod>>,
}

impl Tally {
    /// Counts.
    pub fn of(observed: &Observed) -> Tally {
        let status = &observed.job.status;
        let none = Uncounted::default();
        let uncounted = status.uncounted_terminated_pods.as_ref().unwrap_or(&none);
        let listed: HashSet<&str> = uncounted
            .succeeded
            .iter()
            .chain(&uncounted.failed)
            .map(String::as_str)
            .collect();
        let new = observed.pods.iter().filter(|pod| {
            is_tracked(pod) && observed.counts(pod) && !listed.contains(pod.metadata.uid.as_str())
        });
        let (mut succeeded, mut failed) = (0, 0);
        for pod in new {
            if pod.status.phase == "Succeeded" {
                succeeded += 1;
            } else if observed.is_failed(pod) && observed.action(pod) != Action::Ignore {
                failed += 1;
            }
        }
        let length = |uids: &[String]| i32::try_from(uids.len()).unwrap_or(i32::MAX);
        let mut tally = Tally {
            succeeded: status.succeeded + succeeded + length(&uncounted.succeeded),
            failed: status.failed + failed + length(&uncounted.failed),
            ..Tally::default()
        };
        tally.count_indexes(observed);
        tally
    }

    fn count_indexes(&mut self, observed: &Observed) {
        let Some(indexes) = observed.indexes() else {
            return;
        };
        let status = &observed.job.status;
        self.noted = Indexes::parse(&status.completed_indexes, indexes);
        let new = observed.pods.iter().filter(|pod| is_tracked(pod));
        let succeeded = new.clone().filter(|pod| pod.status.phase == "Succeeded");
        let succeeded = succeeded.filter_map(|pod| observed.index(pod));
        self.completed = self.noted.with(succeeded);
        self.succeeded = self.completed.total();
        let Some(limit) = observed.limit_per_index() else {
            return;
        };
        let noted = status.failed_indexes.as_deref().unwrap_or_default();
        let failed = new.filter(|pod| has_index_failed(observed, pod, limit));
        let failed = failed.filter_map(|pod| observed.index(pod));
        self.failed_indexes = Indexes::parse(noted, indexes).with(failed);
        self.replaceable = replaceable(observed, self);
    }
}

/// With this Pod its index has failed for good.
fn has_index_failed(observed: &Observed, pod: &Pod, limit: i32) -> bool {
    observed.is_failed(pod)
        && match observed.action(pod) {
            Action::FailIndex => true,
            Action::Ignore => false,
            _ => pod::failures(pod).0 >= limit,
        }
}

fn replaceable(observed: &Observed, tally: &Tally) -> HashMap<i32, Arc<Pod>> {
    let active: HashSet<i32> = observed
        .active()
        .filter_map(|pod| observed.index(pod))
        .collect();
    let mut last: HashMap<i32, Arc<Pod>> = HashMap::new();
    for pod in &observed.pods {
        let Some(index) = observed.index(pod).filter(|_| is_tracked(pod)) else {
            continue;
        };
        let is_over = tally.completed.has(index)
            || tally.failed_indexes.has(index)
            || active.contains(&index);
        if is_over || !observed.is_failed(pod) {
            continue;
        }
        let rank = |pod: &Pod| (failures(pod), pod::finished_us(pod));
        if last.get(&index).is_none_or(|last| rank(last) <= rank(pod)) {
            last.insert(index, pod.clone());
        }
    }
    last
}

/// How often Pods of its index failed before it, whether it counts or not.
pub fn failures(pod: &Pod) -> i32 {
    let (counted, ignored) = pod::failures(pod);
    counted.saturating_add(ignored)
}
