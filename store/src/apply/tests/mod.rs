//! The machine against etcd's contract (numbers in the names are its statements), and against itself.

mod alarm;
mod determinism;
mod fuzz_request;
mod fuzz_txn;
mod kv;
mod lease;
mod log;
mod txn;
mod txn_model;

use super::{Entry, LogId, Machine, Origin, Outcome, Payload};
use crate::engine::memory::MemoryEngine;
use crate::engine::{Engine, GarbageSlot};
use crate::mvcc::{Options, Store};
use crate::reply::Reply;
use crate::{Error, LeaseId, Revision};
use bytes::Bytes;
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::*;
use keelson_proto::log::command::Operation;
use keelson_proto::log::{Batch, Command, LeaseExpiry, LeaseNote, LeaseNotes, Payload as Commands};
use keelson_proto::mvccpb::KeyValue;
use keelson_proto::serving;
use prost::Message;
use std::sync::Arc;

const ME: Origin = Origin {
    member: 0xa,
    incarnation: 0xb,
};
const TERM: u64 = 3;

/// A machine over an empty or a given engine: the one place that knows how a store is made.
fn fixture(engine: Arc<MemoryEngine>) -> Fixture {
    let options = Options {
        cache_bytes: 1 << 20,
        index_dir: None,
    };
    let garbage = GarbageSlot::default();
    let store = Store::open(engine.clone(), garbage, options).expect("the store opens");
    let machine = Machine::open(store.clone(), ME).expect("the machine opens");
    Fixture {
        engine,
        store,
        machine,
    }
}

fn empty() -> Fixture {
    fixture(Arc::new(MemoryEngine::new(GarbageSlot::default())))
}

struct Fixture {
    engine: Arc<MemoryEngine>,
    store: Arc<Store>,
    machine: Machine,
}

impl Fixture {
    /// Applies one command in a run of its own.
    fn apply(&mut self, operation: Operation) -> Result<Reply, Error> {
        self.outcome(operation).replies.remove(0).1
    }

    fn outcome(&mut self, operation: Operation) -> Outcome {
        let index = self.next_index();
        self.machine.apply(&[entry(index, &[command(operation)])])
    }

    fn next_index(&self) -> u64 {
        let applied = self.machine.position().applied;
        applied.map_or(1, |log_id| log_id.index + 1)
    }

    fn reopen(self) -> Fixture {
        let Fixture {
            engine,
            store,
            machine,
        } = self;
        drop((store, machine));
        fixture(engine)
    }

    fn put(&mut self, key: &str, value: &str) -> Revision {
        self.put_with(PutRequest {
            key: bytes(key),
            value: bytes(value),
            ..Default::default()
        })
        .map_or(-1, |response| revision(&response.header))
    }

    fn put_leased(&mut self, key: &str, lease: LeaseId) -> Result<serving::PutResponse, Error> {
        self.put_with(PutRequest {
            key: bytes(key),
            lease,
            ..Default::default()
        })
    }

    fn put_with(&mut self, request: PutRequest) -> Result<serving::PutResponse, Error> {
        match self.apply(Operation::Put(request))? {
            Reply::Put(response) => Ok(response),
            other => panic!("a put was answered with {other:?}"),
        }
    }

    fn delete(&mut self, key: &str, range_end: &str) -> serving::DeleteRangeResponse {
        let request = delete_request(key, range_end);
        match self.apply(Operation::DeleteRange(request)) {
            Ok(Reply::DeleteRange(response)) => response,
            other => panic!("a deletion was answered with {other:?}"),
        }
    }

    fn txn(&mut self, request: TxnRequest) -> Result<serving::TxnResponse, Error> {
        match self.apply(Operation::Txn(request))? {
            Reply::Txn(response) => Ok(response),
            other => panic!("a transaction was answered with {other:?}"),
        }
    }

