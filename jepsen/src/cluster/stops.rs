//! Members that are stopped in their tracks.

use super::Cluster;
use std::path::Path;

impl Cluster {
    /// Stops a member in its tracks, or lets it go on. It may go on for a moment after it was told to stop.
    pub fn pause(&mut self, i: usize, is_paused: bool) {
        let member = &mut self.members[i];
        if let Some(process) = &mut member.process {
            process.signal(if is_paused {
                libc::SIGSTOP
            } else {
                libc::SIGCONT
            });
            member.is_paused = is_paused;
        }
    }

    /// The state of a member's process, as the kernel writes it (`T` for stopped).
    pub fn state(&self, i: usize) -> Option<char> {
        state_of_process(self.pid(i)?)
    }

    /// Whether a member that was stopped can do nothing any more, or has ended.
    pub fn stands_still(&self, i: usize) -> bool {
        self.pid(i).is_none_or(stands_still)
    }
}

/// Whether all threads of a process are stopped, or on their way through the kernel, which they do not leave before
/// they are. That is so once the first of them has stopped.
fn stands_still(pid: u32) -> bool {
    match state_of_process(pid) {
        Some('T' | 't') => {}
        Some('Z' | 'X') | None => return true,
        Some(_) => return false,
    }
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return true;
    };
    let mut states = threads
        .flatten()
        .map(|thread| state(&thread.path().join("stat")));
    states.all(|state| matches!(state, Some('T' | 't' | 'D' | 'Z' | 'X') | None))
}

/// The state of a process, as the kernel writes it (`T` for stopped), as long as there is one of this number.
pub fn state_of_process(pid: u32) -> Option<char> {
    state(Path::new(&format!("/proc/{pid}/stat")))
}

/// What the kernel says in a `stat` of a process or a thread.
fn state(stat: &Path) -> Option<char> {
    let stat = std::fs::read_to_string(stat).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};
    use std::thread::yield_now;

    fn signal(child: &Child, signal: i32) {
        // SAFETY: the process is our child, which nobody has waited for.
        assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
    }

    #[test]
    fn who_is_stopped_stands_still_and_who_works_does_not() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(!stands_still(child.id()));
        signal(&child, libc::SIGSTOP);
        while !stands_still(child.id()) {
            yield_now();
        }
        signal(&child, libc::SIGCONT);
        while stands_still(child.id()) {
            yield_now();
        }
        child.kill().unwrap();
        while !stands_still(child.id()) {
            yield_now();
        }
        child.wait().unwrap();
        assert!(stands_still(child.id()));
    }
}
