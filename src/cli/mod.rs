//! The command line: what a person types, and what they read back.
//!
//! * One file per group of commands. Each parses its own arguments, asks the cluster through
//!   [`connect`], and hands data to [`output`].
//! * Data goes to stdout, talk to stderr. `-o json` is for programs and stays stable.
//! * Errors say what failed, why, and what to do ([`error`]).
//!
//! What may enter: etcd's gRPC API, the files of `keelson dev`. What never happens here: anything
//! that would only work against Keelson. Every command works against an etcd, too.

pub mod completion;
pub mod config;
pub mod connect;
pub mod error;
pub mod health;
pub mod history;
pub mod hollow;
pub mod kubeconfig;
pub mod kv;
pub mod member;
pub mod output;
pub mod restore;
pub mod snapshot;
pub mod status;
pub mod survey;
pub mod txn;
pub mod watch;

use crate::config::value;
use crate::{bench, dev, version};
use clap::{Args, CommandFactory, Parser, Subcommand};
use connect::Client;
use error::{Error, Exit, Result};
use output::Format;
use std::process::ExitCode;
use std::time::Duration;

/// A replicated, versioned key/value store that serves etcd's v3 API, and Kubernetes' on top of it.
#[derive(Parser, Debug)]
#[command(
    name = "keelson",
    version = version::KEELSON,
    disable_help_subcommand = true,
    after_help = "Examples:\n  keelson dev\n  keelson kv put greeting hello\n  keelson status -o json"
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags every command takes.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Members to talk to, with commas [default: 127.0.0.1:2379] [env: KEELSON_ENDPOINTS, ETCDCTL_ENDPOINTS]
    #[arg(
        long,
        global = true,
        value_delimiter = ',',
        value_name = "HOST:PORT,..."
    )]
    endpoints: Vec<String>,
    /// How data is written
    #[arg(short, long, global = true, value_enum, default_value = "table")]
    output: Format,
    /// Longest time for one request, like 500ms or 10s
    #[arg(long, global = true, value_parser = value::duration, default_value = "10s")]
    timeout: Duration,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a whole cluster on this machine, each member a process of its own
    Dev(dev::Options),
    /// Run one member (see `keelson server --help`)
    Server,
    /// Run one member as a drop-in etcd (see `keelson etcd --help`)
    Etcd,
    /// Show the members and how they are doing
    Status(status::Options),
    /// Give a verdict: exit code 0 healthy, 10 not, 1 could not tell
    Health(health::Options),
    /// Read and write keys
    #[command(subcommand)]
    Kv(kv::Command),
    /// Look at and change the membership
    #[command(subcommand)]
    Member(member::Command),
    /// Save, look at and restore backups
    #[command(subcommand)]
    Snapshot(snapshot::Command),
    /// Print what kubectl needs to reach the cluster
    Kubeconfig(kubeconfig::Options),
    /// Run nodes without machines, to look at a control plane with many of them
    Hollow(Box<hollow::Options>),
    /// Measure any etcd endpoint, or an API server of Kubernetes
    Bench(Box<bench::Options>),
    /// Compare the reports that interleaved rounds of `bench` left in a directory
    #[command(hide = true)]
    BenchCompare(bench::compare::Options),
    /// Show what a member would be told, and by whom
    #[command(subcommand)]
    Config(config::Command),
    /// Print a completion script for a shell
    Completion(completion::Options),
}

/// What a command gets besides its own arguments.
pub struct Context {
    /// The flags every command takes.
    pub global: Global,
}

impl Context {
    /// JSON was asked for.
    pub fn json(&self) -> bool {
        self.global.output == Format::Json
    }

    /// The user named endpoints on the command line.
    pub fn names_endpoints(&self) -> bool {
        !self.global.endpoints.is_empty()
    }

    /// Where requests go: the flag, or a variable, or this machine.
    pub fn client(&self) -> Result<Client> {
        if self.names_endpoints() {
            return Client::new(&self.global.endpoints, self.global.timeout);
        }
        let variable = ["KEELSON_ENDPOINTS", "ETCDCTL_ENDPOINTS"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
        let text = variable.unwrap_or_else(|| "127.0.0.1:2379".to_owned());
        let endpoints: Vec<String> = text.split(',').map(str::to_owned).collect();
        Client::new(&endpoints, self.global.timeout)
    }
}

/// Everything but `server` and `etcd`, which have flags of their own.
pub fn run() -> ExitCode {
    if std::env::args_os().len() <= 1 {
        output::data(CHEAT_SHEET);
        return ExitCode::SUCCESS;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return match error.use_stderr() {
                true => Exit::Usage.into(),
                false => ExitCode::SUCCESS,
            };
        }
    };
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) => {
            error.print();
            error.exit.into()
        }
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    let context = Context { global: cli.global };
    match cli.command {
        Command::Server | Command::Etcd => {
            Err(Error::usage("server and etcd must be the first argument")
                .fix("keelson server --name a ..."))
        }
        Command::Dev(options) => dev::run(&options),
        Command::Bench(options) => bench::run(&context, *options),
        Command::BenchCompare(options) => bench::compare::run(&context, &options),
        Command::Config(command) => config::run(&context, command),
        Command::Completion(options) => completion::run(&options),
        Command::Status(options) => block_on(status::run(&context, &options)),
        Command::Health(options) => block_on(health::run(&context, &options)),
        Command::Kv(command) => block_on(kv::run(&context, command)),
        Command::Member(command) => block_on(member::run(&context, command)),
        Command::Kubeconfig(options) => block_on(kubeconfig::run(&context, &options)),
        Command::Hollow(options) => hollow::run(&context, &options),
        Command::Snapshot(command) => block_on(snapshot::run(&context, command)),
    }
}

/// Runs one command. One thread is enough to wait on a network.
pub fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::failure("cannot start").why(error.to_string()))?
        .block_on(future)
}

/// The whole tree of commands, for completion.
pub fn tree() -> clap::Command {
    Cli::command()
}

const CHEAT_SHEET: &str = "\
keelson dev                       a cluster on this machine; Ctrl-C stops it
keelson server --help             one member
keelson status                    who is there and how they are doing
keelson health                    exit code 0 healthy, 10 not
keelson kv put KEY VALUE          write; also get, del, watch, txn, history
keelson member list               membership; also add, promote, remove, update, move-leader
keelson snapshot save FILE        back up
keelson kubeconfig                what kubectl needs
keelson hollow --nodes 1000       nodes without machines
keelson bench put                 measure; `keelson --help` for everything
";
