//! What must be covered, and what of it runs have not covered yet.

use super::Entry;
use crate::nemesis::kind::Nemesis;
use std::collections::BTreeMap;

/// How often each pair below must have been covered.
pub const WANTED: u64 = 20;

/// Pairs of faults and loads that must be covered before anything is believed. The comparison of all members at
/// the end belongs to every run. Faults with a `+` between them come in one run.
pub(super) const MUST: [(&str, &[&str]); 26] = [
    ("kill", &["register", "txn", "watch", "lease"]),
    ("power", &["register", "txn", "watch", "lease"]),
    (
        "failpoint",
        &["register", "txn", "watch", "lease", "compact"],
    ),
    (
        "pause",
        &["register", "txn", "watch", "lease", "lock", "election"],
    ),
    ("partition", &["register", "txn", "watch", "lease"]),
    ("stall", &["register", "txn", "watch", "lease"]),
    (CUTS, &["set"]),
    ("defragment", &["watch", "compact"]),
    (
        "restart",
        &[
            "register", "txn", "watch", "lease", "set", "append", "bank", "list", "lock",
            "compact", "election",
        ],
    ),
    ("member", &["membership", "register", "watch"]),
    ("member+partition", &["membership"]),
    ("damage", &["register", "watch"]),
    ("lost-data", &["register"]),
    ("image", &["register", "txn"]),
    ("lossy", &["register", "watch"]),
    ("duplicate", &["register", "txn"]),
    ("late", &["register", "watch"]),
    ("starved", &["lease", "lock"]),
    ("no-files", &["register", "watch"]),
    ("no-memory", &["register", "txn"]),
    ("flood", &["watch", "lease"]),
    ("backup", &["txn", "lease"]),
    ("kill", &["objects", "informers", "controllers"]),
    ("power", &["objects", "informers"]),
    ("pause", &["objects", "informers", "controllers"]),
    ("partition", &["objects", "informers", "controllers"]),
];

/// The fault whose number is a goal of its own, how often it is wanted, and how often one run has it, about.
pub(super) const CUTS: &str = "power-all";
pub(super) const CUTS_WANTED: u64 = 500;
const CUTS_OF_A_RUN: u64 = 20;

/// A pair that must be covered and is not yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// Names of faults that are to come in one run.
    pub faults: Vec<&'static str>,
    /// The name of a load.
    pub load: &'static str,
    /// So many times more.
    pub times: u64,
}

/// What runs with a server and so many members still owe: pairs, and the power cuts of all members.
pub fn owed(entries: &[Entry], server: &str, nodes: u8) -> Vec<Owed> {
    let passed: Vec<_> = entries
        .iter()
        .filter(|one| one.server == server && one.passed())
        .collect();
    let cuts: u64 = passed.iter().map(|one| times_of(one, CUTS)).sum();
    let cuts_owed = CUTS_WANTED.saturating_sub(cuts).div_ceil(CUTS_OF_A_RUN);
    let pairs = MUST
        .iter()
        .flat_map(|(fault, loads)| loads.iter().map(move |load| (*fault, *load)));
    let owed = pairs.map(|(fault, load)| Owed {
        faults: fault.split('+').collect(),
        load,
        times: match WANTED.saturating_sub(times(&passed, fault, load, nodes)) {
            missing if fault == CUTS => missing.max(cuts_owed),
            missing => missing,
        },
    });
    owed.filter(|one| one.times > 0).collect()
}

/// How often each fault was seen to work.
#[derive(Clone, Debug, Default)]
pub struct Seen(BTreeMap<String, u64>);

impl Seen {
    /// In the runs that passed with a server and so many members.
    pub fn of(entries: &[Entry], server: &str, nodes: u8) -> Seen {
        let mut seen = BTreeMap::new();
        let runs = entries
            .iter()
            .filter(|one| one.server == server && one.nodes == nodes && one.passed());
        for (fault, times) in runs.flat_map(|run| &run.faults) {
            *seen.entry(fault.clone()).or_default() += times;
        }
        Seen(seen)
    }

    /// This one.
    pub fn times(&self, fault: Nemesis) -> u64 {
        self.0.get(fault.name()).copied().unwrap_or(0)
    }
}

/// How often a fault was seen to work in a run; of faults that are to come together, the one that came least.
pub(super) fn times_of(run: &Entry, fault: &str) -> u64 {
    let together = fault.split('+').map(|one| run.faults.get(one));
    together
        .map(|times| times.copied().unwrap_or(0))
        .min()
        .unwrap_or(0)
}

/// How often a fault was effective while a load went on.
pub(super) fn times(passed: &[&Entry], fault: &str, load: &str, nodes: u8) -> u64 {
    let runs = passed.iter().filter(|one| one.nodes == nodes);
    let runs = runs.filter(|one| one.workloads.iter().any(|name| name == load));
    runs.map(|one| times_of(one, fault)).sum()
}
