//! Which faults met which loads, and how often.

use crate::campaign::Summary;
use crate::ledger::{Owed, Seen};
use crate::nemesis::kind::Nemesis;
use crate::workload::Workload;
use clap::ValueEnum;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;

/// Faults that every load must have met.
const FAULTS: [Nemesis; 12] = [
    Nemesis::Kill,
    Nemesis::KillAll,
    Nemesis::Power,
    Nemesis::PowerAll,
    Nemesis::Pause,
    Nemesis::Partition,
    Nemesis::Flap,
    Nemesis::Stall,
    Nemesis::Slow,
    Nemesis::KillMajority,
    Nemesis::Failpoint,
    Nemesis::Restart,
];
/// Faults that come now and then.
const RARE: [Nemesis; 20] = [
    Nemesis::Link,
    Nemesis::Full,
    Nemesis::SyncError,
    Nemesis::WriteError,
    Nemesis::ReadError,
    Nemesis::Torn,
    Nemesis::Clock,
    Nemesis::Damage,
    Nemesis::LostData,
    Nemesis::Image,
    Nemesis::Lossy,
    Nemesis::Duplicate,
    Nemesis::Late,
    Nemesis::Starved,
    Nemesis::NoFiles,
    Nemesis::NoMemory,
    Nemesis::ClockRate,
    Nemesis::ClockLeap,
    Nemesis::Corrupt,
    Nemesis::NoThreads,
];
/// Requests that stir things up, beside the others.
const STIRRING: [Nemesis; 4] = [
    Nemesis::Transfer,
    Nemesis::Defragment,
    Nemesis::Flood,
    Nemesis::Backup,
];
/// Loads that every fault must have met come more often.
const LOADS: [Workload; 13] = [
    Workload::Register,
    Workload::Txn,
    Workload::Watch,
    Workload::Lease,
    Workload::Set,
    Workload::Bank,
    Workload::Append,
    Workload::List,
    Workload::Lock,
    Workload::Compact,
    Workload::Election,
    Workload::Membership,
    Workload::Large,
];
/// Loads of the Kubernetes API, which run without the others: members serve it only then.
const KUBERNETES: [Workload; 3] = [
    Workload::Objects,
    Workload::Informers,
    Workload::Controllers,
];
/// Of so many runs, one is with such a load. No divisor of the number of faults, so that they meet all of them.
const KUBERNETES_EVERY: u64 = 5;

/// What one run does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Loads.
    pub workloads: Vec<Workload>,
    /// Faults.
    pub nemeses: Vec<Nemesis>,
}

impl Cell {
    fn new(mut workloads: Vec<Workload>, mut nemeses: Vec<Nemesis>) -> Cell {
        workloads.sort();
        workloads.dedup();
        nemeses.sort();
        nemeses.dedup();
        Cell { workloads, nemeses }
    }

    /// The same with a server that carries no failpoints.
    pub fn without_failpoints(mut self) -> Cell {
        self.nemeses.retain(|one| *one != Nemesis::Failpoint);
        if self.nemeses.is_empty() {
            self.nemeses.push(Nemesis::Kill);
        }
        self
    }

    /// In words.
    pub fn name(&self) -> String {
        let [loads, faults] = self.lists();
        format!("{loads} under {faults}")
    }

    /// The names of its loads.
    pub fn loads(&self) -> Vec<&'static str> {
        self.workloads.iter().map(|one| one.name()).collect()
    }

    fn lists(&self) -> [String; 2] {
        let loads = self.loads();
        let faults: Vec<_> = self.nemeses.iter().map(|one| one.name()).collect();
        [loads.join(","), faults.join(",")]
    }

    /// For the command line.
    pub fn arguments(&self) -> [String; 4] {
        let [loads, faults] = self.lists();
        [
            "--workload".to_owned(),
            loads,
            "--nemesis".to_owned(),
            faults,
        ]
    }
}

