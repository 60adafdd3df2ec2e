//! A run becomes a page and a summary, whatever its verdict, and text of a run never becomes markup.

use super::*;
use crate::check::tests::sim::{self, World};
use crate::history::*;

fn write(directory: &Path, records: &[Record], is_whole: bool) {
    let (Some(Record::Head(head)), rest) = (records.first(), &records[1..]) else {
        panic!("no head")
    };
    let mut writer = HistoryWriter::create(&directory.join(HISTORY_FILE), head).unwrap();
    for record in rest.iter().filter(|one| !matches!(one, Record::End { .. })) {
        writer.append(record).unwrap();
    }
    match is_whole {
        true => drop(writer.finish(records.last().map_or(0, Record::at)).unwrap()),
        false => writer.flush().unwrap(),
    }
}

fn checked(
    spoil: impl Fn(&mut Vec<Record>),
    is_whole: bool,
) -> (Summary, String, serde_json::Value) {
    let directory = tempfile::tempdir().unwrap();
    let mut records = sim::records(
        5,
        World {
            operations: 600,
            ..World::default()
        },
    );
    spoil(&mut records);
    write(directory.path(), &records, is_whole);
    let summary = check_directory(directory.path()).unwrap();
    let page = std::fs::read_to_string(directory.path().join(REPORT_FILE)).unwrap();
    let json = std::fs::read(directory.path().join(SUMMARY_FILE)).unwrap();
    if let Ok(keep) = std::env::var("KEELSON_JEPSEN_KEEP") {
        std::fs::write(
            Path::new(&keep).join(format!("{}.html", summary.verdict)),
            &page,
        )
        .unwrap();
    }
    (summary, page, serde_json::from_slice(&json).unwrap())
}

/// Every tag that must be closed is, in the right order.
fn is_well_formed(page: &str) -> bool {
    let open_ended = [
        "!doctype", "meta", "td", "th", "tr", "line", "circle", "polyline", "br",
    ];
    let mut open = Vec::new();
    for part in page.split('<').skip(1) {
        let tag = part.split(['>', ' ']).next().unwrap_or("");
        let tag = tag.trim_end_matches('/');
        let closes_itself = part
            .split('>')
            .next()
            .is_some_and(|text| text.ends_with('/'));
        match part.strip_prefix('/') {
            Some(_) => {
                let name = tag.trim_start_matches('/');
                if !open_ended.contains(&name) && open.pop() != Some(name) {
                    return false;
                }
            }
            None if closes_itself || open_ended.contains(&tag) => {}
            None => open.push(tag),
        }
    }
    open.is_empty()
}

#[test]
fn a_run_that_passes_has_a_page_and_a_summary() {
    let (summary, page, json) = checked(|_| {}, true);
    assert_eq!(summary.verdict, "pass", "{:#?}", summary.findings);
    assert!(page.contains("keelson-jepsen run --seed 5") && is_well_formed(&page));
    assert!(!page.contains("src=") && !page.contains("href=") && !page.contains("<script"));
    assert_eq!(json["verdict"], "pass");
    assert_eq!(json["operations"]["total"], 601);
    assert_eq!(json["faults"]["kill"]["effective"], 1);
    let checkers = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["checker"].as_str().unwrap().to_owned());
    assert_eq!(
        checkers.collect::<Vec<_>>(),
        [
            "harness",
            "witness",
            "wgl",
            "watch",
            "lease",
            "compaction",
            "invariant",
            "set",
            "membership",
            "durability",
            "hash",
            "process",
            "election",
            "stored",
            "refusal",
            "resources",
            "backup"
        ]
    );
}

#[test]
fn a_run_that_fails_shows_the_rule_and_the_operations() {
    let (summary, page, json) = checked(
        |records| {
            // The last read of a key sees the version before.
            let stale = records.iter_mut().rev().find_map(|record| match record {
                Record::Complete {
                    outcome:
                        Outcome::Ok(Reply::Kv {
                            reply: KvReply::Range(range),
                            ..
                        }),
                    ..
                } => range.kvs.iter_mut().find(|kv| kv.version > 1),
                _ => None,
            });
            stale.unwrap().version -= 1;
        },
        true,
    );
    assert_eq!(summary.rule.as_deref(), Some("witness.read-answer"));
    assert!(page.contains("witness.read-answer") && page.contains("The smallest history"));
    assert!(is_well_formed(&page));
    let evidence = json["evidence"].as_array().unwrap();
    assert!(evidence.len() <= 9 && !evidence.is_empty());
    assert!(page.contains("class='bar ok evidence'"));
}

#[test]
fn a_run_that_was_cut_off_is_unknown() {
    let (summary, page, _) = checked(|_| {}, false);
    assert_eq!(summary.verdict, "unknown");
    assert!(page.contains("history.truncated") && is_well_formed(&page));
}

#[test]
fn text_of_a_run_is_no_markup() {
    let (_, page, _) = checked(
        |records| {
            if let Record::Head(head) = &mut records[0] {
                head.command = "run <script>alert(1)</script> & \"more\"".to_owned();
            }
            for record in records {
                if let Record::Complete {
                    outcome: Outcome::Unknown { text, .. },
                    ..
                } = record
                {
                    *text = "</svg><script>".to_owned();
                }
            }
        },
        true,
    );
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
    assert!(is_well_formed(&page));
}
