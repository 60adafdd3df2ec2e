//! The encoded form of one version: a kind byte, then `mvccpb.KeyValue`.
//!
//! Written and read by hand: a put encodes once into one exact allocation, and a reader that wants
//! one field does not build a message. The encoding is the protobuf canonical one (fields in order,
//! defaults left out), so it equals what every other encoder makes of the same fields.

use crate::{LeaseId, Revision};
use bytes::Bytes;

/// Kind byte of a put.
pub(crate) const PUT: u8 = 0;
/// Kind byte of a tombstone.
pub(crate) const TOMBSTONE: u8 = 1;

const KEY: u8 = 0x0a;
const CREATE_REVISION: u8 = 0x10;
const MOD_REVISION: u8 = 0x18;
const VERSION: u8 = 0x20;
const VALUE: u8 = 0x2a;
const LEASE: u8 = 0x30;

/// The fields of a record, borrowed from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields<'a> {
    pub key: &'a [u8],
    pub create_revision: Revision,
    pub mod_revision: Revision,
    pub version: i64,
    pub value: &'a [u8],
    pub lease: LeaseId,
}

impl<'a> Fields<'a> {
    /// Encodes into one allocation of exactly the right size.
    pub fn encode(&self) -> Bytes {
        let number = |value: i64| match value {
            0 => 0,
            value => 1 + varint_len(value as u64),
        };
        let string = |bytes: &[u8]| match bytes.len() {
            0 => 0,
            len => 1 + varint_len(len as u64) + len,
        };
        let len = string(self.key)
            + number(self.create_revision)
            + number(self.mod_revision)
            + number(self.version)
            + string(self.value)
            + number(self.lease);
        let mut out = Vec::with_capacity(len);
        put_bytes(&mut out, KEY, self.key);
        put_number(&mut out, CREATE_REVISION, self.create_revision);
        put_number(&mut out, MOD_REVISION, self.mod_revision);
        put_number(&mut out, VERSION, self.version);
        put_bytes(&mut out, VALUE, self.value);
        put_number(&mut out, LEASE, self.lease);
        debug_assert_eq!(out.len(), len);
        Bytes::from(out)
    }

    /// Reads a record (without its kind byte). `None` if it is not one.
    pub fn parse(mut record: &'a [u8]) -> Option<Fields<'a>> {
        let mut fields = Fields::default();
        while let Some((&tag, rest)) = record.split_first() {
            record = rest;
            let number = take_varint(&mut record)?;
            match tag {
                CREATE_REVISION => fields.create_revision = number as i64,
                MOD_REVISION => fields.mod_revision = number as i64,
                VERSION => fields.version = number as i64,
                LEASE => fields.lease = number as i64,
                KEY => fields.key = take(&mut record, number)?,
                VALUE => fields.value = take(&mut record, number)?,
                _ => return None,
            }
        }
        Some(fields)
    }
}

/// The key of a record (without its kind byte); it comes first, so little is read.
pub(crate) fn peek_key(mut record: &[u8]) -> Option<&[u8]> {
    match record.split_first() {
        Some((&KEY, rest)) => {
            record = rest;
            let len = take_varint(&mut record)?;
            take(&mut record, len)
        }
        Some(_) => Some(&[]),
        None => None,
    }
}

/// The record with an empty value.
pub(crate) fn without_value(record: &Bytes) -> Option<Bytes> {
    let fields = Fields::parse(record)?;
    if fields.value.is_empty() {
        return Some(record.clone());
    }
    Some(
        Fields {
            value: &[],
            ..fields
        }
        .encode(),
    )
}

/// A part of `record` that [`Fields::parse`] or [`peek_key`] found, sharing its buffer.
pub(crate) fn share(record: &Bytes, part: &[u8]) -> Bytes {
    match part.is_empty() {
        true => Bytes::new(),
        false => record.slice_ref(part),
    }
}

fn put_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        out.push(tag);
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

fn put_number(out: &mut Vec<u8>, tag: u8, value: i64) {
    if value != 0 {
        out.push(tag);
        put_varint(out, value as u64);
    }
}

fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends a protobuf varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a protobuf varint off the front.
pub(crate) fn take_varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        // The tenth byte has room for one bit.
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Takes `len` bytes off the front.
pub(crate) fn take<'a>(input: &mut &'a [u8], len: u64) -> Option<&'a [u8]> {
    let (taken, rest) = input.split_at_checked(usize::try_from(len).ok()?)?;
    *input = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_proto::mvccpb::KeyValue;
    use proptest::prelude::*;
    use prost::Message;

    proptest! {
        #[test]
        fn a_record_is_the_same_bytes_as_any_protobuf_encoder_makes(
            key in proptest::collection::vec(any::<u8>(), 0..200),
            value in proptest::collection::vec(any::<u8>(), 0..200),
            create_revision in any::<i64>(),
            mod_revision in 0..1000i64,
            version in any::<i64>(),
            lease in any::<i64>(),
        ) {
            let message = KeyValue {
                key: key.clone().into(), create_revision, mod_revision, version,
                value: value.clone().into(), lease,
            };
            let fields = Fields {
                key: &key, create_revision, mod_revision, version, value: &value, lease,
            };
            let record = fields.encode();
            prop_assert_eq!(&record, &message.encode_to_vec());
            prop_assert_eq!(Fields::parse(&record), Some(fields));
            if !key.is_empty() {
                prop_assert_eq!(peek_key(&record), Some(&key[..]));
            }
            let stripped = without_value(&record).expect("it parses");
            let blank = KeyValue { value: Bytes::new(), ..message };
            prop_assert_eq!(stripped, blank.encode_to_vec());
        }
    }

    #[test]
    fn a_cut_record_does_not_parse() {
        let record = Fields {
            key: b"key",
            mod_revision: 300,
            ..Fields::default()
        }
        .encode();
        assert_eq!(Fields::parse(&record[..record.len() - 1]), None);
        assert_eq!(Fields::parse(&record[..3]), None);
    }
}
