//! The files of a checkpoint as the stream that the receiver is sent, without what it has. Reading them
//! is the work of a lane: it waits for the disk, for the stream, and for the rate.

use super::digest::{
    CHUNK_BYTES, COMPARED_BYTES_PER_S, Digest, Pace, SENT_BYTES_PER_S, checksum, next_chunk,
};
use crate::MemberId;
use crate::faults::failpoint;
use crate::world::{Step, Work};
use keelson_proto::peer::{self, HeldFile, snapshot_chunk::Part};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

const _: () = assert!(CHUNK_BYTES < super::super::connection::MESSAGE_BYTES_MAX);

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

/// A snapshot on its way out: an [`Outgoing`] that is read, and the stream that it goes into.
pub(super) struct Sending {
    outgoing: Outgoing,
    stream: mpsc::Sender<peer::SnapshotChunk>,
    /// Which held files need not be sent.
    kept: HashMap<String, Digest>,
    at: At,
    pace: Pace,
    /// Read, and not yet taken by the stream.
    waiting: Option<Part>,
}

/// What comes next of a snapshot.
enum At {
    Header,
    /// The announcement of the file with this number, or the end.
    File(usize),
    /// The rest of the file with this number.
    Data(usize, File),
    Over,
}

impl Outgoing {
    /// Which of the held files are beginnings of the checkpoint's.
    fn compare(&self, gone: &dyn Fn() -> bool) -> io::Result<HashMap<String, Digest>> {
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
                kept.insert(file.name.clone(), digest);
            }
        }
        Ok(kept)
    }

    fn complete_header(&self, kept: &HashMap<String, Digest>) -> peer::SnapshotHeader {
        let mut header = self.header.clone();
        header.total_bytes = self.files.iter().map(|file| file.bytes).sum();
        header.kept = kept
            .iter()
            .map(|(name, digest)| digest.to_peer(name))
            .collect();
        header
    }
}

impl Sending {
    /// Nothing has been read yet.
    pub(super) fn new(outgoing: Outgoing, stream: mpsc::Sender<peer::SnapshotChunk>) -> Sending {
        Sending {
            outgoing,
            stream,
            kept: HashMap::new(),
            at: At::Header,
            pace: Pace::new(SENT_BYTES_PER_S),
            waiting: None,
        }
    }

    /// Reads what comes next; `None` at the end.
    fn read(&mut self) -> io::Result<Option<Part>> {
        loop {
            match std::mem::replace(&mut self.at, At::Over) {
                At::Header => {
                    let stream = &self.stream;
                    self.kept = self.outgoing.compare(&|| stream.is_closed())?;
                    self.at = At::File(0);
                    failpoint!("send-header", fails);
                    return Ok(Some(Part::Header(self.header())));
                }
                At::File(number) if number == self.outgoing.files.len() => {
                    failpoint!("send-end", fails);
                    let files = number as u64;
                    return Ok(Some(Part::End(peer::SnapshotEnd { files })));
                }
                At::File(number) => return self.begin_file(number).map(Some),
                At::Data(number, mut file) => {
                    let Some(chunk) = next_chunk(&mut file)? else {
                        self.at = At::File(number + 1);
                        continue;
                    };
                    self.at = At::Data(number, file);
                    return Ok(Some(Part::Data(chunk)));
                }
                At::Over => return Ok(None),
            }
        }
    }

    fn header(&self) -> peer::SnapshotHeader {
        let header = self.outgoing.complete_header(&self.kept);
        tracing::info!(
            member = self.outgoing.target,
            bytes = header.total_bytes,
            kept_bytes = header.kept.iter().map(|file| file.bytes).sum::<u64>(),
            index = header.last_log_id.map_or(0, |id| id.index),
            "sending a snapshot"
        );
        header
    }

    fn begin_file(&mut self, number: usize) -> io::Result<Part> {
        failpoint!("send-file", fails);
        let file = &self.outgoing.files[number];
        let path = self.outgoing.root.join(&file.name);
        let kept = self.kept.get(&file.name);
        let (from, crc32c) = kept.map_or((0, 0), |kept| (kept.bytes, kept.crc32c));
        let announced = peer::SnapshotFile {
            crc32c: checksum(&path, from, crc32c)?,
            ..file.clone()
        };
        let mut open = File::open(path)?;
        open.seek(SeekFrom::Start(from))?;
        self.at = At::Data(number, open);
        Ok(Part::File(announced))
    }

    /// The next part, if there is one and the files can be read.
    fn next(&mut self) -> Option<Part> {
        let next = match self.waiting.take() {
            Some(part) => Ok(Some(part)),
            None => self.read(),
        };
        next.unwrap_or_else(|error| {
            // Who closed the stream knows why.
            if !self.stream.is_closed() {
                let member = self.outgoing.target;
                tracing::warn!(member, %error, "a snapshot could not be read");
            }
            None
        })
    }
}

/// How many bytes count for the rate.
fn data_bytes(part: &Part) -> usize {
    match part {
        Part::Data(data) => data.len(),
        _ => 0,
    }
}

impl Work for Sending {
    fn run(mut self) {
        while let Some(part) = self.next() {
            let bytes = data_bytes(&part);
            let chunk = peer::SnapshotChunk { part: Some(part) };
            if self.stream.blocking_send(chunk).is_err() {
                return;
            }
            self.pace.read(bytes);
        }
    }

    fn step(&mut self) -> Step {
        let Some(part) = self.next() else {
            return Step::Over;
        };
        let bytes = data_bytes(&part);
        match self
            .stream
            .try_send(peer::SnapshotChunk { part: Some(part) })
        {
            Ok(()) if bytes > 0 => Step::Wait(self.pace.ahead(bytes)),
            Ok(()) => Step::More,
            Err(TrySendError::Full(chunk)) => {
                self.waiting = chunk.part;
                Step::Wait(Duration::ZERO)
            }
            Err(TrySendError::Closed(_)) => Step::Over,
        }
    }
}
