//! `run`, `replay` and `check`.

use super::{Output, history};
use clap::{Args, ValueEnum};
use keelson_jepsen::campaign::{self, Options};
use keelson_jepsen::enclosure::Enclosure;
use keelson_jepsen::history::{HistoryReader, Record};
use keelson_jepsen::nemesis::kind::Nemesis;
use keelson_jepsen::recovery::percentile;
use keelson_jepsen::report::{Recovery, check_directory};
use keelson_jepsen::workload::Workload;
use keelson_kit::check::{Check, Failure, some};
use keelson_kit::cluster::Binary;
use keelson_kit::etcd::Peer;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Set by an interrupt; the second one ends everything at once.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whose server is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Server {
    /// Ours.
    Keelson,
    /// The real one.
    Etcd,
}

impl Server {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Server::Keelson => "keelson",
            Server::Etcd => "etcd",
        }
    }

    /// How its members are started.
    pub fn binary(self, program: Option<&Path>) -> Check<Binary> {
        Ok(match (self, program) {
            (Server::Keelson, Some(program)) => Binary::keelson(program),
            (Server::Keelson, None) => Binary::keelson(beside()?),
            (Server::Etcd, Some(program)) => Binary::etcd(program),
            (Server::Etcd, None) => {
                some("a real etcd on this machine", Peer::find(None)?)?.binary()
            }
        })
    }
}

/// One run.
#[derive(Args, Clone, Debug)]
pub struct Run {
    /// What clients do.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "register")]
    pub workload: Vec<Workload>,
    /// What breaks; nothing without it.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub nemesis: Vec<Nemesis>,
    /// How long, as `60s`, `10m` or `2h`.
    #[arg(long, default_value = "60s", value_parser = length)]
    pub time: Duration,
    /// Decides everything that is chosen.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Members.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=7))]
    pub nodes: u8,
    /// Whose server is started.
    #[arg(long, value_enum, default_value = "keelson")]
    pub server: Server,
    /// The program of the server; else the one beside this program, or the one that the scripts fetch.
    #[arg(long)]
    pub program: Option<PathBuf>,
    /// A flag for every member.
    #[arg(long = "flag", allow_hyphen_values = true)]
    pub flags: Vec<String>,
    /// Where history, logs and report go; must not be there yet.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Operations of one client in a second, at most.
    #[arg(long, default_value_t = 20)]
    pub rate: u32,
    /// Keep the disks of the members, whatever the verdict is.
    #[arg(long)]
    pub keep: bool,
}

impl Run {
    /// The run whose history is in a directory.
    pub fn again(directory: &Path, out: Option<PathBuf>) -> Check<Run> {
        let mut records = HistoryReader::open(&history(directory))?;
        let Record::Head(head) = some("a head", records.next())?? else {
            return Err(Failure::new("the history has no head"));
        };
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            run: Run,
        }
        let words = head.command.split_whitespace().skip(1);
        let mut run = <Line as clap::Parser>::try_parse_from(words)?.run;
        run.out = Some(out.unwrap_or_else(|| directory.with_extension("again")));
        Ok(run)
    }

    /// The command that repeats it. It is on one line and needs no quotes.
    fn command(&self) -> String {
        let names = |names: Vec<&str>| names.join(",");
        let mut command = format!(
            "keelson-jepsen run --workload {} --time {}s --seed {} --nodes {} --rate {} --server {}",
            names(self.workload.iter().map(|one| one.name()).collect()),
            self.time.as_secs(),
            self.seed,
            self.nodes,
            self.rate,
            self.server.name(),
        );
        if !self.nemesis.is_empty() {
            let nemeses = self.nemesis.iter().map(|one| one.name()).collect();
            command += &format!(" --nemesis {}", names(nemeses));
        }
        for flag in &self.flags {
            command += &format!(" --flag {flag}");
        }
        command
    }

    fn binary(&self) -> Check<Binary> {
        let mut binary = self.server.binary(self.program.as_deref())?;
        binary.flags.extend(self.flags.iter().cloned());
        Ok(binary)
    }

    /// Runs and judges.
    pub fn carry_out(&self, enclosure: Enclosure, scratch: &Path) -> Check<ExitCode> {
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| campaign::default_out(&self.workload, &self.nemesis, self.seed));
        let options = Options {
            binary: self.binary()?,
            workloads: self.workload.clone(),
            nemeses: self.nemesis.clone(),
            length: self.time,
            seed: self.seed,
            nodes: usize::from(self.nodes),
            out: std::path::absolute(out)?,
            rate: self.rate,
            keep: self.keep,
            command: self.command(),
        };
        // One thread: members end with the thread that started them.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let summary = runtime.block_on(async {
            tokio::spawn(listen_for_interrupts());
            campaign::run(&options, enclosure, scratch, &|| INTERRUPTED.load(Relaxed)).await
        })?;
        println!("{}", serde_json::to_string_pretty(&summary)?);
        check(&options.out, Output::Table)
    }
}

