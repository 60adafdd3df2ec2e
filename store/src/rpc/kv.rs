//! The KV service.

use super::front::{Front, unexpected};
use super::leash::Pace;
use super::{long_answer, range_stream, read_txn};
use crate::faults::{Plant, planted};
use crate::mvcc::Find;
use crate::reply::Reply;
use crate::{Error, Revision, validate};
use keelson_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use keelson_proto::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest,
};
use keelson_proto::log::command::Operation;
use keelson_proto::serving::{
    self, DeleteRangeResponse, PutResponse, RangeResponse, TxnResponse, kv_server::Kv,
};
use std::time::Duration;
use tonic::{Request, Response, Status};

/// Records that a front reads before it lets other requests have a turn.
const CHUNK_KEYS: usize = 512;
/// The same bound in bytes.
const CHUNK_BYTES: usize = 512 * 1024;
/// In a store of at most so many keys even a sorted range is quicker than a hop to another thread.
const INLINE_SORT_KEYS: u64 = 4096;
/// First and longest pause between sweeps that readers kept from their end.
const SWEEP_PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(100));

#[tonic::async_trait]
impl Kv for Front {
    type RangeStreamStream = range_stream::Chunks;

    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        let request = request.into_inner();
        validate::check_range(&request)?;
        self.read_point(request.serializable).await?;
        if is_small(&request) || is_collected(&request) || request.keys_only {
            let answer = self.read(request).await?;
            return Ok(long_answer::set_aside(answer, Pace::of(&self.limits)));
        }
        Ok(self.read_long(&request).await?)
    }

    async fn range_stream(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        let request = request.into_inner();
        validate::check_range(&request)?;
        range_stream::check(&request)?;
        self.read_point(request.serializable).await?;
        let scan = self.store().begin_range(&request)?;
        let header = self.header(scan.revision());
        let target_bytes = self.limits.max_request_bytes;
        let pace = Pace::of(&self.limits);
        let chunks = range_stream::chunks(scan, header, target_bytes, pace);
        Ok(Response::new(chunks))
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let request = request.into_inner();
        validate::check_put(&request)?;
        match self.propose(Operation::Put(request)).await? {
            Reply::Put(mut response) => {
                self.complete(&mut response.header);
                Ok(Response::new(response))
            }
            other => unexpected(&other),
        }
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let request = request.into_inner();
        validate::check_delete_range(&request)?;
        match self.propose(Operation::DeleteRange(request)).await? {
            Reply::DeleteRange(mut response) => {
                self.complete(&mut response.header);
                Ok(Response::new(response))
            }
            other => unexpected(&other),
        }
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        let mut request = request.into_inner();
        validate::check_txn(&request, self.limits.max_txn_ops)?;
        let mut response = if validate::is_read_only(&request) {
            self.read_point(validate::is_serializable(&request)).await?;
            read_txn::evaluate(self, &request).await?
        } else {
            if planted(Plant::CompareWhenProposed) {
                request = read_txn::decided(self, request).await?;
            }
            match self.propose(Operation::Txn(request)).await? {
                Reply::Txn(response) => response,
                other => unexpected(&other),
            }
        };
        self.complete(&mut response.header);
        Ok(Response::new(response))
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        let request = request.into_inner();
        let revision = match self.propose(Operation::Compact(request)).await? {
            Reply::Compact { revision } => revision,
            other => unexpected(&other),
        };
        if request.physical {
            self.swept(request.revision).await?;
        }
        let header = self.header(revision);
        Ok(Response::new(CompactionResponse { header }))
    }
}

impl Front {
    /// Makes the present state good enough to read from: any state for a serializable read, one with
    /// everything acknowledged so far otherwise. A learner offers only the former.
    ///
    /// # Errors
    /// [`Error::NotSupportedForLearner`]; else as [`Handle::read_barrier`](crate::raft::Handle::read_barrier).
    pub async fn read_point(&self, serializable: bool) -> Result<(), Error> {
        if serializable || planted(Plant::ReadUnconfirmed) {
            return Ok(());
        }
        if self.handle.progress().is_learner {
            return Err(Error::NotSupportedForLearner);
        }
        self.read_barrier().await
    }

    /// Answers a checked range from the present state, one chunk after the other, so that others have
    /// their turn in between.
    ///
    /// # Errors
    /// [`Error::Compacted`], [`Error::FutureRevision`]; what the disk says.
    pub async fn read(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        let mut response = if is_small(&request) {
            self.store().range(&request)?
        } else if is_collected(&request) {
            self.read_collected(request).await?
        } else {
            self.read_chunked(&request).await?
        };
        self.complete(&mut response.header);
        Ok(response)
    }

    /// A range whose answer is known only once all of it has been looked at.
    async fn read_collected(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        if self.store().key_count() <= INLINE_SORT_KEYS {
            return self.store().range(&request);
        }
        let store = self.store();
        tokio::task::spawn_blocking(move || store.range(&request))
            .await
            .map_err(|_| Error::Stopped)?
    }

