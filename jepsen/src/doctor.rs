//! What this host can do. Each answer comes from doing it once, with the code that a run uses.

use crate::clock;
use crate::disk::{self, Disk};
use crate::enclosure::Enclosure;
use crate::limits;
use crate::net;
use keelson_kit::check::{Check, Failure, holds};
use keelson_kit::net::{Net, Wire};
use serde::Serialize;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Something that a fault may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// The run is root, if only in a namespace.
    Root,
    /// Hosts of their own on wires that can be cut.
    Cuts,
    /// Disks of their own that freeze and fill up.
    Images,
    /// Disks that lose what was not synced.
    PowerLoss,
    /// Wires that become thin.
    TrafficControl,
    /// System calls of a running member that fail.
    SyscallErrors,
    /// Clocks of members that jump.
    FakeTime,
    /// A packet filter that throws dice.
    PacketFilter,
    /// Groups of processes with limits of memory and threads.
    ControlGroups,
}

impl Capability {
    /// All of them.
    pub const ALL: [Capability; 9] = [
        Capability::Root,
        Capability::Cuts,
        Capability::Images,
        Capability::PowerLoss,
        Capability::TrafficControl,
        Capability::SyscallErrors,
        Capability::FakeTime,
        Capability::PacketFilter,
        Capability::ControlGroups,
    ];

    /// What is asked, in words.
    pub fn question(self) -> &'static str {
        match self {
            Capability::Root => "root, at least of a namespace",
            Capability::Cuts => "network namespaces whose wires can be cut and healed",
            Capability::Images => "a disk image with ext4 that freezes and thaws",
            Capability::PowerLoss => "a disk that loses what was not synced",
            Capability::TrafficControl => "thin wires (tc, token bucket)",
            Capability::SyscallErrors => "failing system calls (strace)",
            Capability::FakeTime => "jumping clocks (a C compiler)",
            Capability::PacketFilter => "lost frames (nft)",
            Capability::ControlGroups => "control groups that limit memory and threads",
        }
    }
}

/// One answer.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What was asked.
    pub capability: Capability,
    /// If it works.
    pub works: bool,
    /// What was seen, or why not.
    pub detail: String,
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Host {
    /// What a run will be kept apart by.
    pub enclosure: String,
    /// One finding for each capability.
    pub findings: Vec<Finding>,
}

impl Host {
    /// Tries everything. Inside an enclosure only: it makes wires and mounts.
    pub fn examine(enclosure: Enclosure, scratch: &Path) -> Host {
        let findings = Capability::ALL.into_iter().map(|capability| {
            let tried = attempt(capability, enclosure, scratch);
            Finding {
                capability,
                works: tried.is_ok(),
                detail: tried.unwrap_or_else(|failure| failure.to_string()),
            }
        });
        Host {
            enclosure: enclosure.name().to_owned(),
            findings: findings.collect(),
        }
    }

    /// Why something is not there; `None` if it is.
    pub fn lacks(&self, capability: Capability) -> Option<&str> {
        let finding = self
            .findings
            .iter()
            .find(|one| one.capability == capability);
        finding
            .filter(|one| !one.works)
            .map(|one| one.detail.as_str())
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut text = format!("Members will be kept apart by: {}\n\n", self.enclosure);
        for one in &self.findings {
            let works = if one.works { "yes" } else { "no" };
            let detail = one.detail.lines().next().unwrap_or_default();
            text += &format!("{works:<4} {:<55} {detail}\n", one.capability.question());
        }
        text
    }
}

