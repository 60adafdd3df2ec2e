//! A disk that is slow: it stands still most of the time, for a moment each, whatever else is done meanwhile.

use super::Injector;
use super::active::{Active, Means};
use super::storage::Probe;
use crate::disk;
use keelson_kit::check::{Check, Failure, some};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

/// The disk stands still for so long, again and again.
const STANDS: Duration = Duration::from_millis(70);
/// And answers for so long.
const ANSWERS: Duration = Duration::from_millis(25);
/// A write that met it takes so long, wherever in the middle it came.
const MET: Duration = Duration::from_millis(35);
/// So many writes must have met it: one would meet something else now and then.
const MET_LEAST: usize = 5;

/// A thread that lets a disk stand still and answer. Dropping it lets the disk answer for good.
#[derive(Debug)]
pub(super) struct Beats {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Beats {
    /// Begins, with a disk that answers.
    fn start(
        freeze: impl Fn() -> Check + Send + 'static,
        thaw: impl Fn() -> Check + Send + 'static,
    ) -> Beats {
        let is_over = Arc::<AtomicBool>::default();
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            while !over.load(Relaxed) {
                let is_frozen = freeze().is_ok();
                sleep(STANDS);
                // A disk that was not frozen cannot be thawed; what that means is seen by who writes to it.
                if is_frozen && thaw().is_err() {
                    return;
                }
                sleep(ANSWERS);
            }
        });
        Beats {
            is_over,
            thread: Some(thread),
        }
    }

    fn stop(&mut self) -> Check {
        self.is_over.store(true, Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => Err(Failure::new("the thread that stops a disk panicked")),
            _ => Ok(()),
        }
    }
}

impl Drop for Beats {
    fn drop(&mut self) {
        // Whoever wants to know has asked.
        let _ = self.stop();
    }
}

impl Injector<'_> {
    pub(super) fn slow(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let disk = self.cluster.disk(victim);
        let (one, other) = (disk.directory().to_owned(), disk.directory().to_owned());
        let probe = Probe::start(one.join("probe"));
        let beats = Beats::start(move || disk::freeze(&one), move || disk::thaw(&other));
        fault.means = Means::Slow(beats, probe);
        Ok(None)
    }

    pub(super) fn hurry(&mut self, fault: &mut Active) -> Check<String> {
        let Means::Slow(mut beats, probe) = std::mem::replace(&mut fault.means, Means::None) else {
            return Ok(String::new());
        };
        beats.stop()?;
        let took = probe.end()?;
        let met = took.iter().filter(|one| **one >= MET).count();
        if met >= MET_LEAST {
            let (all, long_ms) = (took.len(), MET.as_millis());
            let evidence = format!("{met} of {all} small synced writes took {long_ms} ms or more");
            self.effective(fault, evidence);
        }
        Ok("the disk answers".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_slow_disk_stands_still_again_and_again_and_answers_in_the_end() {
        let counts: Arc<[AtomicUsize; 2]> = Arc::default();
        let count = |i: usize| {
            let counts = Arc::clone(&counts);
            move || {
                counts[i].fetch_add(1, Relaxed);
                Ok(())
            }
        };
        let mut beats = Beats::start(count(0), count(1));
        while counts[1].load(Relaxed) < 3 {
            std::thread::yield_now();
        }
        beats.stop().unwrap();
        let [frozen, thawed] = [0, 1].map(|i| counts[i].load(Relaxed));
        assert_eq!(frozen, thawed);
    }
}
