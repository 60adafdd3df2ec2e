//! Who made a revision that several may have made.

use super::invoke;
use crate::check::{Cause, judge};
use crate::history::*;

fn header(revision: i64) -> Header {
    Header {
        revision,
        ..Header::default()
    }
}

fn leased(at: Nanos, op: OpId, call: LeaseCall, reply: LeaseReply, revision: i64) -> [Record; 2] {
    let header = header(revision);
    let outcome = Outcome::Ok(Reply::Lease { header, reply });
    let complete = Record::Complete {
        at: at + 9,
        op,
        outcome,
    };
    [invoke(at, op, Call::Lease(call)), complete]
}

/// A key of a lease is deleted by somebody who hears nothing, a watch tells of it, and then the lease is revoked, which
/// changes nothing any more.
#[test]
fn whoever_began_after_a_watch_had_told_of_a_revision_has_not_made_it() {
    let granted = LeaseReply::Granted { id: 7, ttl: 60 };
    let mut records = vec![Record::Head(Box::new(Head::new(1, "a test")))];
    records.extend(leased(
        10,
        1,
        LeaseCall::Grant { id: 7, ttl: 60 },
        granted,
        1,
    ));
    let put = PutCall {
        key: "k".into(),
        value: "v".into(),
        lease: 7,
        ..PutCall::default()
    };
    records.push(invoke(20, 2, Call::Kv(KvCall::Put(put))));
    records.push(Record::Complete {
        at: 29,
        op: 2,
        outcome: Outcome::Ok(Reply::Kv {
            header: header(2),
            reply: KvReply::Put(PutReply::default()),
        }),
    });
    let open = WatchOpen {
        watch: 1,
        stream: 1,
        process: 9,
        node: 1,
        range: KeyRange::all(),
        start_revision: 3,
        prev_kv: false,
        no_put: false,
        no_delete: false,
        progress: false,
        fragment: false,
        resumes: None,
    };
    let gone = Event {
        kind: EventKind::Delete,
        kv: KeyValue {
            key: "k".into(),
            mod_revision: 3,
            ..KeyValue::default()
        },
        prev: None,
    };
    let told = WatchRecord::Events {
        watch: 1,
        revision: 3,
        events: vec![gone],
        fragment: false,
    };
    records.push(Record::Watch {
        at: 30,
        watch: WatchRecord::Open(open),
    });
    let range = KeyRange::one("k");
    let prev_kv = false;
    let delete = KvCall::Delete(DeleteCall { range, prev_kv });
    records.push(invoke(40, 3, Call::Kv(delete)));
    records.push(Record::Watch {
        at: 50,
        watch: told,
    });
    let revoke = LeaseCall::Revoke { id: 7 };
    records.extend(leased(60, 4, revoke, LeaseReply::Revoked, 3));
    let judgement = judge(&History::of(records));
    let made = judgement.truth.change(3).map(|change| change.cause);
    assert_eq!(made, Some(Cause::Operation(3)), "{judgement:?}");
}
