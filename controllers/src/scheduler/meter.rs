//! What the scheduler has done, under upstream's names.

use super::pod::NAME;
use keelson_apiserver::meter::{Histogram, Kind, Page};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upstream tells attempts apart up to here.
const ATTEMPTS_MAX: usize = 15;
const RESULTS: [&str; 3] = ["scheduled", "unschedulable", "error"];
const PLACES: [&str; 4] = ["active", "backoff", "unschedulable", "gated"];

/// What came of an attempt to find a node for a Pod and to bind it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// It is bound.
    Scheduled,
    /// No node will do.
    Unschedulable,
    /// It was not bound.
    Error,
}

/// See the module. Counts in all terms in which this member led.
#[derive(Debug)]
pub struct Meter {
    /// Seconds that attempts took, by result.
    attempts: [Histogram; RESULTS.len()],
    /// Seconds from the first attempt until the Pod was bound, by how many it took.
    bound: [Histogram; ATTEMPTS_MAX],
    pending: [AtomicU64; PLACES.len()],
}

impl Default for Meter {
    fn default() -> Meter {
        Meter {
            attempts: std::array::from_fn(|_| Histogram::exponential(0.001, 2.0, 15)),
            bound: std::array::from_fn(|_| Histogram::exponential(0.01, 2.0, 20)),
            pending: Default::default(),
        }
    }
}

impl Meter {
    /// An attempt is over.
    pub(super) fn tried(&self, result: Attempt, took: Duration) {
        self.attempts[result as usize].observe(took.as_secs_f64());
    }

    /// A Pod is bound, so long after its first attempt.
    pub(super) fn bound(&self, attempts: u32, took: Duration) {
        let attempts = usize::try_from(attempts).unwrap_or(ATTEMPTS_MAX);
        let place = attempts.clamp(1, ATTEMPTS_MAX) - 1;
        self.bound[place].observe(took.as_secs_f64());
    }

    /// So many Pods are active, in back-off, wait for what may help them, and are gated.
    pub(super) fn waiting(&self, counts: [usize; PLACES.len()]) {
        for (pending, count) in self.pending.iter().zip(counts) {
            pending.store(count as u64, Ordering::Relaxed);
        }
    }

    /// Writes what was counted.
    pub fn show(&self, page: &mut Page) {
        let by_result = || RESULTS.iter().zip(&self.attempts);
        let name = "scheduler_schedule_attempts_total";
        page.family(name, "Attempts to give a Pod a node", Kind::Counter);
        for (result, times) in by_result() {
            let labels = [("profile", NAME), ("result", *result)];
            page.value(name, &labels, times.count());
        }
        let name = "scheduler_scheduling_attempt_duration_seconds";
        let help = "Time that such an attempt took, the binding included";
        page.family(name, help, Kind::Histogram);
        for (result, times) in by_result() {
            let labels = [("profile", NAME), ("result", *result)];
            page.histogram(name, &labels, times);
        }
        let name = "scheduler_pending_pods";
        page.family(name, "Pods that want a node", Kind::Gauge);
        for (place, count) in PLACES.iter().zip(&self.pending) {
            let count = count.load(Ordering::Relaxed);
            page.value(name, &[("queue", *place)], count);
        }
        let name = "scheduler_pod_scheduling_sli_duration_seconds";
        let help = "Time from the first attempt until the Pod was bound";
        page.family(name, help, Kind::Histogram);
        for (place, times) in self.bound.iter().enumerate() {
            // Most Pods need one attempt, and each of these is many lines.
            if times.count() == 0 && place > 0 {
                continue;
            }
            let attempts = match place + 1 {
                ATTEMPTS_MAX => "15+".to_owned(),
                attempts => attempts.to_string(),
            };
            page.histogram(name, &[("attempts", &attempts)], times);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_and_pods_are_counted_apart() {
        let meter = Meter::default();
        meter.tried(Attempt::Unschedulable, Duration::from_millis(3));
        meter.tried(Attempt::Scheduled, Duration::from_millis(3));
        meter.bound(2, Duration::from_secs(1));
        meter.bound(99, Duration::from_secs(1));
        meter.waiting([4, 3, 2, 1]);
        let mut page = Page::default();
        meter.show(&mut page);
        let text = page.into_text();
        for line in [
            "scheduler_schedule_attempts_total{profile=\"default-scheduler\",result=\"scheduled\"} 1",
            "scheduler_schedule_attempts_total{profile=\"default-scheduler\",result=\"error\"} 0",
            "scheduler_pending_pods{queue=\"unschedulable\"} 2",
            "scheduler_pod_scheduling_sli_duration_seconds_count{attempts=\"1\"} 0",
            "scheduler_pod_scheduling_sli_duration_seconds_count{attempts=\"2\"} 1",
            "scheduler_pod_scheduling_sli_duration_seconds_count{attempts=\"15+\"} 1",
        ] {
            assert!(text.lines().any(|there| there == line), "{line}: {text}");
        }
    }
}
