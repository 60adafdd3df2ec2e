//! The bytes of a dump: blocks, entries, the footer.

use crate::Revision;
use crate::mvcc::index::{Entry, RECORD_LEN_MAX, Version};
use crate::mvcc::record::{put_varint, take, take_varint};
use crate::mvcc::size::{Segment, Segments};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

pub(super) const MAGIC: &[u8; 8] = b"KLSIDX01";
const BLOCK_BYTES: usize = 256 << 10;

/// What a dump holds beside the entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Footer {
    pub revision: Revision,
    pub compacted: Revision,
    /// Compaction floor up to which the entries are trimmed, at least.
    pub trimmed: Revision,
    pub segments: Segments,
    pub entries: u64,
}

/// A file of checksummed blocks.
pub(super) struct Blocks {
    file: BufWriter<File>,
    /// The block being filled.
    pub block: Vec<u8>,
    /// Over the checksums of all blocks.
    pub checksum: u32,
    bytes: u64,
}

impl Blocks {
    pub fn create(path: &Path) -> std::io::Result<Blocks> {
        let mut file = BufWriter::with_capacity(BLOCK_BYTES, File::create(path)?);
        file.write_all(MAGIC)?;
        let bytes = MAGIC.len() as u64;
        Ok(Blocks {
            file,
            block: Vec::with_capacity(BLOCK_BYTES * 2),
            checksum: 0,
            bytes,
        })
    }

    pub fn close_full_block(&mut self) -> std::io::Result<()> {
        match self.block.len() >= BLOCK_BYTES {
            true => self.close_block(),
            false => Ok(()),
        }
    }

    pub fn close_block(&mut self) -> std::io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let checksum = crc32c::crc32c(&self.block);
        self.file
            .write_all(&(self.block.len() as u32).to_be_bytes())?;
        self.file.write_all(&checksum.to_be_bytes())?;
        self.file.write_all(&self.block)?;
        self.checksum = crc32c::crc32c_append(self.checksum, &checksum.to_be_bytes());
        self.bytes += 8 + self.block.len() as u64;
        self.block.clear();
        Ok(())
    }

    pub fn finish(self) -> std::io::Result<u64> {
        self.file.into_inner()?.sync_all()?;
        Ok(self.bytes)
    }
}

pub(super) fn encode_entry(out: &mut Vec<u8>, entry: &Entry) {
    // One more than the length: zero announces the footer.
    put_varint(out, entry.key.len() as u64 + 1);
    out.extend_from_slice(&entry.key);
    let meta = entry.meta();
    put_varint(out, meta.version as u64);
    put_varint(out, meta.create_revision as u64);
    put_varint(out, meta.lease as u64);
    encode_version(out, entry.newest());
    put_varint(out, entry.older().len() as u64);
    entry
        .older()
        .iter()
        .for_each(|version| encode_version(out, *version));
}

pub(super) fn decode_entry(input: &mut &[u8], key_len: u64) -> Option<Entry> {
    let mut entry = Entry::vacant(take(input, key_len)?);
    let version = take_varint(input)? as i64;
    let create_revision = take_varint(input)? as i64;
    let lease = take_varint(input)? as i64;
    let newest = decode_version(input)?;
    entry.push(newest, create_revision, version, lease);
    let older = take_varint(input)?;
    if older > 0 {
        let older: Option<Vec<_>> = (0..older).map(|_| decode_version(input)).collect();
        entry.set_older(older?);
    }
    Some(entry)
}

fn encode_version(out: &mut Vec<u8>, version: Version) {
    put_varint(out, version.revision as u64);
    put_varint(out, version.sub.into());
    put_varint(
        out,
        (version.record_len() as u64) << 1 | u64::from(version.is_tombstone()),
    );
}

fn decode_version(input: &mut &[u8]) -> Option<Version> {
    let revision = take_varint(input)? as i64;
    let sub = u32::try_from(take_varint(input)?).ok()?;
    let packed = take_varint(input)?;
    let record_len = usize::try_from(packed >> 1).ok()?;
    if record_len > RECORD_LEN_MAX {
        return None;
    }
    Some(Version::new(revision, sub, record_len, packed & 1 == 1))
}

pub(super) fn encode_footer(out: &mut Vec<u8>, footer: &Footer) {
    put_varint(out, 0);
    for number in [footer.revision, footer.compacted, footer.trimmed] {
        put_varint(out, number as u64);
    }
    put_varint(out, footer.entries);
    put_varint(out, footer.segments.0.len() as u64);
    for (number, segment) in &footer.segments.0 {
        put_varint(out, *number as u64);
        put_varint(out, segment.total);
        put_varint(out, segment.dead_puts);
        put_varint(out, segment.dead_tombstones);
    }
}

pub(super) fn decode_footer(input: &mut &[u8]) -> Option<Footer> {
    let mut footer = Footer {
        revision: take_varint(input)? as i64,
        compacted: take_varint(input)? as i64,
        trimmed: take_varint(input)? as i64,
        entries: take_varint(input)?,
        segments: Segments::default(),
    };
    for _ in 0..take_varint(input)? {
        let number = take_varint(input)? as i64;
        let segment = Segment {
            total: take_varint(input)?,
            dead_puts: take_varint(input)?,
            dead_tombstones: take_varint(input)?,
        };
        footer.segments.0.insert(number, segment);
    }
    Some(footer)
}
