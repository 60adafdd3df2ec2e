//! Streams a snapshot to a client: pieces of 32 KiB and, behind them, their SHA-256.

use super::version;
use crate::Error;
use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use keelson_proto::etcdserverpb::SnapshotResponse;
use sha2::{Digest, Sha256};
use std::pin::Pin;
use tonic::Status;

/// Clients check that what they received is a whole number of these and a checksum.
pub const SECTOR_BYTES: u64 = 512;
const PIECE_BYTES: usize = 32 * 1024;

/// Makes snapshots. Implemented where the format is known.
pub trait SnapshotSource: Send + Sync + 'static {
    /// Takes a snapshot of the present state and opens it. Must not block the caller's thread.
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

/// Cuts a snapshot into the messages of the API.
pub(super) fn pieces(snapshot: OpenSnapshot) -> Pieces {
    let cutter = Cutter {
        remaining_bytes: snapshot.total_bytes,
        parts: snapshot.parts,
        buffer: BytesMut::new(),
        hash: Sha256::new(),
    };
    Box::pin(stream::try_unfold(Some(cutter), |cutter| async move {
        match cutter {
            Some(cutter) => Ok(Some(cutter.next().await?)),
            None => Ok(None),
        }
    }))
}

struct Cutter {
    /// Not yet sent.
    remaining_bytes: u64,
    parts: BoxStream<'static, Result<Bytes, Error>>,
    buffer: BytesMut,
    hash: Sha256,
}

impl Cutter {
    /// The next message and what is left behind it.
    async fn next(mut self) -> Result<(SnapshotResponse, Option<Cutter>), Status> {
        while self.buffer.len() < PIECE_BYTES {
            match self.parts.next().await {
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
        self.remaining_bytes -= len as u64;
        // Hashing a piece takes a while; others get their turn between two.
        tokio::task::yield_now().await;
        Ok((message(self.remaining_bytes, piece), Some(self)))
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
    use futures::TryStreamExt;

    fn messages(parts: &[usize], total_bytes: u64) -> Result<Vec<SnapshotResponse>, Status> {
        let parts: Vec<_> = parts
            .iter()
            .map(|len| Ok(Bytes::from(vec![7; *len])))
            .collect();
        let snapshot = OpenSnapshot {
            total_bytes,
            parts: stream::iter(parts).boxed(),
        };
        futures::executor::block_on(pieces(snapshot).try_collect())
    }

    #[test]
    fn pieces_are_cut_to_size_and_followed_by_the_checksum() {
        let messages = messages(&[100, 70_000, 924], 71_024).expect("complete");
        let (digest, data) = messages.split_last().expect("not empty");
        let sizes: Vec<_> = data.iter().map(|one| one.blob.len()).collect();
        assert_eq!(sizes, [32_768, 32_768, 5488]);
        let remaining: Vec<_> = data.iter().map(|one| one.remaining_bytes).collect();
        assert_eq!(remaining, [38_256, 5488, 0]);
        assert_eq!(digest.blob[..], Sha256::digest(vec![7; 71_024])[..]);
    }

    #[test]
    fn a_snapshot_of_another_size_than_announced_is_an_error() {
        for total_bytes in [512, 2048] {
            let status = messages(&[1024], total_bytes).expect_err("wrong size");
            assert_eq!(status.code(), tonic::Code::DataLoss);
        }
    }
}
