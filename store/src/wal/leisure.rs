//! Breaks in work that nobody waits for.
//!
//! A segment is filled with zeros beside the log, on the same disk. Without breaks every write of the
//! log queues behind it for as long as that takes, and three members on one disk make a second of it.
//! So whoever fills rests four times as long as it worked, until somebody needs the result.

use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// Rest after work, in multiples of the work: the disk is at least four fifths the log's.
const REST: u32 = 4;

/// Whether there is time for breaks.
#[derive(Default)]
pub struct Leisure {
    /// How many wait for the result.
    waiting: Mutex<usize>,
    changed: Condvar,
}

/// While this is there, nobody rests.
pub struct Hurry<'a>(&'a Leisure);

impl Leisure {
    /// Ends a rest that is under way and prevents others until the guard is dropped.
    pub fn hurry(&self) -> Hurry<'_> {
        *self.waiting.lock() += 1;
        self.changed.notify_all();
        Hurry(self)
    }

    /// Rests for a multiple of the time that was `worked`, or until somebody is in a hurry.
    pub fn rest_after(&self, worked: Duration) {
        let mut waiting = self.waiting.lock();
        self.changed
            .wait_while_for(&mut waiting, |waiting| *waiting == 0, worked * REST);
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        *self.0.waiting.lock() -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    /// Nobody waits this long for a test.
    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_rest_is_a_multiple_of_the_work() {
        let worked = Duration::from_millis(5);
        let started = Instant::now();
        Leisure::default().rest_after(worked);
        assert!(started.elapsed() >= worked * REST);
    }

    #[test]
    fn nobody_rests_while_somebody_waits() {
        let leisure = Leisure::default();
        let hurry = leisure.hurry();
        leisure.rest_after(LONG);
        drop(hurry);
        assert_eq!(*leisure.waiting.lock(), 0, "breaks are taken again");
    }

    #[test]
    fn a_rest_ends_when_somebody_comes_to_wait() {
        let leisure = Leisure::default();
        std::thread::scope(|scope| {
            let resting = scope.spawn(|| leisure.rest_after(LONG));
            let _hurry = leisure.hurry();
            resting.join().expect("it rests in peace");
        });
    }
}
