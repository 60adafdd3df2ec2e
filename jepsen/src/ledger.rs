//! What long campaigns have shown, run by run, and what they still owe.
//!
//! A ledger is a file of one JSON object a line, to which `matrix --ledger` adds one for each run, so that campaigns
//! of many days add up. Lines are only ever added, those of runs that did not pass as well; fields, too.

use crate::campaign::Summary;
use crate::coverage::Cell;
use crate::nemesis::kind::Nemesis;
use crate::sometimes::CONDITIONS;
use crate::sweeps;
use keelson_kit::check::{Check, some};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// How often each pair below must have been covered.
pub const WANTED: u64 = 20;

/// Pairs of faults and loads that must be covered before anything is believed. The comparison of all members at
/// the end belongs to every run. Faults with a `+` between them come in one run.
const MUST: [(&str, &[&str]); 26] = [
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

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// What was tried: the commit, as whoever ran it calls it.
    pub label: String,
    /// Whose server.
    pub server: String,
    /// Members.
    pub nodes: u8,
    /// How long clients worked while things broke.
    pub seconds: u64,
    /// Loads.
    pub workloads: Vec<String>,
    /// Faults that were seen to work, by kind: how often.
    pub faults: BTreeMap<String, u64>,
    /// Operations that were judged.
    pub operations: u64,
    /// Events of watches that were judged.
    pub events: u64,
    /// `pass`, `fail`, `unknown` or `broken`.
    pub verdict: String,
    /// What must happen now and then, and did: how often. Nothing in lines of before this was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sometimes: Option<BTreeMap<String, u64>>,
    /// What repeats it.
    pub command: String,
}

impl Entry {
    /// Of a run that has ended with an exit code.
    pub fn new(label: &str, server: &str, nodes: u8, seconds: u64, cell: &Cell) -> Entry {
        Entry {
            label: label.to_owned(),
            server: server.to_owned(),
            nodes,
            seconds,
            workloads: cell.loads().into_iter().map(str::to_owned).collect(),
            faults: BTreeMap::new(),
            operations: 0,
            events: 0,
            verdict: "broken".to_owned(),
            sometimes: None,
            command: String::new(),
        }
    }

    /// With what came out of it.
    #[must_use]
    pub fn ended(mut self, summary: &Summary, code: u8) -> Entry {
        let tally = summary.tally;
        self.faults = summary
            .faults
            .iter()
            .map(|(fault, times)| (fault.clone(), times.effective))
            .filter(|(_, times)| *times > 0)
            .collect();
        self.operations = tally.ok + tally.failed + tally.unknown;
        self.events = tally.events;
        self.verdict = match code {
            0 => "pass",
            1 => "fail",
            2 => "unknown",
            _ => "broken",
        }
        .to_owned();
        self.command.clone_from(&summary.command);
        self
    }

    fn passed(&self) -> bool {
        self.verdict == "pass"
    }
}

/// Adds a run.
///
/// # Errors
/// The file's.
pub fn append(file: &Path, entry: &Entry) -> Check {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(file)?;
    Ok(file.write_all(&line)?)
}

/// All runs of a file, oldest first.
///
/// # Errors
/// When it cannot be read, or says something else.
pub fn read(file: &Path) -> Check<Vec<Entry>> {
    let text = std::fs::read_to_string(file)?;
    let entries = text.lines().map(serde_json::from_str);
    Ok(entries.collect::<Result<_, _>>()?)
}

/// What all runs together are to show, and how much of it.
const GOALS: [(&str, f64); 4] = [
    ("hours of faults", 10.0),
    ("million operations", 10.0),
    ("million events of watches", 5.0),
    ("power cuts of all members at one time", CUTS_WANTED as f64),
];

/// The fault whose number is a goal of its own, how often it is wanted, and how often one run has it, about.
const CUTS: &str = "power-all";
const CUTS_WANTED: u64 = 500;
const CUTS_OF_A_RUN: u64 = 20;

/// Begins and ends what [`replace`] writes into a page.
const MARKS: [&str; 2] = ["<!-- ledger begins -->\n", "<!-- ledger ends -->\n"];

/// Puts a text between the marks of a page.
///
/// # Errors
/// When the page has no such marks.
pub fn replace(page: &str, text: &str) -> Check<String> {
    let [begins, ends] = MARKS;
    let marked = page.split_once(begins).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(ends)?;
        Some((before, after))
    });
    let (before, after) = some("marks where the ledger goes", marked)?;
    Ok(format!("{before}{begins}{text}{ends}{after}"))
}

