//! `dev.json`: who a development cluster is, for other commands and for scripts.

use super::child::Child;
use super::plan::Plan;
use crate::cli::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

const FILE: &str = "dev.json";

/// The file's content.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DevCluster {
    /// Of this format.
    pub version: u32,
    /// The process of `keelson dev`.
    pub pid: u32,
    /// In order of their ports.
    pub members: Vec<DevMember>,
}

/// One member.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DevMember {
    /// Its name.
    pub name: String,
    /// Its process when the file was written.
    pub pid: u32,
    /// For clients.
    pub client_url: String,
    /// For the others.
    pub peer_url: String,
    /// Its directory.
    pub data_dir: String,
    /// What it says.
    pub log: String,
}

impl DevCluster {
    /// The cluster as it runs.
    pub fn of(plan: &Plan, children: &[Child]) -> DevCluster {
        let members = plan
            .members
            .iter()
            .zip(children)
            .map(|(member, child)| DevMember {
                name: member.name.clone(),
                pid: child.pid(),
                client_url: member.client_url(),
                peer_url: member.peer_url(),
                data_dir: member.data_dir.display().to_string(),
                log: member.log.display().to_string(),
            });
        DevCluster {
            version: 1,
            pid: std::process::id(),
            members: members.collect(),
        }
    }

    /// Writes it under `directory`, all at once.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("plain data has a JSON form");
        let part = directory.join(format!("{FILE}.part"));
        std::fs::write(&part, text + "\n")
            .and_then(|()| std::fs::rename(&part, directory.join(FILE)))
            .map_err(|error| {
                Error::failure(format!("cannot write {FILE} in {}", directory.display()))
                    .why(error.to_string())
            })
    }

    /// Reads it from a data directory.
    ///
    /// # Errors
    /// There is no development cluster in it.
    pub fn read(directory: &Path) -> Result<DevCluster> {
        let path = directory.join(FILE);
        let missing = |why: String| {
            Error::failure(format!(
                "there is no running dev cluster in {}",
                directory.display()
            ))
            .why(why)
            .fix(format!("keelson dev --data-dir {}", directory.display()))
        };
        let text = std::fs::read_to_string(&path)
            .map_err(|error| missing(format!("{}: {error}", path.display())))?;
        serde_json::from_str(&text).map_err(|error| missing(format!("{}: {error}", path.display())))
    }

    /// Takes it away when the cluster stops.
    pub fn remove(directory: &Path) {
        let _ = std::fs::remove_file(directory.join(FILE));
    }
}
