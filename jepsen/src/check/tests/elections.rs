//! An election of three candidates with right answers, and each answer made wrong.

use super::spoil::rules;
use crate::check::{Cause, Change, Truth, election};
use crate::history::*;
use crate::model::Store;

const NAME: &str = "e";

/// A history that is told while it is made: what happens at a moment is known at once.
#[derive(Default)]
struct Told {
    history: History,
    truth: Truth,
    now: Nanos,
}

impl Told {
    fn new() -> Told {
        let mut told = Told::default();
        told.truth.store = Store::new();
        let _ = told.truth.store.grant(1);
        told
    }

    /// Something is asked and answered; nobody else does anything meanwhile.
    fn ask(&mut self, call: LockCall, reply: LockReply) -> usize {
        self.now += 10;
        let header = Header {
            revision: self.truth.store.revision(),
            ..Header::default()
        };
        let id = self.history.operations.len() as OpId + 1;
        self.history.operations.push(Operation {
            id,
            process: id as Process,
            node: Some(1),
            invoke: self.now - 9,
            complete: Some(self.now),
            call: Call::Lock(call),
            intent: None,
            outcome: Outcome::Ok(Reply::Lock { header, reply }),
        });
        id as usize - 1
    }

    /// A request that has just begun makes a revision.
    fn write(&mut self, call: KvCall) -> i64 {
        let events = self.truth.store.apply(&call).expect("a write").events;
        let next = self.history.operations.len() as OpId + 1;
        let revision = self.truth.store.revision();
        self.truth.changes.push(Change {
            revision,
            events,
            cause: Cause::Operation(next),
            is_certain: true,
        });
        revision
    }

    fn put(&mut self, key: &str, value: &str) -> i64 {
        self.write(KvCall::Put(PutCall {
            key: key.into(),
            value: value.into(),
            lease: 1,
            ..PutCall::default()
        }))
    }

    fn delete(&mut self, key: &str) -> i64 {
        let range = KeyRange::one(key);
        let prev_kv = false;
        self.write(KvCall::Delete(DeleteCall { range, prev_kv }))
    }

    fn now(&self, key: &str) -> KeyValue {
        let found = self.truth.store.get(key.as_bytes());
        found.expect("it is there").clone()
    }

    fn broken(&self) -> Vec<String> {
        rules(&[election::check(&self.history, &self.truth)])
    }
}

fn campaign(value: &str) -> LockCall {
    LockCall::Campaign {
        name: NAME.into(),
        lease: 1,
        value: value.into(),
    }
}

fn elected(key: &str, revision: i64) -> LockReply {
    let key = key.into();
    LockReply::Elected { key, revision }
}

fn who() -> LockCall {
    LockCall::Leader { name: NAME.into() }
}

/// `e/a` leads and proclaims, `e/b` waits; `e/a` resigns and `e/b` leads. Where each answer is, in that order:
/// elected, proclaimed, asked, resigned, elected, observed.
fn right() -> (Told, [usize; 6]) {
    let mut told = Told::new();
    let a = told.put("e/a", "1");
    let first = told.ask(campaign("1"), elected("e/a", a));
    let b = told.put("e/b", "2");
    told.put("e/a", "3");
    let proclaim = LockCall::Proclaim {
        key: "e/a".into(),
        revision: a,
        lease: 1,
        value: "3".into(),
    };
    let proclaimed = told.ask(proclaim, LockReply::Done);
    let old = told.now("e/a");
    let asked = told.ask(who(), LockReply::Leader { kv: old.clone() });
    told.delete("e/a");
    let resign = LockCall::Resign {
        key: "e/a".into(),
        revision: a,
    };
    let resigned = told.ask(resign, LockReply::Done);
    let second = told.ask(campaign("2"), elected("e/b", b));
    let kvs = vec![old, told.now("e/b")];
    let observe = LockCall::Observe { name: NAME.into() };
    let observed = told.ask(observe, LockReply::Observed { kvs });
    (told, [first, proclaimed, asked, resigned, second, observed])
}

impl Told {
    fn reply(&mut self, at: usize) -> (&mut Header, &mut LockReply) {
        match &mut self.history.operations[at].outcome {
            Outcome::Ok(Reply::Lock { header, reply }) => (header, reply),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn right_answers_pass() {
    let (told, _) = right();
    assert_eq!(told.broken(), Vec::<String>::new());
}

#[test]
fn whoever_never_led_was_not_elected() {
    let (mut told, [.., second, _]) = right();
    *told.reply(second).1 = elected("e/c", 3);
    assert_eq!(told.broken(), ["election.none"]);
}

#[test]
fn nobody_is_elected_before_the_one_before_makes_room() {
    let (mut told, [.., second, _]) = right();
    told.reply(second).0.revision = 2;
    let early = &mut told.history.operations[second];
    (early.invoke, early.complete) = (15, Some(16));
    assert_eq!(told.broken(), ["election.early"]);
}

#[test]
fn who_led_before_does_not_lead_now() {
    let (mut told, [_, _, asked, ..]) = right();
    let waits = told.now("e/b");
    *told.reply(asked).1 = LockReply::Leader { kv: waits };
    assert_eq!(told.broken(), ["election.leader"]);
}

#[test]
fn an_answer_is_not_older_than_what_was_seen() {
    let (mut told, [_, _, asked, ..]) = right();
    let (header, reply) = told.reply(asked);
    header.revision = 2;
    let LockReply::Leader { kv } = reply else {
        panic!("who leads was asked");
    };
    (kv.value, kv.mod_revision, kv.version) = ("1".into(), 2, 1);
    assert_eq!(told.broken(), ["election.stale"]);
}

#[test]
fn what_was_proclaimed_is_there_and_who_resigned_is_not() {
    let (mut told, [_, proclaimed, _, resigned, ..]) = right();
    told.reply(proclaimed).0.revision -= 1;
    told.reply(resigned).0.revision -= 1;
    assert_eq!(told.broken(), ["election.proclaimed", "election.resigned"]);
}

#[test]
fn observers_see_leaders_in_their_order_and_nobody_else() {
    type Spoil = fn(&mut Vec<KeyValue>);
    let spoils: [(&str, Spoil); 3] = [
        ("election.order", |kvs| kvs.reverse()),
        ("election.order", |kvs| kvs.insert(0, kvs[0].clone())),
        ("election.observed", |kvs| kvs[1].value = "9".into()),
    ];
    for (rule, spoil) in spoils {
        let (mut told, [.., observed]) = right();
        let LockReply::Observed { kvs } = told.reply(observed).1 else {
            panic!("leaders were observed");
        };
        spoil(kvs);
        assert_eq!(told.broken(), [rule]);
    }
}
