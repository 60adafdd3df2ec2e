//! Who of the others cannot be reached, as people are told.
//!
//! Consensus finds out some ten times a second that a member is away. An operator wants to know it once, when it has
//! lasted; now and then, while it goes on; and once more, when it is over. Each connection says here how it fares;
//! a member is away while any connection to it fails.

use crate::MemberId;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// What is over before has not been worth a word: a connection broke and was made again.
const LASTS: Duration = Duration::from_secs(1);
/// Between two words about the same absence.
const AGAIN: Duration = Duration::from_secs(60);

/// What is known of all members.
#[derive(Default)]
pub struct Reach {
    members: Mutex<HashMap<MemberId, Arc<Mutex<Absence>>>>,
}

/// What is known of one member.
#[derive(Default)]
struct Absence {
    /// Connections that fail now.
    failing: usize,
    since: Option<Instant>,
    told: Option<Instant>,
}

/// How one connection fares.
pub struct Fares {
    member: MemberId,
    is_failing: AtomicBool,
    absence: Arc<Mutex<Absence>>,
}

impl Absence {
    /// Whether it is time to say that the member is away, and for how long it has been.
    fn failed(&mut self, is_first: bool, now: Instant) -> Option<Duration> {
        self.failing += usize::from(is_first);
        let since = *self.since.get_or_insert(now);
        let away = now - since;
        let is_due = match self.told {
            None => away >= LASTS,
            Some(told) => now - told >= AGAIN,
        };
        is_due.then(|| {
            self.told = Some(now);
            away
        })
    }

    /// Whether it is time to say that the member is back, and for how long it was away.
    fn recovered(&mut self, now: Instant) -> Option<Duration> {
        self.failing -= 1;
        if self.failing > 0 {
            return None;
        }
        let since = self.since.take();
        self.told.take().and(since).map(|since| now - since)
    }
}

impl Reach {
    /// For a new connection to `member`.
    pub fn connection(&self, member: MemberId) -> Fares {
        Fares {
            member,
            is_failing: AtomicBool::new(false),
            absence: Arc::clone(self.members.lock().entry(member).or_default()),
        }
    }
}

impl Fares {
    /// The connection could not be made, broke, or was too slow.
    pub fn failed(&self, reason: &str) {
        let is_first = !self.is_failing.swap(true, Ordering::Relaxed);
        if let Some(away) = self.absence.lock().failed(is_first, Instant::now()) {
            let (member, away_s) = (format!("{:x}", self.member), away.as_secs());
            tracing::warn!(member, away_s, reason, "a member cannot be reached");
        }
    }

    /// The member has answered.
    pub fn answered(&self) {
        if self.is_failing.load(Ordering::Relaxed)
            && self.is_failing.swap(false, Ordering::Relaxed)
            && let Some(away) = self.absence.lock().recovered(Instant::now())
        {
            let (member, away_s) = (format!("{:x}", self.member), away.as_secs());
            tracing::info!(member, away_s, "a member can be reached again");
        }
    }
}

impl Drop for Fares {
    fn drop(&mut self) {
        // Nobody asks any more; that is no answer.
        if self.is_failing.load(Ordering::Relaxed) {
            let _ = self.absence.lock().recovered(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64, absence: &mut Absence, start: Instant) -> Option<u64> {
        let away = absence.failed(false, start + Duration::from_secs(seconds));
        away.map(|away| away.as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn an_absence_is_told_when_it_lasts_and_once_a_minute() {
        let (mut absence, start) = (Absence::default(), Instant::now());
        assert_eq!(absence.failed(true, start), None);
        let told = (0..=130).filter_map(|second| after(second, &mut absence, start));
        assert_eq!(told.collect::<Vec<_>>(), [1, 61, 121]);
        let back = absence.recovered(start + Duration::from_secs(140));
        assert_eq!(back, Some(Duration::from_secs(140)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_over_at_once_is_not_told() {
        let (mut absence, start) = (Absence::default(), Instant::now());
        assert_eq!(absence.failed(true, start), None);
        assert_eq!(absence.recovered(start + LASTS), None);
        assert_eq!(absence.failed(true, start + 9 * LASTS), None, "a new one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_is_back_when_no_connection_fails() {
        let reach = Reach::default();
        let (entries, beats) = (reach.connection(7), reach.connection(7));
        for fares in [&entries, &entries, &beats] {
            fares.failed("gone");
        }
        assert_eq!(entries.absence.lock().failing, 2);
        beats.answered();
        beats.answered();
        assert!(entries.absence.lock().since.is_some());
        drop(entries);
        assert!(beats.absence.lock().since.is_none());
    }
}
