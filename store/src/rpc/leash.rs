//! What a client holds while it takes a long answer, and loses when it takes it too slowly.
//!
//! A scan pins its revision: no compaction takes history away from it, so what is overwritten meanwhile
//! stays. A snapshot on its way holds a file as large as the store, an answer that lies ready holds its
//! memory. A client that could hold these for as long as it liked would fill the disk; [`Pace`] is how
//! long it can.
//!
//! Taken is what was handed to the connection. Up to a megabyte of that may still wait for the client
//! there, and what the system's buffers hold.

use crate::Error;
use crate::limits::Limits;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tonic::Code;

/// How slowly a client may take a long answer. One rule for all of them:
///
/// * it takes something in every `patience`, and
/// * after the first `patience` it has at any time taken `bytes_per_s_min` on average.
///
/// Both are looked at once in every `patience`. So an answer of n bytes is over after n divided by
/// `bytes_per_s_min` and twice `patience`, whatever its client does. By default (a minute, 64 KiB/s) that is
/// half an hour for 100 MiB. 64 KiB/s is half a megabit: slower than any line over which somebody would ask
/// for so much. And in half an hour a store that is written at 1 MB/s gathers 1.8 GB of history, which its
/// quota can be expected to leave room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// Time in which a client must take something.
    pub patience: Duration,
    /// What it must take per second on average; not before `patience` is over.
    pub bytes_per_s_min: u64,
}

/// What a client lost its answer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Stalled,
    Slow,
}

impl Pace {
    /// This member's.
    pub fn of(limits: &Limits) -> Pace {
        Pace {
            patience: limits.answer_patience,
            bytes_per_s_min: limits.answer_bytes_per_s_min,
        }
    }

    /// Judges a client that had taken so many bytes at the last look, and has now, `elapsed` after its
    /// answer began.
    fn fault(&self, taken_before: u64, taken: u64, elapsed: Duration) -> Option<Fault> {
        if taken == taken_before {
            return Some(Fault::Stalled);
        }
        let counted = elapsed.saturating_sub(self.patience);
        let due = counted.as_secs_f64() * self.bytes_per_s_min as f64;
        ((taken as f64) < due).then_some(Fault::Slow)
    }

    fn error(&self, fault: Fault) -> Error {
        let text = match fault {
            Fault::Stalled => format!(
                "etcdserver: the client took nothing of its answer for {:?}",
                self.patience
            ),
            Fault::Slow => format!(
                "etcdserver: the client took its answer too slowly: less than {} bytes per second",
                self.bytes_per_s_min
            ),
        };
        Error::Other(Code::DeadlineExceeded as i32, text)
    }
}

/// Counts what a client has taken.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<AtomicU64>);

