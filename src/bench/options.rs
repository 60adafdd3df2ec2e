//! The command line of `keelson bench`.

use super::drive::Until;
use crate::cli::error::{Error, Result};
use crate::config::value;
use std::time::Duration;

/// What the clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Workload {
    /// Put random keys
    Put,
    /// What kube-apiserver does: if the key is still at its revision put it, else read it
    Txn,
    /// Read random keys
    Get,
    /// Read a whole prefix
    Range,
    /// Put under a prefix that many watch; measures deliveries
    Watch,
    /// Renew leases
    Keepalive,
}

/// Arguments of `bench`.
#[derive(clap::Args, Clone, Debug)]
pub struct Options {
    /// What to do
    #[arg(value_enum)]
    pub workload: Workload,
    /// How many clients, each with one request at a time
    #[arg(long, default_value_t = 100)]
    pub clients: usize,
    /// How many connections the clients share
    #[arg(long, default_value_t = 10)]
    pub connections: usize,
    /// How many threads generate load
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Stop after so many requests, instead of after --duration
    #[arg(long)]
    pub total: Option<u64>,
    /// How long to measure
    #[arg(long, value_parser = value::duration, default_value = "10s")]
    pub duration: Duration,
    /// How long to run before measuring
    #[arg(long, value_parser = value::duration, default_value = "0")]
    pub warmup: Duration,
    /// Requests per second in all; without it every client asks as fast as it is answered
    #[arg(long)]
    pub rate: Option<f64>,
    /// How many different keys
    #[arg(long, default_value_t = 10_000)]
    pub key_space: u64,
    /// Bytes of a value; values are random
    #[arg(long, default_value_t = 1024)]
    pub value_size: usize,
    /// All keys begin with this; keys under it are overwritten
    #[arg(long, default_value = "/keelson-bench/keys/")]
    pub prefix: String,
    /// Reads may be answered by one member alone (get and range)
    #[arg(long)]
    pub serializable: bool,
    /// At most so many keys per range; 0 for the whole prefix
    #[arg(long, default_value_t = 0)]
    pub limit: i64,
    /// Share of transactions that compare with a revision that is gone, in percent
    #[arg(long, default_value_t = 0.0)]
    pub conflicts: f64,
    /// How many watchers
    #[arg(long, default_value_t = 1000)]
    pub watchers: usize,
    /// How many streams the watchers share
    #[arg(long, default_value_t = 100)]
    pub streams: usize,
    /// How many leases; the clients, each a stream, renew them in turn
    #[arg(long, default_value_t = 1000)]
    pub leases: usize,
    /// Processes whose CPU time and memory are measured; found by themselves on this machine
    #[arg(long, value_delimiter = ',')]
    pub pid: Vec<u32>,
    /// Makes keys and values repeatable
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl Options {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// The first thing that makes none.
    pub fn check(&self) -> Result<()> {
        let wrong = if self.clients == 0 || self.connections == 0 || self.threads == 0 {
            "--clients, --connections and --threads must be at least 1"
        } else if self.key_space == 0 {
            "--key-space must be at least 1"
        } else if self
            .rate
            .is_some_and(|rate| !rate.is_finite() || rate <= 0.0)
        {
            "--rate must be above 0"
        } else if self.workload == Workload::Watch && (self.streams == 0 || self.watchers == 0) {
            "--watchers and --streams must be at least 1"
        } else if self.workload == Workload::Watch && self.value_size < 8 {
            "--value-size must be at least 8 for watch: a value holds when it was sent"
        } else if self.workload == Workload::Keepalive && self.leases == 0 {
            "--leases must be at least 1"
        } else if !(0.0..=100.0).contains(&self.conflicts) {
            "--conflicts must be between 0 and 100"
        } else {
            return Ok(());
        };
        Err(Error::usage(wrong))
    }

    /// When measuring ends.
    pub fn until(&self) -> Until {
        match self.total {
            Some(total) => Until::Count(total),
            None => Until::Elapsed(self.duration),
        }
    }
}
