//! The limits of watching.

use std::time::Duration;

/// Limits and intervals. The defaults suit a member that serves a Kubernetes API server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Memory for the newest events, encodings included. At least the newest batch is always kept.
    pub window_bytes: usize,
    /// What one stream may have waiting to be sent before its watchers start to lag. One revision
    /// may go over it, because a revision is never split between two turns.
    pub stream_queue_bytes: usize,
    /// What all streams of one hub may have waiting before those with much waiting start to lag.
    pub hub_queue_bytes: usize,
    /// Replies (created, canceled, progress) a stream may have waiting before it takes no more
    /// requests.
    pub replies_max: usize,
    /// Watches on one stream.
    pub watches_max: usize,
    /// Events read per turn and group of watchers that catch up; live turns take half of it, so
    /// that catching up always gains on what is new.
    pub slice_bytes: usize,
    /// How often a quiet watch that asked for progress hears of it. Up to a tenth is added at random.
    pub progress_interval: Duration,
    /// The size a response aims to stay below, and does if the watch allows fragments:
    /// `--max-request-bytes` plus 512 KiB.
    pub response_bytes: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            window_bytes: 64 << 20,
            stream_queue_bytes: 8 << 20,
            hub_queue_bytes: 64 << 20,
            replies_max: 1024,
            watches_max: 100_000,
            slice_bytes: 512 << 10,
            progress_interval: Duration::from_secs(600),
            response_bytes: 1_572_864 + (512 << 10),
        }
    }
}

impl Options {
    /// A stream whose watchers lag is drained when no more than this is waiting.
    pub(crate) fn drained_bytes(&self) -> usize {
        self.stream_queue_bytes / 16
    }
}