/// The run of this number: two of the four loads that must meet everything, and one of the others; two or three
/// faults, of which each in turn is certain to come. Where the Kubernetes API is served, some runs are about it. Of rare
/// faults, those that were `seen` least come most.
pub fn choose(seen: &Seen, seed: u64, number: u64, is_kubernetes: bool) -> Cell {
    let mut random = StdRng::seed_from_u64(seed);
    let mut nemeses = vec![FAULTS[number as usize % FAULTS.len()]];
    nemeses.extend(FAULTS.choose(&mut random));
    if is_kubernetes && number % KUBERNETES_EVERY == KUBERNETES_EVERY - 1 {
        // What only judges of the store's own clients look at is not tried there.
        let workloads = KUBERNETES.choose(&mut random).copied();
        return Cell::new(workloads.into_iter().collect(), nemeses);
    }
    let (must, others) = LOADS.split_at(4);
    let mut workloads: Vec<_> = must.choose_multiple(&mut random, 2).copied().collect();
    workloads.extend(others.choose(&mut random));
    if random.random_bool(0.4) {
        let weight = |one: &Nemesis| 1.0 / (1.0 + seen.times(*one) as f64);
        nemeses.extend(RARE.choose_weighted(&mut random, weight).ok());
    }
    if random.random_bool(0.3) {
        nemeses.extend(STIRRING.choose(&mut random));
    }
    // Changes of members are looked at from all sides, while wires are cut.
    if random.random_bool(0.1) {
        workloads.push(Workload::Membership);
        nemeses.extend([Nemesis::Member, Nemesis::Partition]);
    }
    Cell::new(workloads, nemeses)
}

/// The run of this number, for what is owed: a pair that is drawn by how much it lacks, another fault that is owed with
/// its load, and other loads that are owed with either. The usual run if nothing is.
pub fn choose_owed(
    owed: &[Owed],
    seen: &Seen,
    seed: u64,
    number: u64,
    is_kubernetes: bool,
) -> Cell {
    let mut random = StdRng::seed_from_u64(seed);
    let usual = choose(seen, seed, number, is_kubernetes);
    let pairs: Vec<Pair> = (owed.iter().filter_map(Pair::of))
        .filter(|pair| is_kubernetes || !pair.load.is_kubernetes())
        .collect();
    let Ok(first) = pairs.choose_weighted(&mut random, |pair| pair.times) else {
        return usual;
    };
    let mut nemeses = first.faults.clone();
    let with_load: Vec<_> = (pairs.iter())
        .filter(|pair| pair.load == first.load && pair.faults != first.faults)
        .collect();
    if let Some(other) = with_load.choose(&mut random) {
        nemeses.extend(&other.faults);
    }
    let with_faults: Vec<Workload> = (pairs.iter())
        .filter(|pair| pair.faults.iter().all(|fault| nemeses.contains(fault)))
        .map(|pair| pair.load)
        .filter(|load| *load != first.load && go_together(*load, first.load))
        .collect();
    let mut workloads = vec![first.load];
    workloads.extend(with_faults.choose_multiple(&mut random, 2));
    if !first.load.is_kubernetes() {
        let beside = usual
            .workloads
            .iter()
            .filter(|load| !load.is_kubernetes())
            .take(3usize.saturating_sub(workloads.len()));
        workloads.extend(beside);
    }
    Cell::new(workloads, nemeses)
}

/// A pair that is owed.
struct Pair {
    faults: Vec<Nemesis>,
    load: Workload,
    times: u64,
}

impl Pair {
    fn of(owed: &Owed) -> Option<Pair> {
        let faults = owed.faults.iter();
        let faults = faults.map(|name| Nemesis::from_str(name, false).ok());
        Some(Pair {
            faults: faults.collect::<Option<_>>()?,
            load: Workload::from_str(owed.load, false).ok()?,
            times: owed.times,
        })
    }
}

