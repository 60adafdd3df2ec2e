//! Which failpoint is reached how, and which are tried.

use keelson_store::faults::POINTS;
use std::time::{SystemTime, UNIX_EPOCH};

/// `make test` takes one of so many.
const SLICES: usize = 8;

/// How a member is led to a failpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It works.
    Work,
    /// It works, and has peers.
    Peers,
    /// It starts again.
    Start,
    /// It is asked to stop.
    Stop,
    /// It takes part in an election.
    Election,
    /// One has missed more than the others' logs hold.
    Lag,
    /// One has entries that the others do not, and lost its leadership.
    Conflict,
    /// A client saves the state.
    Save,
    /// A client asks for a defragmentation.
    Defragment,
    /// A member is added.
    Add,
    /// The first word of a member that was added is heard.
    Meet,
    /// A learner gets its vote.
    Promote,
    /// A member is removed.
    Remove,
    /// It starts for the first time.
    Founding,
    /// A data directory is made from what was saved.
    Restore,
}

impl Way {
    /// Whether it begins with a cluster that works.
    pub fn works(self) -> bool {
        !matches!(self, Way::Founding | Way::Restore)
    }

    /// Whether a single member is never there.
    pub fn needs_peers(self) -> bool {
        !matches!(
            self,
            Way::Work | Way::Start | Way::Stop | Way::Save | Way::Defragment
        )
    }
}

/// How a failpoint is reached. Panics at one that nobody has thought about.
pub fn way(point: &str) -> Way {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| point.starts_with(prefix));
    match point {
        "wal-marked" | "log-before-founding" => Way::Founding,
        "segment-created" | "segment-filled" | "segment-renamed" | "segment-named" => Way::Founding,
        "stop-before-dump" => Way::Stop,
        "vote-before-write" | "vote-before-ack" | "vote-before-answer" | "clocks-begun" => {
            Way::Election
        }
        "forward-before-send" | "append-before-answer" | "read-waits" => Way::Peers,
        "archive-copied" | "archive-written" => Way::Save,
        "member-before-add" | "member-added" | "membership-before-write" => Way::Add,
        "member-before-promote" | "member-promoted" => Way::Promote,
        "member-before-remove" | "member-removed" => Way::Remove,
        _ if begins(&["restore-"]) => Way::Restore,
        _ if begins(&["recovery-", "start-"]) => Way::Start,
        _ if begins(&["truncate-"]) => Way::Conflict,
        _ if begins(&["defragment-"]) => Way::Defragment,
        _ if begins(&["met-"]) => Way::Meet,
        _ if begins(&["bootstrap-", "owner-", "file-"]) => Way::Founding,
        _ if begins(&[
            "checkpoint-",
            "send-",
            "receive-",
            "install-",
            "current-",
            "retire-",
        ]) =>
        {
            Way::Lag
        }
        _ if begins(&["wal-", "append-", "purge-", "segment-", "roll-", "propose-"]) => Way::Work,
        _ if begins(&[
            "apply-", "flush-", "dump-", "compact-", "sweep-", "reclaim-",
        ]) =>
        {
            Way::Work
        }
        _ if begins(&["lease-", "notes-", "expiry-", "renew-"]) => Way::Work,
        _ if begins(&["watch-", "catchup-"]) => Way::Work,
        _ => panic!("no way leads to the failpoint {point}"),
    }
}

/// Whether the seam there can report an error.
pub fn fails(name: &str) -> bool {
    POINTS.iter().any(|point| point.name == name && point.fails)
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// The failpoints that are tried in this run, of those that are reached in a way that is wanted.
pub fn chosen(wanted: impl Fn(Way) -> bool) -> Vec<(&'static str, Way)> {
    let all = POINTS.iter().map(|point| (point.name, way(point.name)));
    let all: Vec<_> = all.filter(|(_, way)| wanted(*way)).collect();
    if let Some(only) = set("KEELSON_FAILPOINTS_ONLY") {
        let is_asked = |name: &str| only.split(',').any(|one| one == name);
        return all.into_iter().filter(|(name, _)| is_asked(name)).collect();
    }
    if set("KEELSON_FAILPOINTS_ALL").is_some() {
        return all;
    }
    let hours = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |since| since.as_secs() as usize / 3600)
    };
    let slice = set("KEELSON_FAILPOINTS_SLICE").map_or_else(hours, |text| {
        text.parse().expect("KEELSON_FAILPOINTS_SLICE is a number")
    });
    let slice = slice % SLICES;
    println!("KEELSON_FAILPOINTS_SLICE={slice}, of {SLICES}");
    all.into_iter().skip(slice).step_by(SLICES).collect()
}