    fn grant(&mut self, id: LeaseId, ttl: i64) -> Result<Reply, Error> {
        self.apply(Operation::LeaseGrant(LeaseGrantRequest { ttl, id }))
    }

    fn revoke(&mut self, id: LeaseId) -> Result<Reply, Error> {
        self.apply(Operation::LeaseRevoke(LeaseRevokeRequest { id }))
    }

    fn compact(&mut self, revision: Revision) -> Result<Reply, Error> {
        self.apply(Operation::Compact(CompactionRequest {
            revision,
            physical: false,
        }))
    }

    fn get(&self, key: &str) -> Option<KeyValue> {
        self.range(key, "").into_iter().next()
    }

    fn value(&self, key: &str) -> Option<String> {
        self.get(key).map(|kv| text(&kv.value))
    }

    fn range(&self, key: &str, range_end: &str) -> Vec<KeyValue> {
        let response = self.store.range(&RangeRequest {
            key: bytes(key),
            range_end: bytes(range_end),
            ..Default::default()
        });
        records(&response.expect("the present can be read").kvs)
    }

    fn keys(&self) -> Vec<String> {
        let all = self.range("\0", "\0");
        all.iter().map(|kv| text(&kv.key)).collect()
    }

    /// The keys of a lease, as text.
    fn attached(&self, id: LeaseId) -> Vec<String> {
        let state = self.machine.state();
        state.leases().keys(id).iter().map(text).collect()
    }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).expect("test data is text")
}

fn record(encoded: &Bytes) -> KeyValue {
    KeyValue::decode(encoded.clone()).expect("a record decodes")
}

fn records(encoded: &[Bytes]) -> Vec<KeyValue> {
    encoded.iter().map(record).collect()
}

fn revision(header: &Option<ResponseHeader>) -> Revision {
    header.as_ref().expect("a header").revision
}

fn command(operation: Operation) -> Command {
    Command {
        fence_term: 0,
        operation: Some(operation),
    }
}

/// An entry with one batch of this member's.
fn entry(index: u64, commands: &[Command]) -> Entry {
    entry_of(index, ME, commands)
}

fn entry_of(index: u64, origin: Origin, commands: &[Command]) -> Entry {
    let batch = Batch {
        origin: origin.member,
        incarnation: origin.incarnation,
        requests: (0..commands.len() as u64)
            .map(|place| index * 100 + place)
            .collect(),
        commands: commands
            .iter()
            .map(|command| command.encode_to_vec().into())
            .collect(),
    };
    let batches = vec![batch];
    let payload = Payload::Commands(Commands { batches }.encode_to_vec().into());
    let log_id = log_id(index);
    Entry { log_id, payload }
}

fn log_id(index: u64) -> LogId {
    LogId {
        term: TERM,
        node_id: 1,
        index,
    }
}

fn delete_request(key: &str, range_end: &str) -> DeleteRangeRequest {
    DeleteRangeRequest {
        key: bytes(key),
        range_end: bytes(range_end),
        prev_kv: true,
    }
}

fn op(request: Request) -> RequestOp {
    let request = Some(request);
    RequestOp { request }
}

fn put_op(key: &str, value: &str) -> RequestOp {
    op(Request::RequestPut(PutRequest {
        key: bytes(key),
        value: bytes(value),
        ..Default::default()
    }))
}

fn delete_op(key: &str, range_end: &str) -> RequestOp {
    op(Request::RequestDeleteRange(delete_request(key, range_end)))
}

fn range_op(key: &str, revision: Revision) -> RequestOp {
    op(Request::RequestRange(RangeRequest {
        key: bytes(key),
        revision,
        ..Default::default()
    }))
}

/// A transaction without comparisons.
fn then(success: Vec<RequestOp>) -> TxnRequest {
    TxnRequest {
        success,
        ..Default::default()
    }
}

fn nested(request: TxnRequest) -> RequestOp {
    op(Request::RequestTxn(request))
}
