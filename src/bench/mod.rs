//! `keelson bench`: measures any etcd endpoint, ours or a real etcd, in the same way; and an API server of
//! Kubernetes.
//!
//! The generator shares the machine with what it measures more often than not, so it must be cheap:
//! it speaks HTTP/2 directly ([`wire`]), runs on one thread unless told otherwise, and only decodes
//! the answers it needs.
//!
//! * [`options`] is the command line.
//! * [`drive`] runs clients in phases (warm-up, measurement) in a closed loop, or at a given rate.
//! * [`workload`] holds what a client does, one workload per file.
//! * [`pods`] holds the workloads of Kubernetes.
//! * [`report`] puts counts, percentiles, CPU time and memory into a table or JSON, and [`compare`]
//!   puts many reports side by side.
//!
//! What never happens here: a constant value (compression would flatter), a latency that hides
//! waiting (at a rate it counts from when the request was due), or an error that is not counted.

pub mod compare;
pub mod drive;
pub mod options;
pub mod pods;
pub mod prefill;
pub mod report;
pub mod wire;
pub mod workload;

pub use options::Options;

use crate::cli::connect::Client;
use crate::cli::error::{Error, Result};
use crate::cli::output;
use crate::cli::survey::{local_pid, survey};
use crate::cli::{Context, block_on};
use crate::kube::client::Config;
use crate::process::{self, Usage};
use options::Workload;
use report::{Report, Server};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use workload::{get, keepalive, put, range, txn, watch};

/// Everything a workload is told.
pub struct Setup {
    /// The command line.
    pub options: Options,
    /// Where to send requests, with scheme.
    pub endpoints: Vec<String>,
    /// Where values come from.
    pub values: workload::Values,
}

/// Prepares, warms up, measures, reports.
pub fn run(context: &Context, options: Options) -> Result<ExitCode> {
    options.check()?;
    let report = match options.workload.is_of_kubernetes() {
        true => pods::run(options)?,
        false => store(context.client()?, options)?,
    };
    match context.json() {
        true => output::json_document(&report.json()),
        false => output::data(&report.table()),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is measured.
pub enum Cluster {
    /// Any etcd.
    Store(Client),
    /// API servers.
    Kubernetes(Config),
}

impl Cluster {
    /// The store's revision now.
    fn revision(&self) -> Result<i64> {
        match self {
            Cluster::Store(client) => block_on(revision(client)),
            Cluster::Kubernetes(config) => block_on(pods::revision(config)),
        }
    }
}

/// Measures an etcd.
fn store(client: Client, options: Options) -> Result<Report> {
    let pids = pids(&client, &options)?;
    let setup = Arc::new(Setup {
        values: workload::Values::new(options.value_size, options.seed),
        endpoints: client.endpoints.clone(),
        options,
    });
    let cluster = &Cluster::Store(client);
    match setup.options.workload {
        Workload::Txn => measure(cluster, &pids, txn::Txn::new(setup)),
        Workload::Get => measure(cluster, &pids, get::Get::new(setup)),
        Workload::Range => measure(cluster, &pids, range::Range::new(setup)),
        Workload::Watch => measure(cluster, &pids, watch::Watch::new(setup)),
        Workload::Keepalive => measure(cluster, &pids, keepalive::KeepAlive::new(setup)),
        // Those of Kubernetes do not come here.
        _ => measure(cluster, &pids, put::Put::new(setup)),
    }
}

fn measure<W: workload::Workload>(cluster: &Cluster, pids: &[u32], workload: W) -> Result<Report> {
    let setup = workload.setup();
    if let (Cluster::Store(client), Some(fill)) = (cluster, workload.prefill()) {
        block_on(prefill::run(client, &setup, &fill))?;
    }
    let workload = Arc::new(workload);
    let mut crew = drive::Crew::start(&workload)?;
    if !setup.options.warmup.is_zero() {
        crew.phase("warm-up", drive::Until::Elapsed(setup.options.warmup))?;
    }
    workload.begin();
    let revision_before = cluster.revision()?;
    let (before, own_before, started) = (usages(pids), process::own_cpu(), Instant::now());
    let tally = crew.phase("measuring", setup.options.until())?;
    let elapsed = started.elapsed();
    let watched = workload.end(&tally);
    let (after, own_cpu) = (usages(pids), process::own_cpu().saturating_sub(own_before));
    let revision_after = cluster.revision()?;
    drop(crew);
    let servers = pids
        .iter()
        .zip(before.iter().zip(&after))
        .map(|(pid, (before, after))| Server {
            pid: *pid,
            name: process::name(*pid).unwrap_or_default(),
            cpu: after.cpu.saturating_sub(before.cpu),
            rss_bytes: after.rss_bytes,
            peak_rss_bytes: after.peak_rss_bytes,
        });
    Ok(Report {
        elapsed,
        tally,
        servers: servers.collect(),
        own_cpu,
        revisions: revision_after - revision_before,
        writes: workload.writes(),
        watched,
        setup,
    })
}

fn usages(pids: &[u32]) -> Vec<Usage> {
    pids.iter()
        .map(|pid| process::usage(*pid).unwrap_or_default())
        .collect()
}

/// The given processes, or those of the cluster's members that run on this machine.
fn pids(client: &Client, options: &Options) -> Result<Vec<u32>> {
    if !options.pid.is_empty() {
        return pids_of(options);
    }
    let survey = block_on(survey(client, None))?;
    let found = survey
        .members
        .iter()
        .filter_map(|m| local_pid(&m.name, &m.endpoint, None));
    let mut pids: Vec<u32> = found.collect();
    pids.dedup();
    Ok(pids)
}

/// The given processes.
fn pids_of(options: &Options) -> Result<Vec<u32>> {
    match options.pid.iter().find(|pid| !process::is_alive(**pid)) {
        Some(pid) => Err(Error::usage(format!("there is no process {pid}"))),
        None => Ok(options.pid.clone()),
    }
}

/// The store's revision now.
async fn revision(client: &Client) -> Result<i64> {
    use keelson_proto::etcdserverpb::{RangeRequest, kv_client::KvClient};
    let request = RangeRequest {
        key: "\0".into(),
        count_only: true,
        ..RangeRequest::default()
    };
    let answer = client
        .read("read the revision", |channel| {
            let request = request.clone();
            async move { KvClient::new(channel).range(request).await }
        })
        .await?;
    Ok(answer.header.map_or(0, |header| header.revision))
}

/// For messages about time.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
