use super::owed::{CUTS, MUST, times_of};
use super::page::{MARKS, tell};
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
