//! State on its way from the leader to a member that is too far behind, or new.
//!
//! The leader makes a checkpoint (hard links, so it costs little), streams its files one after the
//! other with a checksum each, and drops it. The receiver collects the files beside its present
//! state, verifies them, and lets openraft install the whole. Rate-limited, so that a transfer does
//! not starve replication on the same disk and network.

use super::network::Connection;
use super::types::{
    SnapshotMeta, StoredMembership, TypeConfig, Vote, log_id_from_peer, log_id_to_peer,
    membership_from_peer, membership_to_peer, vote_from_peer, vote_to_peer,
};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use keelson_proto::peer::{self, snapshot_chunk::Part};
use openraft::errors::{ReplicationClosed, StreamingError, Unreachable};
use openraft::raft::SnapshotResponse;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tonic::Status;

/// One message of a transfer carries this much.
const CHUNK_BYTES: usize = 256 << 10;

/// A transfer uses at most this much of disk and network, in bytes per second.
const RATE_BYTES_PER_S: u64 = 200 << 20;

/// A directory holding a state. A temporary one is removed when the last user is done with it.
#[derive(Debug)]
pub struct SnapshotDirectory {
    path: Option<PathBuf>,
}

impl SnapshotDirectory {
    /// No copy: only its position is of interest.
    pub fn none() -> SnapshotDirectory {
        SnapshotDirectory { path: None }
    }

    /// A copy that removes itself.
    pub fn temporary(path: PathBuf) -> SnapshotDirectory {
        SnapshotDirectory { path: Some(path) }
    }

    /// Where it is, if it is anywhere.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

impl Drop for SnapshotDirectory {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // An installed one has been renamed away. What stays behind is removed at the next start.
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Streams one snapshot to a member.
///
/// # Errors
/// `Unreachable` for everything that may be better later, so that openraft waits before it retries:
/// each retry costs a checkpoint.
pub async fn send(
    connection: &Connection,
    vote: Vote,
    meta: SnapshotMeta,
    directory: &SnapshotDirectory,
    cancel: impl Future<Output = ReplicationClosed>,
) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
    let later = |error: &(dyn std::error::Error + 'static)| {
        let error = io::Error::other(error.to_string());
        StreamingError::Unreachable(Unreachable::new(&error))
    };
    let Some(path) = directory.path() else {
        return Err(later(&io::Error::other(
            "the member is starting: it has no copy of its state yet",
        )));
    };
    let files = list_files(path).map_err(|error| later(&error))?;
    let header = peer::SnapshotHeader {
        vote: Some(vote_to_peer(&vote)),
        last_log_id: meta.last_log_id.as_ref().map(log_id_to_peer),
        membership_log_id: meta.last_membership.log_id().as_ref().map(log_id_to_peer),
        membership: Some(membership_to_peer(meta.last_membership.membership())),
        total_bytes: files.iter().map(|(_, bytes)| bytes).sum(),
    };
    tracing::info!(
        member = connection.target(),
        bytes = header.total_bytes,
        index = meta.last_log_id.as_ref().map_or(0, |id| id.index),
        "sending a snapshot"
    );
    let (sender, receiver) = mpsc::channel(8);
    let root = path.to_owned();
    let reader = std::thread::Builder::new()
        .name("snapshot-send".to_owned())
        .spawn(move || read_files(&root, &files, header, &sender));
    if let Err(error) = reader {
        return Err(later(&error));
    }
    let mut client = connection.client().await.map_err(|error| later(&error))?;
    let chunks = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let request = connection.request(chunks);
    tokio::select! {
        answer = client.snapshot(request) => {
            let answer = answer.map_err(|status| later(&status))?.into_inner();
            let vote = answer.vote.as_ref().map(vote_from_peer).unwrap_or(vote);
            tracing::info!(member = connection.target(), "the snapshot has arrived");
            Ok(SnapshotResponse::new(vote))
        }
        closed = cancel => Err(StreamingError::Closed(closed)),
    }
}

fn list_files(root: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push((name, entry.metadata()?.len()));
    }
    files.sort();
    Ok(files)
}

/// Reads every file and feeds the stream. Stops when the stream is gone.
fn read_files(
    root: &Path,
    files: &[(String, u64)],
    header: peer::SnapshotHeader,
    sender: &mpsc::Sender<peer::SnapshotChunk>,
) {
    let send = |part| {
        sender
            .blocking_send(peer::SnapshotChunk { part: Some(part) })
            .map_err(|_| io::Error::other("the receiver is gone"))
    };
    let work = || -> io::Result<()> {
        send(Part::Header(header))?;
        let started = Instant::now();
        let mut sent = 0_u64;
        for (name, bytes) in files {
            let crc32c = checksum(&root.join(name))?;
            send(Part::File(peer::SnapshotFile {
                name: name.clone(),
                bytes: *bytes,
                crc32c,
            }))?;
            let mut file = File::open(root.join(name))?;
            loop {
                let mut buffer = BytesMut::zeroed(CHUNK_BYTES);
                let read = file.read(&mut buffer)?;
                if read == 0 {
                    break;
                }
                buffer.truncate(read);
                send(Part::Data(buffer.freeze()))?;
                sent += read as u64;
                pace(started, sent);
            }
        }
        let files = files.len() as u64;
        send(Part::End(peer::SnapshotEnd { files }))
    };
    if let Err(error) = work() {
        tracing::warn!(%error, "sending a snapshot stopped");
    }
}

