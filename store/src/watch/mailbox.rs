//! What others tell a hub: a wake, and a few facts that are read after it.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Shared by one hub, its streams and the feed. Nothing here ever blocks, and nothing grows: wakes
/// that arrive while one is pending are the same wake.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    wake: Notify,
    /// The hub has watchers. While it has none, publishing does not wake it.
    pub listening: AtomicBool,
    /// The member stops: every stream ends.
    pub stopping: AtomicBool,
    /// The hub is gone.
    pub closed: AtomicBool,
    /// Bytes waiting in all of the hub's streams.
    pub waiting_bytes: AtomicUsize,
    /// Streams that had lagging watchers and have drained. At most one mention per stream and turn.
    drained: Mutex<Vec<u32>>,
}

impl Mailbox {
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Returns after a wake, also one that came before the call.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    pub fn published(&self) {
        if self.listening.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.wake();
    }

    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.wake();
    }

    pub fn stream_drained(&self, stream: u32) {
        self.drained.lock().push(stream);
        self.wake();
    }

    pub fn take_drained(&self) -> Vec<u32> {
        std::mem::take(&mut *self.drained.lock())
    }
}
