//! Who of the others cannot be reached, as people are told.
//!
//! Consensus finds out some ten times a second that a member is away. An operator wants to know it once, when it has
//! lasted; now and then, while it goes on; and once more, when it is over. Each connection says here how it fares. Any
//! answer of a member means that it is there: a connection that has failed may have nothing to ask for long.

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
/// Who calls a member that is away calls it more often than this; after a longer pause nobody knows what was meanwhile.
const PAUSE: Duration = Duration::from_secs(10);

/// What is known of all members.
#[derive(Default)]
pub struct Reach {
    members: Mutex<HashMap<MemberId, Arc<Fares>>>,
}

/// How the connections to one member fare.
pub struct Fares {
    member: MemberId,
    is_away: AtomicBool,
    absence: Mutex<Option<Absence>>,
}

struct Absence {
    since: Instant,
    last: Instant,
    told: Option<Instant>,
}

impl Reach {
    /// For a new connection to `member`.
    pub fn connection(&self, member: MemberId) -> Arc<Fares> {
        let mut members = self.members.lock();
        let fares = members.entry(member).or_insert_with(|| {
            Arc::new(Fares {
                member,
                is_away: AtomicBool::new(false),
                absence: Mutex::default(),
            })
        });
        Arc::clone(fares)
    }
}

impl Fares {
    /// A connection could not be made, broke, or was too slow.
    pub fn failed(&self, reason: &str) {
        if let Some(away) = self.failed_at(Instant::now()) {
            let (member, away_s) = (format!("{:x}", self.member), away.as_secs());
            tracing::warn!(member, away_s, reason, "a member cannot be reached");
        }
    }

    /// The member has answered.
    pub fn answered(&self) {
        if let Some(away) = self.answered_at(Instant::now()) {
            let (member, away_s) = (format!("{:x}", self.member), away.as_secs());
            tracing::info!(member, away_s, "a member can be reached again");
        }
    }

    /// Whether it is time to say that the member is away, and for how long it has been.
    fn failed_at(&self, now: Instant) -> Option<Duration> {
        let mut absence = self.absence.lock();
        self.is_away.store(true, Ordering::Relaxed);
        let known = absence.take().filter(|known| now - known.last < PAUSE);
        let absence = absence.insert(known.unwrap_or(Absence {
            since: now,
            last: now,
            told: None,
        }));
        absence.last = now;
        let away = now - absence.since;
        let is_due = match absence.told {
            None => away >= LASTS,
            Some(told) => now - told >= AGAIN,
        };
        is_due.then(|| {
            absence.told = Some(now);
            away
        })
    }

    /// Whether it is time to say that the member is back, and for how long it was away. Nearly always it was not.
    fn answered_at(&self, now: Instant) -> Option<Duration> {
        if !self.is_away.load(Ordering::Relaxed) {
            return None;
        }
        let mut absence = self.absence.lock();
        self.is_away.store(false, Ordering::Relaxed);
        let over = absence.take()?;
        over.told.map(|_| now - over.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Failures of a second each, and when something was said.
    fn told(fares: &Fares, start: Instant, seconds: std::ops::Range<u64>) -> Vec<u64> {
        let at = |second| start + Duration::from_secs(second);
        seconds
            .filter_map(|second| fares.failed_at(at(second)))
            .map(|away| away.as_secs())
            .collect()
    }

    #[test]
    fn an_absence_is_told_when_it_lasts_and_once_a_minute() {
        let (fares, start) = (Reach::default().connection(7), Instant::now());
        assert_eq!(told(&fares, start, 0..130), [1, 61, 121]);
        let back = fares.answered_at(start + Duration::from_secs(130));
        assert_eq!(back, Some(Duration::from_secs(130)));
        assert_eq!(fares.answered_at(start + 200 * LASTS), None, "said before");
    }

    #[test]
    fn what_is_over_at_once_is_not_told() {
        let (fares, start) = (Reach::default().connection(7), Instant::now());
        assert_eq!(fares.failed_at(start), None);
        assert_eq!(fares.answered_at(start + LASTS), None);
        assert_eq!(fares.failed_at(start + 2 * LASTS), None, "a new one");
    }

    #[test]
    fn nobody_knows_what_was_while_nobody_called() {
        let (fares, start) = (Reach::default().connection(7), Instant::now());
        assert_eq!(told(&fares, start, 0..3), [1]);
        let later = start + Duration::from_secs(3600);
        assert_eq!(told(&fares, later, 0..3), [1]);
    }

    #[test]
    fn one_connection_that_is_answered_is_enough() {
        let reach = Reach::default();
        let (entries, beats) = (reach.connection(7), reach.connection(7));
        let start = Instant::now();
        assert_eq!(told(&entries, start, 0..3), [1]);
        assert!(beats.answered_at(start + 3 * LASTS).is_some());
        assert!(reach.connection(8).answered_at(start).is_none());
    }
}
