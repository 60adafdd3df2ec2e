//! Changing a protobuf message so that it stays one, mostly.
//!
//! Bytes that are changed blindly nearly always break a length, and a reader sees nothing of what follows. So the
//! message is taken apart, some levels deep, changed, and put together again.

use crate::mutate::{NUMBERS, change_bytes};
use rand::Rng;
use rand::rngs::SmallRng;

/// Levels that are taken apart.
const DEPTH: usize = 6;

/// One field.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    tag: u64,
    value: Value,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(Vec<u8>),
    Message(Vec<Part>),
}

/// Takes a message apart. `None` if it is none.
pub fn parse(bytes: &[u8]) -> Option<Vec<Part>> {
    parse_to(bytes, DEPTH)
}

fn parse_to(mut rest: &[u8], depth: usize) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut rest)?),
            1 => Value::Fixed64(*take(&mut rest, 8)?.first_chunk()?),
            5 => Value::Fixed32(*take(&mut rest, 4)?.first_chunk()?),
            2 => {
                let length = varint(&mut rest)?;
                let bytes = take(&mut rest, usize::try_from(length).ok()?)?;
                let inner = (depth > 0 && !bytes.is_empty()).then(|| parse_to(bytes, depth - 1));
                match inner.flatten() {
                    Some(inner) => Value::Message(inner),
                    None => Value::Bytes(bytes.to_vec()),
                }
            }
            _ => return None,
        };
        if key >> 3 == 0 {
            return None;
        }
        parts.push(Part {
            tag: key >> 3,
            value,
        });
    }
    Some(parts)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, left) = rest.split_first()?;
        *rest = left;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Puts a message together.
pub fn encode(parts: &[Part]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        let wire = match &part.value {
            Value::Number(_) => 0,
            Value::Fixed64(_) => 1,
            Value::Bytes(_) | Value::Message(_) => 2,
            Value::Fixed32(_) => 5,
        };
        put_varint(&mut out, part.tag << 3 | wire);
        match &part.value {
            Value::Number(number) => put_varint(&mut out, *number),
            Value::Fixed64(bytes) => out.extend_from_slice(bytes),
            Value::Fixed32(bytes) => out.extend_from_slice(bytes),
            Value::Bytes(bytes) => put_bytes(&mut out, bytes),
            Value::Message(inner) => put_bytes(&mut out, &encode(inner)),
        }
    }
    out
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Changes one thing somewhere in a message; `other` is another one, to take parts from.
pub fn change(parts: &mut Vec<Part>, other: &[Part], random: &mut SmallRng) {
    if !parts.is_empty() && random.random_bool(0.7) {
        let at = random.random_range(0..parts.len());
        let tag = parts[at].tag;
        if let Value::Message(inner) = &mut parts[at].value {
            let theirs = other.iter().find_map(|part| match &part.value {
                Value::Message(theirs) if part.tag == tag => Some(&theirs[..]),
                _ => None,
            });
            return change(inner, theirs.unwrap_or(other), random);
        }
    }
    if parts.is_empty() || random.random_bool(0.2) {
        return add(parts, other, random);
    }
    let at = random.random_range(0..parts.len());
    match random.random_range(0..12) {
        0 => drop(parts.remove(at)),
        1 => parts.insert(at, parts[at].clone()),
        2 => {
            let to = random.random_range(0..parts.len());
            parts.swap(at, to);
        }
        3 => parts[at].tag = random.random_range(1..20),
        4 => parts[at].value = Value::Message(vec![parts[at].clone()]),
        _ => change_value(&mut parts[at].value, random),
    }
}

fn add(parts: &mut Vec<Part>, other: &[Part], random: &mut SmallRng) {
    let at = random.random_range(0..=parts.len());
    let part = match other.is_empty() || random.random_bool(0.3) {
        false => other[random.random_range(0..other.len())].clone(),
        true => Part {
            tag: random.random_range(1..12),
            value: match random.random_bool(0.5) {
                true => Value::Number(number(random)),
                false => Value::Bytes(vec![0; random.random_range(0..3)]),
            },
        },
    };
    parts.insert(at, part);
}

fn change_value(value: &mut Value, random: &mut SmallRng) {
    match value {
        Value::Number(old) => *old = number(random),
        Value::Fixed64(old) => *old = number(random).to_le_bytes(),
        Value::Fixed32(old) => *old = (number(random) as u32).to_le_bytes(),
        Value::Bytes(bytes) => change_bytes(bytes, random),
        Value::Message(inner) => *value = Value::Bytes(encode(inner)),
    }
}

fn number(random: &mut SmallRng) -> u64 {
    match random.random_range(0..3) {
        0 => random.random_range(0..10),
        1 => NUMBERS[random.random_range(0..NUMBERS.len())] as u64,
        _ => random.random::<u64>() >> random.random_range(0..64),
    }
}
