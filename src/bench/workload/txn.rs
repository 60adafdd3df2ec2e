//! What kube-apiserver does when an object is updated: one transaction that puts the key if it is
//! still at the revision it was read at, and reads it otherwise.
//!
//! Every client has keys of its own, so a conflict happens only when `--conflicts` asks for one.

use super::{Client, Fill, Workload, key, open, random};
use crate::bench::Setup;
use crate::bench::drive::Done;
use crate::bench::wire::{Call, Connection, Failure, decode, frame};
use bytes::Bytes;
use keelson_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::response_op::Response;
use keelson_proto::etcdserverpb::{
    Compare, PutRequest, RangeRequest, RangeResponse, RequestOp, TxnRequest, TxnResponse,
};
use rand::Rng;
use rand::rngs::SmallRng;
use std::sync::Arc;

/// The workload.
pub struct Txn {
    setup: Arc<Setup>,
}

impl Txn {
    /// The keys are put before the clients start.
    pub fn new(setup: Arc<Setup>) -> Txn {
        Txn { setup }
    }
}

impl Workload for Txn {
    type Client = TxnClient;
    type Connection = Connection;

    fn setup(&self) -> Arc<Setup> {
        self.setup.clone()
    }

    async fn connect(&self, number: usize) -> Result<Connection, Failure> {
        open(&self.setup, number).await
    }

    fn prefill(&self) -> Option<Fill> {
        Some(Fill {
            count: self
                .setup
                .options
                .key_space
                .max(self.setup.options.clients as u64),
        })
    }

    /// Reads where its share of the keys stands.
    async fn client(&self, connection: &Connection, number: usize) -> Result<TxnClient, Failure> {
        let options = &self.setup.options;
        let clients = options.clients as u64;
        let share = (options.key_space.max(clients) / clients).max(1);
        let (first, last) = (number as u64 * share, (number as u64 + 1) * share);
        let range = RangeRequest {
            key: key(&options.prefix, first),
            range_end: key(&options.prefix, last),
            keys_only: true,
            ..RangeRequest::default()
        };
        let call = connection.call("/etcdserverpb.KV/Range")?;
        let answer: RangeResponse = decode(connection.unary(&call, frame(&range)).await?)?;
        let keys: Vec<_> = answer
            .kvs
            .into_iter()
            .map(|kv| (kv.key, kv.mod_revision))
            .collect();
        match keys.is_empty() {
            true => Err(Failure(format!(
                "the keys of client {number} are not there"
            ))),
            false => Ok(TxnClient {
                call: connection.call("/etcdserverpb.KV/Txn")?,
                connection: connection.clone(),
                random: random(&self.setup, number),
                keys,
                setup: self.setup.clone(),
            }),
        }
    }

    fn writes(&self) -> bool {
        true
    }
}

/// One client, with its keys and the revisions it last saw them at.
pub struct TxnClient {
    connection: Connection,
    call: Call,
    random: SmallRng,
    keys: Vec<(Bytes, i64)>,
    setup: Arc<Setup>,
}

impl Client for TxnClient {
    async fn once(&mut self) -> Result<Done, Failure> {
        let position = self.random.random_range(0..self.keys.len());
        let (key, seen) = self.keys[position].clone();
        let is_stale = self.random.random_range(0.0..100.0) < self.setup.options.conflicts;
        let value = self.setup.values.random(&mut self.random);
        let bytes = (key.len() + value.len()) as u64;
        let request = update(&key, if is_stale { seen - 1 } else { seen }, value);
        let answer: TxnResponse =
            decode(self.connection.unary(&self.call, frame(&request)).await?)?;
        let revision = match (answer.succeeded, answer.responses.into_iter().next()) {
            (true, _) => answer.header.map(|header| header.revision),
            (false, Some(response)) => match response.response {
                Some(Response::ResponseRange(range)) => range.kvs.first().map(|kv| kv.mod_revision),
                _ => None,
            },
            (false, None) => None,
        };
        self.keys[position].1 =
            revision.ok_or_else(|| Failure("the answer does not tell the revision".to_owned()))?;
        Ok(Done {
            bytes,
            conflict: !answer.succeeded,
        })
    }
}

/// If `key` is at `revision` put it, else read it.
fn update(key: &Bytes, revision: i64, value: Bytes) -> TxnRequest {
    let put = PutRequest {
        key: key.clone(),
        value,
        ..PutRequest::default()
    };
    let read = RangeRequest {
        key: key.clone(),
        ..RangeRequest::default()
    };
    TxnRequest {
        compare: vec![Compare {
            result: CompareResult::Equal as i32,
            target: CompareTarget::Mod as i32,
            key: key.clone(),
            target_union: Some(TargetUnion::ModRevision(revision)),
            range_end: Bytes::new(),
        }],
        success: vec![RequestOp {
            request: Some(Request::RequestPut(put)),
        }],
        failure: vec![RequestOp {
            request: Some(Request::RequestRange(read)),
        }],
    }
}