/// What files of campaigns and of sweeps of the simulation say, in Markdown.
///
/// # Errors
/// When one cannot be read, or says something else.
pub fn tell_files(files: &[impl AsRef<Path>]) -> Check<String> {
    let (mut entries, mut all_sweeps) = (Vec::new(), String::new());
    for file in files {
        match sweeps::read(file.as_ref())? {
            Some(sweeps) => all_sweeps += &sweeps::tell(&sweeps),
            None => entries.extend(read(file.as_ref())?),
        }
    }
    Ok(tell(&entries) + &all_sweeps)
}

/// What runs have shown of all servers, in Markdown.
fn tell(entries: &[Entry]) -> String {
    let servers = ["keelson", "etcd"];
    let told = servers.iter().map(|server| {
        let of: Vec<_> = entries.iter().filter(|one| one.server == *server).collect();
        match of.is_empty() {
            true => String::new(),
            false => tell_of(&of, server),
        }
    });
    told.collect()
}

fn tell_of(of: &[&Entry], server: &str) -> String {
    let passed: Vec<_> = of.iter().copied().filter(|one| one.passed()).collect();
    let others = |verdict: &str| of.iter().filter(|one| one.verdict == verdict).count();
    let labels: BTreeSet<&str> = passed.iter().map(|one| one.label.as_str()).collect();
    let labels: Vec<&str> = labels.into_iter().collect();
    let mut text = format!(
        "**{server}**: {} runs passed, {} failed, {} unknown, {} broken. What follows counts those that passed, of {}.\n\n",
        passed.len(),
        others("fail"),
        others("unknown"),
        others("broken"),
        labels.join(", "),
    );
    text += "| together | so far | of |\n|---|---|---|\n";
    let sum = |what: fn(&Entry) -> u64| passed.iter().map(|one| what(one)).sum::<u64>() as f64;
    let so_far = [
        sum(|one| one.seconds) / 3600.0,
        sum(|one| one.operations) / 1e6,
        sum(|one| one.events) / 1e6,
        sum(|one| times_of(one, CUTS)),
    ];
    for ((goal, wanted), so_far) in GOALS.iter().zip(so_far) {
        let _ = writeln!(text, "| {goal} | {so_far:.1} | {wanted} |");
    }
    let _ = writeln!(
        text,
        "\n| pair that must be | 3 members | 5 members | of {WANTED} |\n|---|---|---|---|"
    );
    for (fault, loads) in MUST {
        for load in loads {
            let [three, five] = [3, 5].map(|nodes| times(&passed, fault, load, nodes));
            let done = match three >= WANTED && five >= WANTED {
                true => "yes",
                false => "**no**",
            };
            let _ = writeln!(text, "| {fault}, {load} | {three} | {five} | {done} |");
        }
    }
    text + "\n" + &rare(&passed) + &all_pairs(&passed)
}

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
fn times_of(run: &Entry, fault: &str) -> u64 {
    let together = fault.split('+').map(|one| run.faults.get(one));
    together
        .map(|times| times.copied().unwrap_or(0))
        .min()
        .unwrap_or(0)
}

/// How often a fault was effective while a load went on.
fn times(passed: &[&Entry], fault: &str, load: &str, nodes: u8) -> u64 {
    let runs = passed.iter().filter(|one| one.nodes == nodes);
    let runs = runs.filter(|one| one.workloads.iter().any(|name| name == load));
    runs.map(|one| times_of(one, fault)).sum()
}

/// What must happen now and then: in how many of the runs that looked for it.
fn rare(passed: &[&Entry]) -> String {
    let looked: Vec<_> = passed
        .iter()
        .filter_map(|one| one.sometimes.as_ref())
        .collect();
    let mut text = format!(
        "| must happen now and then | in so many runs of {} | so often |\n|---|---|---|\n",
        looked.len()
    );
    for condition in CONDITIONS {
        let times = looked
            .iter()
            .filter_map(|one| one.get(condition.name).copied());
        let often: u64 = times.clone().sum();
        let runs = match times.count() {
            0 => "**never**".to_owned(),
            runs => runs.to_string(),
        };
        let _ = writeln!(text, "| {} | {runs} | {often} |", condition.means);
    }
    text + "\n"
}

