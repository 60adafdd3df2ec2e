//! `keelson dev`: a whole cluster on this machine, for a minute or for a day.
//!
//! Each member is a child process running `keelson server`, so that one can be killed, paused or
//! looked at like a real one. This process only starts them, watches them and stops them.
//!
//! * [`plan`] decides names, ports and directories and finds out whether the ports are free.
//! * [`child`] is one member's process, or that of the hollow nodes. No child outlives this process, however it ends.
//! * [`state`] is the file `dev.json` that `keelson status --data-dir` reads.
//! * [`banner`] is what the user sees first; [`kubernetes`] makes a kubeconfig before that.
//!
//! What never happens here: touching a member's data, or starting a dead member again unless asked
//! with `--restart`: a member that dies is news.

pub mod banner;
pub mod child;
pub mod kubernetes;
pub mod plan;
pub mod state;

use crate::cli::connect::Client;
use crate::cli::error::{Error, Exit, Result};
use crate::cli::output::Progress;
use crate::cli::survey::ask;
use child::Child;
use plan::Plan;
use state::DevCluster;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// How long members may take to stop before they are killed.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// How long the cluster may take to serve.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// After this long a start says what it waits for.
const TELL_AFTER: Duration = Duration::from_secs(5);
/// How often the members are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Arguments of `dev`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// How many members; an odd number survives most
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=9))]
    members: u16,
    /// Where data is kept; a temporary directory that is gone on exit if not given
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Client port of the first member; member i uses this plus 10 i for clients and one more for peers
    #[arg(long, default_value_t = 2379, value_name = "PORT")]
    base_port: u16,
    /// Serve Kubernetes, too: two ports above each member's client port
    #[arg(long)]
    kubernetes: bool,
    /// Run so many nodes without machines, too; means --kubernetes
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    nodes: Option<u32>,
    /// Start a member again when it dies
    #[arg(long)]
    restart: bool,
    /// More flags for every member, like -- --log-level debug
    #[arg(last = true, value_name = "FLAG")]
    flags: Vec<String>,
}

impl Options {
    fn serves_kubernetes(&self) -> bool {
        self.kubernetes || self.nodes.is_some()
    }
}

/// Runs the cluster until Ctrl-C or SIGTERM.
pub fn run(options: &Options) -> Result<ExitCode> {
    // Dropped last: the directory goes when the members are gone.
    let (directory, _temporary) = directory(options.data_dir.as_ref())?;
    let plan = Plan::new(
        options.members,
        options.base_port,
        options.serves_kubernetes(),
        &directory,
    )?;
    plan.check_ports()?;
    crate::cli::block_on(supervise(options, &plan))
}

fn directory(given: Option<&PathBuf>) -> Result<(PathBuf, Option<tempfile::TempDir>)> {
    let failed = |error: std::io::Error| {
        Error::failure("cannot make the data directory").why(error.to_string())
    };
    match given {
        Some(path) => {
            std::fs::create_dir_all(path).map_err(failed)?;
            Ok((std::path::absolute(path).map_err(failed)?, None))
        }
        None => {
            let made = tempfile::Builder::new()
                .prefix("keelson-dev-")
                .tempdir()
                .map_err(failed)?;
            Ok((made.path().to_owned(), Some(made)))
        }
    }
}

