//! Records as bytes. Everything is little-endian and starts at a multiple of eight.
//!
//! ```text
//! checksum u32 | length u32 | kind u8 | detail u8 | 0 u16 | `length` bytes | zeros up to a multiple of 8
//! ```
//!
//! The checksum is CRC32C over the segment's sequence number, the record's offset in the segment and
//! everything after the checksum, padding included. So a record is only valid where it was written:
//! bytes that a recycled file kept from its former life never parse.

use super::{Checkpoint, Entry, LogId, Payload, Vote};
use bytes::Bytes;

/// Records start at multiples of this.
pub const ALIGNMENT: usize = 8;
/// Bytes before a record's own content.
const HEADER: usize = 12;
/// Bytes of an entry besides its payload, padding not counted.
const ENTRY_OVERHEAD: usize = HEADER + 24;
/// Bytes of a batch record.
pub const BATCH: usize = 32;
/// The largest payload of an entry. Offsets in a segment are 32 bits wide.
pub const PAYLOAD_MAX: usize = 1 << 30;

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Batch = 1,
    Entry = 2,
    Vote = 3,
    Committed = 4,
    TruncateAfter = 5,
    Purged = 6,
    Checkpoint = 7,
}

/// Heads each write. What was written in one go is taken whole or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Bytes of the records that follow and belong to this write.
    pub body: u32,
    /// Grows with every opening of the log that wrote something.
    pub life: u32,
    /// Before this write began, the segment was durable up to here.
    pub synced: u32,
}

/// A decoded record. An entry's payload is given as a range of the bytes it was decoded from.
#[derive(Debug, PartialEq)]
pub enum Record {
    /// Heads a write.
    Batch(Batch),
    /// A log entry: its id, its payload's type and where the payload lies.
    Entry(LogId, u8, std::ops::Range<usize>),
    /// The newest vote.
    Vote(Vote),
    /// The newest committed entry known.
    Committed(Option<LogId>),
    /// Everything after this entry is gone.
    TruncateAfter(Option<LogId>),
    /// This entry and everything before is gone.
    Purged(LogId),
    /// The state at the start of the segment, and where the segment before it ended.
    Checkpoint(Checkpoint, u64),
}

/// Bytes that an entry takes on disk.
pub fn entry_bytes(payload: usize) -> usize {
    (ENTRY_OVERHEAD + payload).next_multiple_of(ALIGNMENT)
}

/// Bytes that any record but an entry or a checkpoint takes at most.
pub const SMALL: usize = 40;

/// The payload of a decoded entry. `None`: an unknown type.
pub fn payload(detail: u8, bytes: Bytes) -> Option<Payload> {
    match detail {
        0 => Some(Payload::Blank),
        1 => Some(Payload::Commands(bytes)),
        2 => Some(Payload::Membership(bytes)),
        _ => None,
    }
}

fn checksum(sequence: u64, offset: u64, bytes: &[u8]) -> u32 {
    let mut place = [0; 16];
    place[..8].copy_from_slice(&sequence.to_le_bytes());
    place[8..].copy_from_slice(&offset.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&place), bytes)
}

/// Encodes what goes to disk in one write. The buffer is used again and again.
#[derive(Default)]
pub struct Encoder {
    buffer: Vec<u8>,
    sequence: u64,
    base: u64,
    batch: usize,
}

/// A buffer that grew larger than this for one write is given back.
const BUFFER_MAX: usize = 16 << 20;