impl Meter {
    /// So many bytes more.
    pub fn took(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// All so far.
    pub fn taken(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Holds a `T` for as long as its client keeps the [`Pace`].
pub(super) struct Leash<T> {
    held: Arc<Held<T>>,
    meter: Meter,
    pace: Pace,
    watcher: AbortHandle,
}

type Held<T> = Mutex<Result<T, Fault>>;

impl<T: Send + 'static> Leash<T> {
    /// Takes `thing` away once the client has fallen behind. To be called inside a runtime.
    pub fn new(thing: T, pace: Pace) -> Leash<T> {
        let held = Arc::new(Mutex::new(Ok(thing)));
        let meter = Meter::default();
        let watcher = tokio::spawn(watch(Arc::downgrade(&held), meter.clone(), pace));
        Leash {
            held,
            meter,
            pace,
            watcher: watcher.abort_handle(),
        }
    }

    /// Where it is counted what the client has taken.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Uses it.
    ///
    /// # Errors
    /// `DeadlineExceeded` once it has been taken away.
    pub fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> Result<R, Error> {
        match &mut *self.held.lock() {
            Ok(thing) => Ok(act(thing)),
            Err(fault) => Err(self.pace.error(*fault)),
        }
    }
}

impl<T> Drop for Leash<T> {
    /// An answer that is done leaves nobody behind who waits for the next look.
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

async fn watch<T>(held: Weak<Held<T>>, meter: Meter, pace: Pace) {
    let began = Instant::now();
    let mut taken_before = 0;
    loop {
        tokio::time::sleep(pace.patience).await;
        let taken = meter.taken();
        if let Some(fault) = pace.fault(taken_before, taken, began.elapsed()) {
            let Some(held) = held.upgrade() else { return };
            tracing::info!(?fault, taken, "a client loses a long answer");
            let thing = std::mem::replace(&mut *held.lock(), Err(fault));
            // It may be large, and nobody has to wait for the lock meanwhile.
            drop(thing);
            return;
        }
        taken_before = taken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{interval, timeout};

    /// For whatever takes as long as the machine is busy.
    const DEADLINE: Duration = Duration::from_secs(60);

    const MINUTE: Pace = Pace {
        patience: Duration::from_secs(60),
        bytes_per_s_min: 1000,
    };

    fn short(bytes_per_s_min: u64) -> Pace {
        Pace {
            patience: Duration::from_millis(100),
            bytes_per_s_min,
        }
    }

    #[test]
    fn a_client_that_takes_nothing_between_two_looks_is_stalled_however_much_it_took_before() {
        let fault = |before, taken| MINUTE.fault(before, taken, Duration::from_secs(60));
        assert_eq!(fault(0, 0), Some(Fault::Stalled));
        assert_eq!(fault(1 << 30, 1 << 30), Some(Fault::Stalled));
        assert_eq!(fault(1 << 30, (1 << 30) + 1), None);
    }

    #[test]
    fn after_the_first_patience_what_was_taken_is_at_least_the_rate_since() {
        let fault = |seconds, taken| MINUTE.fault(0, taken, Duration::from_secs(seconds));
        assert_eq!(fault(60, 1), None, "nothing is due yet");
        assert_eq!(fault(120, 59_999), Some(Fault::Slow));
        assert_eq!(fault(120, 60_000), None);
        assert_eq!(fault(660, 599_999), Some(Fault::Slow));
        assert_eq!(fault(660, 600_000), None);
    }

    #[test]
    fn no_client_holds_an_answer_for_longer_than_its_size_allows() {
        // Takes one byte before each look, in between the rest of what it must at the latest.
        let size = 1_000_000;
        let last = (1..1000)
            .take_while(|&look| {
                let elapsed = MINUTE.patience * look;
                let due = u64::from(look - 1) * 60 * MINUTE.bytes_per_s_min;
                let taken = (due + 1).min(size);
                MINUTE.fault(taken - 1, taken, elapsed).is_none()
            })
            .last();
        let bound = size / MINUTE.bytes_per_s_min + 2 * 60;
        let held_s = u64::from(last.expect("the first look passes")) * 60;
        assert!(held_s <= bound, "{held_s} s of {bound} s");
    }

    #[test]
    fn the_error_says_which_rule_was_broken() {
        let text = |fault| MINUTE.error(fault).text().to_owned();
        let stalled = "etcdserver: the client took nothing of its answer for 60s";
        assert_eq!(text(Fault::Stalled), stalled);
        let slow =
            "etcdserver: the client took its answer too slowly: less than 1000 bytes per second";
        assert_eq!(text(Fault::Slow), slow);
    }

    // On one thread: after a pause of the machine the user's turn comes before the watcher's.
    #[tokio::test]
    async fn what_is_taken_from_is_kept_and_what_is_not_is_let_go() {
        let thing = Arc::new(());
        let leash = Leash::new(Arc::clone(&thing), short(0));
        let mut uses = interval(Duration::from_millis(10));
        for _ in 0..50 {
            uses.tick().await;
            leash.with(|_| ()).expect("it is taken from in time");
            leash.meter().took(1);
        }
        assert_eq!(Arc::strong_count(&thing), 2);
        let gone = async {
            while Arc::strong_count(&thing) > 1 {
                // Use alone is not taking.
                let _ = leash.with(|_| ());
                uses.tick().await;
            }
        };
        timeout(DEADLINE, gone).await.expect("it is let go");
        let error = leash.with(|_| ()).expect_err("let go");
        assert_eq!(error, leash.pace.error(Fault::Stalled));
    }

    #[tokio::test]
    async fn a_client_that_goes_on_taking_a_little_loses_it_too() {
        let thing = Arc::new(());
        let leash = Leash::new(Arc::clone(&thing), short(1 << 40));
        let mut uses = interval(Duration::from_millis(10));
        let gone = async {
            while Arc::strong_count(&thing) > 1 {
                uses.tick().await;
                leash.meter().took(1);
            }
        };
        timeout(DEADLINE, gone).await.expect("it is let go");
        let error = leash.with(|_| ()).expect_err("let go");
        assert_eq!(error, leash.pace.error(Fault::Slow));
    }

    #[tokio::test]
    async fn it_goes_with_its_owner_and_so_does_who_watched_it() {
        let thing = Arc::new(());
        let leash = Leash::new(Arc::clone(&thing), MINUTE);
        let metrics = tokio::runtime::Handle::current().metrics();
        assert_eq!(metrics.num_alive_tasks(), 1);
        drop(leash);
        assert_eq!(Arc::strong_count(&thing), 1);
        let ended = async {
            while metrics.num_alive_tasks() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, ended).await.expect("the watcher ends");
    }
}
