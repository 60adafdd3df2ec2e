//! The terminal of whoever takes the tour: a directory, variables that last, one process that stays.

use keelson_kit::check::Check;
use keelson_kit::dev::Dev;
use keelson_kit::tools::HASTE;
use std::path::Path;
use std::process::{Command, Stdio};
use tokio::runtime::{Builder, Runtime};

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
/// What `keelson dev` starts if it is not told.
const MEMBERS: usize = 3;
/// A command that takes longer is stuck: the page gives every wait a bound below it.
const PATIENCE_S: &str = "90";

/// What a command printed: both streams, as a person sees them.
pub struct Printed {
    pub text: String,
    pub succeeded: bool,
}

/// See the module. Everything it started ends with it.
pub struct Shell {
    runtime: Runtime,
    cluster: Option<Dev>,
    path: String,
    directory: tempfile::TempDir,
}

impl Shell {
    /// A terminal whose path leads to the program under test and to kubectl.
    pub fn start(programs: &Path) -> Check<Shell> {
        let program = Path::new(PROGRAM).parent().unwrap_or(Path::new("."));
        let path = std::env::var("PATH").unwrap_or_default();
        Ok(Shell {
            runtime: Builder::new_current_thread().enable_all().build()?,
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
            .env(HASTE.0, HASTE.1)
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
        let words: Vec<&str> = command.split_whitespace().skip(2).collect();
        let directory = self.directory.path();
        let started = Dev::start_in(Path::new(PROGRAM), directory, MEMBERS, &words);
        self.cluster = Some(self.runtime.block_on(started)?);
        Ok(())
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if let Some(cluster) = &mut self.cluster {
            // Asked first, so that it ends its members; they die with it in any case.
            let _ = self.runtime.block_on(cluster.interrupt());
        }
    }
}