impl Encoder {
    /// Starts a write at offset `base` of segment `sequence`: what `prefix` says, then the batch.
    pub fn start(&mut self, sequence: u64, base: u64, prefix: &[u8]) {
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_MAX);
        self.buffer.extend_from_slice(prefix);
        self.sequence = sequence;
        self.base = base;
        self.batch = self.buffer.len();
        self.buffer.resize(self.batch + BATCH, 0);
    }

    /// Fills in the batch record and gives the bytes to be written.
    pub fn finish(&mut self, life: u32, synced: u64) -> &[u8] {
        let body = (self.buffer.len() - self.batch - BATCH) as u32;
        let mut content = [0; 16];
        content[..4].copy_from_slice(&body.to_le_bytes());
        content[4..8].copy_from_slice(&life.to_le_bytes());
        content[8..12].copy_from_slice(&(synced as u32).to_le_bytes());
        let head = &mut self.buffer[self.batch..self.batch + BATCH];
        head[4..12].copy_from_slice(&BATCH_TAG.to_le_bytes());
        head[12..28].copy_from_slice(&content);
        let sum = checksum(self.sequence, self.base + self.batch as u64, &head[4..]);
        head[..4].copy_from_slice(&sum.to_le_bytes());
        &self.buffer
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Adds an entry and returns its offset in the segment.
    pub fn entry(&mut self, entry: &Entry) -> u64 {
        let (detail, payload): (u8, &[u8]) = match &entry.payload {
            Payload::Blank => (0, &[]),
            Payload::Commands(bytes) => (1, bytes),
            Payload::Membership(bytes) => (2, bytes),
        };
        self.record(Kind::Entry, detail, 24 + payload.len(), |buffer| {
            put_log_id(buffer, entry.log_id);
            buffer.extend_from_slice(payload);
        })
    }

    /// Adds a vote.
    pub fn vote(&mut self, vote: Vote) {
        self.record(Kind::Vote, u8::from(vote.committed), 16, |buffer| {
            buffer.extend_from_slice(&vote.term.to_le_bytes());
            buffer.extend_from_slice(&vote.node_id.to_le_bytes());
        });
    }

    /// Adds the committed log id.
    pub fn committed(&mut self, log_id: Option<LogId>) {
        self.optional(Kind::Committed, log_id);
    }

    /// Adds a truncation.
    pub fn truncate_after(&mut self, log_id: Option<LogId>) {
        self.optional(Kind::TruncateAfter, log_id);
    }

    /// Adds a purge.
    pub fn purged(&mut self, log_id: LogId) {
        self.optional(Kind::Purged, Some(log_id));
    }

    /// Adds a checkpoint.
    pub fn checkpoint(&mut self, checkpoint: &Checkpoint, previous_end: u64) {
        let Checkpoint {
            vote,
            committed,
            purged,
            last,
        } = *checkpoint;
        let detail = u8::from(vote.is_some())
            | u8::from(vote.is_some_and(|vote| vote.committed)) << 1
            | u8::from(committed.is_some()) << 2
            | u8::from(purged.is_some()) << 3
            | u8::from(last.is_some()) << 4;
        self.record(Kind::Checkpoint, detail, 96, |buffer| {
            let vote = vote.unwrap_or(Vote {
                term: 0,
                node_id: 0,
                committed: false,
            });
            buffer.extend_from_slice(&vote.term.to_le_bytes());
            buffer.extend_from_slice(&vote.node_id.to_le_bytes());
            for log_id in [committed, purged, last] {
                put_log_id(
                    buffer,
                    log_id.unwrap_or(LogId {
                        term: 0,
                        node_id: 0,
                        index: 0,
                    }),
                );
            }
            buffer.extend_from_slice(&previous_end.to_le_bytes());
        });
    }

    fn optional(&mut self, kind: Kind, log_id: Option<LogId>) {
        let length = if log_id.is_some() { 24 } else { 0 };
        self.record(kind, u8::from(log_id.is_some()), length, |buffer| {
            if let Some(log_id) = log_id {
                put_log_id(buffer, log_id);
            }
        });
    }

    fn record(
        &mut self,
        kind: Kind,
        detail: u8,
        length: usize,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> u64 {
        let start = self.buffer.len();
        let end = (start + HEADER + length).next_multiple_of(ALIGNMENT);
        self.buffer.reserve(end - start);
        self.buffer.extend_from_slice(&[0; 4]);
        self.buffer
            .extend_from_slice(&(length as u32).to_le_bytes());
        self.buffer.extend_from_slice(&[kind as u8, detail, 0, 0]);
        fill(&mut self.buffer);
        debug_assert_eq!(self.buffer.len(), start + HEADER + length);
        self.buffer.resize(end, 0);
        let offset = self.base + start as u64;
        let sum = checksum(self.sequence, offset, &self.buffer[start + 4..]);
        self.buffer[start..start + 4].copy_from_slice(&sum.to_le_bytes());
        offset
    }
}

fn put_log_id(buffer: &mut Vec<u8>, log_id: LogId) {
    buffer.extend_from_slice(&log_id.term.to_le_bytes());
    buffer.extend_from_slice(&log_id.node_id.to_le_bytes());
    buffer.extend_from_slice(&log_id.index.to_le_bytes());
}

/// The eight bytes after the checksum of a batch record: its length, its kind, zeros.
const BATCH_TAG: u64 = 16 | (Kind::Batch as u64) << 32;

/// Whether a batch record may start with these eight bytes: whether its length fits. A quick look at
/// many places; only [`decode`] knows.
pub fn may_be_batch(bytes: &[u8]) -> bool {
    half(bytes, 4) == BATCH_TAG as u32
}

/// Decodes the record at `position` of `bytes`, which lies at `offset` of segment `sequence`. Returns
/// it and the bytes it takes. The error says what is wrong.
pub fn decode(
    bytes: &[u8],
    position: usize,
    sequence: u64,
    offset: u64,
) -> Result<(Record, usize), &'static str> {
    let rest = bytes.get(position..).unwrap_or_default();
    if rest.len() < HEADER {
        return Err("the file ends inside a record");
    }
    let length = half(rest, 4) as usize;
    let size = (HEADER + length).next_multiple_of(ALIGNMENT);
    if size > rest.len() {
        return Err("a record is longer than the space it lies in");
    }
    if checksum(sequence, offset, &rest[4..size]) != half(rest, 0) {
        return Err("a record's checksum does not match its content");
    }
    let content = &rest[HEADER..HEADER + length];
    let record = parse(rest[8], rest[9], content, position + HEADER);
    Ok((
        record.ok_or("a record has an unknown type or a wrong length")?,
        size,
    ))
}