    /// A range of any length: one chunk, then somebody else's turn.
    async fn read_chunked(&self, request: &RangeRequest) -> Result<RangeResponse, Error> {
        let mut scan = self.store().begin_range(request)?;
        let mut kvs = Vec::new();
        loop {
            let chunk = scan.next_chunk(CHUNK_KEYS, CHUNK_BYTES)?;
            if chunk.is_empty() {
                break;
            }
            kvs.extend(chunk);
            tokio::task::yield_now().await;
        }
        Ok(RangeResponse {
            header: self.header(scan.revision()),
            kvs,
            more: scan.more(),
            count: scan.count(),
        })
    }

    /// The same, not in memory at any time: what is not cached is read while the answer is sent.
    async fn read_long(&self, request: &RangeRequest) -> Result<Response<RangeResponse>, Error> {
        let mut scan = self.store().begin_range(request)?;
        let mut finds = Vec::new();
        loop {
            let more = scan.look();
            if more.is_empty() {
                break;
            }
            finds.extend(more);
            tokio::task::yield_now().await;
        }
        let mut answer = RangeResponse {
            header: self.header(scan.revision()),
            kvs: Vec::new(),
            more: scan.more(),
            count: scan.count(),
        };
        self.complete(&mut answer.header);
        let pace = Pace::of(&self.limits);
        if finds.iter().map(Find::unread).sum::<usize>() > CHUNK_BYTES {
            return long_answer::read_and_send(scan, finds, answer, pace);
        }
        answer.kvs = scan.read(finds)?;
        Ok(long_answer::set_aside(answer, pace))
    }

    /// Returns when what lies below `revision` has been swept out. The request lasts as long as the
    /// client's patience; the sweep goes on without it, but not without the member: one that stops waits
    /// for whoever sweeps.
    async fn swept(&self, revision: Revision) -> Result<(), Error> {
        let (mut pause, longest) = SWEEP_PAUSE;
        while !self.store().is_swept(revision) {
            if self.handle.is_stopping() {
                return Err(Error::Stopped);
            }
            let (store, handle) = (self.store(), self.handle.clone());
            let sweep = tokio::task::spawn_blocking(move || store.sweep(&|| handle.is_stopping()));
            if let Err(error) = sweep.await.map_err(|_| Error::Stopped)? {
                tracing::error!(%error, "giving back the space of compacted history failed");
                let text = format!("etcdserver: {error}");
                return Err(Error::Other(tonic::Code::Internal as i32, text));
            }
            // Somebody reads below it.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
        Ok(())
    }
}

/// The answer is certainly short.
fn is_small(request: &RangeRequest) -> bool {
    let limited = (1..=CHUNK_KEYS as i64).contains(&request.limit) && !is_collected(request);
    request.range_end.is_empty() || request.count_only || limited
}

/// Sorted by something else than the key, or filtered: all keys are looked at before the first is sent.
pub(super) fn is_collected(request: &RangeRequest) -> bool {
    is_sorted(request) || is_filtered(request)
}

/// An order other than the store's own is asked for.
pub(super) fn is_sorted(request: &RangeRequest) -> bool {
    let by_key = request.sort_target == SortTarget::Key as i32;
    request.sort_order == SortOrder::Descend as i32 || !by_key
}

/// Revision filters are set.
pub(super) fn is_filtered(request: &RangeRequest) -> bool {
    let filters = [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ];
    filters.iter().any(|filter| *filter != 0)
}

/// The response operation of a range inside a transaction.
pub(super) fn range_op(response: RangeResponse) -> serving::ResponseOp {
    serving::ResponseOp {
        response: Some(serving::response_op::Response::ResponseRange(response)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::test_front::with_front;

    #[test]
    fn only_ranges_that_need_every_key_are_collected() {
        let plain = RangeRequest::default();
        let mut ascending = plain.clone();
        ascending.sort_order = SortOrder::Ascend as i32;
        let mut descending = plain.clone();
        descending.sort_order = SortOrder::Descend as i32;
        let mut by_version = plain.clone();
        by_version.sort_target = SortTarget::Version as i32;
        let mut filtered = plain.clone();
        filtered.max_create_revision = 4;
        let collected = [plain, ascending, descending, by_version, filtered]
            .each_ref()
            .map(is_collected);
        assert_eq!(collected, [false, false, true, true, true]);
    }

    #[test]
    fn a_member_that_stops_does_not_begin_to_sweep() {
        with_front(|member, front| async move {
            for value in ["first", "second"] {
                let put = PutRequest {
                    key: "key".into(),
                    value: value.into(),
                    ..PutRequest::default()
                };
                let done = front.propose(Operation::Put(put)).await;
                done.expect("put");
            }
            let revision = front.store().revision();
            let request = CompactionRequest {
                revision,
                physical: false,
            };
            let done = front.propose(Operation::Compact(request)).await;
            done.expect("compacted");
            member.begin_to_stop();
            assert_eq!(front.swept(revision).await, Err(Error::Stopped));
            assert!(!front.store().is_swept(revision));
        });
    }

    #[test]
    fn a_limited_sorted_range_is_not_small() {
        let mut request = RangeRequest {
            range_end: "z".into(),
            limit: 1,
            ..RangeRequest::default()
        };
        assert!(is_small(&request));
        request.sort_target = SortTarget::Create as i32;
        assert!(!is_small(&request));
    }
}
