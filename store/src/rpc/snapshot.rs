//! Streams a snapshot to a client: pieces of 32 KiB and, behind them, their SHA-256.
//!
//! Until the client has all of it a file as large as the store is kept, so a client that takes it too
//! slowly loses it like any long answer.

use super::leash::{Leash, Pace};
use super::version;
use crate::Error;
use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use keelson_proto::etcdserverpb::SnapshotResponse;
use sha2::{Digest, Sha256};
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::Status;

/// Clients check that what they received is a whole number of these and a checksum.
pub const SECTOR_BYTES: u64 = 512;
const PIECE_BYTES: usize = 32 * 1024;

/// Makes snapshots. Implemented where the format is known.
pub trait SnapshotSource: Send + Sync + 'static {
    /// Takes a snapshot of the present state and opens it. Must not block the caller's thread.
    /// [`Error::TooManyRequests`] if there are as many under way as there may be.
    fn open(&self) -> BoxFuture<'static, Result<OpenSnapshot, Error>>;
}

/// A snapshot that is ready to be read once.
pub struct OpenSnapshot {
    /// Its exact size, a multiple of [`SECTOR_BYTES`].
    pub total_bytes: u64,
    /// Its bytes, in pieces of any size. Whatever the snapshot occupies is freed when this is
    /// dropped.
    pub parts: BoxStream<'static, Result<Bytes, Error>>,
}

/// What the service answers with.
pub type Pieces = Pin<Box<dyn Stream<Item = Result<SnapshotResponse, Status>> + Send>>;

/// Cuts a snapshot into the messages of the API, for a client that keeps `pace`. To be called inside a
/// runtime.
pub(super) fn pieces(snapshot: OpenSnapshot, pace: Pace) -> Pieces {
    let cutter = Some(Cutter::new(snapshot, pace));
    Box::pin(stream::try_unfold(cutter, |cutter| async move {
        match cutter {
            Some(cutter) => Ok(Some(cutter.next().await?)),
            None => Ok(None),
        }
    }))
}

struct Cutter {
    /// Not yet sent.
    remaining_bytes: u64,
    parts: Leash<BoxStream<'static, Result<Bytes, Error>>>,
    buffer: BytesMut,
    hash: Sha256,
}

impl Cutter {
    fn new(snapshot: OpenSnapshot, pace: Pace) -> Cutter {
        Cutter {
            remaining_bytes: snapshot.total_bytes,
            parts: Leash::new(snapshot.parts, pace),
            buffer: BytesMut::new(),
            hash: Sha256::new(),
        }
    }

    /// The next message and what is left behind it.
    async fn next(mut self) -> Result<(SnapshotResponse, Option<Cutter>), Status> {
        while self.buffer.len() < PIECE_BYTES {
            match self.next_part().await {
                Some(part) => self.buffer.extend_from_slice(&part?),
                None => break,
            }
        }
        let len = self.buffer.len().min(PIECE_BYTES);
        if len as u64 > self.remaining_bytes || (len == 0 && self.remaining_bytes > 0) {
            return Err(Status::data_loss(
                "the snapshot does not have the size that was announced; take it again",
            ));
        }
        if len == 0 {
            let digest = Bytes::copy_from_slice(&self.hash.finalize());
            return Ok((message(0, digest), None));
        }
        let piece = self.buffer.split_to(len).freeze();
        self.hash.update(&piece);
        self.parts.meter().took(len);
        self.remaining_bytes -= len as u64;
        // Hashing a piece takes a while; others get their turn between two.
        tokio::task::yield_now().await;
        Ok((message(self.remaining_bytes, piece), Some(self)))
    }

    /// The next part, or why there is none any more.
    async fn next_part(&self) -> Option<Result<Bytes, Error>> {
        let next = |context: &mut Context<'_>| {
            let next = self.parts.with(|parts| parts.poll_next_unpin(context));
            next.unwrap_or_else(|error| Poll::Ready(Some(Err(error))))
        };
        std::future::poll_fn(next).await
    }
}

fn message(remaining_bytes: u64, blob: Bytes) -> SnapshotResponse {
    SnapshotResponse {
        header: None,
        remaining_bytes,
        blob,
        version: version::STORAGE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::tests::wait_until;
    use futures::TryStreamExt;
    use std::sync::Arc;
    use std::time::Duration;

    fn pace(patience: Duration) -> Pace {
        Pace {
            patience,
            bytes_per_s_min: 0,
        }
    }

    fn snapshot(parts: &[usize], total_bytes: u64) -> OpenSnapshot {
        let parts: Vec<_> = parts
            .iter()
            .map(|len| Ok(Bytes::from(vec![7; *len])))
            .collect();
        OpenSnapshot {
            total_bytes,
            parts: stream::iter(parts).boxed(),
        }
    }

    async fn messages(parts: &[usize], total_bytes: u64) -> Result<Vec<SnapshotResponse>, Status> {
        let pace = pace(Duration::from_secs(3600));
        pieces(snapshot(parts, total_bytes), pace)
            .try_collect()
            .await
    }

    #[tokio::test]
    async fn every_piece_counts_as_taken_when_it_is_handed_out_and_not_before() {
        let pace = pace(Duration::from_secs(3600));
        let mut cutter = Some(Cutter::new(snapshot(&[71_024], 71_024), pace));
        let mut handed = 0;
        while let Some(present) = cutter {
            let (message, left) = present.next().await.expect("a piece");
            // Behind the pieces there is the checksum.
            if let Some(left) = &left {
                handed += message.blob.len() as u64;
                assert_eq!(left.parts.meter().taken(), handed);
            }
            cutter = left;
        }
        assert_eq!(handed, 71_024);
    }

    #[tokio::test]
    async fn pieces_are_cut_to_size_and_followed_by_the_checksum() {
        let messages = messages(&[100, 70_000, 924], 71_024).await;
        let messages = messages.expect("complete");
        let (digest, data) = messages.split_last().expect("not empty");
        let sizes: Vec<_> = data.iter().map(|one| one.blob.len()).collect();
        assert_eq!(sizes, [32_768, 32_768, 5488]);
        let remaining: Vec<_> = data.iter().map(|one| one.remaining_bytes).collect();
        assert_eq!(remaining, [38_256, 5488, 0]);
        assert_eq!(digest.blob[..], Sha256::digest(vec![7; 71_024])[..]);
    }

    #[tokio::test]
    async fn a_snapshot_of_another_size_than_announced_is_an_error() {
        for total_bytes in [512, 2048] {
            let status = messages(&[1024], total_bytes).await;
            let status = status.expect_err("wrong size");
            assert_eq!(status.code(), tonic::Code::DataLoss);
        }
    }

    #[tokio::test]
    async fn a_client_that_stalls_loses_the_snapshot_and_what_it_occupies() {
        let occupied = Arc::new(());
        let used = Arc::clone(&occupied);
        let parts = stream::repeat_with(move || {
            let _used = &used;
            Ok(Bytes::from(vec![7; PIECE_BYTES]))
        });
        let snapshot = OpenSnapshot {
            total_bytes: 100 * PIECE_BYTES as u64,
            parts: parts.boxed(),
        };
        let mut pieces = pieces(snapshot, pace(Duration::from_millis(50)));
        pieces.next().await.expect("a piece").expect("made");
        wait_until("it is let go", || async {
            Arc::strong_count(&occupied) == 1
        })
        .await;
        let status = pieces.next().await.expect("the end").expect_err("let go");
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
        assert!(pieces.next().await.is_none());
    }
}
