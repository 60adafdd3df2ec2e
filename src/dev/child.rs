//! One child's process: a member, or the hollow nodes.

use super::plan::{Member, Plan};
use crate::cli::error::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Most bytes of a log that are looked at for its last lines.
const TAIL_BYTES: u64 = 16 << 10;

/// A started child. Killed when dropped.
pub struct Child {
    title: String,
    name: String,
    log: PathBuf,
    process: std::process::Child,
    /// Its end has been told.
    is_told: bool,
}

impl Child {
    /// Starts `keelson server` for one member of the plan.
    ///
    /// Must be called on the thread that lives as long as this process: the kernel kills the child
    /// when the thread that started it ends.
    pub fn start(plan: &Plan, member: &Member, flags: &[String]) -> Result<Child> {
        let kubernetes = member.kubernetes_url();
        let kubernetes = kubernetes.map(|url| ["--listen-kubernetes-url".to_owned(), url]);
        let kubernetes = kubernetes.into_iter().flatten();
        let title = format!("member {}", member.name);
        Child::spawn(title, &member.name, &member.log, |command| {
            command
                .arg("server")
                .args(["--name", &member.name, "--data-dir"])
                .arg(&member.data_dir)
                .args(["--listen-client-urls", &member.client_url()])
                .args(["--advertise-client-urls", &member.client_url()])
                .args(["--listen-peer-urls", &member.peer_url()])
                .args(["--initial-advertise-peer-urls", &member.peer_url()])
                .args(["--initial-cluster", &plan.initial_cluster()])
                .args(["--initial-cluster-token", "keelson-dev"])
                .args(kubernetes)
                .args(flags);
        })
    }

    /// Starts `keelson hollow` for so many nodes, which find the cluster by this kubeconfig.
    ///
    /// As for a member: on the thread that lives as long as this process.
    pub fn hollow(nodes: u32, kubeconfig: &Path, log: &Path) -> Result<Child> {
        Child::spawn("the hollow nodes".to_owned(), "hollow", log, |command| {
            command
                .args(["hollow", "--nodes", &nodes.to_string(), "--kubeconfig"])
                .arg(kubeconfig);
        })
    }

    fn spawn(
        title: String,
        name: &str,
        log_file: &Path,
        tell: impl FnOnce(&mut Command),
    ) -> Result<Child> {
        let failed = |error: std::io::Error| {
            Error::failure(format!("cannot start {title}")).why(error.to_string())
        };
        let log = File::options()
            .create(true)
            .append(true)
            .open(log_file)
            .map_err(failed)?;
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        tell(&mut command);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            // A group of its own: Ctrl-C on the terminal is for this process, which stops the members
            // in order.
            .process_group(0);
        let parent = std::process::id();
        // SAFETY: between fork and exec only prctl, getppid and _exit are called; all three are
        // async-signal-safe.
        unsafe {
            command.pre_exec(move || {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                // The parent may have died before the line above.
                if libc::getppid() as u32 != parent {
                    libc::_exit(1);
                }
                Ok(())
            });
        }
        let process = command.spawn().map_err(failed)?;
        Ok(Child {
            name: name.to_owned(),
            log: log_file.to_owned(),
            process,
            title,
            is_told: false,
        })
    }

    /// What people call it.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Where it writes what it says.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The member's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// How it ended, once: afterwards `None` again.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.process.try_wait().ok().flatten()?;
        if std::mem::replace(&mut self.is_told, true) {
            return None;
        }
        Some(match (status.signal(), status.code()) {
            (Some(signal), _) => format!("killed by signal {signal}"),
            (None, Some(code)) => format!("exit code {code}"),
            (None, None) => "for an unknown reason".to_owned(),
        })
    }

    /// SIGTERM.
    pub fn ask_to_stop(&mut self) {
        if !self.is_running() {
            return;
        }
        // SAFETY: the child has not been waited for, so its id cannot have been given to another.
        unsafe { libc::kill(self.process.id() as libc::pid_t, libc::SIGTERM) };
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// The end of its log.
    pub fn last_lines(&self, count: usize) -> String {
        let read = || -> std::io::Result<String> {
            let mut file = File::open(&self.log)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = read().unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.is_running() {
            self.kill();
        }
    }
}
