//! Corners of watches that a random world meets seldom.

use crate::check::truth::{Cause, Change, Truth};
use crate::check::watch::check;
use crate::history::*;
use crate::model::Store;

/// Two puts of `a` and `b` in one transaction at 2, a put of `a` at 3.
fn truth() -> Truth {
    let put = |key: &str, value: &str| {
        KvCall::Put(PutCall {
            key: key.into(),
            value: value.into(),
            ..PutCall::default()
        })
    };
    let mut store = Store::new();
    let both = KvCall::Txn(TxnCall {
        success: vec![put("a", "1"), put("b", "1")],
        ..TxnCall::default()
    });
    let mut changes = Vec::new();
    for call in [both, put("a", "2")] {
        let answer = store.apply(&call).unwrap();
        changes.push(Change {
            revision: answer.revision,
            events: answer.events,
            cause: Cause::Operation(1),
            is_certain: true,
        });
    }
    Truth {
        store,
        changes,
        ..Truth::default()
    }
}

fn watch(records: Vec<WatchRecord>) -> History {
    let open = WatchOpen {
        watch: 1,
        stream: 1,
        process: 1,
        node: 1,
        range: KeyRange::all(),
        start_revision: 1,
        prev_kv: false,
        no_put: false,
        no_delete: false,
        progress: false,
        fragment: true,
        resumes: None,
    };
    let mut all = vec![Record::Watch {
        at: 1,
        watch: WatchRecord::Open(open),
    }];
    all.extend(
        records
            .into_iter()
            .map(|watch| Record::Watch { at: 2, watch }),
    );
    History::of(all)
}

fn events(truth: &Truth, places: &[(usize, usize)], fragment: bool) -> WatchRecord {
    let of = |(change, nth): &(usize, usize)| Event {
        prev: None,
        ..truth.changes[*change].events[*nth].clone()
    };
    WatchRecord::Events {
        watch: 1,
        revision: 3,
        events: places.iter().map(of).collect(),
        fragment,
    }
}

#[test]
fn a_revision_in_pieces_is_right_only_if_it_says_so() {
    let truth = truth();
    for (fragment, rule) in [(true, None), (false, Some("watch.atomic"))] {
        let history = watch(vec![
            WatchRecord::Created {
                watch: 1,
                revision: 3,
            },
            events(&truth, &[(0, 0)], fragment),
            events(&truth, &[(0, 1)], false),
            events(&truth, &[(1, 0)], false),
        ]);
        assert_eq!(check(&history, &truth).verdict.rule(), rule);
    }
}

#[test]
fn a_member_that_is_behind_a_compaction_may_show_what_others_forgot() {
    let truth = truth();
    let header = Header {
        revision: 3,
        ..Header::default()
    };
    for (member_is_at, rule) in [(3, None), (4, Some("watch.compacted-moved"))] {
        let mut history = watch(vec![
            WatchRecord::Created {
                watch: 1,
                revision: member_is_at,
            },
            events(&truth, &[(0, 0), (0, 1)], false),
        ]);
        history.operations.push(Operation {
            id: 9,
            process: 9,
            node: Some(2),
            invoke: 0,
            complete: Some(0),
            call: Call::Compact {
                revision: 3,
                physical: false,
            },
            intent: None,
            outcome: Outcome::Ok(Reply::Compact { header }),
        });
        assert_eq!(check(&history, &truth).verdict.rule(), rule);
    }
}

#[test]
fn progress_of_a_stream_counts_for_watches_that_exist() {
    let truth = truth();
    let progress = || WatchRecord::StreamProgress {
        stream: 1,
        revision: 3,
    };
    let early = watch(vec![
        progress(),
        WatchRecord::Created {
            watch: 1,
            revision: 3,
        },
    ]);
    assert!(check(&early, &truth).verdict.is_pass());
    let ahead = watch(vec![
        WatchRecord::Created {
            watch: 1,
            revision: 3,
        },
        progress(),
    ]);
    assert_eq!(check(&ahead, &truth).verdict.rule(), Some("watch.bookmark"));
}

#[test]
fn what_rests_on_a_choice_is_unknown() {
    let mut truth = truth();
    truth.choice = Some(2);
    let history = watch(vec![
        WatchRecord::Created {
            watch: 1,
            revision: 3,
        },
        events(&truth, &[(1, 0)], false),
    ]);
    assert!(matches!(
        check(&history, &truth).verdict,
        crate::check::Verdict::Unknown(_)
    ));
}
