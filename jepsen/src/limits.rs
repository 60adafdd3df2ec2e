//! Limits of a process that runs: how many files it may open, how much memory it may take, and that it may have no
//! more threads.

use keelson_kit::check::{Check, Failure, holds};
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where groups of processes are that have limits of memory: version 1 of control groups. Those of version 2 are not
/// tried, and the fault that needs them is skipped there.
const GROUPS: &str = "/sys/fs/cgroup/memory";
/// Where those are that have limits of threads.
const THREADS: &str = "/sys/fs/cgroup/pids";
/// What a process may take beside what it has, at first.
const FIRST_BYTES: u64 = 16 << 20;
/// Less than this is nothing at all: then the next page that it wants is one too many.
const LEAST_BYTES: u64 = 128 << 10;
/// Between two times at which that is halved.
const STEP: Duration = Duration::from_millis(150);

/// How many files a process may open at a time, and how many it could allow itself.
pub type FileLimit = libc::rlimit;

/// How many files a process has open.
///
/// # Errors
///
/// When it is not there.
pub fn open_files(pid: u32) -> Check<u64> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64)
}

/// Sets how many files a process may open, if told so. Returns what it was.
///
/// # Errors
///
/// When the process is not there, or not ours.
pub fn file_limit(pid: u32, new: Option<&FileLimit>) -> Check<FileLimit> {
    let mut old = FileLimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: both point to a limit or to nothing, and the kernel writes the old one only.
    match unsafe { libc::prlimit(pid as i32, libc::RLIMIT_NOFILE, new, &mut old) } {
        0 => Ok(old),
        _ => Err(Failure::from(std::io::Error::last_os_error())),
    }
}

/// Processes that together may take so much memory, and are killed by the kernel when there is nothing to give back.
/// What they had before they came counts for somebody else.
#[derive(Debug)]
pub struct Group {
    directory: PathBuf,
    bytes: Cell<u64>,
    tightened: Cell<Instant>,
}

impl Group {
    /// A new group without a process. The name is removed from the host when nobody else does
    /// ([`forget`]).
    ///
    /// # Errors
    ///
    /// When this host has no such groups, or has one of this name.
    pub fn new(name: &str) -> Check<Group> {
        let directory = Path::new(GROUPS).join(name);
        fs::create_dir(&directory)?;
        let group = Group {
            directory,
            bytes: Cell::new(FIRST_BYTES),
            tightened: Cell::new(Instant::now()),
        };
        group.limit()?;
        Ok(group)
    }

    fn limit(&self) -> Check {
        let bytes = self.bytes.get().to_string();
        Ok(fs::write(
            self.directory.join("memory.limit_in_bytes"),
            bytes,
        )?)
    }

