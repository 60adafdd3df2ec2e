//! Large values: on the wire as long as they are, in a history a few bytes.
//!
//! A value that begins with `large:`, its length and a text says all that there is to know about it: on the wire its
//! beginning is repeated up to that length. What comes from the wire becomes short again only if every byte of it is
//! right. Anything else stays as long as it came, and is no value that anybody wrote.

use crate::history::Blob;
use bytes::Bytes;

/// How the name of every large value begins.
const PREFIX: &[u8] = b"large:";

/// The name of a value of so many bytes. `text` tells it from all others and has no colon.
pub fn name(bytes: usize, text: &str) -> Blob {
    Blob::from(format!("large:{bytes}:{text}:"))
}

/// A value for the wire.
pub fn grow(value: &Blob) -> Bytes {
    match beginning(value) {
        Some((name, bytes)) if name.len() == value.len() => {
            name.iter().copied().cycle().take(bytes).collect()
        }
        _ => Bytes::copy_from_slice(value),
    }
}

/// A value from the wire.
pub fn shrink(value: &Bytes) -> Blob {
    match beginning(value) {
        Some((name, bytes)) if bytes == value.len() && repeats(value, name.len()) => {
            Blob::from(name)
        }
        _ => Blob::from(&value[..]),
    }
}

/// The name with which a value begins, and the length that it tells.
fn beginning(value: &[u8]) -> Option<(&[u8], usize)> {
    let rest = value.strip_prefix(PREFIX)?;
    let mut colons = (0..rest.len()).filter(|place| rest[*place] == b':');
    let (first, second) = (colons.next()?, colons.next()?);
    let bytes = std::str::from_utf8(&rest[..first]).ok()?.parse().ok()?;
    let name = &value[..=PREFIX.len() + second];
    (bytes > name.len()).then_some((name, bytes))
}

/// Whether a value goes on as it began.
fn repeats(value: &[u8], period: usize) -> bool {
    value[period..] == value[..value.len() - period]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_value_is_long_on_the_wire_and_short_in_a_history() {
        let name = name(100_000, "7.12");
        let sent = grow(&name);
        assert_eq!(sent.len(), 100_000);
        assert_eq!(shrink(&sent), name);
    }

    #[test]
    fn one_byte_that_is_wrong_keeps_it_long() {
        let sent = grow(&name(5_000, "7.12"));
        for place in [0, 20, 2_500, 4_999] {
            let mut wrong = sent.to_vec();
            wrong[place] ^= 1;
            let wrong = Bytes::from(wrong);
            assert_eq!(&shrink(&wrong)[..], &wrong[..], "byte {place}");
        }
        let short = sent.slice(..4_999);
        assert_eq!(&shrink(&short)[..], &short[..]);
    }

    #[test]
    fn other_values_are_as_they_are() {
        for text in [
            "",
            "large:",
            "large:x:y:",
            "large:3:y:",
            "8.5",
            "large:9999:y",
        ] {
            assert_eq!(&grow(&Blob::from(text))[..], text.as_bytes());
            assert_eq!(shrink(&Bytes::from(text)), Blob::from(text));
        }
    }
}