/// Every fault with every load: with three members, with five.
fn all_pairs(passed: &[&Entry]) -> String {
    let loads: BTreeSet<&str> = passed
        .iter()
        .flat_map(|one| one.workloads.iter().map(String::as_str))
        .collect();
    let faults: BTreeSet<&str> = passed
        .iter()
        .flat_map(|one| one.faults.keys().map(String::as_str))
        .collect();
    let mut text = "| 3 members / 5 members |".to_owned();
    for load in &loads {
        let _ = write!(text, " {load} |");
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(loads.len()));
    for fault in faults {
        let _ = write!(text, "| {fault} |");
        for load in &loads {
            let [three, five] = [3, 5].map(|nodes| times(passed, fault, load, nodes));
            let _ = write!(text, " {three} / {five} |");
        }
        text += "\n";
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::FaultTally;
    use crate::nemesis::kind::Nemesis;
    use crate::recorder::Tally;
    use crate::workload::Workload;

    fn entry(nodes: u8, effective: u64, code: u8) -> Entry {
        let cell = Cell {
            workloads: vec![Workload::Register],
            nemeses: vec![Nemesis::Kill],
        };
        let tally = FaultTally {
            begun: effective + 1,
            effective,
        };
        let summary = Summary {
            command: "keelson-jepsen run".to_owned(),
            target: String::new(),
            enclosure: String::new(),
            tally: Tally {
                ok: 90,
                failed: 9,
                unknown: 1,
                events: 50,
            },
            faults: [("kill".to_owned(), tally)].into(),
            is_complete: true,
            detail: String::new(),
        };
        Entry::new("abc", "keelson", nodes, 3600, &cell).ended(&summary, code)
    }

    #[test]
    fn what_was_covered_with_so_many_members_is_owed_no_more() {
        let entries = [entry(3, 15, 0), entry(3, 9, 1), entry(5, 20, 0)];
        let kills = |nodes| {
            let owed = owed(&entries, "keelson", nodes);
            let found = owed
                .into_iter()
                .find(|one| one.faults == ["kill"] && one.load == "register");
            found.map(|one| one.times)
        };
        assert_eq!((kills(3), kills(5)), (Some(5), None));
        let pairs: usize = MUST.iter().map(|(_, loads)| loads.len()).sum();
        assert_eq!(owed(&entries, "etcd", 3).len(), pairs);
    }

    #[test]
    fn power_cuts_of_all_are_owed_until_there_were_enough() {
        let mut run = entry(3, 0, 0);
        run.workloads = vec!["set".to_owned()];
        run.faults = [(CUTS.to_owned(), 300)].into();
        let cuts = |entries: &[Entry]| {
            let owed = owed(entries, "keelson", 3);
            let cuts = owed.into_iter().find(|one| one.faults == [CUTS]);
            cuts.map(|one| one.times)
        };
        assert_eq!(cuts(&[]), Some(25));
        assert_eq!(cuts(&[run.clone()]), Some(10));
        assert_eq!(cuts(&[run.clone(), run]), None);
    }

    #[test]
    fn runs_add_up_and_only_those_that_passed_cover_anything() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("ledger.jsonl");
        for one in [
            entry(3, 15, 0),
            entry(3, 5, 0),
            entry(5, 30, 0),
            entry(5, 99, 1),
            entry(3, 99, 2),
        ] {
            append(&file, &one).expect("written");
        }
        let told = tell(&read(&file).expect("read"));
        let begin = "**keelson**: 3 runs passed, 1 failed, 1 unknown, 0 broken.";
        assert!(told.starts_with(begin), "{told}");
        for line in [
            "| hours of faults | 3.0 | 10 |",
            "| kill, register | 20 | 30 | yes |",
            "| kill, txn | 0 | 0 | **no** |",
            "| kill | 20 / 30 |",
        ] {
            assert!(told.contains(line), "{line} is not in:\n{told}");
        }
        let mut run = entry(3, 5, 0);
        assert_eq!(
            (times_of(&run, "kill"), times_of(&run, "kill+pause")),
            (5, 0)
        );
        run.faults.insert("pause".to_owned(), 2);
        assert_eq!(times_of(&run, "kill+pause"), 2);
    }

    #[test]
    fn a_page_keeps_what_is_around_the_ledger() {
        let page = format!("before\n{}old\n{}after\n", MARKS[0], MARKS[1]);
        let new = replace(&page, "new\n").expect("marks");
        assert_eq!(new, page.replace("old", "new"));
        assert!(replace("no marks", "new").is_err());
    }

    #[test]
    fn the_page_about_reliability_says_what_the_ledger_says() {
        // Asked when the test runs: checkouts that share what is compiled must each judge their own page.
        let root = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the test");
        let root = Path::new(&root);
        let page = root.join("../docs/reliability.md");
        let page = std::fs::read_to_string(page).expect("a page");
        let files = ["ledger.jsonl", "sim-ledger.jsonl"].map(|file| root.join(file));
        let told = tell_files(&files).expect("ledgers");
        let told = replace(&page, &told).expect("marks");
        assert!(told == page, "make ledger writes it anew");
    }
}
