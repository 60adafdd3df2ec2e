//! A process that stands still nine tenths of the time: a processor that others have taken, without any group of
//! processes to be made for it.

use crate::cluster::state_of_process as state;
use keelson_kit::check::{Check, Failure, some};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

/// It runs for so long.
const RUNS: Duration = Duration::from_millis(10);
/// And then stands still for so many times as long as it ran, which is more on a busy machine.
const RESTS: u32 = 9;
/// But never for longer.
const REST_MAX: Duration = Duration::from_millis(500);

/// A thread that stops a process and lets it go on. Dropping it lets the process go on for good.
#[derive(Debug)]
pub struct Duty {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Stood>>,
}

/// How much a process stood still.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stood {
    /// How often the kernel called it stopped at the end of a rest.
    pub stops: u32,
    /// For how long altogether, those rests alone.
    pub still: Duration,
    /// Of this time.
    pub whole: Duration,
}

impl Stood {
    /// Of a hundred parts of the time.
    pub fn percent(&self) -> u128 {
        self.still.as_millis() * 100 / self.whole.as_millis().max(1)
    }
}

impl Duty {
    /// Begins with a process that is a child of this one and has not been waited for.
    ///
    /// # Errors
    ///
    /// When there is no such process.
    pub fn start(pid: u32) -> Check<Duty> {
        let process = handle(pid)?;
        let is_over = Arc::<AtomicBool>::default();
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || stop_and_go(pid, &process, &over));
        Ok(Duty {
            is_over,
            thread: Some(thread),
        })
    }

    /// Lets the process go on.
    ///
    /// # Errors
    ///
    /// When the thread panicked.
    pub fn end(mut self) -> Check<Stood> {
        self.is_over.store(true, Relaxed);
        let thread = some("a thread", self.thread.take())?;
        let panicked = |_| Failure::new("the thread that stops a process panicked");
        thread.join().map_err(panicked)
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // It panicked, or has ended.
            let _ = thread.join();
        }
    }
}

fn stop_and_go(pid: u32, process: &OwnedFd, over: &AtomicBool) -> Stood {
    let began = Instant::now();
    let mut stood = Stood::default();
    let mut ran = RUNS;
    while !over.load(Relaxed) && signal(process, libc::SIGSTOP) {
        let stopped = Instant::now();
        sleep((ran * RESTS).min(REST_MAX));
        if state(pid) == Some('T') {
            stood.stops += 1;
            stood.still += stopped.elapsed();
        }
        let goes_on = Instant::now();
        signal(process, libc::SIGCONT);
        sleep(RUNS);
        ran = goes_on.elapsed();
    }
    stood.whole = began.elapsed();
    stood
}

/// A name for a process that is never another one's, as its number may be.
fn handle(pid: u32) -> Check<OwnedFd> {
    // SAFETY: the call takes two numbers; the descriptor that it gives is ours.
    unsafe {
        match libc::syscall(libc::SYS_pidfd_open, pid, 0) {
            -1 => Err(Failure::from(std::io::Error::last_os_error())),
            handle => Ok(OwnedFd::from_raw_fd(handle as i32)),
        }
    }
}

/// Returns whether the process is still there.
fn signal(process: &OwnedFd, signal: i32) -> bool {
    let nothing = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the descriptor is open, and the kernel takes no information for none.
    unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_raw_fd(),
            signal,
            nothing,
            0,
        ) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_stands_still_most_of_the_time_and_goes_on_afterwards() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let duty = Duty::start(child.id()).unwrap();
        sleep(Duration::from_millis(700));
        let stood = duty.end().unwrap();
        assert!(stood.stops >= 3, "{stood:?}");
        assert!(stood.percent() >= 60, "{stood:?}");
        assert_ne!(state(child.id()), Some('T'));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn who_has_ended_is_left_alone() {
        let mut child = Command::new("true").spawn().unwrap();
        // It has ended, and nobody has asked how.
        while state(child.id()) != Some('Z') {
            std::thread::yield_now();
        }
        let duty = Duty::start(child.id()).unwrap();
        child.wait().unwrap();
        let stood = duty.end().unwrap();
        assert_eq!(stood.stops, 0, "{stood:?}");
    }
}
