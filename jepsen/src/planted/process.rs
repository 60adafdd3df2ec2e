//! One program with a mistake, or without, and with a limit.

use super::programs::Program;
use keelson_kit::check::Check;
use keelson_plants::{Plant, VARIABLE};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often it is looked whether a program has ended.
const LOOK: Duration = Duration::from_millis(10);

/// How a program ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code; 128 and the signal if one ended it. `None`: it was over its limit.
    pub code: Option<i32>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What it wrote.
    pub output: String,
}

/// Runs a program to its end or to the limit. With everything it has started: members of a suite must not outlive
/// it.
///
/// # Errors
///
/// When it cannot be started.
pub fn run(
    program: &Program,
    arguments: &[String],
    environment: &[(&str, String)],
    plant: Option<Plant>,
    limit: Duration,
) -> Check<Ended> {
    let mut output = tempfile::tempfile()?;
    let mut command = Command::new(&program.path);
    command
        .args(arguments)
        .current_dir(&program.home)
        .env("CARGO_MANIFEST_DIR", &program.home)
        .env_remove(VARIABLE)
        .envs(environment.iter().map(|(name, value)| (*name, value)))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .process_group(0);
    if let Some(plant) = plant {
        command.env(VARIABLE, plant.name());
    }
    let began = Instant::now();
    let mut child = command.spawn()?;
    let code = wait(&mut child, began + limit)?;
    Ok(Ended {
        code,
        seconds: began.elapsed().as_secs_f64(),
        output: read(&mut output)?,
    })
}

fn wait(child: &mut Child, until: Instant) -> Check<Option<i32>> {
    use std::os::unix::process::ExitStatusExt;
    loop {
        if let Some(status) = child.try_wait()? {
            let signal = status.signal().map(|signal| 128 + signal);
            return Ok(status.code().or(signal));
        }
        if Instant::now() > until {
            // SAFETY: a plain system call, to the group that this child leads and nobody else belongs to.
            unsafe { libc::kill(-(child.id() as i32), libc::SIGKILL) };
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

fn read(output: &mut File) -> Check<String> {
    use std::io::{Read, Seek};
    output.rewind()?;
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
