//! Where `Snapshot` gets its bytes: an archive of a checkpoint of the running member.

use super::snapshot::{OpenSnapshot, SnapshotSource};
use crate::Error;
use crate::archive::{Header, Writer};
use crate::faults::failpoint;
use crate::raft::Handle;
use crate::raft::applier::Checkpoint;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::future::BoxFuture;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

/// Bytes read from the finished archive at a time.
const READ_BYTES: usize = 256 << 10;

/// Archives that are made or sent at a time. Each takes a thread, and as much disk as the store.
const AT_A_TIME: usize = 4;

/// Archives of one member. The archive is written to an unnamed file first, because clients are told
/// its exact size with the first byte.
pub struct ArchiveSource {
    handle: Handle,
    data_dir: PathBuf,
    places: Arc<Semaphore>,
}

impl ArchiveSource {
    /// Of the member behind `handle`; the file lies in `data_dir` while it is needed.
    pub fn new(handle: Handle, data_dir: PathBuf) -> ArchiveSource {
        ArchiveSource {
            handle,
            data_dir,
            places: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }
}

impl SnapshotSource for ArchiveSource {
    fn open(&self) -> BoxFuture<'static, Result<OpenSnapshot, Error>> {
        let handle = self.handle.clone();
        let data_dir = self.data_dir.clone();
        let place = Arc::clone(&self.places).try_acquire_owned();
        Box::pin(async move {
            let place = place.map_err(|_| Error::TooManyRequests)?;
            let checkpoint = handle.checkpoint().await.map_err(|error| failed(&error))?;
            failpoint!("archive-copied");
            let identity = handle.identity();
            let applied = checkpoint.position.applied;
            let header = Header {
                cluster_id: identity.cluster_id,
                member_id: identity.member_id,
                revision: checkpoint.revision,
                compacted: checkpoint.compacted,
                applied_term: applied.map_or(0, |id| id.term),
                applied_index: applied.map_or(0, |id| id.index),
                created_by: format!("keelson {}", env!("CARGO_PKG_VERSION")),
            };
            let (size, ready) = oneshot::channel();
            let (parts, receiver) = mpsc::channel(4);
            std::thread::Builder::new()
                .name("snapshot-save".to_owned())
                .spawn(move || {
                    serve(checkpoint, header, data_dir, size, &parts);
                    // Only now is what it took given back.
                    drop(place);
                })
                .map_err(|error| failed(&error))?;
            let total_bytes = ready
                .await
                .map_err(|_| failed(&"the archive could not be written"))??;
            Ok(OpenSnapshot {
                total_bytes,
                parts: ReceiverStream::new(receiver).boxed(),
            })
        })
    }
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::Other(
        tonic::Code::Unavailable as i32,
        format!("etcdserver: the snapshot could not be made: {error}"),
    )
}

/// Writes the archive, tells its size, then reads it out. Ends when the reader is gone.
fn serve(
    checkpoint: Checkpoint,
    header: Header,
    data_dir: PathBuf,
    size: oneshot::Sender<Result<u64, Error>>,
    parts: &mpsc::Sender<Result<Bytes, Error>>,
) {
    let written = write_archive(&checkpoint, header, data_dir);
    drop(checkpoint);
    failpoint!("archive-written");
    let mut file = match written {
        Ok((file, total)) => {
            if size.send(Ok(total)).is_err() {
                return;
            }
            file
        }
        Err(error) => {
            let _ = size.send(Err(failed(&error)));
            return;
        }
    };
    loop {
        let mut buffer = BytesMut::zeroed(READ_BYTES);
        let part = match file.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => {
                buffer.truncate(read);
                Ok(buffer.freeze())
            }
            Err(error) => Err(failed(&error)),
        };
        let last = part.is_err();
        if parts.blocking_send(part).is_err() || last {
            return;
        }
    }
}

/// The archive without its digest (which `Snapshot` appends itself) in a file that has no name any
/// more and so vanishes with its last user.
fn write_archive(
    checkpoint: &Checkpoint,
    header: Header,
    data_dir: PathBuf,
) -> io::Result<(File, u64)> {
    let engine = checkpoint.open()?;
    let name = data_dir.join(format!("snapshot-{:016x}.tmp", rand::random::<u64>()));
    let mut file = File::options()
        .create_new(true)
        .read(true)
        .write(true)
        .open(&name)?;
    std::fs::remove_file(&name)?;
    let mut total = 0;
    let mut previous: Option<Bytes> = None;
    for part in Writer::new(engine, header) {
        let part = part.map_err(io::Error::other)?;
        // The last part is the digest alone.
        if let Some(previous) = previous.replace(part) {
            file.write_all(&previous)?;
            total += previous.len() as u64;
        }
    }
    file.rewind()?;
    Ok((file, total))
}
