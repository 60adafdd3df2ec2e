//! Any etcd over the network: a [`Kv`] by the calls of etcd's v3 API.
//!
//! Several endpoints are members of one store. One of them is asked until it fails; then the next one,
//! but again only for what certainly had no effect. What may have had one is [`KvError::Unknown`], and
//! whoever asked looks before it asks again. Watches have streams of their own, and end with their
//! connection.
//!
//! | file | what |
//! |---|---|
//! | `endpoints` | connections, and who is asked |
//! | `error` | what went wrong, and whether something may have happened |
//! | `follow` | watches |
//!
//! What may enter: the wire types, and the one gRPC library. What never happens here: a second attempt
//! at something that may have happened, a watch that goes on after a gap, a cache.

mod endpoints;
mod error;
mod follow;

use super::kv::{At, Changes, Committed, Future, Kv, KvError, Range, Ranged, Stream, Txn, Watch};
use super::wire;
use bytes::Bytes;
use endpoints::{Connections, Endpoints};
use error::{Effect, error_of};
use keelson_proto::etcdserverpb::kv_client::KvClient;
use keelson_proto::etcdserverpb::lease_client::LeaseClient;
use keelson_proto::etcdserverpb::{CompactionRequest, LeaseGrantRequest};
use std::time::Duration;
use tokio::time::Instant;
use tonic::Status;
use tonic::transport::Channel;

/// First and longest wait between two looks for a revision that is not there yet.
const LOOK_FIRST: Duration = Duration::from_millis(5);
const LOOK_LAST: Duration = Duration::from_millis(100);

/// How a store is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `host:port` or `http://host:port` of members of one store, the favourite first.
    pub endpoints: Vec<String>,
    /// For the answer of one member. What certainly had no effect is asked of each member, one after
    /// the other, and takes longer.
    pub timeout: Duration,
}

impl Options {
    /// With the usual time: 10 seconds.
    pub fn new<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Options {
        Options {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            timeout: Duration::from_secs(10),
        }
    }
}

/// A store that is reached over the network. It knows no leadership, so it refuses fences; of a revision
/// that is gone it does not tell which is the oldest, except to a watch.
pub struct RemoteKv {
    endpoints: Endpoints,
}

impl RemoteKv {
    /// Connects when first asked, so that it succeeds while the store is away. Must be called in a tokio
    /// runtime, and is used in that one.
    ///
    /// # Errors
    /// [`KvError::Invalid`]: no endpoint, or one that cannot be used.
    pub fn new(options: &Options) -> Result<RemoteKv, KvError> {
        Ok(RemoteKv {
            endpoints: Endpoints::new(options)?,
        })
    }

    async fn read(&self, range: Range) -> Result<Ranged, KvError> {
        range.check()?;
        match range.at {
            At::Latest => self.read_once(&range, 0, false).await,
            At::Any => self.read_once(&range, 0, true).await,
            At::Exactly(revision) => {
                // A member's local state may be older than a revision that was told by another.
                let read = self.read_once(&range, revision, false).await;
                self.with_newest(read).await
            }
            At::NotBefore(revision, wait) => self.read_not_before(&range, revision, wait).await,
        }
    }

    async fn read_once(
        &self,
        range: &Range,
        revision: u64,
        serializable: bool,
    ) -> Result<Ranged, KvError> {
        let request = wire::range_request(range, revision, serializable);
        let answer = self.endpoints.call(Effect::None, |member| {
            let request = request.clone();
            async move { answer(kv(member).range(request).await, Effect::None) }
        });
        Ok(wire::ranged(answer.await?, revision))
    }

    /// The newest revision.
    async fn newest(&self) -> Result<u64, KvError> {
        let one = Range {
            key: Bytes::from_static(&[0]),
            end: None,
            at: At::Latest,
            limit: 1,
            keys_only: true,
        };
        Ok(self.read_once(&one, 0, false).await?.revision)
    }

    /// Says which revision is the newest, which etcd does not when it refuses one that is to come.
    async fn with_newest<T>(&self, outcome: Result<T, KvError>) -> Result<T, KvError> {
        match outcome {
            Err(KvError::TooNew { .. }) => Err(KvError::TooNew {
                current: self.newest().await?,
            }),
            outcome => outcome,
        }
    }

    async fn read_not_before(
        &self,
        range: &Range,
        revision: u64,
        wait: Duration,
    ) -> Result<Ranged, KvError> {
        let deadline = Instant::now() + wait;
        let mut current = 0;
        // What is at hand will do nearly always, and the present nearly always else.
        for serializable in [true, false] {
            let read = self.read_once(range, 0, serializable).await?;
            if read.revision >= revision {
                return Ok(read);
            }
            current = current.max(read.revision);
        }
        let mut pause = LOOK_FIRST;
        while Instant::now() < deadline {
            tokio::time::sleep_until(deadline.min(Instant::now() + pause)).await;
            pause = (2 * pause).min(LOOK_LAST);
            current = self.newest().await?;
            if current >= revision {
                return self.read_once(range, 0, false).await;
            }
        }
        Err(KvError::TooNew { current })
    }

    async fn commit(&self, txn: Txn) -> Result<Committed, KvError> {
        txn.check()?;
        if txn.fence != 0 {
            let text = "a store over the network knows no leadership of ours";
            return Err(KvError::Invalid(text.into()));
        }
        let request = wire::txn_request(txn);
        let answer = self.endpoints.call(Effect::Some, |member| {
            let request = request.clone();
            async move { answer(kv(member).txn(request).await, Effect::Some) }
        });
        Ok(wire::committed(answer.await?))
    }

    async fn follow(&self, watch: Watch) -> Result<Stream<Result<Changes, KvError>>, KvError> {
        watch.check()?;
        let watch = &watch;
        self.endpoints
            .call(Effect::None, |member| follow::open(member, watch))
            .await
    }

    async fn lease(&self, ttl_s: i64) -> Result<i64, KvError> {
        let request = LeaseGrantRequest { ttl: ttl_s, id: 0 };
        let granted = self.endpoints.call(Effect::Some, |member| async move {
            let mut client = LeaseClient::new(member.calls.clone());
            answer(client.lease_grant(request).await, Effect::Some)
        });
        Ok(granted.await?.id)
    }

    async fn drop_history(&self, revision: u64) -> Result<(), KvError> {
        let request = CompactionRequest {
            revision: wire::signed(revision),
            physical: false,
        };
        let compacted = self.endpoints.call(Effect::Some, |member| async move {
            answer(kv(member).compact(request).await, Effect::Some)
        });
        match compacted.await {
            Ok(_) | Err(KvError::Compacted { .. }) => Ok(()),
            Err(error) => self.with_newest(Err(error)).await,
        }
    }
}

/// The key-value service of a member, for answers of any size: the store bounds them.
fn kv(member: &Connections) -> KvClient<Channel> {
    KvClient::new(member.calls.clone()).max_decoding_message_size(usize::MAX)
}

fn answer<T>(outcome: Result<tonic::Response<T>, Status>, effect: Effect) -> Result<T, KvError> {
    match outcome {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => Err(error_of(&status, effect)),
    }
}

impl Kv for RemoteKv {
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
