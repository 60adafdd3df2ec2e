//! The Kubernetes half of a development cluster: when it serves, and the file for kubectl.

use super::child::Child;
use super::plan::Plan;
use super::{LOOK_EVERY, START_PATIENCE};
use crate::cli::connect::Client;
use crate::cli::error::{Error, Result};
use crate::cli::kubeconfig;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The file for kubectl.
pub fn file(plan: &Plan) -> PathBuf {
    plan.directory.join("kubeconfig")
}

/// Starts so many nodes without machines.
///
/// # Errors
/// The process cannot be started.
pub fn hollow_nodes(plan: &Plan, nodes: u32) -> Result<Child> {
    Child::hollow(nodes, &file(plan), &plan.directory.join("hollow.log"))
}

/// Returns when all members have noted where they serve, and the file is written.
///
/// # Errors
/// It takes too long, or a member ends.
pub async fn wait(plan: &Plan, children: &mut [Child]) -> Result<()> {
    let started = Instant::now();
    let urls: Vec<String> = plan
        .members
        .iter()
        .map(|member| member.client_url())
        .collect();
    loop {
        let client = Client::new(&urls, Duration::from_secs(2))?;
        let made = kubeconfig::make(&client, "keelson-dev").await;
        match made {
            Ok(config) if config.servers.len() == plan.members.len() => {
                return kubeconfig::write(&file(plan), &config.to_yaml());
            }
            Err(error) if started.elapsed() > START_PATIENCE => return Err(error),
            _ => {}
        }
        if started.elapsed() > START_PATIENCE {
            return Err(Error::failure("Kubernetes is not served by all members")
                .why("not all have noted where they serve")
                .fix(format!(
                    "look into the logs in {}",
                    plan.directory.display()
                )));
        }
        let ended = children
            .iter_mut()
            .find_map(|child| match child.is_running() {
                true => None,
                false => Some(child),
            });
        if let Some(child) = ended {
            return Err(Error::failure(format!("member {} has ended", child.name()))
                .why(child.last_lines(8)));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
