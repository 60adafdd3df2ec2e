//! The workloads of Kubernetes: Pods that are made, listed, watched and scheduled, over its REST API.
//!
//! They run in the same [`drive`](super::drive) and are reported in the same way as those of the store.
//! A connection is a [`Client`] with one lane, which leads to a server of its own as long as that lives. Pods
//! are made from a template of bytes, and of an answer no more is read than what must be known.
//!
//! | file | what |
//! |---|---|
//! | `options` | their part of the command line |
//! | `target` | the cluster, the namespace, this run's name |
//! | `template` | a Pod as bytes, with a place for the name and one for random text |
//! | `prepare` | namespace and Pods that must be there; what is removed afterwards |
//! | `find` | what is looked for in a line of a watch |
//! | `create`, `list`, `watch`, `schedule` | the workloads |
//!
//! What may enter: load that a cluster sees in real life. What never happens here: a Pod that somebody else
//! has made is changed or deleted.

mod create;
mod find;
mod list;
mod options;
mod prepare;
mod schedule;
mod target;
mod template;
#[cfg(test)]
mod tests;
mod watch;

pub use options::Options;

use super::options::Workload;
use super::report::Report;
use super::wire::Failure;
use super::{Cluster, Setup, measure, pids_of};
use crate::cli::block_on;
use crate::cli::error::{Error, Result};
use crate::kube::client::{Client, Failure as Refused, Resource};
use std::sync::Arc;
use target::Target;

pub(super) use target::revision;

/// Where Pods are.
const PODS: Resource = Resource {
    group: "",
    version: "v1",
    plural: "pods",
};

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        Failure(refused.to_string())
    }
}

/// Prepares, warms up, measures, tidies up.
///
/// # Errors
/// The cluster cannot be reached, or what is needed cannot be made.
pub fn run(options: super::Options) -> Result<Report> {
    let target = Arc::new(Target::find(&options)?);
    let endpoints = target.config.urls();
    let pids = match options.pid.is_empty() {
        true => local(&endpoints),
        false => pids_of(&options)?,
    };
    let setup = Arc::new(Setup {
        values: target.template.texts(options.seed),
        endpoints,
        options,
    });
    block_on(prepare::run(&target, &setup))?;
    let cluster = Cluster::Kubernetes(target.config.clone());
    let report = match setup.options.workload {
        Workload::PodsList => measure(&cluster, &pids, list::List::new(setup, target.clone())),
        Workload::PodsWatch => measure(&cluster, &pids, watch::Watch::new(setup, target.clone())),
        Workload::PodsSchedule => {
            let schedule = schedule::Schedule::new(setup, target.clone());
            measure(&cluster, &pids, schedule)
        }
        _ => measure(&cluster, &pids, create::Create::new(setup, target.clone())),
    };
    // What was made is removed whatever became of the measurement.
    let tidied = block_on(prepare::tidy(&target));
    let report = report?;
    tidied?;
    Ok(report)
}

/// The servers that run on this machine.
fn local(endpoints: &[String]) -> Vec<u32> {
    let found = endpoints
        .iter()
        .filter_map(|endpoint| crate::cli::survey::local_pid("", endpoint, None));
    let mut pids: Vec<u32> = found.collect();
    pids.dedup();
    pids
}

/// A connection to one server, as long as that lives.
fn connection(target: &Target, number: usize) -> Arc<Client> {
    target.client(number, 1)
}

/// The cluster cannot do what is needed.
fn failed(what: &str, refused: &Refused) -> Error {
    Error::failure(format!("cannot {what}")).why(refused.to_string())
}
