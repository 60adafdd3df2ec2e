//! Segments: the files of the log, and where in them each entry lies.

use super::disk::DiskFile;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The format that this program reads and writes.
pub const FORMAT: u32 = 1;
/// Bytes before the first batch of a segment.
pub const PREAMBLE: usize = 32;
const MAGIC: [u8; 8] = *b"KEELWAL\0";
const SUFFIX: &str = ".wal";
/// A file that is still being filled with zeros.
pub const UNFINISHED: &str = "unfinished.tmp";

/// The path of a segment.
pub fn path(directory: &Path, sequence: u64) -> PathBuf {
    directory.join(format!("{sequence:016x}{SUFFIX}"))
}

/// The sequence number in a file's name, if it is a segment's name.
pub fn sequence_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    if digits.len() != 16 {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

/// The first bytes of a segment in use. Their layout never changes, so that every version of the
/// program recognises the files of every other: magic, format u32, checksum u32, sequence u64, 0 u64.
pub fn preamble(sequence: u64) -> [u8; PREAMBLE] {
    preamble_of(FORMAT, sequence)
}

/// The preamble that another format would have.
pub fn preamble_of(format: u32, sequence: u64) -> [u8; PREAMBLE] {
    let mut bytes = [0; PREAMBLE];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&format.to_le_bytes());
    bytes[16..24].copy_from_slice(&sequence.to_le_bytes());
    let sum = crc32c::crc32c(&bytes);
    bytes[12..16].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// The format in a preamble. `None`: this file is not in use as segment `sequence`.
pub fn format_of(bytes: &[u8], sequence: u64) -> Option<u32> {
    let format = u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?);
    (bytes.get(..PREAMBLE)? == preamble_of(format, sequence)).then_some(format)
}

/// A segment in use.
pub struct Segment {
    /// Its number.
    pub sequence: u64,
    /// Its file.
    pub file: Arc<dyn DiskFile>,
    /// Written up to here.
    pub end: u64,
    /// The index of the first entry. Meaningless without entries.
    first: u64,
    /// Where each entry starts.
    offsets: Vec<u32>,
    /// Where entries were removed behind: the position of the one before, and where that one ends.
    cuts: Vec<(usize, u32)>,
}

impl Segment {
    /// A segment without entries.
    pub fn new(sequence: u64, file: Arc<dyn DiskFile>, end: u64) -> Segment {
        Segment {
            sequence,
            file,
            end,
            first: 0,
            offsets: Vec::new(),
            cuts: Vec::new(),
        }
    }

    fn next(&self) -> u64 {
        self.first + self.offsets.len() as u64
    }

    /// Forgets the entries from the one at `position` on.
    fn cut(&mut self, position: usize) {
        let Some(end) = self.offsets.get(position).copied() else {
            return;
        };
        self.offsets.truncate(position);
        self.cuts.retain(|(before, _)| before + 1 < position);
        if let Some(before) = position.checked_sub(1) {
            self.cuts.push((before, end));
        }
    }
}

/// A run of entries that lie in one segment, for one read.
pub struct Span {
    /// The segment's file.
    pub file: Arc<dyn DiskFile>,
    /// The segment's number.
    pub sequence: u64,
    /// Where each entry starts.
    pub offsets: Vec<u32>,
    /// The last entry ends here or earlier.
    pub end: u64,
}

/// Where the entries on disk lie. Four bytes of memory per entry.
#[derive(Default)]
pub struct Index {
    segments: VecDeque<Segment>,
}

impl Index {
    /// Adds the newest segment.
    pub fn push(&mut self, segment: Segment) {
        self.segments.push_back(segment);
    }

    /// The newest segment: the one that is written to.
    pub fn newest(&mut self) -> &mut Segment {
        self.segments.back_mut().expect("an open log has a segment")
    }

    /// Notes where an entry was written in the newest segment.
    pub fn place(&mut self, index: u64, offset: u64) {
        let newest = self.newest();
        if newest.offsets.is_empty() {
            newest.first = index;
        }
        debug_assert_eq!(newest.next(), index);
        newest.offsets.push(offset as u32);
    }

    /// Forgets the entries from `next` on.
    pub fn cut(&mut self, next: u64) {
        for segment in self.segments.iter_mut().rev() {
            let kept = next.saturating_sub(segment.first) as usize;
            segment.cut(kept);
            if kept > 0 && !segment.offsets.is_empty() {
                return;
            }
        }
    }

    /// Takes out the oldest segments that hold no entry above `purged`, never the newest segment.
    /// Only from the front: a later segment may say that entries of an earlier one are gone.
    pub fn drop_purged(&mut self, purged: u64) -> Vec<Segment> {
        let needless =
            |segment: &Segment| segment.offsets.is_empty() || segment.next() <= purged + 1;
        let count = self
            .segments
            .iter()
            .take_while(|segment| needless(segment))
            .count();
        self.segments
            .drain(..count.min(self.segments.len().saturating_sub(1)))
            .collect()
    }

    /// The index of the oldest entry on disk.
    pub fn first(&self) -> Option<u64> {
        self.segments
            .iter()
            .find(|segment| !segment.offsets.is_empty())
            .map(|segment| segment.first)
    }

    /// The entries from `from` up to `to` as far as they lie in one segment and take no more than
    /// `bytes_max`; at least one. `None`: the entry is not on disk.
    pub fn span(&self, from: u64, to: u64, bytes_max: usize) -> Option<Span> {
        let holds = |segment: &&Segment| !segment.offsets.is_empty() && segment.first <= from;
        let segment = self.segments.iter().rev().find(holds)?;
        let start = usize::try_from(from - segment.first).ok()?;
        let base = u64::from(*segment.offsets.get(start)?);
        let wanted = start.saturating_add(usize::try_from(to - from).ok()?);
        // Not across a place where entries were removed: what lies there may be large.
        let (limit, limit_end) = match segment.cuts.iter().find(|(before, _)| *before >= start) {
            Some((before, end)) => (before + 1, u64::from(*end)),
            None => (segment.offsets.len(), segment.end),
        };
        let end_of = |at: usize| {
            if at + 1 == limit {
                limit_end
            } else {
                u64::from(segment.offsets[at + 1])
            }
        };
        let mut stop = start + 1;
        while stop < limit.min(wanted) && end_of(stop) - base <= bytes_max as u64 {
            stop += 1;
        }
        Some(Span {
            file: segment.file.clone(),
            sequence: segment.sequence,
            offsets: segment.offsets[start..stop].to_vec(),
            end: end_of(stop - 1),
        })
    }
}
