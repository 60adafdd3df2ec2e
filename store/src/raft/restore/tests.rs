use super::*;
use crate::archive::Writer;
use crate::engine::memory::MemoryEngine;
use crate::lease::{Lease, Place};
use crate::mvcc::Store;
use crate::wal::{Entry, Payload};
use crate::{Error, LeaseId};
use bytes::Bytes;
use keelson_proto::etcdserverpb::{
    AlarmMember, AlarmRequest, AlarmType, LeaseCheckpoint, LeaseCheckpointRequest,
    LeaseGrantRequest, PutRequest, RangeRequest, alarm_request::AlarmAction,
};
use keelson_proto::log::command::Operation;
use keelson_proto::log::{self, Command, MemberAttributes};
use prost::Message;
use tempfile::TempDir;

const OLD_MEMBER: MemberId = 77;
const LEASE: LeaseId = 9;

/// An old cluster's state after 40 entries: two keys, one of them leased, one overwritten; a lease
/// with little time left, an alarm, and what a member said of itself.
fn old_state() -> (Arc<MemoryEngine>, Header) {
    let engine = Arc::new(MemoryEngine::new(GarbageSlot::default()));
    let store = Store::open(engine.clone(), GarbageSlot::default(), Default::default());
    let store = store.expect("the store opens");
    let origin = apply::Origin {
        member: OLD_MEMBER,
        incarnation: 1,
    };
    let mut machine = apply::Machine::open(store.clone(), origin).expect("the machine opens");
    let put = |key: &str, value: &str, lease| {
        Operation::Put(PutRequest {
            key: key.to_owned().into(),
            value: value.to_owned().into(),
            lease,
            ..Default::default()
        })
    };
    let operations = [
        Operation::LeaseGrant(LeaseGrantRequest { id: LEASE, ttl: 60 }),
        Operation::LeaseCheckpoint(LeaseCheckpointRequest {
            checkpoints: vec![LeaseCheckpoint {
                id: LEASE,
                remaining_ttl: 5,
            }],
        }),
        put("plain", "old", 0),
        put("plain", "new", 0),
        put("leased", "value", LEASE),
        Operation::Alarm(AlarmRequest {
            action: AlarmAction::Activate as i32,
            member_id: OLD_MEMBER,
            alarm: AlarmType::Nospace as i32,
        }),
        Operation::MemberAttributes(MemberAttributes {
            id: OLD_MEMBER,
            name: "old".to_owned(),
            client_urls: Vec::new(),
        }),
    ];
    let commands = operations.map(|operation| {
        let command = Command {
            fence_term: 0,
            operation: Some(operation),
        };
        Bytes::from(command.encode_to_vec())
    });
    let batch = log::Batch {
        origin: OLD_MEMBER,
        incarnation: 1,
        requests: (0..commands.len() as u64).collect(),
        commands: commands.to_vec(),
    };
    let payload = log::Payload {
        batches: vec![batch],
    };
    let blank = |index| entry(index, Payload::Blank);
    let mut run: Vec<Entry> = (0..40).map(blank).collect();
    run.push(entry(40, Payload::Commands(payload.encode_to_vec().into())));
    let outcome = machine.apply(&run);
    for (_, reply) in outcome.replies {
        reply.expect("every command is carried out");
    }
    let header = Header {
        cluster_id: 1,
        member_id: OLD_MEMBER,
        revision: store.revision(),
        compacted: store.compacted(),
        applied_term: 5,
        applied_index: 40,
        created_by: "test".to_owned(),
    };
    (engine, header)
}

fn entry(index: u64, payload: Payload) -> Entry {
    let log_id = LogId {
        term: 5,
        node_id: OLD_MEMBER,
        index,
    };
    Entry { log_id, payload }
}

struct Fixture {
    directory: TempDir,
    options: RestoreOptions,
}

fn fixture() -> Fixture {
    let directory = TempDir::new().expect("a scratch directory");
    let (engine, header) = old_state();
    let file = directory.path().join("snapshot");
    let bytes: Vec<u8> = Writer::new(engine, header)
        .flat_map(|part| part.expect("memory does not fail"))
        .collect();
    fs::write(&file, bytes).expect("written");
    let options = RestoreOptions {
        file,
        data_dir: directory.path().join("deep/a"),
        name: "a".to_owned(),
        members: vec![
            ("a".to_owned(), vec!["http://h:1".to_owned()]),
            ("b".to_owned(), vec!["http://h:2".to_owned()]),
        ],
        token: "new".to_owned(),
        bump_revision: 1000,
    };
    Fixture { directory, options }
}

impl Fixture {
    fn restore(&self) -> Result<Restored, RestoreError> {
        restore(&self.options, &mut |_, _| {})
    }

    /// Names in the scratch directory, but for the snapshot's.
    fn names(&self, below: &str) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path().join(below));
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("readable").file_name();
        let names = entries.into_iter().flatten().map(name);
        let names = names.map(|name| name.to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name != "snapshot").collect();
        names.sort();
        names
    }
}

fn get(store: &Store, key: &str, revision: Revision) -> Result<Vec<Bytes>, Error> {
    let request = RangeRequest {
        key: key.to_owned().into(),
        revision,
        ..Default::default()
    };
    store.range(&request).map(|response| response.kvs)
}

