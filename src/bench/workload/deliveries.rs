//! What all watchers together record: how many events came, and how long each took.

use super::Watched;
use crate::bench::drive::histogram;
use hdrhistogram::Histogram;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// See the module. Times are nanoseconds since it was made.
pub struct Deliveries {
    origin: Instant,
    /// What was sent before this moment belongs to the warm-up.
    begun_ns: AtomicU64,
    /// When the last one came that counts.
    last_ns: AtomicU64,
    delivered: AtomicU64,
    latency: Mutex<Histogram<u64>>,
    is_over: AtomicBool,
}

impl Default for Deliveries {
    fn default() -> Deliveries {
        Deliveries {
            origin: Instant::now(),
            begun_ns: AtomicU64::new(0),
            last_ns: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            latency: Mutex::new(histogram()),
            is_over: AtomicBool::new(false),
        }
    }
}

impl Deliveries {
    /// The time, as it is written into what is sent.
    pub fn now(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// Measuring begins.
    pub fn begin(&self) {
        // Under the lock that receivers count under, so that no event of the warm-up slips in.
        let mut latency = self.lock();
        self.begun_ns.store(self.now(), Ordering::Relaxed);
        self.delivered.store(0, Ordering::Relaxed);
        latency.reset();
    }

    /// Events came at `now` that were sent at these times.
    pub fn came(&self, now: u64, times: impl Iterator<Item = u64>) {
        let mut latency = self.lock();
        let begun = self.begun_ns.load(Ordering::Relaxed);
        let mut count = 0;
        for sent in times.filter(|sent| *sent >= begun) {
            latency.saturating_record(now.saturating_sub(sent));
            count += 1;
        }
        if count > 0 {
            self.last_ns.fetch_max(now, Ordering::Relaxed);
            self.delivered.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Waits for all that should come, as long as some do; the threads that receive go on meanwhile.
    pub fn end(&self, expected: u64, patience: Duration) -> Watched {
        let (mut seen, mut since) = (0, Instant::now());
        while seen < expected && since.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(5));
            let delivered = self.delivered.load(Ordering::Relaxed);
            if delivered != seen {
                (seen, since) = (delivered, Instant::now());
            }
        }
        self.is_over.store(true, Ordering::Relaxed);
        Watched {
            expected,
            delivered: self.delivered.load(Ordering::Relaxed),
            latency: self.lock().clone(),
            took: None,
        }
    }

    /// From the beginning to the last event.
    pub fn took(&self) -> Duration {
        let last = self.last_ns.load(Ordering::Relaxed);
        Duration::from_nanos(last.saturating_sub(self.begun_ns.load(Ordering::Relaxed)))
    }

    /// Nothing counts any more.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Histogram<u64>> {
        self.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_in_the_warm_up_does_not_count() {
        let deliveries = Deliveries::default();
        let early = deliveries.now();
        deliveries.came(deliveries.now(), [early].into_iter());
        deliveries.begin();
        let late = deliveries.now();
        deliveries.came(late + 1_000, [early, late].into_iter());
        let watched = deliveries.end(1, Duration::ZERO);
        assert_eq!((watched.expected, watched.delivered), (1, 1));
        assert_eq!(watched.latency.len(), 1);
        assert_eq!(watched.latency.max(), 1_000);
    }
}
