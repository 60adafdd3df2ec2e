//! One question to one member, over its gRPC services, and what the answer says.

use crate::asked::{Asked, Told};
use crate::member::name;
use crate::wires::{CLIENT_PORT, connect};
use keelson_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use keelson_proto::etcdserverpb::kv_client::KvClient;
use keelson_proto::etcdserverpb::lease_client::LeaseClient;
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::{
    CompactionRequest, Compare, DeleteRangeRequest, LeaseGrantRequest, LeaseKeepAliveRequest,
    LeaseRevokeRequest, PutRequest, RangeRequest, RequestOp, ResponseHeader, TxnRequest,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::HashMap;
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// What a client holds on to between its questions.
pub struct Hand {
    /// Decides what it does.
    pub random: SmallRng,
    /// The last revision at which each key was seen to be changed.
    pub seen: HashMap<String, i64>,
    /// Questions so far.
    pub asked: u64,
    channels: HashMap<usize, Channel>,
}

fn revision(header: Option<ResponseHeader>) -> i64 {
    header.map_or(0, |header| header.revision)
}

/// A connection to the member with this number.
///
/// # Errors
/// Nobody answers there in time.
pub async fn reach(member: usize) -> Result<Channel, Status> {
    let url = format!("http://{}:{CLIENT_PORT}", name(member));
    let endpoint = Endpoint::from_shared(url).map_err(|_| Status::internal("no address"))?;
    let endpoint = endpoint.connect_timeout(Duration::from_millis(500));
    let connected = connect(endpoint).await;
    connected.map_err(|error| Status::unavailable(error.to_string()))
}

impl Hand {
    /// Has not asked anything yet.
    pub fn new(seed: u64) -> Hand {
        Hand {
            random: SmallRng::seed_from_u64(seed),
            seen: HashMap::new(),
            asked: 0,
            channels: HashMap::new(),
        }
    }

    /// Asks the member with this number. Waits for some time only.
    pub async fn ask(&mut self, member: usize, asked: &Asked) -> Told {
        // Most go on soon, because work that is done is what makes members fall behind.
        let most_ms = if self.random.random_ratio(1, 6) {
            9_000
        } else {
            1_500
        };
        let patience = Duration::from_millis(self.random.random_range(200..most_ms));
        let call = async {
            let channel = match self.channels.get(&member) {
                Some(channel) => channel.clone(),
                None => reach(member).await?,
            };
            self.channels.insert(member, channel.clone());
            self.call(channel, asked).await
        };
        match tokio::time::timeout(patience, call).await {
            Ok(Ok(told)) => told,
            // No such lease; no such revision any more.
            Ok(Err(status)) if matches!(status.code(), Code::NotFound | Code::OutOfRange) => {
                Told::Refused
            }
            _ => Told::Unknown,
        }
    }

    /// The connection to a member may be broken.
    pub fn forget(&mut self, member: usize) {
        self.channels.remove(&member);
    }

    async fn call(&mut self, channel: Channel, asked: &Asked) -> Result<Told, Status> {
        let mut client = KvClient::new(channel.clone());
        match asked {
            Asked::Put(key, value) => {
                let answer = client.put(put(key, value, 0)).await?.into_inner();
                Ok(Told::Done(revision(answer.header), true))
            }
            Asked::Lend(key, value, lease) => {
                let answer = client.put(put(key, value, *lease)).await?.into_inner();
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
            Asked::Compact(upto) => {
                let request = CompactionRequest {
                    revision: *upto,
                    physical: false,
                };
                let answer = client.compact(request).await?.into_inner();
                Ok(Told::Done(revision(answer.header), false))
            }
            Asked::Read(_) | Asked::ReadAny(_) | Asked::Past(..) => self.read(client, asked).await,
            Asked::Grant(..) | Asked::Renew(_) | Asked::Revoke(_) => lease(channel, asked).await,
        }
    }

    async fn read(&mut self, mut client: KvClient<Channel>, asked: &Asked) -> Result<Told, Status> {
        let (key, past) = match asked {
            Asked::Read(key) | Asked::ReadAny(key) => (key, 0),
            Asked::Past(key, past) => (key, *past),
            _ => return Err(Status::internal("this is no question for a value")),
        };
        let request = RangeRequest {
            key: key.clone().into(),
            revision: past,
            serializable: matches!(asked, Asked::ReadAny(_)),
            ..RangeRequest::default()
        };
        let answer = client.range(request).await?.into_inner();
        let found = answer.kvs.first();
        if past == 0 {
            let changed = found.map_or(0, |found| found.mod_revision);
            self.seen.insert(key.clone(), changed);
        }
        let value = found.map(|found| String::from_utf8_lossy(&found.value).into_owned());
        Ok(Told::Value(revision(answer.header), value))
    }
}

async fn lease(channel: Channel, asked: &Asked) -> Result<Told, Status> {
    let mut client = LeaseClient::new(channel);
    match asked {
        Asked::Grant(id, ttl) => {
            let request = LeaseGrantRequest { ttl: *ttl, id: *id };
            let answer = client.lease_grant(request).await?.into_inner();
            Ok(Told::Lease(answer.ttl))
        }
        Asked::Renew(id) => {
            let request = LeaseKeepAliveRequest { id: *id };
            // A stream that ends is ended by the member as well, so it stays open until the answer.
            let requests = futures::stream::once(std::future::ready(request));
            let requests = futures::StreamExt::chain(requests, futures::stream::pending());
            let mut answers = client.lease_keep_alive(requests).await?.into_inner();
            let answer = answers.message().await?;
            let answer = answer.ok_or_else(|| Status::unavailable("the stream has ended"))?;
            Ok(Told::Lease(answer.ttl.max(0)))
        }
        Asked::Revoke(id) => {
            let request = LeaseRevokeRequest { id: *id };
            let answer = client.lease_revoke(request).await?.into_inner();
            Ok(Told::Done(revision(answer.header), true))
        }
        _ => Err(Status::internal("this is no question about a lease")),
    }
}

fn put(key: &str, value: &str, lease: i64) -> PutRequest {
    PutRequest {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        lease,
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
            request: Some(Request::RequestPut(put(key, value, 0))),
        }],
        failure: Vec::new(),
    }
}
