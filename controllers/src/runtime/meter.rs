//! What the queues of loops have to do, under upstream's names.

use keelson_apiserver::meter::{Histogram, Kind, Page};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// What one queue has counted, in all terms in which this member led.
#[derive(Debug)]
pub struct QueueMeter {
    adds: AtomicU64,
    retries: AtomicU64,
    depth: AtomicI64,
    waits: Histogram,
    works: Histogram,
}

impl Default for QueueMeter {
    fn default() -> QueueMeter {
        // Upstream's: 10 ns to 1000 s.
        let times = || Histogram::exponential(1e-8, 10.0, 12);
        QueueMeter {
            adds: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            depth: AtomicI64::new(0),
            waits: times(),
            works: times(),
        }
    }
}

impl QueueMeter {
    /// A key waits; `depth` do now.
    pub(super) fn added(&self, depth: usize) {
        self.adds.fetch_add(1, Ordering::Relaxed);
        self.is_deep(depth);
    }

    /// A key has waited for so long.
    pub(super) fn taken(&self, waited: Duration, depth: usize) {
        self.waits.observe(waited.as_secs_f64());
        self.is_deep(depth);
    }

    /// Somebody looked at a key for so long.
    pub(super) fn looked_at(&self, took: Duration) {
        self.works.observe(took.as_secs_f64());
    }

    /// A key comes again because it did not work out.
    pub(super) fn failed(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// So many keys wait.
    pub(super) fn is_deep(&self, depth: usize) {
        let depth = i64::try_from(depth).unwrap_or(i64::MAX);
        self.depth.store(depth, Ordering::Relaxed);
    }
}

/// The meters of all queues of a member, by the names of their loops.
#[derive(Debug, Default)]
pub struct QueueMeters {
    queues: Mutex<Vec<(&'static str, Arc<QueueMeter>)>>,
}

impl QueueMeters {
    /// A new one for the loop of this name. There are as many as loops.
    pub(super) fn queue(&self, name: &'static str) -> Arc<QueueMeter> {
        let meter = Arc::<QueueMeter>::default();
        self.queues.lock().push((name, meter.clone()));
        meter
    }

    /// Writes what all have counted.
    pub fn show(&self, page: &mut Page) {
        let queues = self.queues.lock().clone();
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed).to_string();
        let mut family = |name: &str, help, kind, value: &dyn Fn(&QueueMeter) -> String| {
            page.family(name, help, kind);
            for (queue, meter) in &queues {
                page.value(name, &[("name", *queue)], value(meter));
            }
        };
        family(
            "workqueue_adds_total",
            "Keys that were put into the queue of a loop",
            Kind::Counter,
            &|meter| count(&meter.adds),
        );
        family(
            "workqueue_depth",
            "Keys that wait to be looked at",
            Kind::Gauge,
            &|meter| meter.depth.load(Ordering::Relaxed).to_string(),
        );
        family(
            "workqueue_retries_total",
            "Keys that came again because it did not work out",
            Kind::Counter,
            &|meter| count(&meter.retries),
        );
        let mut times = |name: &str, help, value: &dyn Fn(&QueueMeter) -> &Histogram| {
            page.family(name, help, Kind::Histogram);
            for (queue, meter) in &queues {
                page.histogram(name, &[("name", *queue)], value(meter));
            }
        };
        times(
            "workqueue_queue_duration_seconds",
            "Time that keys waited to be looked at",
            &|meter| &meter.waits,
        );
        times(
            "workqueue_work_duration_seconds",
            "Time that looks at keys took",
            &|meter| &meter.works,
        );
    }
}
