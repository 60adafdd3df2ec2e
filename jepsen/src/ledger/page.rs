//! What ledgers say, as a part of a page.

use super::owed::{CUTS, CUTS_WANTED, MUST, WANTED, times, times_of};
use super::{Entry, read};
use crate::sometimes::CONDITIONS;
use crate::sweeps;
use keelson_kit::check::{Check, some};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// What all runs together are to show, and how much of it.
const GOALS: [(&str, f64); 4] = [
    ("hours of faults", 10.0),
    ("million operations", 10.0),
    ("million events of watches", 5.0),
    ("power cuts of all members at one time", CUTS_WANTED as f64),
];

/// Begins and ends what [`replace`] writes into a page.
pub(super) const MARKS: [&str; 2] = ["<!-- ledger begins -->\n", "<!-- ledger ends -->\n"];

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
pub(super) fn tell(entries: &[Entry]) -> String {
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
