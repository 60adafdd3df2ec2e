//! The answer to a range, in chunks (etcd 3.7's `RangeStream`).
//!
//! Only the last message says `header`, `more` and `count`, and no message but that of an empty range
//! is empty: kube-apiserver insists on both. So one chunk is held back until the next is known.

use super::kv::{is_filtered, is_sorted};
use super::leash::{Leash, Pace};
use crate::Error;
use crate::mvcc::RangeScan;
use bytes::Bytes;
use futures::Stream;
use futures::stream;
use keelson_proto::etcdserverpb::range_request::SortOrder;
use keelson_proto::etcdserverpb::{RangeRequest, ResponseHeader};
use keelson_proto::serving::{RangeResponse, RangeStreamResponse};
use std::pin::Pin;
use tonic::Status;

/// What the service answers with.
pub type Chunks = Pin<Box<dyn Stream<Item = Result<RangeStreamResponse, Status>> + Send>>;

/// Keys of the first chunk: small, so that the client has something at once.
const FIRST_KEYS: usize = 10;

/// Refuses what a stream cannot answer. kube-apiserver takes `Unimplemented` for "ask with Range".
pub(super) fn check(request: &RangeRequest) -> Result<(), Status> {
    if is_sorted(request) || request.sort_order != SortOrder::None as i32 {
        let text = "RangeStream does not support custom sort orders";
        return Err(Status::unimplemented(text));
    }
    if is_filtered(request) {
        let text = "RangeStream does not support revision filters";
        return Err(Status::unimplemented(text));
    }
    Ok(())
}

/// What is left to read of one scan. The real one is [`RangeScan`].
pub(super) trait Scan: Send + 'static {
    /// The next records in key order; none when all have been returned.
    fn next_chunk(&mut self, keys_max: usize, bytes_max: usize) -> Result<Vec<Bytes>, Error>;
    /// The limit cut something off. Valid once `next_chunk` has returned nothing.
    fn more(&self) -> bool;
    /// Keys in the range, whatever the limit.
    fn count(&self) -> i64;
}

impl Scan for RangeScan {
    fn next_chunk(&mut self, keys_max: usize, bytes_max: usize) -> Result<Vec<Bytes>, Error> {
        RangeScan::next_chunk(self, keys_max, bytes_max)
    }

    fn more(&self) -> bool {
        RangeScan::more(self)
    }

    fn count(&self) -> i64 {
        RangeScan::count(self)
    }
}

/// Streams `scan` in messages of about `target_bytes` to a client that keeps `pace`. To be called inside
/// a runtime.
pub(super) fn chunks<S: Scan>(
    scan: S,
    header: Option<ResponseHeader>,
    target_bytes: usize,
    pace: Pace,
) -> Chunks {
    let reader = Reader::new(scan, header, target_bytes, pace);
    Box::pin(stream::try_unfold(Some(reader), |reader| async move {
        let Some(mut reader) = reader else {
            return Ok(None);
        };
        let (response, done) = reader.next()?;
        // A client that takes everything at once must not keep others waiting.
        tokio::task::yield_now().await;
        let message = RangeStreamResponse {
            range_response: Some(response),
        };
        Ok(Some((message, (!done).then_some(reader))))
    }))
}

struct Reader<S> {
    scan: Leash<S>,
    header: Option<ResponseHeader>,
    target_bytes: usize,
    /// Keys of the next chunk.
    keys: usize,
    /// Read and not yet sent; `None` before the first read.
    held: Option<Vec<Bytes>>,
}

impl<S: Scan> Reader<S> {
    fn new(scan: S, header: Option<ResponseHeader>, target_bytes: usize, pace: Pace) -> Reader<S> {
        Reader {
            scan: Leash::new(scan, pace),
            header,
            target_bytes,
            keys: FIRST_KEYS,
            held: None,
        }
    }

    /// The next message, and whether it is the last.
    fn next(&mut self) -> Result<(RangeResponse, bool), Error> {
        let (response, done) = self.next_response()?;
        self.scan.meter().took(bytes_of(&response.kvs));
        Ok((response, done))
    }

    fn next_response(&mut self) -> Result<(RangeResponse, bool), Error> {
        let kvs = match self.held.take() {
            Some(kvs) => kvs,
            None => self.read()?,
        };
        if !kvs.is_empty() {
            let following = self.read()?;
            if !following.is_empty() {
                self.held = Some(following);
                let response = RangeResponse {
                    kvs,
                    ..RangeResponse::default()
                };
                return Ok((response, false));
            }
        }
        let (more, count) = self.scan.with(|scan| (scan.more(), scan.count()))?;
        let response = RangeResponse {
            header: self.header,
            kvs,
            more,
            count,
        };
        Ok((response, true))
    }

