//! How long a connection may take to say which protocol it speaks.
//!
//! HTTP/1 and HTTP/2 are told apart by the first bytes, and nobody else has a clock while those are
//! awaited: a client that stops in the middle of them would keep its place among the connections for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Once so many bytes have come, HTTP/1 is told from HTTP/2: the length of the latter's preface.
const TELLING_BYTES: usize = 24;

/// Counts the first bytes of a connection against the clock.
pub(super) struct Opening(Option<Waiting>);

struct Waiting {
    missing_bytes: usize,
    // By itself: the rest of a connection's life has no use for it.
    deadline: Pin<Box<Sleep>>,
}

impl Opening {
    /// The connection has so much time from now. To be called inside a runtime.
    pub fn new(patience: Duration) -> Opening {
        Opening(Some(Waiting {
            missing_bytes: TELLING_BYTES,
            deadline: Box::pin(sleep(patience)),
        }))
    }

    /// So many bytes have come.
    pub fn received(&mut self, bytes: usize) {
        if let Some(waiting) = &mut self.0 {
            waiting.missing_bytes = waiting.missing_bytes.saturating_sub(bytes);
            if waiting.missing_bytes == 0 {
                self.0 = None;
            }
        }
    }

    /// Nothing has come. Resolves once the time is over and the first bytes are not complete.
    pub fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let Some(waiting) = &mut self.0 else {
            return Poll::Pending;
        };
        ready!(waiting.deadline.as_mut().poll(context));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is late once its time is over and so many bytes have come.
    async fn is_late(bytes: &[usize]) -> bool {
        let mut opening = Opening::new(Duration::ZERO);
        bytes.iter().for_each(|bytes| opening.received(*bytes));
        let late = std::future::poll_fn(|context| opening.poll_late(context));
        tokio::time::timeout(Duration::from_millis(100), late)
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn who_has_told_what_it_speaks_may_be_silent() {
        assert!(is_late(&[]).await);
        assert!(is_late(&[20, 3]).await);
        assert!(!is_late(&[20, 4]).await);
        assert!(!is_late(&[4096]).await);
    }
}
