//! Files read for their checksums and for the network, never faster than a transfer may be.

use bytes::{Bytes, BytesMut};
use keelson_proto::peer::HeldFile;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes read, and sent, at once.
pub(super) const CHUNK_BYTES: usize = 256 << 10;

/// A transfer uses at most this much of disk and network, in bytes per second.
pub(super) const SENT_BYTES_PER_S: u64 = 200 << 20;

/// What is only compared is read at most so fast, in bytes per second: it loads one disk and no
/// network, and must be quicker than sending, or it would be no use.
pub(super) const COMPARED_BYTES_PER_S: u64 = 800 << 20;

/// A thread is not sent to sleep for less than this.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// What the beginning of a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digest {
    /// Its length.
    pub(super) bytes: u64,
    /// By which it is told from any other.
    pub(super) sha256: [u8; 32],
    /// Where the checksum of the whole file goes on.
    pub(super) crc32c: u32,
}

impl Digest {
    /// Reads the first `bytes` bytes of a file; all of it if it is shorter, which the result tells.
    /// Ends early when `gone` says that nobody waits any more.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn of(
        path: &Path,
        bytes: u64,
        pace: &mut Pace,
        gone: &dyn Fn() -> bool,
    ) -> io::Result<Digest> {
        let mut file = File::open(path)?.take(bytes);
        let (mut sha256, mut crc32c, mut bytes) = (Sha256::new(), 0, 0);
        while let Some(chunk) = next_chunk(&mut file)? {
            if gone() {
                return Err(io::Error::other("nobody waits for it any more"));
            }
            sha256.update(&chunk);
            crc32c = crc32c::crc32c_append(crc32c, &chunk);
            bytes += chunk.len() as u64;
            pace.read(chunk.len());
        }
        Ok(Digest {
            bytes,
            sha256: sha256.finalize().into(),
            crc32c,
        })
    }

    /// As it is sent.
    pub(super) fn to_peer(&self, name: &str) -> HeldFile {
        HeldFile {
            name: name.to_owned(),
            bytes: self.bytes,
            sha256: Bytes::copy_from_slice(&self.sha256),
        }
    }

    /// Whether this is what was sent.
    pub(super) fn is(&self, held: &HeldFile) -> bool {
        self.bytes == held.bytes && self.sha256[..] == held.sha256[..]
    }
}

/// CRC32C of a whole file, of whose first `from` bytes it is `crc32c`.
///
/// # Errors
/// The disk's.
pub(super) fn checksum(path: &Path, from: u64, mut crc32c: u32) -> io::Result<u32> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    while let Some(chunk) = next_chunk(&mut file)? {
        crc32c = crc32c::crc32c_append(crc32c, &chunk);
    }
    Ok(crc32c)
}

/// The next bytes; `None` at the end.
///
/// # Errors
/// The disk's.
pub(super) fn next_chunk(file: &mut impl Read) -> io::Result<Option<Bytes>> {
    let mut buffer = BytesMut::zeroed(CHUNK_BYTES);
    let read = file.read(&mut buffer)?;
    buffer.truncate(read);
    Ok((read > 0).then(|| buffer.freeze()))
}

/// Keeps a thread under a rate.
#[derive(Debug)]
pub(super) struct Pace {
    started: Instant,
    bytes: u64,
    bytes_per_s: u64,
}

impl Pace {
    /// Begins now.
    pub(super) fn new(bytes_per_s: u64) -> Pace {
        Pace {
            started: Instant::now(),
            bytes: 0,
            bytes_per_s,
        }
    }

    /// So much more was read: sleeps as long as needed to stay under the rate.
    pub(super) fn read(&mut self, bytes: usize) {
        let ahead = self.ahead(bytes);
        // Shorter ones are made up for by the next.
        if ahead >= SHORTEST_SLEEP {
            std::thread::sleep(ahead);
        }
    }

    /// So much more was read: how long to wait to stay under the rate.
    pub(super) fn ahead(&mut self, bytes: usize) -> Duration {
        self.bytes += bytes as u64;
        let due = Duration::from_micros(self.bytes.saturating_mul(1_000_000) / self.bytes_per_s);
        due.saturating_sub(self.started.elapsed())
    }
}
