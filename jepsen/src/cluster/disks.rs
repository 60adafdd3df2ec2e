//! What faults of disks ask of a cluster: members that are started elsewhere or twice, and what they said.

use super::{Cluster, TAIL, Wire, free_port};
use crate::lie;
use keelson_kit::check::{Check, some};
use keelson_kit::process::{Process, tail};
use std::path::{Path, PathBuf};

/// The flag that names a member; what stands before it is the program and how it is started.
const NAME: &str = "--name=";
const DATA: &str = "--data-dir=";
/// Flags that say where a member listens.
const LISTENS: [&str; 2] = ["--listen-client-urls=", "--listen-peer-urls="];

/// A second process on a member's directory.
#[derive(Debug)]
pub struct Second {
    /// The process.
    pub process: Process,
    /// Where it would serve clients.
    pub client_url: String,
    log: PathBuf,
}

impl Second {
    /// The end of what it has said.
    pub fn said(&self) -> String {
        tail(&self.log, TAIL)
    }
}

impl Cluster {
    /// How a member has ended by itself, if it has. [`Cluster::take_ends`] still tells.
    pub fn ended(&mut self, i: usize) -> Option<String> {
        let process = self.members[i].process.as_mut()?;
        process.ended().map(|status| status.to_string())
    }

    /// The end of what a member has said from a byte of its log on.
    pub fn said_since(&self, i: usize, from: usize) -> String {
        let text = std::fs::read(&self.members[i].log).unwrap_or_default();
        let last = text.len().saturating_sub(TAIL as usize);
        let said = text.get(from.max(last)..).unwrap_or_default();
        String::from_utf8_lossy(said).into_owned()
    }

    /// The command line of a member on whatever host it is started, with its data in another directory.
    ///
    /// # Errors
    ///
    /// When there is no program in it.
    pub fn elsewhere(&self, i: usize, data: &Path) -> Check<Vec<String>> {
        elsewhere(&self.members[i].arguments, data)
    }

    /// Where a member is reached on each of its wires, if it has any.
    pub fn addresses(&self, i: usize) -> Option<[String; 2]> {
        self.net()?;
        Some([Wire::Peers.address(i), Wire::Clients.address(i)])
    }

    /// Starts one more process of a member, on the same host and directory and at other ports.
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    pub fn start_second(&self, i: usize) -> Check<Second> {
        let member = &self.members[i];
        let host = match self.net() {
            Some(_) => Wire::Clients.address(i),
            None => "127.0.0.1".to_owned(),
        };
        let (mut arguments, mut client_url) = (member.arguments.clone(), String::new());
        for (nth, flag) in LISTENS.iter().enumerate() {
            // Nobody else listens on a host of its own.
            let port = match self.net() {
                Some(_) => 12_379 + nth as u16,
                None => free_port()?,
            };
            let url = format!("http://{host}:{port}");
            let words = arguments.iter_mut();
            words
                .filter(|word| word.starts_with(flag))
                .for_each(|word| *word = format!("{flag}{url}"));
            if nth == 0 {
                client_url = url;
            }
        }
        let (program, arguments) = some("a program", arguments.split_first())?;
        let log = self.directory.join(format!("{}.second.log", member.name));
        // Of this one alone.
        let _ = std::fs::remove_file(&log);
        let process = Process::start(Path::new(program), arguments, &log)?;
        Ok(Second {
            process,
            client_url,
            log,
        })
    }

    /// From now on a member's disk lies, or tells the truth. Only where it was made to listen.
    ///
    /// # Errors
    ///
    /// When it was not.
    pub fn set_lying(&self, i: usize, lies: bool) -> Check {
        lie::set(&self.directory, self.name(i), lies)
    }

    /// How many syncs of a member's disk were lies, as far as it was made to listen.
    pub fn lies_told(&self, i: usize) -> i64 {
        lie::told(&self.directory, self.name(i)).unwrap_or(0)
    }
}

fn elsewhere(arguments: &[String], data: &Path) -> Check<Vec<String>> {
    let name = arguments.iter().position(|word| word.starts_with(NAME));
    let before = &arguments[..some("a name", name)?];
    // Before the program stand other programs and variables; after it a subcommand at most.
    let program = before
        .iter()
        .rposition(|word| word.contains('/') && !word.contains('='));
    let own = arguments[some("a program", program)?..].iter();
    let moved = |word: &String| match word.starts_with(DATA) {
        true => format!("{DATA}{}", data.display()),
        false => word.clone(),
    };
    Ok(own.map(moved).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elsewhere_a_member_is_the_same_with_other_data_and_no_host() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let own = "bin/keelson etcd --name=m1 --data-dir=/a/data --listen-client-urls=http://h:1";
        let before = "nsenter --net=/proc/7/ns/net -- env LD_PRELOAD=/clock.so CLOCK=/m1.clock";
        let moved = words(&own.replace("/a/data", "/b/data"));
        for all in [own.to_owned(), format!("{before} {own}")] {
            let found = elsewhere(&words(&all), Path::new("/b/data"));
            assert_eq!(found.expect("a program"), moved);
        }
    }
}
