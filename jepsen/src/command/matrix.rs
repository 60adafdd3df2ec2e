//! `matrix`: many runs, one process each, and the table of what they covered.

use super::run::{Server, length};
use clap::Args;
use keelson_jepsen::campaign::{SUMMARY, Summary};
use keelson_jepsen::coverage::{self, Cell, Coverage};
use keelson_jepsen::ledger::{self, Entry, Seen};
use keelson_jepsen::report::SUMMARY_FILE;
use keelson_kit::check::{Check, holds};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Many runs.
#[derive(Args, Clone, Debug)]
pub struct Matrix {
    /// How many runs.
    #[arg(long, default_value_t = 12)]
    runs: u64,
    /// How long each of them is.
    #[arg(long, default_value = "60s", value_parser = length)]
    time: Duration,
    /// Decides which pairs come when; each run has this seed and its number added.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Sizes of clusters, taken in turn.
    #[arg(long, value_delimiter = ',', default_value = "3,5")]
    nodes: Vec<u8>,
    /// Operations of one client in a second, at most.
    #[arg(long, default_value_t = 20)]
    rate: u32,
    /// Whose server is started.
    #[arg(long, value_enum, default_value = "keelson")]
    server: Server,
    /// The program of the server.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where the runs go, and the table.
    #[arg(long, default_value = "jepsen-runs/matrix")]
    out: PathBuf,
    /// A file to which a line is added for each run; what must be covered and is not, by what it says, comes first.
    #[arg(long, requires = "label")]
    ledger: Option<PathBuf>,
    /// What the ledger calls what is tried: a commit.
    #[arg(long)]
    label: Option<String>,
    /// Begin no run after this long.
    #[arg(long, value_parser = length)]
    within: Option<Duration>,
    /// Remove histories and logs of runs that passed.
    #[arg(long)]
    tidy: bool,
}

impl Matrix {
    /// Runs all of them. The worst verdict of all is the exit code.
    pub fn carry_out(&self) -> Check<ExitCode> {
        std::fs::create_dir_all(&self.out)?;
        // Before anything is written down: no run goes into a directory of another one.
        let what = format!(
            "{} is empty (or name another with --out)",
            self.out.display()
        );
        holds(&what, std::fs::read_dir(&self.out)?.next().is_none())?;
        let mut coverage = Coverage::default();
        let mut worst = 0;
        let began = Instant::now();
        for number in 0..self.runs {
            if self.within.is_some_and(|most| began.elapsed() > most) {
                break;
            }
            let nodes = self.nodes[number as usize % self.nodes.len()];
            let cell = self.cell(number, nodes)?;
            let out = self.out.join(format!("{number:04}"));
            let code = self.one(&cell, nodes, self.seed.wrapping_add(number), &out)?;
            println!(
                "run {number}: {} members, {}: exit code {code}",
                nodes,
                cell.name()
            );
            worst = worse(worst, code);
            let summary = read(&out);
            if let Ok(summary) = &summary {
                coverage.add(&cell, nodes, summary, code == 0);
            }
            if let (Some(file), Some(label)) = (&self.ledger, &self.label) {
                let seconds = self.time.as_secs();
                let mut entry = Entry::new(label, self.server.name(), nodes, seconds, &cell);
                if let Ok(summary) = &summary {
                    entry = entry.ended(summary, code);
                    entry.sometimes = sometimes(&out);
                }
                ledger::append(file, &entry)?;
            }
            if self.tidy && code == 0 {
                std::fs::remove_dir_all(&out)?;
            }
            std::fs::write(self.out.join("coverage.md"), coverage.table())?;
        }
        println!("\n{}", coverage.table());
        Ok(ExitCode::from(worst))
    }

    /// Others add to the ledger meanwhile, so it is read for every run.
    fn cell(&self, number: u64, nodes: u8) -> Check<Cell> {
        let is_ours = self.server == Server::Keelson;
        let entries = match &self.ledger {
            Some(file) if file.exists() => ledger::read(file)?,
            _ => Vec::new(),
        };
        let server = self.server.name();
        let (owed, seen) = match self.ledger {
            Some(_) => (
                ledger::owed(&entries, server, nodes),
                Seen::of(&entries, server, nodes),
            ),
            None => Default::default(),
        };
        let seed = self.seed.wrapping_add(number);
        let cell = coverage::choose_owed(&owed, &seen, seed, number, is_ours);
        Ok(match is_ours {
            true => cell,
            false => cell.without_failpoints(),
        })
    }

    fn one(&self, cell: &Cell, nodes: u8, seed: u64, out: &Path) -> Check<u8> {
        let mut run = Command::new(std::env::current_exe()?);
        run.arg("run").args(cell.arguments());
        run.args(["--nodes", &nodes.to_string(), "--seed", &seed.to_string()]);
        run.args(["--time", &format!("{}s", self.time.as_secs())]);
        run.args(["--rate", &self.rate.to_string()]);
        run.args(["--server", self.server.name()])
            .arg("--out")
            .arg(out);
        if let Some(program) = &self.program {
            run.arg("--program").arg(program);
        }
        let log = std::fs::File::create(out.with_extension("txt"))?;
        let status = run.stdout(log.try_clone()?).stderr(log).status()?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Ok(code.unwrap_or(super::BROKEN))
    }
}

fn read(out: &Path) -> Check<Summary> {
    Ok(serde_json::from_slice(&std::fs::read(out.join(SUMMARY))?)?)
}

/// What the judged run says of what must happen now and then; nothing if it was not judged.
fn sometimes(out: &Path) -> Option<BTreeMap<String, u64>> {
    let judged = std::fs::read(out.join(SUMMARY_FILE)).ok()?;
    let judged: serde_json::Value = serde_json::from_slice(&judged).ok()?;
    serde_json::from_value(judged.get("sometimes")?.clone()).ok()
}

/// A broken promise is worse than a run that failed, and that is worse than not knowing.
fn worse(one: u8, other: u8) -> u8 {
    let rank = |code: u8| match code {
        0 => 0,
        1 => 3,
        2 => 1,
        _ => 2,
    };
    if rank(other) > rank(one) { other } else { one }
}
