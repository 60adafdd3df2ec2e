//! Base64 with the standard alphabet and padding (RFC 4648, section 4), as byte fields have it.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// No character of the alphabet.
const NONE: u8 = 0xff;

const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut at = 0;
    while at < 64 {
        values[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    values
};

/// Bytes as text.
pub fn encode_base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let is_padding = at > chunk.len();
            let value = (bits >> (18 - 6 * at)) & 63;
            out.push(match is_padding {
                true => '=',
                false => char::from(ALPHABET[value as usize]),
            });
        }
    }
    out
}

/// Text as bytes. Line ends are skipped, padding is needed.
///
/// # Errors
/// The text for the client, with the offset of the first bad byte.
pub fn decode_base64(text: &str) -> Result<Vec<u8>, String> {
    let input = text.as_bytes();
    let mut out = Vec::with_capacity(input.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0usize);
    let mut at = 0;
    while at < input.len() {
        let byte = input[at];
        let value = VALUES[usize::from(byte)];
        if value != NONE {
            bits = bits << 6 | u32::from(value);
            held += 1;
            if held == 4 {
                out.extend_from_slice(&bits.to_be_bytes()[1..]);
                (bits, held) = (0, 0);
            }
        } else if byte == b'=' {
            padding(input, at, held)?;
            // Two characters hold one byte, three hold two.
            let whole = (bits << (6 * (4 - held))).to_be_bytes();
            out.extend_from_slice(&whole[1..held]);
            return Ok(out);
        } else if byte != b'\n' && byte != b'\r' {
            return Err(bad(at));
        }
        at += 1;
    }
    match held {
        0 => Ok(out),
        held => Err(bad(input.len() - held)),
    }
}

/// Checks that exactly the padding that is needed stands at the end of the text.
fn padding(input: &[u8], at: usize, held: usize) -> Result<(), String> {
    if held < 2 {
        return Err(bad(at));
    }
    let mut needed = 4 - held;
    for (offset, byte) in input.iter().enumerate().skip(at) {
        match byte {
            b'\n' | b'\r' => {}
            b'=' if needed > 0 => needed -= 1,
            _ => return Err(bad(offset)),
        }
    }
    match needed {
        0 => Ok(()),
        _ => Err(bad(input.len())),
    }
}

fn bad(at: usize) -> String {
    format!("illegal base64 data at input byte {at}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_rfc_4648_shows() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode_base64(text).unwrap(), bytes.as_bytes());
            assert_eq!(encode_base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn line_ends_are_skipped_and_stray_bits_are_dropped() {
        assert_eq!(decode_base64("Zm9v\nYm\r\nFy\n").unwrap(), b"foobar");
        assert_eq!(decode_base64("Zg=\n=\n").unwrap(), b"f");
        assert_eq!(decode_base64("Zh==").unwrap(), b"f");
    }

    #[test]
    fn names_the_first_bad_byte() {
        for (text, at) in [
            ("Zm9v!mFy", 4),
            ("Zg", 0),
            ("Zm9vZg", 4),
            ("Zg=", 3),
            ("=", 0),
            ("Z===", 1),
            ("Zg==Zg==", 4),
            ("Zm8==", 4),
            ("plain text", 5),
            ("Zm-_", 2),
        ] {
            let expected = format!("illegal base64 data at input byte {at}");
            assert_eq!(decode_base64(text).unwrap_err(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in prop::collection::vec(any::<u8>(), 0..70)) {
            prop_assert_eq!(decode_base64(&encode_base64(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[A-D=\n!]{0,9}") {
            let _ = decode_base64(&text);
        }
    }
}
