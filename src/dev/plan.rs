//! Names, ports and directories of a development cluster.

use crate::cli::error::{Error, Result};
use crate::process;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

/// Ports between two members' client ports.
const STEP: u16 = 10;

/// One member to be.
#[derive(Clone, Debug)]
pub struct Member {
    /// `a`, `b`, `c`, ...
    pub name: String,
    /// Where it serves clients.
    pub client_port: u16,
    /// Where it serves the others.
    pub peer_port: u16,
    /// Where it serves Kubernetes clients, if it does.
    pub kubernetes_port: Option<u16>,
    /// Its own directory.
    pub data_dir: PathBuf,
    /// What it says.
    pub log: PathBuf,
}

impl Member {
    /// For clients.
    pub fn client_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.client_port)
    }

    /// For Kubernetes clients.
    pub fn kubernetes_url(&self) -> Option<String> {
        let port = self.kubernetes_port?;
        Some(format!("https://127.0.0.1:{port}"))
    }

    /// For the others.
    pub fn peer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.peer_port)
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where everything is.
    pub directory: PathBuf,
    /// In order of their ports.
    pub members: Vec<Member>,
}

impl Plan {
    /// Member i serves clients at `base_port` + 10 i, the others one above, and Kubernetes clients two
    /// above if that is wanted.
    ///
    /// # Errors
    /// There are not enough ports above `base_port`.
    pub fn new(count: u16, base_port: u16, is_kubernetes: bool, directory: &Path) -> Result<Plan> {
        let last = u32::from(base_port) + u32::from(STEP) * u32::from(count.max(1) - 1) + 2;
        if base_port == 0 || last > u32::from(u16::MAX) {
            return Err(
                Error::usage(format!("no room for {count} members at port {base_port}"))
                    .fix("choose a --base-port between 1024 and 65000"),
            );
        }
        let members = (0..count).zip('a'..='z').map(|(position, letter)| Member {
            name: letter.to_string(),
            client_port: base_port + STEP * position,
            peer_port: base_port + STEP * position + 1,
            kubernetes_port: is_kubernetes.then_some(base_port + STEP * position + 2),
            data_dir: directory.join(letter.to_string()),
            log: directory.join(format!("{letter}.log")),
        });
        Ok(Plan {
            directory: directory.to_owned(),
            members: members.collect(),
        })
    }

    /// What every member is told about the others.
    pub fn initial_cluster(&self) -> String {
        let pairs: Vec<String> = self
            .members
            .iter()
            .map(|member| format!("{}={}", member.name, member.peer_url()))
            .collect();
        pairs.join(",")
    }

    /// All client URLs with commas.
    pub fn endpoints(&self) -> String {
        let urls: Vec<String> = self.members.iter().map(Member::client_url).collect();
        urls.join(",")
    }

    /// Finds a taken port before anything is started.
    ///
    /// # Errors
    /// Names the port, who has it, and a base port that is free.
    pub fn check_ports(&self) -> Result<()> {
        let Some(taken) = self.ports().find(|port| !is_free(*port)) else {
            return Ok(());
        };
        let by = process::listener(taken).map_or("another program".to_owned(), |pid| {
            format!(
                "{} (pid {pid})",
                process::name(pid).unwrap_or_else(|| "a program".to_owned())
            )
        });
        let error = Error::failure(format!("cannot start: port {taken} is already in use"))
            .why(format!("it belongs to {by}"));
        Err(match self.free_base_port() {
            Some(base) => error.fix(format!("stop it, or run: keelson dev --base-port {base}")),
            None => error.fix("stop it, or choose another --base-port"),
        })
    }

    fn ports(&self) -> impl Iterator<Item = u16> + '_ {
        self.members.iter().flat_map(|member| {
            let both = [member.client_port, member.peer_port];
            both.into_iter().chain(member.kubernetes_port)
        })
    }

    fn free_base_port(&self) -> Option<u16> {
        let first = self.members.first()?.client_port;
        (1..=20u16)
            .filter_map(|hundreds| first.checked_add(hundreds * 100))
            .find(|base| {
                self.ports()
                    .all(|port| (base - first).checked_add(port).is_some_and(is_free))
            })
    }
}

/// Nobody listens. Sets SO_REUSEADDR like the members do (the standard library does on Unix), so that
/// connections of an earlier run do not count.
fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_member_has_etcds_own_ports() {
        let plan = Plan::new(3, 2379, true, Path::new("/d")).unwrap();
        assert_eq!(
            plan.endpoints(),
            "http://127.0.0.1:2379,http://127.0.0.1:2389,http://127.0.0.1:2399"
        );
        assert_eq!(plan.members[0].peer_port, 2380);
        assert_eq!(plan.members[2].data_dir, Path::new("/d/c"));
    }

    #[test]
    fn there_must_be_room_above_the_base_port() {
        assert!(Plan::new(3, 65530, false, Path::new("/d")).is_err());
        assert!(Plan::new(1, 65530, false, Path::new("/d")).is_ok());
    }

    #[test]
    fn a_taken_port_is_told_by_number_and_owner() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Plan::new(1, port, false, Path::new("/d"))
            .unwrap()
            .check_ports()
            .unwrap_err();
        assert!(error.what.contains(&port.to_string()));
        assert!(error.why.unwrap().contains(&std::process::id().to_string()));
    }
}
