//! Clients: each asks one thing at a time, of a member that it chooses, and never asks again.

use crate::history::{Asked, Operation, Told};
use crate::member::name;
use crate::plan::Plan;
use crate::wires::{CLIENT_PORT, connect};
use keelson_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use keelson_proto::etcdserverpb::kv_client::KvClient;
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, ResponseHeader, TxnRequest,
};
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// What clients share with those who watch them.
#[derive(Default)]
pub struct Desk {
    /// What was asked and told.
    pub history: Mutex<Vec<Operation>>,
    /// Writes that were acknowledged.
    pub written: AtomicU64,
    /// Nobody asks any more.
    pub closed: AtomicBool,
    /// If set, only members below this number are asked.
    pub members: AtomicU64,
}

/// One client.
pub struct Client {
    /// Its number.
    pub number: u64,
    /// What the seed wants.
    pub plan: Plan,
    /// Where it writes down what it sees.
    pub desk: Arc<Desk>,
}

struct Hand {
    random: SmallRng,
    channels: HashMap<usize, Channel>,
    /// The last revision at which each key was seen to be changed.
    seen: HashMap<String, i64>,
    asked: u64,
}

fn now_ms() -> u64 {
    turmoil::sim_elapsed().map_or(0, |time| time.as_millis() as u64)
}

fn revision(header: Option<ResponseHeader>) -> i64 {
    header.map_or(0, |header| header.revision)
}

impl Client {
    /// Asks until the desk is closed.
    pub async fn work(self) -> turmoil::Result {
        let mut hand = Hand {
            random: SmallRng::seed_from_u64(self.plan.seed ^ ((self.number + 1) << 40)),
            channels: HashMap::new(),
            seen: HashMap::new(),
            asked: 0,
        };
        while !self.desk.closed.load(Ordering::SeqCst) {
            let pause_ms = hand.random.random_range(0..=self.plan.pause_ms);
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            let open = self.desk.members.load(Ordering::SeqCst) as usize;
            let member = hand.random.random_range(0..open.max(1));
            let asked = self.choose(&mut hand);
            let asked_ms = now_ms();
            let told = hand.ask(member, &asked).await;
            if told == Told::Unknown {
                hand.channels.remove(&member);
            }
            if let Some(told) = certain(&asked, told) {
                if matches!(told, Told::Done(_, true)) {
                    self.desk.written.fetch_add(1, Ordering::SeqCst);
                }
                self.desk.history.lock().push(Operation {
                    asked_ms,
                    told_ms: now_ms(),
                    asked,
                    told,
                });
            }
        }
        Ok(())
    }

    fn choose(&self, hand: &mut Hand) -> Asked {
        hand.asked += 1;
        let key = format!("k{}", hand.random.random_range(0..self.plan.keys));
        let value = format!("c{}-{}", self.number, hand.asked);
        match hand.random.random_range(0..10) {
            0..=3 => Asked::Put(key, value),
            4 => Asked::Delete(key),
            5 | 6 => {
                let expected = hand.seen.get(&key).copied().unwrap_or(0);
                Asked::Swap(key, expected, value)
            }
            7 | 8 => Asked::Read(key),
            _ => Asked::ReadAny(key),
        }
    }
}

/// An answer that nobody has is only kept where something may have changed.
fn certain(asked: &Asked, told: Told) -> Option<Told> {
    let reads = matches!(asked, Asked::Read(_) | Asked::ReadAny(_));
    (!(reads && told == Told::Unknown)).then_some(told)
}

impl Hand {
    async fn ask(&mut self, member: usize, asked: &Asked) -> Told {
        // Most go on soon, because work that is done is what makes members fall behind.
        let most_ms = if self.random.random_ratio(1, 6) {
            9_000
        } else {
            1_500
        };
        let patience = Duration::from_millis(self.random.random_range(200..most_ms));
        let told = tokio::time::timeout(patience, self.call(member, asked)).await;
        match told {
            Ok(Ok(told)) => told,
            _ => Told::Unknown,
        }
    }

    async fn client(&mut self, member: usize) -> Result<KvClient<Channel>, Status> {
        if let Some(channel) = self.channels.get(&member) {
            return Ok(KvClient::new(channel.clone()));
        }
        let url = format!("http://{}:{CLIENT_PORT}", name(member));
        let endpoint = Endpoint::from_shared(url).map_err(|_| Status::internal("no address"))?;
        let endpoint = endpoint.connect_timeout(Duration::from_millis(500));
        let connected = connect(endpoint).await;
        let channel = connected.map_err(|error| Status::unavailable(error.to_string()))?;
        self.channels.insert(member, channel.clone());
        Ok(KvClient::new(channel))
    }

    async fn call(&mut self, member: usize, asked: &Asked) -> Result<Told, Status> {
        let mut client = self.client(member).await?;
        match asked {
            Asked::Put(key, value) => {
                let answer = client.put(put(key, value)).await?.into_inner();
                Ok(Told::Done(revision(answer.header), true))
            }
            Asked::Delete(key) => {
                let request = DeleteRangeRequest {
                    key: key.clone().into(),
                    ..DeleteRangeRequest::default()
                };
                let answer = client.delete_range(request).await?.into_inner();
                Ok(Told::Done(revision(answer.header), answer.deleted > 0))
            }
            Asked::Swap(key, expected, value) => {
                let answer = client.txn(swap(key, *expected, value)).await?.into_inner();
                Ok(Told::Done(revision(answer.header), answer.succeeded))
            }
            Asked::Read(key) | Asked::ReadAny(key) => {
                let request = RangeRequest {
                    key: key.clone().into(),
                    serializable: matches!(asked, Asked::ReadAny(_)),
                    ..RangeRequest::default()
                };
                let answer = client.range(request).await?.into_inner();
                let found = answer.kvs.first();
                let changed = found.map_or(0, |found| found.mod_revision);
                self.seen.insert(key.clone(), changed);
                let value = found.map(|found| String::from_utf8_lossy(&found.value).into_owned());
                Ok(Told::Value(revision(answer.header), value))
            }
        }
    }
}

fn put(key: &str, value: &str) -> PutRequest {
    PutRequest {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        ..PutRequest::default()
    }
}

fn swap(key: &str, expected: i64, value: &str) -> TxnRequest {
    TxnRequest {
        compare: vec![Compare {
            result: CompareResult::Equal as i32,
            target: CompareTarget::Mod as i32,
            key: key.to_owned().into(),
            target_union: Some(TargetUnion::ModRevision(expected)),
            ..Compare::default()
        }],
        success: vec![RequestOp {
            request: Some(Request::RequestPut(put(key, value))),
        }],
        failure: Vec::new(),
    }
}
