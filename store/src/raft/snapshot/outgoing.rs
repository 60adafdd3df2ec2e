//! The files of a checkpoint as the stream that the receiver is sent, without what it has.

use super::digest::{
    CHUNK_BYTES, COMPARED_BYTES_PER_S, Digest, Pace, SENT_BYTES_PER_S, checksum, next_chunk,
};
use crate::MemberId;
use crate::faults::failpoint;
use keelson_proto::peer::{self, HeldFile, snapshot_chunk::Part};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

const _: () = assert!(CHUNK_BYTES < super::super::network::MESSAGE_BYTES_MAX);

/// One snapshot to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// To whom; for the log.
    pub(super) target: MemberId,
    /// The checkpoint.
    pub(super) root: PathBuf,
    /// Its files, by [`list_files`].
    pub(super) files: Vec<peer::SnapshotFile>,
    /// What the receiver says that it has.
    pub(super) held: Vec<HeldFile>,
    /// What the snapshot is of. Lengths are filled in here.
    pub(super) header: peer::SnapshotHeader,
}

/// The files of a checkpoint, by name, without checksums.
///
/// # Errors
/// The disk's.
pub(super) fn list_files(root: &Path) -> io::Result<Vec<peer::SnapshotFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        files.push(peer::SnapshotFile {
            name: entry.file_name().to_string_lossy().into_owned(),
            bytes: entry.metadata()?.len(),
            crc32c: 0,
        });
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

impl Outgoing {
    /// Reads every file and feeds the stream. Stops when the stream is gone. Blocks: for a thread of
    /// its own.
    pub(super) fn run(self, stream: &mpsc::Sender<peer::SnapshotChunk>) {
        match self.read(stream) {
            // Who closed the stream knows why.
            Err(error) if !stream.is_closed() => {
                tracing::warn!(member = self.target, %error, "a snapshot could not be read");
            }
            _ => {}
        }
    }

    fn read(&self, stream: &mpsc::Sender<peer::SnapshotChunk>) -> io::Result<()> {
        let kept = self.compare(&|| stream.is_closed())?;
        let header = self.complete_header(&kept);
        tracing::info!(
            member = self.target,
            bytes = header.total_bytes,
            kept_bytes = header.kept.iter().map(|file| file.bytes).sum::<u64>(),
            index = header.last_log_id.map_or(0, |id| id.index),
            "sending a snapshot"
        );
        failpoint!("send-header", fails);
        send(stream, Part::Header(header))?;
        let mut pace = Pace::new(SENT_BYTES_PER_S);
        for file in &self.files {
            failpoint!("send-file", fails);
            self.send_file(file, kept.get(file.name.as_str()), stream, &mut pace)?;
        }
        failpoint!("send-end", fails);
        let files = self.files.len() as u64;
        send(stream, Part::End(peer::SnapshotEnd { files }))
    }

    /// Which of the held files are beginnings of the checkpoint's.
    fn compare(&self, gone: &dyn Fn() -> bool) -> io::Result<HashMap<&str, Digest>> {
        let mut kept = HashMap::new();
        let mut pace = Pace::new(COMPARED_BYTES_PER_S);
        for held in self.held.iter().filter(|held| held.bytes > 0) {
            // Found by its name among our own: nothing else is ever opened.
            let named = self.files.iter().find(|file| file.name == held.name);
            let Some(file) = named.filter(|file| file.bytes >= held.bytes) else {
                continue;
            };
            let digest = Digest::of(&self.root.join(&file.name), held.bytes, &mut pace, gone)?;
            if digest.is(held) {
                kept.insert(file.name.as_str(), digest);
            }
        }
        Ok(kept)
    }

    fn complete_header(&self, kept: &HashMap<&str, Digest>) -> peer::SnapshotHeader {
        let mut header = self.header.clone();
        header.total_bytes = self.files.iter().map(|file| file.bytes).sum();
        header.kept = kept
            .iter()
            .map(|(name, digest)| digest.to_peer(name))
            .collect();
        header
    }

    fn send_file(
        &self,
        file: &peer::SnapshotFile,
        kept: Option<&Digest>,
        stream: &mpsc::Sender<peer::SnapshotChunk>,
        pace: &mut Pace,
    ) -> io::Result<()> {
        let path = self.root.join(&file.name);
        let (from, crc32c) = kept.map_or((0, 0), |kept| (kept.bytes, kept.crc32c));
        let announced = peer::SnapshotFile {
            crc32c: checksum(&path, from, crc32c)?,
            ..file.clone()
        };
        send(stream, Part::File(announced))?;
        let mut open = File::open(path)?;
        open.seek(SeekFrom::Start(from))?;
        while let Some(chunk) = next_chunk(&mut open)? {
            let bytes = chunk.len();
            send(stream, Part::Data(chunk))?;
            pace.read(bytes);
        }
        Ok(())
    }
}

fn send(stream: &mpsc::Sender<peer::SnapshotChunk>, part: Part) -> io::Result<()> {
    stream
        .blocking_send(peer::SnapshotChunk { part: Some(part) })
        .map_err(|_| io::Error::other("the receiver is gone"))
}