fn attempt(capability: Capability, enclosure: Enclosure, scratch: &Path) -> Check<String> {
    match capability {
        Capability::Root => {
            // SAFETY: asks for a number.
            let user = unsafe { libc::geteuid() };
            holds("the user is root", user == 0)?;
            Ok(format!("{enclosure:?}").to_lowercase())
        }
        Capability::Cuts => enclosed(enclosure).and_then(|()| on_wires(cuts_and_heals)),
        Capability::TrafficControl => {
            enclosed(enclosure)?;
            disk::run(
                Command::new("tc")
                    .args("qdisc add dev lo root tbf rate 1mbit burst 4kb latency 1s".split(' ')),
            )?;
            disk::run(Command::new("tc").args("qdisc del dev lo root".split(' ')))?;
            Ok("tc".to_owned())
        }
        Capability::Images => freezes(&image(enclosure, scratch, "freezes")?),
        Capability::PowerLoss => loses(image(enclosure, scratch, "loses")?),
        Capability::SyscallErrors => {
            let mut strace = Command::new("strace");
            let inject = [
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                "inject=chdir:error=EIO",
                "sh",
                "-c",
                "cd / 2>&-",
            ];
            let status = strace
                .args(inject)
                .stderr(std::process::Stdio::null())
                .status()?;
            holds("a system call fails when it is told to", !status.success())?;
            Ok("strace".to_owned())
        }
        Capability::FakeTime => {
            let library = clock::library(scratch)?;
            let before = clock::prefix(&library, scratch, "date")?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
            clock::set(scratch, "date", -(now as i64))?;
            let mut date = Command::new(&before[0]);
            let output = date.args(&before[1..]).args(["date", "+%Y"]).output()?;
            let year = String::from_utf8_lossy(&output.stdout).into_owned();
            let is_turned = ["1969", "1970"].contains(&year.trim());
            holds("a program sees another year", is_turned)?;
            Ok(format!("a program saw {}", year.trim()))
        }
        Capability::PacketFilter => {
            enclosed(enclosure)?;
            let dice = "add table bridge probe ; add chain bridge probe dice ; \
                        add rule bridge probe dice numgen random mod 100 < 1 counter drop";
            disk::run(Command::new("nft").args(dice.split_whitespace()))?;
            disk::run(Command::new("nft").args(["delete", "table", "bridge", "probe"]))?;
            Ok("nft".to_owned())
        }
        Capability::ControlGroups => {
            let name = scratch.file_name().unwrap_or_default().to_string_lossy();
            limits::try_groups(&name)
        }
    }
}

fn enclosed(enclosure: Enclosure) -> Check {
    holds(
        "the run has a network of its own",
        enclosure != Enclosure::None,
    )
}

/// Tries something with two hosts. They are gone afterwards, whatever came of it.
fn on_wires(attempt: impl FnOnce(&Net) -> Check<String>) -> Check<String> {
    let net = Net::new(2)?;
    let tried = attempt(&net);
    // A run makes its own, also one without cuts. Now, and not when the kernel comes to take the hosts apart.
    for wire in ["peers", "clients"] {
        for device in [format!("{wire}0"), format!("{wire}1"), wire.to_owned()] {
            disk::run(Command::new("ip").args(["link", "del", &device]))?;
        }
    }
    tried
}

fn cuts_and_heals(net: &Net) -> Check<String> {
    let both = [(Wire::Peers, 0, 1), (Wire::Peers, 1, 0)];
    holds("two hosts reach each other", net::are_whole(net, &both)?)?;
    net::cut(net, &both)?;
    holds("a wire is cut", net::are_cut(net, &both)?)?;
    net.heal()?;
    holds("a wire is healed", net::are_whole(net, &both)?)?;
    Ok("cut and healed".to_owned())
}

fn image(enclosure: Enclosure, scratch: &Path, name: &str) -> Check<Disk> {
    holds("the run may mount", enclosure == Enclosure::Full)?;
    Disk::image(&scratch.join(name), 16)
}

fn freezes(disk: &Disk) -> Check<String> {
    let file = disk.directory().join("probe");
    disk.freeze()?;
    let writer = std::thread::spawn(move || std::fs::write(file, b"waits"));
    std::thread::sleep(Duration::from_millis(50));
    let waits = !writer.is_finished();
    disk.thaw()?;
    let written = writer
        .join()
        .map_err(|_| Failure::new("the writer panicked"))?;
    written?;
    holds("a write waits while the disk is frozen", waits)?;
    Ok("frozen and thawed".to_owned())
}

fn loses(mut disk: Disk) -> Check<String> {
    let began = Instant::now();
    let kept = disk.directory().join("kept");
    let file = std::fs::File::create(&kept)?;
    file.sync_all()?;
    std::fs::File::open(disk.directory())?.sync_all()?;
    disk.power_off()?;
    drop(file);
    holds("what was not synced is lost", disk.power_on()?)?;
    holds("what was synced is there", kept.exists())?;
    Ok(format!("{} ms", began.elapsed().as_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_kit::net::enter;

    #[test]
    fn an_attempt_that_fails_leaves_no_wires_to_the_run() {
        let test = "doctor::tests::an_attempt_that_fails_leaves_no_wires_to_the_run";
        if !enter(test).unwrap() {
            return;
        }
        let late = |_: &Net| Err(Failure::new("two hosts reach each other: too late"));
        assert!(on_wires(late).is_err());
        Net::new(3).unwrap();
    }
}