/// Sleeps as long as needed to stay under the rate.
fn pace(started: Instant, sent: u64) {
    let due = Duration::from_micros(sent.saturating_mul(1_000_000) / RATE_BYTES_PER_S);
    if let Some(ahead) = due.checked_sub(started.elapsed()) {
        std::thread::sleep(ahead);
    }
}

fn checksum(path: &Path) -> io::Result<u32> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut crc = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(crc);
        }
        crc = crc32c::crc32c_append(crc, &buffer[..read]);
    }
}

/// A snapshot that has arrived whole.
pub struct Received {
    /// The sender's vote.
    pub vote: Vote,
    /// What it contains.
    pub meta: SnapshotMeta,
    /// Where it is.
    pub directory: SnapshotDirectory,
}

/// Collects a snapshot in `directory`.
///
/// # Errors
/// `InvalidArgument` for a stream that is not a snapshot, `DataLoss` for one that was damaged on its
/// way, `Internal` for this member's disk.
pub async fn receive(
    directory: PathBuf,
    mut chunks: impl Stream<Item = Result<peer::SnapshotChunk, Status>> + Unpin,
) -> Result<Received, Status> {
    let malformed = || Status::invalid_argument("the stream is not a snapshot");
    let directory = SnapshotDirectory::temporary(directory);
    let root = directory.path().map(|path| path.join("db"));
    let root = root.ok_or_else(malformed)?;
    let Some(Part::Header(header)) = next_part(&mut chunks).await? else {
        return Err(malformed());
    };
    let (vote, meta) = read_header(&header).ok_or_else(malformed)?;
    let mut collector = Collector {
        root,
        open: None,
        files: 0,
    };
    loop {
        match next_part(&mut chunks).await? {
            Some(Part::File(file)) => collector.begin(file)?,
            Some(Part::Data(data)) => collector.write(data)?,
            Some(Part::End(end)) => {
                collector.finish_file()?;
                if collector.files != end.files {
                    return Err(Status::data_loss("the snapshot lacks files"));
                }
                return Ok(Received {
                    vote,
                    meta,
                    directory,
                });
            }
            Some(Part::Header(_)) | None => return Err(malformed()),
        }
    }
}

async fn next_part(
    chunks: &mut (impl Stream<Item = Result<peer::SnapshotChunk, Status>> + Unpin),
) -> Result<Option<Part>, Status> {
    match chunks.next().await {
        Some(chunk) => Ok(chunk?.part),
        None => Err(Status::data_loss("the snapshot ended too early")),
    }
}

fn read_header(header: &peer::SnapshotHeader) -> Option<(Vote, SnapshotMeta)> {
    let meta = SnapshotMeta {
        last_log_id: header.last_log_id.as_ref().map(log_id_from_peer),
        last_membership: StoredMembership::new(
            header.membership_log_id.as_ref().map(log_id_from_peer),
            membership_from_peer(header.membership.as_ref()?)?,
        ),
    };
    Some((vote_from_peer(header.vote.as_ref()?), meta))
}

struct Collector {
    root: PathBuf,
    open: Option<OpenFile>,
    files: u64,
}

struct OpenFile {
    file: File,
    announced: peer::SnapshotFile,
    written: u64,
    crc32c: u32,
}

impl Collector {
    fn begin(&mut self, announced: peer::SnapshotFile) -> Result<(), Status> {
        self.finish_file()?;
        // A name is a name: a path could reach outside the directory.
        if announced.name.is_empty()
            || announced.name.contains(['/', '\0'])
            || announced.name == ".."
        {
            return Err(Status::invalid_argument("a snapshot file has a bad name"));
        }
        let file = File::create(self.root.join(&announced.name)).map_err(disk)?;
        self.open = Some(OpenFile {
            file,
            announced,
            written: 0,
            crc32c: 0,
        });
        Ok(())
    }

    fn write(&mut self, data: Bytes) -> Result<(), Status> {
        let open = self
            .open
            .as_mut()
            .ok_or_else(|| Status::invalid_argument("snapshot data without a file"))?;
        open.file.write_all(&data).map_err(disk)?;
        open.written += data.len() as u64;
        open.crc32c = crc32c::crc32c_append(open.crc32c, &data);
        Ok(())
    }

    fn finish_file(&mut self) -> Result<(), Status> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        if open.written != open.announced.bytes || open.crc32c != open.announced.crc32c {
            return Err(Status::data_loss(format!(
                "snapshot file {} arrived damaged",
                open.announced.name
            )));
        }
        self.files += 1;
        Ok(())
    }
}

fn disk(error: io::Error) -> Status {
    Status::internal(format!("the snapshot could not be written: {error}"))
}