#[test]
fn keys_and_leases_stay_and_the_revision_jumps_ahead() {
    let fixture = fixture();
    let restored = fixture.restore().expect("restored");
    assert_eq!(restored.snapshot.revision, 4);
    assert_eq!(restored.revision, 1004);

    let data_dir = DataDir::open(&fixture.options.data_dir).expect("the lock is free");
    let owner = data_dir.owner().expect("readable").expect("owned");
    assert_eq!(owner.cluster_id, restored.cluster_id);
    assert_eq!(owner.member_id, restored.member_id);
    assert!(owner.initial.is_empty(), "there is nothing to initialise");

    let states = StateDir::new(data_dir.path(), state_options(&owner));
    let loaded = states.open(true).expect("a state");
    let store = &loaded.store;
    assert_eq!((store.revision(), store.compacted()), (1004, 1004));
    assert_eq!(get(store, "plain", 0).expect("readable").len(), 1);
    assert_eq!(get(store, "plain", 4), Err(Error::Compacted));
    assert_eq!(get(store, "plain", 1003), Err(Error::Compacted));
    assert_eq!(get(store, "plain", 1004).expect("readable").len(), 1);

    let state = loaded.machine.state();
    let lease = Lease {
        granted_ttl: 60,
        remaining_ttl: None,
        since: Place {
            index: 40,
            command: 0,
        },
    };
    assert_eq!(state.leases().get(LEASE), Some(lease));
    assert_eq!(state.leases().keys(LEASE), [Bytes::from_static(b"leased")]);
    assert_eq!(state.alarms(), Vec::<AlarmMember>::new());
    assert_eq!(state.all_attributes(), []);
}

#[test]
fn state_and_log_meet_at_one_entry_of_the_new_group() {
    let fixture = fixture();
    let restored = fixture.restore().expect("restored");
    let data_dir = DataDir::open(&fixture.options.data_dir).expect("the lock is free");
    let owner = data_dir.owner().expect("readable").expect("owned");
    let states = StateDir::new(data_dir.path(), state_options(&owner));
    let position = states.open(true).expect("a state").machine.position();
    let entry = position.applied.expect("something is applied");
    assert_eq!((entry.term, entry.index), (1, 40));
    let (at, membership) = position.membership.expect("a membership");
    assert_eq!(at, Some(entry));
    let membership = super::super::types::decode_membership(&membership).expect("it decodes");
    let voters: Vec<MemberId> = membership.voter_ids().collect();
    assert_eq!(voters.len(), 2);
    assert!(voters.contains(&restored.member_id));
    assert_eq!(voters.iter().min(), Some(&entry.node_id));

    let log = fixture.options.data_dir.join("wal");
    let (_, recovered) =
        Wal::open(Arc::new(wal::RealDisk), log, wal::Options::default()).expect("the log opens");
    assert_eq!(recovered.purged, Some(entry));
    assert_eq!(recovered.last, Some(entry));
    assert_eq!(recovered.vote.expect("a vote").term, 1);
}

#[test]
fn members_that_restore_the_same_file_have_the_same_state() {
    let mut fixture = fixture();
    let first = fixture.restore().expect("restored");
    fixture.options.data_dir = fixture.directory.path().join("b");
    fixture.options.name = "b".to_owned();
    let second = fixture.restore().expect("restored");
    assert_eq!(first.cluster_id, second.cluster_id);
    assert_ne!(first.member_id, second.member_id);
    let dump = |data_dir: &str| {
        let path = fixture.directory.path().join(data_dir);
        let path = path.join("state/00000001/db");
        let engine = RocksEngine::open_read_only(&path, RocksOptions::default());
        let writer = Writer::new(Arc::new(engine.expect("it opens")), Header::default());
        let parts: Vec<Bytes> = writer.map(|part| part.expect("readable")).collect();
        parts.concat()
    };
    assert!(dump("deep/a") == dump("b"));
}

#[test]
fn a_damaged_snapshot_is_refused_before_anything_is_made() {
    let fixture = fixture();
    let mut bytes = fs::read(&fixture.options.file).expect("readable");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&fixture.options.file, bytes).expect("written");
    let error = fixture.restore().expect_err("the digest is wrong");
    assert!(matches!(error, RestoreError::Archive(_)), "{error}");
    assert_eq!(fixture.names(""), [""; 0]);
}

#[test]
fn a_directory_with_something_in_it_is_refused_and_an_empty_one_taken() {
    let fixture = fixture();
    fs::create_dir_all(&fixture.options.data_dir).expect("made");
    let file = fixture.options.data_dir.join("somebody's");
    fs::write(&file, "work").expect("written");
    let error = fixture.restore().expect_err("it is not empty");
    assert!(matches!(error, RestoreError::Place(_)), "{error}");
    assert_eq!(fixture.names("deep/a"), ["somebody's"]);
    assert_eq!(fixture.names("deep"), ["a"]);
    fs::remove_file(&file).expect("removed");
    fixture.restore().expect("an empty directory will do");
    assert_eq!(fixture.names("deep"), ["a"]);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |change: fn(&mut RestoreOptions)| {
        let mut fixture = fixture();
        change(&mut fixture.options);
        let error = fixture.restore().expect_err("refused");
        assert!(matches!(error, RestoreError::Options(_)), "{error}");
        assert_eq!(fixture.names("deep"), [""; 0]);
    };
    refused(|options| options.name = "c".to_owned());
    refused(|options| options.bump_revision = -1);
    refused(|options| options.bump_revision = i64::MAX);
    refused(|options| options.members[1].1 = options.members[0].1.clone());
}

#[test]
fn an_interrupted_restore_is_not_taken_for_a_finished_one() {
    let fixture = fixture();
    fs::create_dir_all(fixture.directory.path().join("deep/a.restoring")).expect("made");
    let error = fixture.restore().expect_err("somebody is at work");
    assert!(error.to_string().contains("interrupted"), "{error}");
    assert_eq!(fixture.names("deep"), ["a.restoring"]);
}
