//! When a watch ends, and when it is time for a bookmark.

use crate::registry::Random;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// The least that a watch lasts if the client does not say how long; it lasts up to twice as long, so that
/// clients do not all come back together. Upstream's `--min-request-timeout`.
const TIMEOUT_MIN: Duration = Duration::from_secs(1800);
/// How far bookmarks are apart.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// How long before the end the last bookmark comes.
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);
/// The longest that a watch lasts, whatever the client says: far behind any clock's end.
const TIMEOUT_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// The times of one watch.
pub(super) struct Pace {
    pub(super) deadline: Instant,
    /// When the next bookmark is due; `None`: never.
    bookmark: Option<Instant>,
    /// Rings when something is due. Kept from one event to the next: to set it anew costs more than to look at it.
    alarm: Pin<Box<Sleep>>,
}

/// What it is time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    End,
    Bookmark,
}

impl Pace {
    /// Times that begin now.
    pub(super) fn new(timeout: Option<Duration>, has_bookmarks: bool, random: &dyn Random) -> Pace {
        let timeout = timeout.unwrap_or_else(|| random_timeout(random));
        let now = Instant::now();
        let deadline = now + timeout.min(TIMEOUT_MAX);
        let mut pace = Pace {
            deadline,
            bookmark: None,
            alarm: Box::pin(sleep_until(deadline)),
        };
        if has_bookmarks {
            pace.schedule(now);
        }
        pace
    }

    /// Returns when something is due. Of two things, it is the end.
    pub(super) async fn due(&mut self) -> Due {
        self.alarm.as_mut().await;
        match self.bookmark {
            Some(at) if at < self.deadline && !self.has_ended() => Due::Bookmark,
            _ => Due::End,
        }
    }

    /// Whether the deadline has passed.
    pub(super) fn has_ended(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Plans the next bookmark, after one.
    pub(super) fn schedule(&mut self, now: Instant) {
        let last = self.deadline.checked_sub(BOOKMARK_BEFORE_END);
        let times = [Some(now + BOOKMARK_EVERY), last.filter(|last| *last > now)];
        self.bookmark = times.into_iter().flatten().min();
        let due = self.bookmark.unwrap_or(self.deadline).min(self.deadline);
        self.alarm.as_mut().reset(due);
    }
}

/// Once to twice the least.
fn random_timeout(random: &dyn Random) -> Duration {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    let spread = u64::try_from(TIMEOUT_MIN.as_millis()).unwrap_or(u64::MAX);
    TIMEOUT_MIN + Duration::from_millis(u64::from_le_bytes(bytes) % spread)
}
