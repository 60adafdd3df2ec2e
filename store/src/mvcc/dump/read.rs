//! Reading a dump back.

use super::Dumps;
use super::format::{Footer, MAGIC, decode_entry, decode_footer};
use crate::mvcc::index::Entry;
use crate::mvcc::record::take_varint;
use crate::mvcc::schema::DumpId;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads the dump named `id`. `None` if it is missing or not what it should be.
pub(crate) fn read(
    directory: &Path,
    id: DumpId,
    visit: &mut dyn FnMut(Entry),
) -> Option<(Footer, u64)> {
    let mut file = File::open(Dumps::path(directory, id)).ok()?;
    let file_len = file.metadata().ok()?.len();
    let mut magic = [0; 8];
    file.read_exact(&mut magic).ok()?;
    let mut checksum = 0;
    let mut bytes = magic.len() as u64;
    let mut entries = 0;
    let mut footer = None;
    let mut head = [0; 8];
    let mut block = Vec::new();
    while footer.is_none() {
        file.read_exact(&mut head).ok()?;
        let len = u32::from_be_bytes(head[..4].try_into().ok()?) as usize;
        let expected = u32::from_be_bytes(head[4..].try_into().ok()?);
        if bytes + len as u64 > file_len {
            return None;
        }
        block.resize(len, 0);
        file.read_exact(&mut block).ok()?;
        if crc32c::crc32c(&block) != expected {
            return None;
        }
        checksum = crc32c::crc32c_append(checksum, &head[4..]);
        bytes += 8 + len as u64;
        let mut input = &block[..];
        while !input.is_empty() {
            match take_varint(&mut input)? {
                0 => footer = Some(decode_footer(&mut input)?),
                _ if footer.is_some() => return None,
                key_len => {
                    visit(decode_entry(&mut input, key_len - 1)?);
                    entries += 1;
                }
            }
        }
    }
    let footer = footer?;
    let whole = &magic == MAGIC
        && checksum == id.checksum
        && footer.revision == id.revision
        && footer.entries == entries;
    whole.then_some((footer, bytes))
}