async fn listen_for_interrupts() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut asked) = signal(SignalKind::terminate()) else {
        return;
    };
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = asked.recv() => {}
        }
        if INTERRUPTED.swap(true, Relaxed) {
            std::process::exit(130);
        }
        eprintln!("interrupted: healing and judging; once more ends at once");
    }
}

/// The server that was built together with this program.
fn beside() -> Check<PathBuf> {
    let own = std::env::current_exe()?;
    let program = own.with_file_name("keelson");
    match program.exists() {
        true => Ok(program),
        false => Err(Failure::new(format!(
            "{} is not there: build it, or say --program",
            program.display()
        ))),
    }
}

/// `60s`, `10m`, `2h`, or a number of seconds.
pub fn length(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) => (number, &text[number.len()..]),
        None => (text, "s"),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| format!("{text} is no length of time"))?;
    let seconds = match unit {
        "h" => 3600,
        "m" => 60,
        _ => 1,
    };
    Ok(Duration::from_secs(number * seconds))
}

/// Judges a directory, leaves a page and a summary beside its history, and prints what each checker says.
pub fn check(directory: &Path, output: Output) -> Check<ExitCode> {
    let summary = check_directory(directory)?;
    match output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&summary)?),
        Output::Table => {
            for one in &summary.findings {
                let said = [one.rule.as_deref(), one.text.as_deref()];
                let said: Vec<&str> = said.into_iter().flatten().collect();
                let (checker, verdict) = (&one.checker, one.verdict);
                println!(
                    "{checker:<14} {:>8}  {verdict} {}",
                    one.looked_at,
                    said.join(": ")
                );
            }
            println!("verdict: {}", summary.verdict);
        }
    }
    for (kind, pauses) in of_leader(&summary.recoveries) {
        let (half, most) = (percentile(&pauses, 0.5), percentile(&pauses, 0.99));
        let times = pauses.len();
        eprintln!(
            "no write after {kind} of the leader: {times} times, p50 {half:.0} ms, p99 {most:.0} ms"
        );
    }
    let calm = summary.calm;
    eprintln!(
        "answered far from faults: {} of {} requests",
        calm.answered, calm.asked
    );
    Ok(ExitCode::from(match summary.verdict {
        "pass" => 0,
        "fail" => 1,
        _ => 2,
    }))
}

/// Pauses of writes after faults that hit the leader alone, by kind, ascending.
fn of_leader(recoveries: &[Recovery]) -> BTreeMap<&str, Vec<f64>> {
    let mut pauses: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for one in recoveries.iter().filter(|one| one.is_of_leader) {
        pauses.entry(&one.kind).or_default().push(one.pause_ms);
    }
    for pauses in pauses.values_mut() {
        pauses.sort_by(f64::total_cmp);
    }
    pauses
}
