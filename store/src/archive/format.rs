//! The pieces of the file, each in both directions. See the module's essay for the layout.

use super::{Header, Totals};
use crate::engine::Family;
use serde_json::{Value, json};

pub(super) const MAGIC: &[u8; 8] = b"KEELSNAP";
pub(super) const PREAMBLE_BYTES: usize = 16;
pub(super) const FRAME_HEADER_BYTES: usize = 16;
pub(super) const DIGEST_BYTES: usize = 32;
/// Everything before the digest is a multiple of this.
pub(super) const ALIGNMENT: u64 = 512;
/// No writer comes near this; a reader allocates no more.
const PAYLOAD_BYTES_MAX: u32 = 1 << 30;
const RECORD_HEADER_BYTES: usize = 9;

/// Which frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Header = b'H' as isize,
    Records = b'B' as isize,
    Totals = b'T' as isize,
}

/// What stands before a payload.
pub(super) struct FrameHeader {
    pub kind: Kind,
    pub payload_bytes: usize,
    pub payload_crc: u32,
}

pub(super) fn preamble() -> [u8; PREAMBLE_BYTES] {
    let mut bytes = [0; PREAMBLE_BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&super::VERSION.to_le_bytes());
    seal(&mut bytes);
    bytes
}

/// The version, if the preamble is whole.
pub(super) fn parse_preamble(bytes: &[u8; PREAMBLE_BYTES]) -> Option<u32> {
    is_sealed(bytes).then(|| u32_at(bytes, 8))
}

/// Begins a frame: its payload is then appended to the buffer.
pub(super) fn begin_frame() -> Vec<u8> {
    vec![0; FRAME_HEADER_BYTES]
}

/// Fills in what [`begin_frame`] left open.
pub(super) fn end_frame(frame: &mut [u8], kind: Kind) {
    let (head, payload) = frame
        .split_first_chunk_mut::<FRAME_HEADER_BYTES>()
        .expect("begin_frame made room for the header");
    let payload_bytes = u32::try_from(payload.len()).expect("a frame holds one block");
    head[0] = kind as u8;
    head[4..8].copy_from_slice(&payload_bytes.to_le_bytes());
    head[8..12].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    seal(head);
}

/// Reads a frame's header; the error says what does not fit.
pub(super) fn parse_frame_header(
    bytes: &[u8; FRAME_HEADER_BYTES],
) -> Result<FrameHeader, &'static str> {
    if !is_sealed(bytes) {
        return Err("the checksum of a frame's header does not match");
    }
    let kind = match bytes[0] {
        b'H' => Kind::Header,
        b'B' => Kind::Records,
        b'T' => Kind::Totals,
        _ => return Err("a frame is of an unknown kind"),
    };
    let payload_bytes = u32_at(bytes, 4);
    if payload_bytes > PAYLOAD_BYTES_MAX {
        return Err("a frame is longer than any that is written");
    }
    Ok(FrameHeader {
        kind,
        payload_bytes: payload_bytes as usize,
        payload_crc: u32_at(bytes, 8),
    })
}

/// Appends one record.
pub(super) fn push_record(payload: &mut Vec<u8>, family: Family, key: &[u8], value: &[u8]) {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("requests are far smaller");
    payload.push(family_number(family));
    payload.extend_from_slice(&length(key).to_le_bytes());
    payload.extend_from_slice(&length(value).to_le_bytes());
    payload.extend_from_slice(key);
    payload.extend_from_slice(value);
}

/// Takes the first record off `payload`. `None` if it is not one.
pub(super) fn pop_record<'a>(payload: &mut &'a [u8]) -> Option<(Family, &'a [u8], &'a [u8])> {
    let (head, rest) = payload.split_first_chunk::<RECORD_HEADER_BYTES>()?;
    let family = family_of(head[0])?;
    let (key, rest) = rest.split_at_checked(u32_at(head, 1) as usize)?;
    let (value, rest) = rest.split_at_checked(u32_at(head, 5) as usize)?;
    *payload = rest;
    Some((family, key, value))
}

/// Numbers in files are for ever, whatever order the program has.
fn family_number(family: Family) -> u8 {
    match family {
        Family::Meta => 0,
        Family::History => 1,
        Family::Lease => 2,
        Family::Member => 3,
        Family::Auth => 4,
    }
}

fn family_of(number: u8) -> Option<Family> {
    Family::ALL
        .into_iter()
        .find(|&family| family_number(family) == number)
}

pub(super) fn header_json(header: &Header) -> Vec<u8> {
    let value = json!({
        "cluster_id": format!("{:x}", header.cluster_id),
        "member_id": format!("{:x}", header.member_id),
        "revision": header.revision,
        "compacted": header.compacted,
        "applied_term": header.applied_term,
        "applied_index": header.applied_index,
        "created_by": header.created_by,
    });
    value.to_string().into_bytes()
}

pub(super) fn parse_header(json: &[u8]) -> Option<Header> {
    let value: Value = serde_json::from_slice(json).ok()?;
    // Ids are in hexadecimal, as everywhere where people meet them.
    let id = |name: &str| u64::from_str_radix(value[name].as_str()?, 16).ok();
    Some(Header {
        cluster_id: id("cluster_id")?,
        member_id: id("member_id")?,
        revision: value["revision"].as_i64()?,
        compacted: value["compacted"].as_i64()?,
        applied_term: value["applied_term"].as_u64()?,
        applied_index: value["applied_index"].as_u64()?,
        created_by: value["created_by"].as_str()?.to_owned(),
    })
}

pub(super) fn totals_json(totals: &Totals) -> Vec<u8> {
    let value = json!({
        "records": totals.records,
        "bytes": totals.bytes,
        "hash": totals.hash,
    });
    value.to_string().into_bytes()
}

pub(super) fn parse_totals(json: &[u8]) -> Option<Totals> {
    let value: Value = serde_json::from_slice(json).ok()?;
    Some(Totals {
        records: value["records"].as_u64()?,
        bytes: value["bytes"].as_u64()?,
        hash: value["hash"].as_u64()?.try_into().ok()?,
    })
}

/// Bytes of zeros after `offset`.
pub(super) fn padding(offset: u64) -> usize {
    (offset.next_multiple_of(ALIGNMENT) - offset) as usize
}

/// Puts the checksum of the first 12 bytes behind them.
fn seal(bytes: &mut [u8; 16]) {
    let crc = crc32c::crc32c(&bytes[..12]);
    bytes[12..].copy_from_slice(&crc.to_le_bytes());
}

fn is_sealed(bytes: &[u8; 16]) -> bool {
    crc32c::crc32c(&bytes[..12]) == u32_at(bytes, 12)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
