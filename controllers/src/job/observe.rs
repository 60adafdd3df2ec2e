//! A Job and its Pods as of one revision: everything that is decided on.

use super::pod;
use super::policy::{Action, on_failure};
use crate::objects::{Job, Key, Pod};
use crate::pods::micros;
use crate::runtime::World;
use std::sync::Arc;

/// See the module.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The Job.
    pub job: Arc<Job>,
    /// The Pods that it manages.
    pub pods: Vec<Arc<Pod>>,
    /// Microseconds since 1970.
    pub now_us: i64,
}

impl Observed {
    /// The Job of this key. `None`: there is none.
    pub fn of(world: &World, key: &Key, now_us: i64) -> Option<Observed> {
        let job = world.jobs.get(key)?.clone();
        let pods = world.pods.controlled_by(&job.metadata.uid);
        Some(Observed {
            pods: pods.cloned().collect(),
            job,
            now_us,
        })
    }

    /// Each Pod has an index.
    pub fn is_indexed(&self) -> bool {
        self.job.spec.completion_mode == "Indexed"
    }

    /// How many indexes there are; `None` if Pods have none.
    pub fn indexes(&self) -> Option<i32> {
        self.is_indexed()
            .then(|| self.job.spec.completions.unwrap_or_default())
    }

    /// How many Pods of one index may fail, if that counts by index.
    pub fn limit_per_index(&self) -> Option<i32> {
        self.job
            .spec
            .backoff_limit_per_index
            .filter(|_| self.is_indexed())
    }

    /// A Pod is replaced only when it has ended.
    pub fn waits_for_ends(&self) -> bool {
        let spec = &self.job.spec;
        spec.pod_replacement_policy.as_deref() == Some("Failed")
            || spec.pod_failure_policy.is_some()
    }

    /// Pods that have neither ended nor are going.
    pub fn active(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.pods.iter().filter(|pod| pod.is_active())
    }

    /// How many are going and have not ended.
    pub fn terminating(&self) -> i32 {
        count(self.pods.iter().filter(|pod| pod::is_terminating(pod)))
    }

    /// The Pod has failed, or will have.
    pub fn is_failed(&self, pod: &Pod) -> bool {
        match pod.status.phase.as_str() {
            "Failed" => true,
            "Succeeded" => false,
            _ => pod.metadata.is_deleting() && !self.waits_for_ends(),
        }
    }

    /// The index of a Pod, if the Job has that index.
    pub fn index(&self, pod: &Pod) -> Option<i32> {
        let indexes = self.indexes()?;
        pod::index(pod).filter(|index| *index < indexes)
    }

    /// What becomes of this Pod may count: it is not an index too many.
    pub fn counts(&self, pod: &Pod) -> bool {
        !self.is_indexed() || self.index(pod).is_some()
    }

    /// What the Job's policy makes of a Pod that failed.
    pub fn action(&self, pod: &Pod) -> Action {
        on_failure(self.job.spec.pod_failure_policy.as_ref(), pod)
    }

    /// Since when it runs.
    pub fn started_us(&self) -> Option<i64> {
        micros(self.job.status.start_time.as_deref()?)
    }
}

/// How many there are, as statuses have it.
pub fn count<T>(items: impl Iterator<Item = T>) -> i32 {
    i32::try_from(items.count()).unwrap_or(i32::MAX)
}
