//! The terminal of whoever takes the tour: a directory, variables that last, one process that stays.

use keelson_kit::check::{Check, Failure};
use keelson_kit::port::free_row;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
/// A command that takes longer is stuck: the page gives every wait a bound below it.
const PATIENCE_S: &str = "90";

/// What a command printed: both streams, as a person sees them.
pub struct Printed {
    pub text: String,
    pub succeeded: bool,
}

/// See the module. Everything it started ends with it.
pub struct Shell {
    directory: tempfile::TempDir,
    path: String,
    cluster: Option<Child>,
}

impl Shell {
    /// A terminal whose path leads to the program under test and to kubectl.
    pub fn start(programs: &Path) -> Check<Shell> {
        let program = Path::new(PROGRAM).parent().unwrap_or(Path::new("."));
        let path = std::env::var("PATH").unwrap_or_default();
        Ok(Shell {
            directory: tempfile::tempdir()?,
            path: format!("{}:{}:{path}", program.display(), programs.display()),
            cluster: None,
        })
    }

    fn bash(&self, text: &str) -> Command {
        let mut command = Command::new("timeout");
        command
            .args(["--signal=KILL", PATIENCE_S, "bash", "-c", text])
            .current_dir(self.directory.path())
            .env("PATH", &self.path)
            .env("HOME", self.directory.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command. Variables that it exports are there for those after it.
    pub fn run(&mut self, command: &str) -> Check<Printed> {
        let script = format!(
            "[ -f .vars ] && . ./.vars; exec 2>&1; {command}\ncode=$?; export -p | grep -v ' PATH=\\| PWD=\\| OLDPWD=\\| SHLVL=' > .vars; exit $code"
        );
        let output = self.bash(&script).output()?;
        Ok(Printed {
            text: String::from_utf8_lossy(&output.stdout).into_owned(),
            succeeded: output.status.success(),
        })
    }

    /// Starts what stays in the foreground of another terminal, on ports that are free, and returns when it
    /// says that it is ready.
    pub fn background(&mut self, command: &str) -> Check {
        let base = free_row(30)?;
        let mut words = command.split_whitespace().skip(1);
        let mut child = Command::new(PROGRAM)
            .args(&mut words)
            .args(["--base-port", &base.to_string()])
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take();
        self.cluster = Some(child);
        let stdout = stdout.ok_or_else(|| Failure::new("no stdout"))?;
        let mut banner = String::new();
        BufReader::new(stdout).read_line(&mut banner)?;
        match banner.is_empty() {
            true => Err(Failure::new("it ended before it was ready")),
            false => Ok(()),
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let Some(cluster) = &mut self.cluster else {
            return;
        };
        // Asked first, so that it ends its members; they die with it in any case.
        let pid = cluster.id().to_string();
        let _ = Command::new("kill").args(["-INT", &pid]).status();
        let _ = cluster.wait();
    }
}
