//! What the metrics say about watching.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers over all hubs of a feed. Gauges unless they say total.
#[derive(Debug, Default)]
pub struct Counters {
    /// Open streams.
    pub streams: AtomicU64,
    /// Watches on them.
    pub watchers: AtomicU64,
    /// Watches that are not fed live: catching up, or waiting for their stream to drain.
    pub slow_watchers: AtomicU64,
    /// Events waiting in stream queues.
    pub pending_events: AtomicU64,
    /// Events handed to streams, in total.
    pub events_total: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, amount: usize) {
    counter.fetch_add(amount as u64, Ordering::Relaxed);
}

pub(crate) fn subtract(counter: &AtomicU64, amount: usize) {
    counter.fetch_sub(amount as u64, Ordering::Relaxed);
}