    /// Reads one chunk and sizes the next one by it: twice as many keys while a chunk stays under
    /// half the target, half as many once it is above twice the target.
    fn read(&mut self) -> Result<Vec<Bytes>, Error> {
        let (keys, bytes) = (self.keys, self.target_bytes);
        let chunk = self.scan.with(|scan| scan.next_chunk(keys, bytes))??;
        let bytes = bytes_of(&chunk);
        if bytes < self.target_bytes / 2 {
            self.keys = self.keys.saturating_mul(2);
        } else if bytes > self.target_bytes.saturating_mul(2) {
            self.keys = (self.keys / 2).max(1);
        }
        Ok(chunk)
    }
}

fn bytes_of(records: &[Bytes]) -> usize {
    records.iter().map(Bytes::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use futures::TryStreamExt;

    struct Listed {
        records: Vec<Bytes>,
        fails: bool,
    }

    impl Scan for Listed {
        fn next_chunk(&mut self, keys_max: usize, _: usize) -> Result<Vec<Bytes>, Error> {
            if self.fails && self.records.len() < 100 {
                return Err(Error::Compacted);
            }
            let keys = keys_max.min(self.records.len());
            Ok(self.records.drain(..keys).collect())
        }

        fn more(&self) -> bool {
            true
        }

        fn count(&self) -> i64 {
            123
        }
    }

    fn scan(records: usize) -> Listed {
        let record = |number: usize| Bytes::from(number.to_string());
        Listed {
            records: (0..records).map(record).collect(),
            fails: false,
        }
    }

    fn pace() -> Pace {
        Pace::of(&Limits::default())
    }

    async fn responses(scan: Listed) -> Result<Vec<RangeResponse>, Status> {
        let header = Some(ResponseHeader::default());
        let messages: Vec<_> = chunks(scan, header, 1 << 20, pace()).try_collect().await?;
        let response = |message: RangeStreamResponse| message.range_response.expect("always set");
        Ok(messages.into_iter().map(response).collect())
    }

    #[tokio::test]
    async fn only_the_last_message_has_more_than_records_and_none_is_empty() {
        for records in [1, 10, 11, 30, 31, 1000] {
            let responses = responses(scan(records)).await.expect("complete");
            let (last, others) = responses.split_last().expect("at least one");
            assert_eq!((last.count, last.more), (123, true));
            assert!(last.header.is_some());
            for other in others {
                assert_eq!((other.count, other.more, other.header), (0, false, None));
            }
            assert!(responses.iter().all(|response| !response.kvs.is_empty()));
            let sent: Vec<_> = responses.iter().flat_map(|one| one.kvs.clone()).collect();
            assert_eq!(sent, scan(records).records);
        }
    }

    #[tokio::test]
    async fn first_chunk_is_small_and_small_chunks_grow() {
        let responses = responses(scan(100)).await.expect("complete");
        let sizes: Vec<_> = responses.iter().map(|one| one.kvs.len()).collect();
        assert_eq!(sizes, [10, 20, 40, 30]);
    }

    #[tokio::test]
    async fn an_empty_range_is_one_message_with_a_header() {
        let responses = responses(scan(0)).await.expect("complete");
        assert_eq!(responses.len(), 1);
        assert!(responses[0].kvs.is_empty() && responses[0].header.is_some());
    }

    #[tokio::test]
    async fn compaction_on_the_way_ends_the_stream_with_its_error() {
        let mut scan = scan(200);
        scan.fails = true;
        let status = responses(scan).await.expect_err("compacted");
        assert_eq!(Error::from_status(&status), Error::Compacted);
    }
    #[tokio::test]
    async fn every_record_counts_as_taken_when_it_is_handed_out_and_not_before() {
        let header = Some(ResponseHeader::default());
        let mut reader = Reader::new(scan(100), header, 1 << 20, pace());
        let mut handed = 0;
        loop {
            let (response, done) = reader.next().expect("it is read");
            handed += bytes_of(&response.kvs) as u64;
            assert_eq!(reader.scan.meter().taken(), handed);
            if done {
                break;
            }
        }
        assert_eq!(handed, bytes_of(&scan(100).records) as u64);
    }
}
