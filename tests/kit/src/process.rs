//! One child process that never outlives its owner.

use crate::check::{Check, Failure};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::wait::wait_for;

/// A running program whose output goes to a file. Dropping it kills it; so does the death of the
/// thread that started it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program`; its output is appended to `log`.
    ///
    /// # Errors
    ///
    /// When the program or the log cannot be opened.
    pub fn start(program: &Path, arguments: &[String], log: &Path) -> Check<Self> {
        Self::start_in(Path::new("."), program, arguments, log)
    }

    /// The same with more in its environment than this process has.
    ///
    /// # Errors
    ///
    /// When the program or the log cannot be opened.
    pub fn start_with(
        environment: &[(String, String)],
        program: &Path,
        arguments: &[String],
        log: &Path,
    ) -> Check<Self> {
        Self::start_as(Path::new("."), environment, program, arguments, log)
    }

    /// The same in another directory than this process's.
    ///
    /// # Errors
    ///
    /// When the program or the log cannot be opened.
    pub fn start_in(
        directory: &Path,
        program: &Path,
        arguments: &[String],
        log: &Path,
    ) -> Check<Self> {
        Self::start_as(directory, &[], program, arguments, log)
    }

    fn start_as(
        directory: &Path,
        environment: &[(String, String)],
        program: &Path,
        arguments: &[String],
        log: &Path,
    ) -> Check<Self> {
        let output = OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        die_with_parent(&mut command);
        let child = command.spawn().map_err(|error| {
            Failure::new(format!("cannot start {}: {error}", program.display()))
        })?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// Its number, which is the program's as long as it has not ended.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the program ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends a signal to this process and to no other.
    pub fn signal(&mut self, signal: i32) {
        // A reaped pid may belong to a stranger by now.
        if self.ended().is_none() {
            // SAFETY: the pid is our own child, not yet reaped.
            unsafe { libc::kill(self.child.id() as i32, signal) };
        }
    }

    /// Ends it at once, as a power cut would, and waits until it is gone.
    pub fn kill(&mut self) {
        if self.ended().is_none() {
            // Both fail only when the process is gone already.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// Asks it to end and waits.
    ///
    /// # Errors
    ///
    /// When it still runs after `deadline`.
    pub async fn stop(&mut self, deadline: Duration) -> Check<ExitStatus> {
        self.signal(libc::SIGTERM);
        wait_for("the process ended after SIGTERM", deadline, || {
            let ended = self.ended();
            async move { ended }
        })
        .await
    }

    /// The last `bytes` of what it printed.
    pub fn tail(&self, bytes: u64) -> String {
        tail(&self.log, bytes)
    }
}

/// Has the program end when the thread that starts it does.
pub fn die_with_parent(command: &mut Command) -> &mut Command {
    // SAFETY: prctl is async-signal-safe and touches nothing but the child's own attributes.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        })
    }
}

/// Sends a signal to a process of a cluster that the test itself has started.
pub fn signal(pid: i32, signal: i32) {
    // SAFETY: a plain system call, which touches no memory of this process.
    unsafe { libc::kill(pid, signal) };
}

/// Whether a process exists, and is more than an entry that nobody has asked about.
pub fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rfind(')').and_then(|end| stat.get(end + 2..end + 3));
    !matches!(state, None | Some("Z" | "X"))
}

/// The last `bytes` of a file, from the first whole line on.
pub fn tail(path: &Path, bytes: u64) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let first_line = if length > bytes {
            text.find('\n')
        } else {
            None
        };
        Ok(first_line.map_or(text.clone(), |end| text[end + 1..].to_owned()))
    };
    read().unwrap_or_else(|error| format!("(no log: {error})"))
}

impl Drop for Process {
    fn drop(&mut self) {
        // A stopped process does not see anything but SIGKILL, which is what this sends.
        self.kill();
    }
}
