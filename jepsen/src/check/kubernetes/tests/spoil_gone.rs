//! What may not be said to be gone.

use super::scene::COMPACT;
use super::*;

/// Where somebody asks to compact.
fn compaction(records: &[Record]) -> usize {
    let is = |one: &Record| matches!(one, Record::Invoke { op, .. } if *op == COMPACT);
    records.iter().position(is).unwrap()
}

/// It is asked to compact to another revision.
fn compact_to(records: &mut [Record], to: i64) {
    let at = compaction(records);
    if let Record::Invoke {
        call: Call::Compact { revision, .. },
        ..
    } = &mut records[at]
    {
        *revision = to;
    }
}

#[test]
fn a_watch_whose_beginning_nobody_compacted_and_is_said_to_be_gone_is_flagged() {
    flagged("gone.watch", |records, _| {
        let at = compaction(records);
        records.remove(at);
    });
    // The first revision of what is left.
    flagged("gone.watch", |records, _| compact_to(records, 5));
    // Too late.
    flagged("gone.watch", |records, _| {
        let at = compaction(records);
        let mut late = records.remove(at);
        let end = records.last().unwrap().at();
        if let Record::Invoke { at, .. } = &mut late {
            *at = end;
        }
        records.push(late);
    });
}

#[test]
fn a_list_whose_version_nobody_compacted_and_is_said_to_be_gone_is_flagged() {
    let of = |page: usize, behind: i64| {
        let (mut records, ops) = history();
        let revision = revision(&mut records, ops.pages[0]);
        if page == 0 {
            let exact = format!("{MAPS}?resourceVersion={revision}&resourceVersionMatch=Exact");
            call(&mut records, ops.pages[0]).path = exact;
            // Nobody has the token of the next one then.
            let next = ops.pages[1];
            let is = |one: &Record| matches!(one, Record::Invoke { op, .. } | Record::Complete { op, .. } if *op == next);
            records.retain(|one| !is(one));
        }
        *outcome(&mut records, ops.pages[page]) = Outcome::Failed {
            code: "Expired".to_owned(),
            text: "it is too old".to_owned(),
        };
        // As if it had been asked for before everything else.
        let at = compaction(&records);
        let early = records.remove(at);
        records.insert(1, early);
        if let Record::Invoke { at, .. } = &mut records[1] {
            *at = 1;
        }
        compact_to(&mut records, revision + behind);
        rules(records)
    };
    for page in [0, 1] {
        assert_eq!(of(page, 0), ["gone.list"], "it is still there");
        assert!(of(page, 1).is_empty());
    }
}
