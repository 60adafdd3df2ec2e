//! Whether anything is heard of a server. A connection on which nothing comes, though it is asked twice a
//! second, leads nowhere: who only reads goes elsewhere, long before it counts as broken.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep};

/// A server of which nothing has come for so long is silent.
const SILENT: Duration = Duration::from_millis(1500);
/// What is said of it.
pub(super) const TOLD: &str = "nothing is heard of the server any more";

/// When something was heard last. Copies are one.
#[derive(Clone, Debug)]
pub(super) struct Pulse(Arc<Heard>);

#[derive(Debug)]
struct Heard {
    began: Instant,
    /// Milliseconds since then.
    last_ms: AtomicU64,
}

impl Pulse {
    pub(super) fn new() -> Pulse {
        Pulse(Arc::new(Heard {
            began: Instant::now(),
            last_ms: AtomicU64::new(0),
        }))
    }

    fn beat(&self) {
        let now_ms = self.0.began.elapsed().as_millis();
        let now_ms = u64::try_from(now_ms).unwrap_or(u64::MAX);
        self.0.last_ms.store(now_ms, Ordering::Relaxed);
    }

    /// How long it is until the server counts as silent, if nothing comes.
    fn left(&self) -> Duration {
        let last = Duration::from_millis(self.0.last_ms.load(Ordering::Relaxed));
        (last + SILENT).saturating_sub(self.0.began.elapsed())
    }

    pub(super) fn is_silent(&self) -> bool {
        self.left().is_zero()
    }

    /// Returns when the server is silent.
    pub(super) async fn silence(&self) {
        loop {
            match self.left() {
                Duration::ZERO => return,
                left => sleep(left).await,
            }
        }
    }
}

/// A stream whose bytes are heard.
pub(super) struct Listening<S> {
    pub(super) stream: S,
    pub(super) pulse: Pulse,
}

impl<S: AsyncRead + Unpin> AsyncRead for Listening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pulse.beat();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Listening<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