/// Loads of the store go together, and of the Kubernetes API those that look at requests.
fn go_together(one: Workload, other: Workload) -> bool {
    let loops = [one, other].contains(&Workload::Controllers);
    one.is_kubernetes() == other.is_kubernetes() && !loops
}

/// What was covered: effective faults of runs that passed.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// By fault, load and members: how often.
    pairs: BTreeMap<(String, String), BTreeMap<u8, u64>>,
    runs: [u64; 2],
    operations: u64,
    events: u64,
}

impl Coverage {
    /// Counts a run. One that did not pass covers nothing.
    pub fn add(&mut self, cell: &Cell, nodes: u8, summary: &Summary, passed: bool) {
        self.runs[usize::from(passed)] += 1;
        let tally = summary.tally;
        self.operations += tally.ok + tally.failed + tally.unknown;
        self.events += tally.events;
        for (fault, times) in summary.faults.iter().filter(|_| passed) {
            // A fault at the end of a list stands for its class, too.
            for workload in &cell.workloads {
                let pair = (fault.clone(), workload.name().to_owned());
                *self
                    .pairs
                    .entry(pair)
                    .or_default()
                    .entry(nodes)
                    .or_default() += times.effective;
            }
        }
    }

    /// As a table in Markdown: one line a fault, one column a load, `3: 5, 5: 2` means five times with three
    /// members and twice with five.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{} runs passed, {} did not; {} operations, {} events.\n\n| fault |",
            self.runs[1], self.runs[0], self.operations, self.events
        );
        let loads = || LOADS.into_iter().chain(KUBERNETES);
        for workload in loads() {
            text += &format!(" {} |", workload.name());
        }
        text += &format!("\n|---|{}\n", "---|".repeat(loads().count()));
        for nemesis in Nemesis::ALL {
            text += &format!("| {} ({}) |", nemesis.name(), nemesis.facts().class);
            for workload in loads() {
                let pair = (nemesis.name().to_owned(), workload.name().to_owned());
                let times = self.pairs.get(&pair).into_iter().flatten();
                let times: Vec<_> = times.filter(|(_, times)| **times > 0).collect();
                let cells: Vec<_> = times
                    .iter()
                    .map(|(nodes, times)| format!("{nodes}: {times}"))
                    .collect();
                text += &format!(
                    " {} |",
                    if cells.is_empty() {
                        "–".to_owned()
                    } else {
                        cells.join(", ")
                    }
                );
            }
            text += "\n";
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::FaultTally;
    use crate::recorder::Tally;

    fn summary(effective: u64) -> Summary {
        let tally = FaultTally {
            begun: 9,
            effective,
        };
        Summary {
            command: String::new(),
            target: String::new(),
            enclosure: String::new(),
            tally: Tally::default(),
            faults: [("kill".to_owned(), tally)].into(),
            is_complete: true,
            detail: String::new(),
        }
    }

    fn line(coverage: &Coverage) -> String {
        let table = coverage.table();
        let line = table.lines().find(|line| line.starts_with("| kill (F1)"));
        line.expect("a line for kills").to_owned()
    }

    #[test]
    fn only_effective_faults_of_runs_that_passed_count() {
        let cell = Cell {
            workloads: vec![Workload::Register],
            nemeses: vec![Nemesis::Kill],
        };
        let mut coverage = Coverage::default();
        coverage.add(&cell, 3, &summary(5), false);
        coverage.add(&cell, 3, &summary(0), true);
        assert!(!line(&coverage).contains("3:"), "{}", line(&coverage));
        coverage.add(&cell, 3, &summary(4), true);
        coverage.add(&cell, 5, &summary(2), true);
        assert!(
            line(&coverage).contains("3: 4, 5: 2"),
            "{}",
            line(&coverage)
        );
    }

    #[test]
    fn what_is_owed_comes_with_what_may_go_beside_it() {
        let owed = crate::ledger::owed(&[], "keelson", 3);
        let none = Seen::default();
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..2000 {
            let cell = choose_owed(&owed, &none, seed, seed, true);
            let of_api = cell.workloads.iter().filter(|load| load.is_kubernetes());
            assert!(
                [0, cell.workloads.len()].contains(&of_api.count()),
                "{cell:?}"
            );
            assert!(
                cell.workloads.len() <= 3 && cell.nemeses.len() <= 4,
                "{cell:?}"
            );
            let comes = owed.iter().enumerate().filter(|(_, pair)| {
                let pair = Pair::of(pair).expect("names of faults and loads");
                cell.workloads.contains(&pair.load)
                    && pair.faults.iter().all(|fault| cell.nemeses.contains(fault))
            });
            let before = seen.len();
            let comes: Vec<usize> = comes.map(|(number, _)| number).collect();
            assert!(
                !comes.is_empty(),
                "{before} pairs so far: {cell:?} is not owed"
            );
            seen.extend(comes);
        }
        assert_eq!(seen.len(), owed.len());
        let usual = choose(&none, 7, 3, true);
        assert_eq!(choose_owed(&[], &none, 7, 3, true), usual);
        let of_etcd = (0..500).map(|seed| choose_owed(&owed, &none, seed, seed, false));
        assert!(
            of_etcd
                .flat_map(|cell| cell.workloads)
                .all(|load| !load.is_kubernetes())
        );
    }

    #[test]
    fn every_pair_that_must_be_comes() {
        let cells: Vec<Cell> = (0..600)
            .map(|number| choose(&Seen::default(), 7 + number, number, true))
            .collect();
        for fault in FAULTS {
            for load in LOADS.into_iter().chain(KUBERNETES) {
                let both =
                    |cell: &&Cell| cell.nemeses.contains(&fault) && cell.workloads.contains(&load);
                assert!(
                    cells.iter().any(|cell| both(&cell)),
                    "{fault:?} and {load:?}"
                );
            }
        }
        let changes = |cell: &&Cell| {
            let both = [Nemesis::Member, Nemesis::Partition];
            both.iter().all(|one| cell.nemeses.contains(one))
                && cell.workloads.contains(&Workload::Membership)
        };
        assert!(cells.iter().filter(changes).count() > 10);
    }

    #[test]
    fn a_server_without_failpoints_meets_some_other_fault() {
        let cells = (0..600).map(|number| choose(&Seen::default(), 7 + number, number, false));
        for cell in cells.map(Cell::without_failpoints) {
            assert!(!cell.nemeses.is_empty() && !cell.nemeses.contains(&Nemesis::Failpoint));
        }
    }

    #[test]
    fn a_rare_fault_that_was_never_seen_comes_before_those_that_were() {
        let entry = |faults: &[Nemesis]| {
            let cell = Cell::new(vec![Workload::Register], faults.to_vec());
            let mut entry = crate::ledger::Entry::new("a commit", "keelson", 3, 60, &cell);
            entry.faults = faults
                .iter()
                .map(|one| (one.name().to_owned(), 40))
                .collect();
            entry.verdict = "pass".to_owned();
            entry
        };
        let others: Vec<_> = (RARE.into_iter())
            .filter(|one| *one != Nemesis::Torn)
            .collect();
        let seen = Seen::of(&[entry(&others)], "keelson", 3);
        let times = |seen: &Seen| {
            let cells = (0..600).map(|number| choose(seen, 7 + number, number, false));
            cells
                .filter(|cell| cell.nemeses.contains(&Nemesis::Torn))
                .count()
        };
        let (even, first) = (times(&Seen::default()), times(&seen));
        assert!(first > 5 * even, "{first} times, and {even} among equals");
        let elsewhere = Seen::of(&[entry(&others)], "etcd", 3);
        assert_eq!(times(&elsewhere), even, "another server");
    }
}
