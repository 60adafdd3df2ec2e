//! The command line of `keelson bench`.

use super::drive::Until;
use super::pods;
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
    /// Kubernetes: create Pods
    PodsCreate,
    /// Kubernetes: list all Pods of a namespace
    PodsList,
    /// Kubernetes: update Pods of a namespace that many watch; measures deliveries
    PodsWatch,
    /// Kubernetes: create Pods and see when they are bound to nodes
    PodsSchedule,
}

impl Workload {
    /// It speaks to an API server, not to an etcd.
    pub fn is_of_kubernetes(self) -> bool {
        use Workload::{PodsCreate, PodsList, PodsSchedule, PodsWatch};
        matches!(self, PodsCreate | PodsList | PodsWatch | PodsSchedule)
    }
}

/// Arguments of `bench`.
#[derive(clap::Args, Clone, Debug)]
pub struct Options {
    /// What to do
    #[arg(value_enum)]
    pub workload: Workload,
    /// How many clients, each with one request at a time [default of Kubernetes: 64; pods-list 1, pods-watch 16]
    #[arg(
        long,
        default_value_t = 100,
        default_value_ifs = [
            ("workload", "pods-create", "64"),
            ("workload", "pods-list", "1"),
            ("workload", "pods-watch", "16"),
            ("workload", "pods-schedule", "64"),
        ]
    )]
    pub clients: usize,
    /// How many connections the clients share [default of Kubernetes: 6; pods-watch 12]
    #[arg(
        long,
        default_value_t = 10,
        default_value_ifs = [
            ("workload", "pods-create", "6"),
            ("workload", "pods-list", "6"),
            ("workload", "pods-watch", "12"),
            ("workload", "pods-schedule", "6"),
        ]
    )]
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
    /// Requests per second in all; without it every client asks as fast as it is answered [default of pods-watch: 200]
    #[arg(long, default_value_ifs = [("workload", "pods-watch", "200")])]
    pub rate: Option<f64>,
    /// How many different keys
    #[arg(long, default_value_t = 10_000)]
    pub key_space: u64,
    /// Bytes of a value, or of a Pod in JSON; values are random [default of pods-create and pods-list: 4096]
    #[arg(
        long,
        default_value_t = 1024,
        default_value_ifs = [
            ("workload", "pods-create", "4096"),
            ("workload", "pods-list", "4096"),
        ]
    )]
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
    /// How many watchers (watch and pods-watch)
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
    /// What only the workloads of Kubernetes need.
    #[command(flatten)]
    pub pods: pods::Options,
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
        } else if self.pods.objects == 0 {
            "--objects must be at least 1"
        } else if self.workload == Workload::PodsWatch && self.watchers == 0 {
            "--watchers must be at least 1"
        } else if self.workload == Workload::PodsWatch && self.pods.objects < self.clients as u64 {
            "--objects must not be below --clients: a client has Pods of its own"
        } else if self.workload == Workload::PodsSchedule
            && (self.total.is_some() || !self.warmup.is_zero())
        {
            "pods-schedule has no --total and no --warmup: it makes --objects Pods, which all count"
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
            _ if self.workload == Workload::PodsSchedule => Until::Count(self.pods.objects),
            Some(total) => Until::Count(total),
            None => Until::Elapsed(self.duration),
        }
    }
}
