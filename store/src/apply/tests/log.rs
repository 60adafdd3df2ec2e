//! The machine as the log sees it: position, replies, fences, membership.

use super::*;
use crate::engine::{EngineError, Family, Visit};
use keelson_proto::log::{MemberAttributes, Nothing};
use std::slice::from_ref;

fn nothing() -> Command {
    command(Operation::Nothing(Nothing {}))
}

fn blank(index: u64) -> Entry {
    Entry {
        log_id: log_id(index),
        payload: Payload::Blank,
    }
}

#[test]
fn entries_that_are_applied_already_are_skipped() {
    let mut store = empty();
    store.put("a", "1");
    store.put("a", "2");
    let put = command(Operation::Put(PutRequest {
        key: bytes("a"),
        value: bytes("again"),
        ..Default::default()
    }));
    let outcome = store
        .machine
        .apply(&[entry(1, from_ref(&put)), entry(2, from_ref(&put))]);
    assert!(outcome.replies.is_empty() && outcome.events.events.is_empty());
    assert_eq!(outcome.events.revision, 3);
    assert_eq!(store.value("a").as_deref(), Some("2"));
    let outcome = store
        .machine
        .apply(&[entry(2, &[nothing()]), entry(3, &[nothing()])]);
    assert_eq!(outcome.replies, [(300, Ok(Reply::Done(3)))]);
}

#[test]
fn the_position_moves_with_every_entry_and_survives_a_restart() {
    let mut store = empty();
    assert_eq!(store.machine.position().applied, None);
    let membership = bytes("an encoded membership");
    let joined = Entry {
        log_id: log_id(2),
        payload: Payload::Membership(membership.clone()),
    };
    store.machine.apply(&[blank(1), joined, blank(3)]);
    let position = store.machine.position();
    assert_eq!(position.applied, Some(log_id(3)));
    assert_eq!(position.membership, Some((Some(log_id(2)), membership)));
    assert_eq!(store.reopen().machine.position(), position);
}

#[test]
fn only_the_member_and_the_incarnation_that_asked_get_replies() {
    let mut store = empty();
    let put = |key: &str| {
        command(Operation::Put(PutRequest {
            key: bytes(key),
            ..Default::default()
        }))
    };
    let former = Origin {
        incarnation: 1,
        ..ME
    };
    let other = Origin { member: 1, ..ME };
    let run = [
        entry_of(1, other, &[put("a")]),
        entry_of(2, former, &[put("b")]),
        entry(3, &[put("c")]),
    ];
    let outcome = store.machine.apply(&run);
    let answered: Vec<_> = outcome.replies.iter().map(|(id, _)| *id).collect();
    assert_eq!(answered, [300]);
    assert_eq!(store.keys(), ["a", "b", "c"]);
}

#[test]
fn payloads_put_one_behind_the_other_are_applied_one_behind_the_other() {
    let mut store = empty();
    let payload_of = |entry: Entry| match entry.payload {
        Payload::Commands(encoded) => encoded,
        other => panic!("not commands: {other:?}"),
    };
    let first = payload_of(entry(1, &[nothing(), nothing()]));
    let second = payload_of(entry(2, &[nothing()]));
    let joined = Entry {
        log_id: log_id(1),
        payload: Payload::Commands([first, second].concat().into()),
    };
    let outcome = store.machine.apply(&[joined]);
    let answered: Vec<_> = outcome.replies.iter().map(|(id, _)| *id).collect();
    assert_eq!(answered, [100, 101, 200]);
}

#[test]
fn a_fenced_command_takes_effect_in_its_term_only() {
    let mut store = empty();
    let fenced = |fence_term| Command {
        fence_term,
        ..command(Operation::Put(PutRequest {
            key: bytes("a"),
            ..Default::default()
        }))
    };
    let run = [entry(1, &[fenced(TERM - 1), fenced(TERM + 1)])];
    for (_, reply) in store.machine.apply(&run).replies {
        assert_eq!(reply, Err(Error::Fenced));
    }
    assert_eq!((store.get("a"), store.store.revision()), (None, 1));
    let outcome = store.machine.apply(&[entry(2, &[fenced(TERM)])]);
    assert!(outcome.replies[0].1.is_ok());
    assert_eq!(store.store.revision(), 2);
}

