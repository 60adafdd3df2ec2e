//! The commands. They parse, call the library and print; nothing is decided here.
//!
//! Exit codes: 0 all passed, 1 a promise was broken, 2 nobody knows, 3 the run itself failed. Unknown is not pass.

mod ledger;
mod matrix;
mod planted;
mod recovery;
mod run;

use clap::{Parser, Subcommand, ValueEnum};
use keelson_jepsen::campaign;
use keelson_jepsen::doctor::Host;
use keelson_jepsen::enclosure::{self, Enclosure};
use keelson_kit::check::Check;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The run itself failed.
const BROKEN: u8 = 3;

/// Breaks clusters of real processes on purpose, and judges what clients saw.
#[derive(Debug, Parser)]
#[command(name = "keelson-jepsen", version)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What this host can do.
    Doctor {
        /// How to print it.
        #[arg(short = 'o', long = "output", default_value = "table")]
        output: Output,
    },
    /// One run: members, clients, faults, verdict.
    Run(run::Run),
    /// Many runs, and which pairs of fault and workload they covered.
    Matrix(matrix::Matrix),
    /// What all recorded runs have shown, and which pairs are still owed.
    Ledger(ledger::Ledger),
    /// How long clients wait when the leader is lost, beside a real etcd.
    Recovery(recovery::Recovery),
    /// Mistakes made on purpose, and whether they are found.
    Planted(planted::Planted),
    /// The same run again: workloads, faults, seed and length of a directory.
    Replay {
        /// Of a run.
        directory: PathBuf,
        /// Where the new run goes.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Judges a recorded history once more.
    Check {
        /// Of a run.
        directory: PathBuf,
        /// How to print it.
        #[arg(short = 'o', long = "output", default_value = "table")]
        output: Output,
    },
}

/// How something is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For machines.
    Json,
}

impl Command {
    /// Does it. What needs a world of its own runs inside one.
    pub fn carry_out(self) -> ExitCode {
        let done = match self.what {
            What::Check { directory, output } => run::check(&directory, output),
            What::Matrix(matrix) => matrix.carry_out(),
            What::Ledger(ledger) => ledger.carry_out(),
            What::Recovery(recovery) => recovery.carry_out(),
            What::Planted(planted) => planted.carry_out(),
            What::Doctor { output } => {
                inside(|enclosure, scratch| doctor(enclosure, scratch, output))
            }
            What::Run(run) => inside(|enclosure, scratch| run.carry_out(enclosure, scratch)),
            What::Replay { directory, out } => inside(|enclosure, scratch| {
                let run = run::Run::again(&directory, out)?;
                run.carry_out(enclosure, scratch)
            }),
        };
        done.unwrap_or_else(|failure| {
            eprintln!("keelson-jepsen: {failure}");
            ExitCode::from(BROKEN)
        })
    }
}

/// Inside: does it. Outside: starts this program once more, inside.
fn inside(act: impl FnOnce(Enclosure, &Path) -> Check<ExitCode>) -> Check<ExitCode> {
    if let Some(enclosure) = Enclosure::current() {
        let scratch = enclosure::settle(enclosure)?;
        return act(enclosure, &scratch);
    }
    let status = enclosure::run_inside(Enclosure::best())?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(BROKEN)))
}

fn doctor(enclosure: Enclosure, scratch: &Path, output: Output) -> Check<ExitCode> {
    let host = Host::examine(enclosure, scratch);
    match output {
        Output::Table => print!("{}", host.table()),
        Output::Json => println!("{}", serde_json::to_string_pretty(&host)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the history of a run is.
fn history(directory: &Path) -> PathBuf {
    directory.join(campaign::HISTORY)
}