async fn supervise(options: &Options, plan: &Plan) -> Result<ExitCode> {
    let failed =
        |error: std::io::Error| Error::failure("cannot listen to signals").why(error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut children = Vec::new();
    for member in &plan.members {
        children.push(Child::start(plan, member, &options.flags)?);
    }
    write_state(plan, &children)?;
    let mut hollow = None;
    let work = async {
        wait_until_serving(plan, &mut children).await?;
        if options.serves_kubernetes() {
            kubernetes::wait(plan, &mut children).await?;
        }
        if let Some(nodes) = options.nodes {
            hollow = Some(kubernetes::hollow_nodes(plan, nodes)?);
        }
        banner::print(
            plan,
            options.data_dir.is_none(),
            options.restart,
            options.nodes,
        );
        watch(plan, &mut children, &mut hollow, options).await
    };
    let result = tokio::select! {
        result = work => result.map(|()| ExitCode::SUCCESS),
        _ = interrupt.recv() => Ok(ExitCode::SUCCESS),
        _ = terminate.recv() => Ok(ExitCode::SUCCESS),
    };
    let running = children
        .iter_mut()
        .map(Child::is_running)
        .filter(|running| *running)
        .count();
    eprintln!("stopping {running} members");
    // First those who would miss the others.
    stop(hollow.as_mut_slice(), &mut interrupt).await;
    stop(&mut children, &mut interrupt).await;
    DevCluster::remove(&plan.directory);
    result
}

fn write_state(plan: &Plan, children: &[Child]) -> Result<()> {
    DevCluster::of(plan, children).write(&plan.directory)
}

/// Returns when every member knows a leader.
async fn wait_until_serving(plan: &Plan, children: &mut [Child]) -> Result<()> {
    let started = Instant::now();
    let mut progress = Progress::new();
    loop {
        for child in children.iter_mut() {
            if let Some(end) = child.ended() {
                return Err(Error::failure(format!(
                    "member {} did not start: {end}",
                    child.name()
                ))
                .why(child.last_lines(8)));
            }
        }
        let mut missing = Vec::new();
        for member in &plan.members {
            let client = Client::new(&[member.client_url()], Duration::from_secs(1))?;
            match ask(&client, &client.endpoints[0]).await {
                Ok(status) if status.leader != 0 => {}
                Ok(_) => missing.push(format!("{}: no leader", member.name)),
                Err(_) => missing.push(format!("{}: not serving", member.name)),
            }
        }
        if missing.is_empty() {
            progress.end();
            return Ok(());
        }
        let elapsed = started.elapsed();
        if elapsed > START_PATIENCE {
            return Err(Error::failure(format!(
                "the cluster did not start within {START_PATIENCE:?}"
            ))
            .why(missing.join(", "))
            .fix(format!(
                "look into the logs in {}",
                plan.directory.display()
            )));
        }
        if elapsed > TELL_AFTER {
            let share = (plan.members.len() - missing.len()) as f64 / plan.members.len() as f64;
            progress.at(
                Some(share),
                &format!("waiting {} s for {}", elapsed.as_secs(), missing.join(", ")),
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Tells about children that die. Ends when no member is left.
async fn watch(
    plan: &Plan,
    children: &mut [Child],
    hollow: &mut Option<Child>,
    options: &Options,
) -> Result<()> {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let mut changed = false;
        if let Some(child) = hollow
            && let Some(end) = child.ended()
        {
            tell_death(child, &end);
            if let (true, Some(nodes)) = (options.restart, options.nodes) {
                *child = kubernetes::hollow_nodes(plan, nodes)?;
            }
        }
        for (child, member) in children.iter_mut().zip(&plan.members) {
            let Some(end) = child.ended() else { continue };
            tell_death(child, &end);
            if options.restart {
                *child = Child::start(plan, member, &options.flags)?;
                eprintln!(
                    "member {} started again (pid {})",
                    child.name(),
                    child.pid()
                );
                changed = true;
            } else {
                eprintln!(
                    "member {} stays down; `keelson dev --restart` starts members again",
                    child.name()
                );
            }
        }
        if changed {
            write_state(plan, children)?;
        }
        if !options.restart && children.iter_mut().all(|child| !child.is_running()) {
            return Err(
                Error::new(Exit::Failure, "all members are dead").fix(format!(
                    "look into the logs in {}",
                    plan.directory.display()
                )),
            );
        }
    }
}

fn tell_death(child: &Child, end: &str) {
    eprintln!(
        "{} (pid {}) died: {end}; its last lines, from {}:\n{}",
        child.title(),
        child.pid(),
        child.log().display(),
        child.last_lines(5)
    );
}

/// Asks all to stop at once, waits a bounded time, then kills. A second Ctrl-C kills at once.
async fn stop(children: &mut [Child], interrupt: &mut tokio::signal::unix::Signal) {
    for child in children.iter_mut() {
        child.ask_to_stop();
    }
    let deadline = Instant::now() + STOP_PATIENCE;
    while Instant::now() < deadline && children.iter_mut().any(Child::is_running) {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
            _ = interrupt.recv() => break,
        }
    }
    for child in children {
        if child.is_running() {
            eprintln!(
                "{} (pid {}) did not stop in time and is killed",
                child.title(),
                child.pid()
            );
            child.kill();
        }
    }
}
