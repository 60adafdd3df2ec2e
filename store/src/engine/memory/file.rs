//! The one file of a memory engine's checkpoint: records, then their checksum.
//!
//! A record is the family's number, the lengths of key and value (little endian), key, value.

use super::Families;
use crate::engine::EngineError;
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CHECKSUM_BYTES: usize = 4;

fn path(directory: &Path) -> PathBuf {
    directory.join("state")
}

fn io_error(place: &Path, error: &std::io::Error) -> EngineError {
    EngineError::Io {
        place: place.display().to_string(),
        detail: error.to_string(),
    }
}

pub(super) fn save(directory: &Path, families: &Families) -> Result<(), EngineError> {
    std::fs::create_dir(directory).map_err(|error| io_error(directory, &error))?;
    let mut content = Vec::new();
    for (number, map) in (0u8..).zip(families) {
        for (key, value) in map.iter() {
            content.push(number);
            content.extend_from_slice(&length(key).to_le_bytes());
            content.extend_from_slice(&length(value).to_le_bytes());
            content.extend_from_slice(key);
            content.extend_from_slice(value);
        }
    }
    let checksum = crc32c::crc32c(&content);
    content.extend_from_slice(&checksum.to_le_bytes());
    let path = path(directory);
    std::fs::write(&path, content).map_err(|error| io_error(&path, &error))
}

pub(super) fn load(directory: &Path) -> Result<Families, EngineError> {
    let path = path(directory);
    let damaged = || EngineError::Damaged {
        place: path.display().to_string(),
        detail: "the file is missing, cut off or changed".to_owned(),
    };
    let content = match std::fs::read(&path) {
        Ok(content) => Bytes::from(content),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(damaged()),
        Err(error) => return Err(io_error(&path, &error)),
    };
    let (records, checksum) = content
        .split_last_chunk::<CHECKSUM_BYTES>()
        .ok_or_else(damaged)?;
    if crc32c::crc32c(records) != u32::from_le_bytes(*checksum) {
        return Err(damaged());
    }
    decode(content.slice(..records.len())).ok_or_else(damaged)
}

fn decode(mut records: Bytes) -> Option<Families> {
    let mut families = Families::default();
    while let Some((&number, rest)) = records.split_first() {
        let (key_len, rest) = rest.split_first_chunk::<4>()?;
        let (value_len, rest) = rest.split_first_chunk::<4>()?;
        let key_len = u32::from_le_bytes(*key_len) as usize;
        let value_len = u32::from_le_bytes(*value_len) as usize;
        if rest.len() < key_len.checked_add(value_len)? {
            return None;
        }
        let at = records.len() - rest.len();
        let mut rest = records.split_off(at);
        let key = rest.split_to(key_len);
        let value = rest.split_to(value_len);
        let map = families.get_mut(usize::from(number))?;
        Arc::make_mut(map).insert(key, value);
        records = rest;
    }
    Some(families)
}

fn length(bytes: &Bytes) -> u32 {
    u32::try_from(bytes.len()).expect("keys and values are bounded by the request size")
}