    /// Takes a process in.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn take(&self, pid: u32) -> Check {
        Ok(fs::write(
            self.directory.join("cgroup.procs"),
            pid.to_string(),
        )?)
    }

    /// Halves the limit now and then.
    pub fn tighten(&self) {
        if self.tightened.get().elapsed() < STEP {
            return;
        }
        self.tightened.set(Instant::now());
        let half = self.bytes.get() / 2;
        self.bytes.set(if half < LEAST_BYTES { 0 } else { half });
        // The kernel refuses less than it can make free at once. Then the next one may do.
        let _ = self.limit();
    }

    /// How often the kernel killed one of them.
    ///
    /// # Errors
    ///
    /// When the group is gone.
    pub fn killed(&self) -> Check<u64> {
        let text = fs::read_to_string(self.directory.join("memory.oom_control"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        Ok(line.unwrap_or("0").trim().parse()?)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        dissolve(GROUPS, &self.directory);
    }
}

/// A process that gets no new thread. Those that it has go on.
#[derive(Debug)]
pub struct ThreadLimit {
    directory: PathBuf,
}

impl ThreadLimit {
    /// Limits a process. The name is removed from the host when nobody else does ([`forget`]).
    ///
    /// # Errors
    ///
    /// When this host has no such groups, or has one of this name, or no such process.
    pub fn new(name: &str, pid: u32) -> Check<ThreadLimit> {
        let directory = Path::new(THREADS).join(name);
        fs::create_dir(&directory)?;
        let limit = ThreadLimit { directory };
        fs::write(limit.directory.join("cgroup.procs"), pid.to_string())?;
        // Fewer than it has are allowed: then each new one is one too many.
        fs::write(limit.directory.join("pids.max"), "1")?;
        Ok(limit)
    }

    /// How often the kernel refused a thread.
    ///
    /// # Errors
    ///
    /// When the group is gone.
    pub fn refused(&self) -> Check<u64> {
        let text = fs::read_to_string(self.directory.join("pids.events"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("max "));
        Ok(line.unwrap_or("0").trim().parse()?)
    }
}

impl Drop for ThreadLimit {
    fn drop(&mut self) {
        dissolve(THREADS, &self.directory);
    }
}

/// Whoever lives goes back to all others, and the group ends.
fn dissolve(root: &str, directory: &Path) {
    let left = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    for pid in left.lines() {
        let _ = fs::write(Path::new(root).join("cgroup.procs"), pid);
    }
    let _ = fs::remove_dir(directory);
}

/// The end of groups that a run of this name left behind. No process of them is there any more.
pub fn forget(name: &str) {
    for root in [GROUPS, THREADS] {
        // Nearly always there is none.
        let _ = fs::remove_dir(Path::new(root).join(name));
    }
}

/// Whether groups can be made here.
///
/// # Errors
///
/// When not.
pub fn try_groups(name: &str) -> Check<String> {
    holds(
        "control groups of version 1 limit memory",
        Path::new(GROUPS).join("memory.limit_in_bytes").exists(),
    )?;
    holds(
        "control groups of version 1 limit threads",
        Path::new(THREADS).join("cgroup.procs").exists(),
    )?;
    drop(Group::new(name)?);
    Ok("version 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_kit::tools::skip;
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn a_limit_of_files_is_set_and_read_back() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let before = file_limit(child.id(), None).unwrap();
        let less = FileLimit {
            rlim_cur: 7,
            ..before
        };
        assert_eq!(
            file_limit(child.id(), Some(&less)).unwrap().rlim_cur,
            before.rlim_cur
        );
        assert_eq!(file_limit(child.id(), None).unwrap().rlim_cur, 7);
        assert!(open_files(child.id()).unwrap() >= 1);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn who_takes_more_memory_than_there_is_is_killed_and_counted() {
        let name = format!("keelson-jepsen-test-{}", std::process::id());
        let Ok(group) = Group::new(&name) else {
            skip("a limit of memory", "no control groups of version 1");
            return;
        };
        group.bytes.set(0);
        group.limit().unwrap();
        let eats = "sleep 0.3; head -c 100000000 /dev/zero | tail -c 100000000 > /dev/null";
        let mut child = Command::new("sh").args(["-c", eats]).spawn().unwrap();
        group.take(child.id()).unwrap();
        let _ = child.wait().unwrap();
        assert!(group.killed().unwrap() > 0);
        let directory = group.directory.clone();
        drop(group);
        assert!(!directory.exists());
    }

    #[test]
    fn who_may_have_no_more_threads_gets_none_and_is_counted() {
        let name = format!("keelson-jepsen-test-{}", std::process::id());
        let tries = "read line; (true) && echo got; echo end";
        let mut shell = Command::new("sh");
        shell.args(["-c", tries]).stdin(Stdio::piped());
        let mut child = shell.stdout(Stdio::piped()).spawn().unwrap();
        let Ok(limit) = ThreadLimit::new(&name, child.id()) else {
            child.kill().unwrap();
            child.wait().unwrap();
            skip("a limit of threads", "no control groups of version 1");
            return;
        };
        assert_eq!(limit.refused().unwrap(), 0);
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(!String::from_utf8_lossy(&output.stdout).contains("got"));
        assert!(limit.refused().unwrap() > 0);
        let directory = limit.directory.clone();
        drop(limit);
        assert!(!directory.exists());
    }
}
