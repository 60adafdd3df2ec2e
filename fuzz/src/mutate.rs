//! Making an input of others.

use crate::message;
use rand::Rng;
use rand::rngs::SmallRng;

/// What inputs look like: how they are changed so that something of them stays.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Anything; decisions, too.
    Bytes,
    /// Text in which such words occur.
    Text(&'static [&'static str]),
    /// So many bytes, then a protobuf message.
    Message(usize),
}

/// Numbers at which code tends to be wrong.
pub const NUMBERS: [i64; 16] = [
    0,
    1,
    -1,
    2,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    i32::MAX as i64,
    i32::MIN as i64,
    u32::MAX as i64,
    i64::MAX,
    i64::MIN,
    1 << 40,
];

/// A new input, no longer than `length_max` bytes: `input` with one to five changes, for which parts of
/// `other` may be taken.
pub fn mutate(
    form: Form,
    input: &[u8],
    other: &[u8],
    length_max: usize,
    random: &mut SmallRng,
) -> Vec<u8> {
    let mut changed = input.to_vec();
    for _ in 0..random.random_range(1..=5) {
        match form {
            Form::Bytes => change_or_cross(&mut changed, other, random),
            Form::Text(words) if random.random_bool(0.5) => put_word(&mut changed, words, random),
            Form::Text(_) => change_or_cross(&mut changed, other, random),
            Form::Message(head) => change_message(&mut changed, other, head, random),
        }
    }
    changed.truncate(length_max);
    changed
}

fn change_or_cross(bytes: &mut Vec<u8>, other: &[u8], random: &mut SmallRng) {
    if other.is_empty() || random.random_bool(0.8) {
        return change_bytes(bytes, random);
    }
    let from = random.random_range(0..other.len());
    let to = random.random_range(from..=other.len().min(from + 64));
    let at = random.random_range(0..=bytes.len());
    match random.random_bool(0.5) {
        true => drop(bytes.splice(at..at, other[from..to].iter().copied())),
        false => {
            let end = bytes.len().min(at + to - from);
            bytes.splice(at..end, other[from..to].iter().copied());
        }
    }
}

/// One change of any bytes.
pub fn change_bytes(bytes: &mut Vec<u8>, random: &mut SmallRng) {
    if bytes.is_empty() {
        return bytes.push(random.random());
    }
    let at = random.random_range(0..bytes.len());
    let end = bytes.len().min(at + random.random_range(1..=16));
    match random.random_range(0..10) {
        0 => bytes[at] ^= 1 << random.random_range(0..8),
        1 => bytes[at] = random.random(),
        2 => {
            bytes[at] = bytes[at]
                .wrapping_add(random.random_range(0..5))
                .wrapping_sub(2)
        }
        3 => drop(bytes.drain(at..end)),
        4 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        5 => bytes.insert(at, random.random()),
        6 => bytes[at..end].fill(random.random()),
        7 => {
            let number = NUMBERS[random.random_range(0..NUMBERS.len())].to_le_bytes();
            let width = [1, 2, 4, 8][random.random_range(0..4)].min(bytes.len() - at);
            bytes[at..at + width].copy_from_slice(&number[..width]);
        }
        8 => bytes.truncate(at),
        _ => {
            let to = random.random_range(0..bytes.len());
            bytes.swap(at, to);
        }
    }
}

fn put_word(bytes: &mut Vec<u8>, words: &[&str], random: &mut SmallRng) {
    let word = words[random.random_range(0..words.len())].as_bytes();
    let at = random.random_range(0..=bytes.len());
    let end = match random.random_bool(0.5) {
        true => at,
        false => bytes.len().min(at + word.len()),
    };
    bytes.splice(at..end, word.iter().copied());
}

fn change_message(bytes: &mut Vec<u8>, other: &[u8], head: usize, random: &mut SmallRng) {
    let blind = bytes.len() < head || random.random_bool(0.1);
    let parts = if blind {
        None
    } else {
        message::parse(&bytes[head..])
    };
    let Some(mut parts) = parts else {
        return change_bytes(bytes, random);
    };
    if head > 0 && random.random_bool(0.1) {
        bytes[random.random_range(0..head)] = random.random();
    }
    let theirs = other.get(head..).and_then(message::parse);
    message::change(&mut parts, &theirs.unwrap_or_default(), random);
    bytes.truncate(head);
    bytes.extend(message::encode(&parts));
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_message_stays_one() {
        let message: &[u8] = b"\x0a\x03key\x10\x05\x1a\x06\x0a\x02ab\x18\x01";
        let parts = message::parse(message).expect("it is one");
        assert_eq!(message::encode(&parts), message);
        let mut random = SmallRng::seed_from_u64(1);
        let (mut whole, mut different) = (0, 0);
        for _ in 0..300 {
            let input = [&[7], message].concat();
            let changed = mutate(Form::Message(1), &input, &input, 200, &mut random);
            different += usize::from(changed != input);
            whole += usize::from(changed.get(1..).and_then(message::parse).is_some());
        }
        assert!(whole > 200, "{whole} of 300 are messages");
        assert!(different > 280, "{different} of 300 are changed");
    }

    #[test]
    fn inputs_stay_within_their_length_and_come_again() {
        let run = || {
            let mut random = SmallRng::seed_from_u64(3);
            let mut input = b"name: a".to_vec();
            for _ in 0..1000 {
                let other = input.clone();
                input = mutate(Form::Text(&["true", ": "]), &input, &other, 50, &mut random);
                assert!(input.len() <= 50);
            }
            input
        };
        assert_eq!(run(), run());
    }
}
