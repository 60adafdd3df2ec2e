//! `recovery`: how long clients wait when the leader is lost, two servers in turns.
//!
//! Each measurement of one server is a process of its own, in a world of its own.

use super::run::Server;
use clap::Args;
use keelson_jepsen::cluster::Spec;
use keelson_jepsen::enclosure::Enclosure;
use keelson_jepsen::recovery::measure::{Loss, measure};
use keelson_jepsen::recovery::table::{Place, Recoveries};
use keelson_kit::check::{Check, Failure};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A measurement, for machines.
const NUMBERS: &str = "recovery.json";
/// The same for people.
const TABLE: &str = "recovery.md";

/// Measures how long clients wait when the leader is killed, paused, cut off, or its disk stands still.
#[derive(Args, Clone, Debug)]
pub struct Recovery {
    /// How often each server loses its leader in each way.
    #[arg(long, default_value_t = 10)]
    rounds: u64,
    /// Members.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=7))]
    nodes: u8,
    /// Whose servers are measured, in turns.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "keelson,etcd"
    )]
    servers: Vec<Server>,
    /// How the leader is lost.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "kill,pause,cut,stall"
    )]
    losses: Vec<Loss>,
    /// The program of our server; else the one beside this program.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where logs and numbers go; must not be there yet.
    #[arg(long, default_value = "jepsen-runs/recovery")]
    out: PathBuf,
    /// Only this round of the first server, inside: what all the others are made of.
    #[arg(long, hide = true)]
    only: Option<u64>,
}

impl Recovery {
    /// Measures, writes the numbers down after each round, and prints the table.
    pub fn carry_out(&self) -> Check<ExitCode> {
        if let Some(round) = self.only {
            return super::inside(|enclosure, scratch| self.one(round, enclosure, scratch));
        }
        if let Some(parent) = self.out.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::create_dir(&self.out)?;
        let mut all = Recoveries::default();
        for round in 1..=self.rounds {
            for server in &self.servers {
                let found = self.start_one(round, *server)?;
                let (place, loads) = (found.place, &mut all.place.loads);
                loads.extend(&place.loads);
                all.place = Place {
                    loads: std::mem::take(loads),
                    servers: std::mem::take(&mut all.place.servers),
                    ..place.clone()
                };
                all.place.servers.extend(place.servers);
                all.samples.extend(found.samples);
                all.skipped.extend(found.skipped);
                all.skipped.sort();
                all.skipped.dedup();
            }
            std::fs::write(self.out.join(NUMBERS), serde_json::to_string_pretty(&all)?)?;
            std::fs::write(self.out.join(TABLE), all.table())?;
            eprintln!("round {round} of {} is done", self.rounds);
        }
        print!("{}", all.table());
        Ok(ExitCode::SUCCESS)
    }

    /// Starts this program once more for one measurement, and reads what it found.
    fn start_one(&self, round: u64, server: Server) -> Check<Recoveries> {
        let out = self.out.join(format!("{round:04}-{}", server.name()));
        std::fs::create_dir(&out)?;
        let losses = self.losses.iter().map(|one| {
            use clap::ValueEnum;
            let name = one.to_possible_value();
            name.map_or(String::new(), |name| name.get_name().to_owned())
        });
        let losses: Vec<String> = losses.collect();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["recovery", "--only", &round.to_string()]);
        command.args(["--nodes", &self.nodes.to_string()]);
        command.args(["--servers", server.name(), "--losses", &losses.join(",")]);
        if let Some(program) = &self.program {
            command.arg("--program").arg(program);
        }
        let log = std::fs::File::create(out.join("output.txt"))?;
        let said = log.try_clone()?;
        let status = command
            .arg("--out")
            .arg(&out)
            .stdout(said)
            .stderr(log)
            .status()?;
        if !status.success() {
            let said = std::fs::read_to_string(out.join("output.txt"))?;
            return Err(Failure::new(format!(
                "round {round} of {} ended with {status}: {said}",
                server.name()
            )));
        }
        Ok(serde_json::from_slice(&std::fs::read(out.join(NUMBERS))?)?)
    }

    fn one(&self, round: u64, enclosure: Enclosure, scratch: &Path) -> Check<ExitCode> {
        let Some(server) = self.servers.first() else {
            return Err(Failure::new("no server is named"));
        };
        let program = self
            .program
            .as_deref()
            .filter(|_| *server == Server::Keelson);
        let spec = Spec {
            binary: server.binary(program)?,
            size: usize::from(self.nodes),
            spares: 0,
            enclosure,
            disk_megabytes: 1200,
            fake_time: None,
            lies: None,
            kubernetes: false,
        };
        let (losses, skipped) = possible(&self.losses, enclosure);
        let loads = load_average().into_iter().collect();
        let out = std::path::absolute(&self.out)?;
        // One thread: members end with the thread that started them.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let who = (server.name(), round);
        let measured = runtime.block_on(measure(&spec, &losses, who, scratch, &out))?;
        let (target, samples) = measured;
        let program = spec.binary.path.display();
        let found = Recoveries {
            place: Place {
                processors: std::thread::available_parallelism()?.get(),
                kernel: read("/proc/sys/kernel/osrelease"),
                loads,
                enclosure: enclosure.name().to_owned(),
                nodes: spec.size,
                servers: [(server.name().to_owned(), format!("{target} ({program})"))].into(),
            },
            samples,
            skipped,
        };
        std::fs::write(out.join(NUMBERS), serde_json::to_string_pretty(&found)?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What this enclosure allows, and what it does not.
fn possible(losses: &[Loss], enclosure: Enclosure) -> (Vec<Loss>, Vec<String>) {
    let lacks = |loss: &Loss| match (loss, enclosure) {
        (Loss::Stall, Enclosure::Rootless | Enclosure::None) => Some("needs disk images"),
        (Loss::Cut, Enclosure::None) => Some("needs network namespaces"),
        _ => None,
    };
    let skipped = losses
        .iter()
        .filter_map(|loss| Some(format!("{}: {}", loss.name(), lacks(loss)?)));
    let possible = losses.iter().filter(|loss| lacks(loss).is_none());
    (possible.copied().collect(), skipped.collect())
}

fn read(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().to_owned()
}

/// Processes that wanted to run, on average over the last minute.
fn load_average() -> Option<f64> {
    read("/proc/loadavg").split(' ').next()?.parse().ok()
}
