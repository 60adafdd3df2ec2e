//! The end of a run as it was recorded once: of two puts without an answer one took effect after the last write,
//! and whether the judge can tell which depends on who was still watching.

use super::invoke;
use crate::check::{Judgement, Verdict, judge};
use crate::history::*;

/// The last write, which ends the watches of a load.
const LAST: i64 = 2;
/// What came after it.
const LATER: i64 = LAST + 1;

fn complete(at: Nanos, op: OpId, revision: i64, reply: KvReply) -> Record {
    let header = Header {
        revision,
        ..Header::default()
    };
    let outcome = Outcome::Ok(Reply::Kv { header, reply });
    Record::Complete { at, op, outcome }
}

fn version(key: &str, value: &str, revision: i64) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: value.into(),
        create_revision: revision,
        mod_revision: revision,
        version: 1,
        lease: 0,
    }
}

fn open(watch: WatchId, range: KeyRange) -> WatchRecord {
    WatchRecord::Open(WatchOpen {
        watch,
        stream: watch,
        process: 90 + watch as Process,
        node: 1,
        range,
        start_revision: 1,
        prev_kv: false,
        no_put: false,
        no_delete: false,
        progress: true,
        fragment: false,
        resumes: None,
    })
}

fn created(watch: WatchId) -> WatchRecord {
    WatchRecord::Created { watch, revision: 1 }
}

fn event(watch: WatchId, kv: KeyValue) -> WatchRecord {
    WatchRecord::Events {
        watch,
        revision: kv.mod_revision,
        events: vec![Event {
            kind: EventKind::Put,
            kv,
            prev: None,
        }],
        fragment: false,
    }
}

/// Watch 1 sees `a/` alone and is told that it is at `LATER`; watch 2 sees everything, up to a revision. The put
/// of `b` took effect; the put of `a` did not.
fn run(all_keys_until: i64) -> Vec<Record> {
    let mut records = vec![
        Record::Head(Box::new(Head::new(1, "a run"))),
        invoke(10, 1, Call::put("a/1", "lost")),
        invoke(10, 2, Call::put("b/1", "late")),
        invoke(10, 3, Call::put("end", "end")),
        complete(20, 3, LAST, KvReply::Put(PutReply::default())),
    ];
    let mut watches = vec![
        open(1, KeyRange::prefix("a/")),
        created(1),
        open(2, KeyRange::all()),
        created(2),
        event(2, version("end", "end", LAST)),
    ];
    if all_keys_until >= LATER {
        watches.push(event(2, version("b/1", "late", LATER)));
    }
    watches.push(WatchRecord::Closed { watch: 2 });
    watches.push(WatchRecord::Progress {
        watch: 1,
        revision: LATER,
    });
    records.extend(
        watches
            .into_iter()
            .map(|watch| Record::Watch { at: 30, watch }),
    );
    records
}

fn judged(all_keys_until: i64) -> Judgement {
    judge(&History::of(run(all_keys_until)))
}

fn of_watches(judgement: &Judgement) -> &Verdict {
    let mut findings = judgement.findings.iter();
    let found = findings.find(|one| one.checker == "watch");
    &found.expect("watches are judged").verdict
}

#[test]
fn what_no_watch_saw_after_the_last_write_is_a_choice_and_the_verdict_names_it() {
    let judgement = judged(LAST);
    assert_eq!(judgement.truth.choice, Some(LATER));
    match of_watches(&judgement) {
        Verdict::Unknown(text) => assert!(text.contains("made revision 3"), "{text}"),
        verdict => panic!("{verdict:#?}"),
    }
}

#[test]
fn a_watch_of_everything_up_to_the_last_revision_leaves_no_choice() {
    let judgement = judged(LATER);
    assert_eq!(judgement.truth.choice, None);
    assert_eq!(judgement.truth.resolved.get(&2), Some(&LATER));
    assert!(of_watches(&judgement).is_pass(), "{judgement:#?}");
}

#[test]
fn the_verdict_says_that_the_watch_of_everything_came_too_late() {
    let mut records = run(LAST);
    records.push(Record::Observe {
        at: 40,
        observation: Observation::Recovered {
            complete: false,
            revision: 0,
            detail: "history.unseen: up to revision 2".to_owned(),
        },
    });
    let judgement = judge(&History::of(records));
    let doubts: Vec<String> = judgement
        .findings
        .iter()
        .filter_map(|one| match &one.verdict {
            Verdict::Unknown(text) => Some(text.clone()),
            _ => None,
        })
        .collect();
    assert!(
        doubts.iter().any(|text| text.contains("history.unseen")),
        "{doubts:?}"
    );
    assert!(!judgement.verdict().is_pass());
}
