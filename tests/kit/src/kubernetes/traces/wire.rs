//! As much of protobuf as a client's small objects need: fields are written one behind the other, and found again.

use std::iter;

const MAGIC: &[u8] = b"k8s\0";

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A field that is a number or a truth.
pub(super) fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field that is bytes, text or a message.
pub(super) fn bytes(field: u64, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    let length = varint(value.len() as u64);
    [varint(field << 3 | 2), length, value.to_vec()].concat()
}

/// Several texts that are not set: clients of the Go library send them all the same.
pub(super) fn empty(fields: impl IntoIterator<Item = u64>) -> Vec<u8> {
    fields
        .into_iter()
        .flat_map(|field| bytes(field, ""))
        .collect()
}

/// Several numbers that are not set.
pub(super) fn zero(fields: impl IntoIterator<Item = u64>) -> Vec<u8> {
    fields
        .into_iter()
        .flat_map(|field| number(field, 0))
        .collect()
}

/// One entry of a map of texts.
pub(super) fn entry(field: u64, key: &str, value: &str) -> Vec<u8> {
    bytes(field, [bytes(1, key), bytes(2, value)].concat())
}

/// An object in the envelope that says what it is.
pub(super) fn envelope(api_version: &str, kind: &str, object: &[Vec<u8>]) -> Vec<u8> {
    let is = [bytes(1, api_version), bytes(2, kind)].concat();
    let unknown = [bytes(1, is), bytes(2, object.concat()), empty([3, 4])].concat();
    [MAGIC, &unknown].concat()
}

fn take_varint(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = from.split_first()?;
        *from = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The fields that are bytes, in their order. Ends where it is no protobuf.
fn fields(mut message: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    iter::from_fn(move || {
        loop {
            let tag = take_varint(&mut message)?;
            let length = take_varint(&mut message)?;
            if tag & 7 == 0 {
                continue;
            }
            let length = usize::try_from(length).ok().filter(|_| tag & 7 == 2)?;
            let (value, rest) = message.split_at_checked(length)?;
            message = rest;
            return Some((tag >> 3, value));
        }
    })
}

fn field(message: &[u8], wanted: u64) -> Option<&[u8]> {
    fields(message).find_map(|(field, value)| (field == wanted).then_some(value))
}

/// The kind of an object in its envelope.
pub(super) fn kind(body: &[u8]) -> Option<String> {
    let is = field(body.strip_prefix(MAGIC)?, 1)?;
    String::from_utf8(field(is, 2)?.to_vec()).ok()
}
