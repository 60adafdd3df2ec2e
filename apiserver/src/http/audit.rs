//! The audit log: one line of JSON per request.

use serde_json::Value;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Lines that wait for the writer. A line has about a kilobyte.
const QUEUE: usize = 4_096;

/// Writes down who did what, at level `Metadata`. Never delays a request: lines that come faster than
/// the writer takes them are dropped and counted.
#[derive(Clone)]
pub struct Audit {
    lines: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

impl Audit {
    /// Writes to `writer`, on a thread of its own that ends when the server is gone. Lines that the writer
    /// refuses count as dropped.
    ///
    /// # Errors
    /// If no thread can be had.
    pub fn new(writer: impl Write + Send + 'static) -> std::io::Result<Audit> {
        let (lines, queue) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = dropped.clone();
        let thread = std::thread::Builder::new().name("audit".to_owned());
        thread.spawn(move || write(writer, &queue, &counter))?;
        Ok(Audit { lines, dropped })
    }

    /// How many lines are missing.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Hands over a line. `false`: it was dropped.
    pub(super) fn write(&self, event: &Value) -> bool {
        let mut line = event.to_string().into_bytes();
        line.push(b'\n');
        let is_taken = self.lines.try_send(line).is_ok();
        if !is_taken {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        is_taken
    }
}

fn write(mut writer: impl Write, queue: &Receiver<Vec<u8>>, dropped: &AtomicU64) {
    while let Ok(first) = queue.recv() {
        let mut next = Some(first);
        // What waits is written before it is flushed.
        while let Some(line) = next {
            if writer.write_all(&line).is_err() {
                dropped.fetch_add(1, Ordering::Relaxed);
            }
            next = queue.try_recv().ok();
        }
        // What cannot be flushed is tried again with the next line.
        drop(writer.flush());
    }
}