#[test]
fn what_members_say_of_themselves_is_kept() {
    let mut store = empty();
    let attributes = |id, name: &str| MemberAttributes {
        id,
        name: name.to_owned(),
        client_urls: vec!["http://localhost:2379".to_owned()],
    };
    for (id, name) in [(9, "nine"), (2, "two"), (9, "renamed")] {
        let said = Operation::MemberAttributes(attributes(id, name));
        assert_eq!(store.apply(said), Ok(Reply::Done(1)));
    }
    let state = store.reopen().machine.state();
    assert_eq!(
        state.all_attributes(),
        [attributes(2, "two"), attributes(9, "renamed")]
    );
    assert_eq!(state.attributes(2), Some(attributes(2, "two")));
    assert_eq!(state.attributes(1), None);
}

/// Runs the test `name` of this file in a process of its own, where `MUST_STOP` is set, and says what
/// it left on its standard error when it was aborted.
fn stopped(name: &str) -> String {
    let this = std::env::current_exe().expect("a test runs from a file");
    let output = std::process::Command::new(this)
        .args(["--exact", "--nocapture"])
        .arg(format!("apply::tests::log::{name}"))
        .env(MUST_STOP, "1")
        .output()
        .expect("the test can be started again");
    assert!(!output.status.success(), "{name} went on");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const MUST_STOP: &str = "KEELSON_TEST_MUST_STOP";

fn must_stop() -> bool {
    std::env::var_os(MUST_STOP).is_some()
}

#[test]
fn an_unknown_command_stops_the_member() {
    if must_stop() {
        // Field 31 of `Command` belongs to a version to come.
        let batch = Batch {
            requests: vec![1],
            commands: vec![Bytes::from_static(&[0xfa, 0x01, 0x00])],
            ..Default::default()
        };
        let batches = vec![batch];
        let payload = Payload::Commands(Commands { batches }.encode_to_vec().into());
        let log_id = log_id(1);
        empty().machine.apply(&[Entry { log_id, payload }]);
        return;
    }
    let words = stopped("an_unknown_command_stops_the_member");
    assert!(words.contains("does not know"), "{words}");
}

#[test]
fn a_missing_entry_stops_the_member() {
    if must_stop() {
        let mut store = empty();
        store.machine.apply(&[blank(1)]);
        store.machine.apply(&[blank(3)]);
        return;
    }
    let words = stopped("a_missing_entry_stops_the_member");
    assert!(words.contains("log entry 2 is missing"), "{words}");
}

#[test]
fn an_entry_that_does_not_decode_stops_the_member() {
    if must_stop() {
        let payload = Payload::Commands(Bytes::from_static(b"nonsense"));
        let log_id = log_id(1);
        empty().machine.apply(&[Entry { log_id, payload }]);
        return;
    }
    let words = stopped("an_entry_that_does_not_decode_stops_the_member");
    assert!(words.contains("does not decode"), "{words}");
}

/// An engine that opens, and takes nothing.
struct Refusing(MemoryEngine);

impl Engine for Refusing {
    fn write(&self, _: &crate::engine::Batch) -> Result<(), EngineError> {
        Err(EngineError::Io {
            place: "here".to_owned(),
            detail: "no space left".to_owned(),
        })
    }
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.0.get(family, key)
    }
    fn get_history(&self, positions: &[(i64, u32)]) -> Result<Vec<Option<Bytes>>, EngineError> {
        self.0.get_history(positions)
    }
    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        self.0.scan(family, from, to, visit)
    }
    fn flush(&self) -> Result<(), EngineError> {
        Ok(())
    }
    fn reclaim(&self, from: i64, to: i64) -> Result<(), EngineError> {
        self.0.reclaim(from, to)
    }
    fn checkpoint(&self, directory: &std::path::Path) -> Result<(), EngineError> {
        self.0.checkpoint(directory)
    }
    fn disk_bytes(&self) -> u64 {
        self.0.disk_bytes()
    }
}

#[test]
fn a_state_that_cannot_be_written_stops_the_member() {
    if must_stop() {
        let memory = MemoryEngine::new(GarbageSlot::default());
        let engine = Arc::new(Refusing(memory));
        let store = Store::open(engine, GarbageSlot::default(), Options::default());
        let mut machine = Machine::open(store.expect("it can be read"), ME).expect("opened");
        machine.apply(&[blank(1)]);
        return;
    }
    let words = stopped("a_state_that_cannot_be_written_stops_the_member");
    assert!(words.contains("were not written"), "{words}");
}