fn parse(kind: u8, detail: u8, content: &[u8], position: usize) -> Option<Record> {
    let optional = || match (detail, content.len()) {
        (0, 0) => Some(None),
        (1, 24) => Some(Some(log_id(content, 0)?)),
        _ => None,
    };
    let end = position + content.len();
    Some(match (kind, content.len()) {
        (1, 16) => Record::Batch(Batch {
            body: half(content, 0),
            life: half(content, 4),
            synced: half(content, 8),
        }),
        (2, 24..) => Record::Entry(log_id(content, 0)?, detail, position + 24..end),
        (3, 16) => Record::Vote(vote(content, detail != 0)),
        (4, _) => Record::Committed(optional()?),
        (5, _) => Record::TruncateAfter(optional()?),
        (6, 24) => Record::Purged(log_id(content, 0)?),
        (7, 96) => {
            let at = |bit: u8, position| match detail & bit {
                0 => Some(None),
                _ => log_id(content, position).map(Some),
            };
            let checkpoint = Checkpoint {
                vote: (detail & 1 != 0).then(|| vote(content, detail & 2 != 0)),
                committed: at(4, 16)?,
                purged: at(8, 40)?,
                last: at(16, 64)?,
            };
            Record::Checkpoint(checkpoint, word(content, 88))
        }
        _ => return None,
    })
}

fn vote(content: &[u8], committed: bool) -> Vote {
    Vote {
        term: word(content, 0),
        node_id: word(content, 8),
        committed,
    }
}

/// `None`: an index that no log reaches, and behind which there is none.
fn log_id(bytes: &[u8], at: usize) -> Option<LogId> {
    let log_id = LogId {
        term: word(bytes, at),
        node_id: word(bytes, at + 8),
        index: word(bytes, at + 16),
    };
    (log_id.index < u64::MAX).then_some(log_id)
}

fn half(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(
        bytes[at..at + 4]
            .try_into()
            .expect("four bytes were asked for"),
    )
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(
        bytes[at..at + 8]
            .try_into()
            .expect("eight bytes were asked for"),
    )
}
