//! The member in the same process as the store of the API server.

use super::decoded::Decoded;
use super::{error, follow};
use bytes::Bytes;
use keelson_apiserver::storage::wire;
use keelson_apiserver::storage::{
    At, Changes, Committed, Future, KeyValue, Kv, KvError, Range, Ranged, Stream, Txn, Watch,
};
use keelson_proto::etcdserverpb::{CompactionRequest, LeaseGrantRequest};
use keelson_proto::log::command::Operation;
use keelson_proto::mvccpb;
use keelson_proto::serving::TxnResponse;
use keelson_proto::serving::response_op::Response;
use keelson_store::reply::Reply;
use keelson_store::rpc::Front;
use keelson_store::rpc::front::Shared;
use keelson_store::{Error, validate};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// First and longest wait between two looks for a revision that is not here yet. A look reads one
/// number.
const LOOK_FIRST: Duration = Duration::from_millis(1);
const LOOK_LAST: Duration = Duration::from_millis(16);

/// The store of the member in this process. A fence is a term: a write with it takes effect only if the
/// member that made it still led in that term when it was agreed on.
pub struct MemberKv {
    front: Arc<Front>,
    decoded: Arc<Decoded>,
}

impl MemberKv {
    /// Over a front of its own, which no listener feeds: `number` is below the number of fronts that the
    /// member was started with, and nobody else's. `decoded`: what others in this process decode, too. What it
    /// spawns runs in the present tokio runtime, for as long as the member does.
    pub fn new(shared: &Shared, number: usize, decoded: &Arc<Decoded>) -> MemberKv {
        let front = Front::new(shared, number);
        tokio::spawn(front.handle().dispatch());
        MemberKv {
            front,
            decoded: decoded.clone(),
        }
    }

    /// The present term, if this member leads as far as it knows.
    #[cfg(test)]
    pub fn leadership(&self) -> Option<u64> {
        let handle = self.front.handle();
        let progress = handle.progress();
        let leads = progress.leader == Some(handle.identity().member_id);
        leads.then_some(progress.term)
    }

    fn revision(&self) -> u64 {
        wire::count(self.front.store().revision())
    }

    fn read_failed(&self, error: Error) -> KvError {
        error::of_read(&error, &self.front.store())
    }

    fn write_failed(&self, error: Error) -> KvError {
        error::of_write(&error, &self.front.store())
    }

    async fn read(&self, range: Range) -> Result<Ranged, KvError> {
        range.check()?;
        let at = match range.at {
            At::Any => 0,
            At::Latest => {
                self.confirm().await?;
                0
            }
            At::NotBefore(revision, wait) => {
                self.reach(revision, wait).await?;
                0
            }
            At::Exactly(revision) => {
                // What has happened does not change: the barrier is for what may not be here yet.
                if self.revision() < revision {
                    self.confirm().await?;
                }
                revision
            }
        };
        let request = wire::range_request(&range, at, true);
        let answer = self.front.read(request).await;
        let answer = answer.map_err(|error| self.read_failed(error))?;
        Ok(Ranged {
            revision: match at {
                0 => wire::count(answer.header.map_or(0, |header| header.revision)),
                at => at,
            },
            count: wire::count(answer.count),
            keys: answer
                .kvs
                .into_iter()
                .map(key_value)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Returns once the state here has everything that was acknowledged before.
    async fn confirm(&self) -> Result<(), KvError> {
        let confirmed = self.front.read_point(false).await;
        confirmed.map_err(|error| self.read_failed(error))
    }

    /// Returns once the state here has this revision. Nobody else is asked: if it has happened anywhere,
    /// it is on its way.
    async fn reach(&self, revision: u64, wait: Duration) -> Result<(), KvError> {
        let deadline = Instant::now() + wait;
        let mut pause = LOOK_FIRST;
        loop {
            let current = self.revision();
            if current >= revision {
                return Ok(());
            }
            let now = Instant::now();
            if now >= deadline {
                return Err(KvError::TooNew { current });
            }
            tokio::time::sleep_until(deadline.min(now + pause)).await;
            pause = (2 * pause).min(LOOK_LAST);
        }
    }

    async fn commit(&self, txn: Txn) -> Result<Committed, KvError> {
        txn.check()?;
        let fence = txn.fence;
        let request = wire::txn_request(txn);
        let checked = validate::check_txn(&request, self.front.limits().max_txn_ops);
        checked.map_err(|error| self.write_failed(error))?;
        let operation = Operation::Txn(request);
        match self.front.propose_fenced(operation, fence).await {
            Ok(Reply::Txn(answer)) => committed(answer),
            Ok(other) => Err(unexpected(&other)),
            Err(error) => Err(self.write_failed(error)),
        }
    }

    async fn follow(&self, watch: Watch) -> Result<Stream<Result<Changes, KvError>>, KvError> {
        watch.check()?;
        follow::open(&self.front, &self.decoded, &watch).await
    }

    async fn lease(&self, ttl_s: i64) -> Result<i64, KvError> {
        let request = LeaseGrantRequest { ttl: ttl_s, id: 0 };
        let checked = validate::check_lease_grant(&request);
        checked.map_err(|error| self.write_failed(error))?;
        let granted = self.front.grant(request).await;
        Ok(granted.map_err(|error| self.write_failed(error))?.id)
    }

    async fn drop_history(&self, revision: u64) -> Result<(), KvError> {
        let operation = Operation::Compact(CompactionRequest {
            revision: wire::signed(revision),
            physical: false,
        });
        match self.front.propose(operation).await {
            Ok(_) | Err(Error::Compacted) => Ok(()),
            Err(error) => Err(self.write_failed(error)),
        }
    }
}

/// A record of the store. The key and the value stay in its buffer.
fn key_value(record: Bytes) -> Result<KeyValue, KvError> {
    mvccpb::KeyValue::decode(record)
        .map(wire::key_value)
        .map_err(|_| KvError::Unavailable("a record of the store does not parse".into()))
}

fn committed(answer: TxnResponse) -> Result<Committed, KvError> {
    let revision = wire::count(answer.header.map_or(0, |header| header.revision));
    if answer.succeeded {
        return Ok(Committed::Written { revision });
    }
    let found = answer.responses.into_iter().map(|operation| {
        let record = match operation.response {
            Some(Response::ResponseRange(read)) => read.kvs.into_iter().next(),
            _ => None,
        };
        record.map(key_value).transpose()
    });
    Ok(Committed::Refused {
        revision,
        found: found.collect::<Result<_, _>>()?,
    })
}

fn unexpected(reply: &Reply) -> KvError {
    KvError::Unknown(format!("a transaction was answered with {reply:?}"))
}

impl Kv for MemberKv {
    fn range(&self, range: Range) -> Future<'_, Result<Ranged, KvError>> {
        Box::pin(self.read(range))
    }

    fn txn(&self, txn: Txn) -> Future<'_, Result<Committed, KvError>> {
        Box::pin(self.commit(txn))
    }

    fn watch(&self, watch: Watch) -> Future<'_, Result<Stream<Result<Changes, KvError>>, KvError>> {
        Box::pin(self.follow(watch))
    }

    fn grant(&self, ttl_s: i64) -> Future<'_, Result<i64, KvError>> {
        Box::pin(self.lease(ttl_s))
    }

    fn compact(&self, revision: u64) -> Future<'_, Result<(), KvError>> {
        Box::pin(self.drop_history(revision))
    }
}
