//! Any text as a quantity, a time, a duration or bytes: refused, or one text that stands for it.

use super::*;
use keelson_fuzz::{Form, Target};
use std::cmp::Ordering;

fn quantity(text: &str) {
    let Ok(value) = Quantity::parse(text) else {
        return assert!(Quantity::canonical(text).is_err(), "{text:?}");
    };
    let canonical = Quantity::canonical(text).expect("it parses");
    assert_eq!(
        Quantity::canonical(&canonical),
        Ok(canonical.clone()),
        "of {text:?}"
    );
    let again = Quantity::parse(&canonical).expect("canonical texts parse");
    assert_eq!(
        again.cmp(&value),
        Ordering::Equal,
        "{text:?} and {canonical:?}"
    );
    assert_eq!(
        (again.value(), again.milli_value()),
        (value.value(), value.milli_value())
    );
    assert_eq!(value.negated().negated(), value);
    assert_eq!(value.negated().sign(), -value.sign());
    let same = value;
    assert!((value - same).is_zero());
    for scale in -9..=9 {
        let (rounded, exact) = value.rounded_up(scale);
        assert_eq!(rounded == value, exact);
        assert!(rounded.sign() == value.sign() || value.is_zero());
    }
    // By the book, where the number is a whole one that 64 bits hold.
    if let Ok(whole) = text.parse::<i64>() {
        assert_eq!(value, Quantity::of(whole, Format::DecimalSi), "{text:?}");
        assert_eq!(value.value(), whole);
    }
}

fn times(text: &str) {
    if let Ok(Some(canonical)) = canonical_time(text) {
        assert_eq!(
            canonical_time(&canonical),
            Ok(Some(canonical)),
            "of {text:?}"
        );
    }
    if let Ok(Some(canonical)) = canonical_micro_time(text) {
        assert_eq!(
            canonical_micro_time(&canonical),
            Ok(Some(canonical)),
            "of {text:?}"
        );
    }
    if let Ok(instant) = Instant::parse(text)
        && let Some(shown) = format_time(instant)
    {
        let again = Instant::parse(&shown).expect("what is shown is read");
        assert_eq!(
            again.seconds, instant.seconds,
            "{text:?} is shown as {shown}"
        );
    }
}

fn duration(text: &str) {
    if let Ok(nanos) = parse_duration(text) {
        let canonical = format_duration(nanos);
        assert_eq!(
            parse_duration(&canonical),
            Ok(nanos),
            "{canonical:?} of {text:?}"
        );
    }
}

fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    quantity(&text);
    times(&text);
    duration(&text);
    if let Ok(bytes) = decode_base64(&text) {
        let canonical = encode_base64(&bytes);
        assert_eq!(
            decode_base64(&canonical),
            Ok(bytes),
            "{canonical:?} of {text:?}"
        );
    }
    assert_eq!(decode_base64(&encode_base64(input)).as_deref(), Ok(input));
}

const WORDS: &[&str] = &[
    "Ki",
    "Mi",
    "Gi",
    "Ti",
    "Pi",
    "Ei",
    "n",
    "u",
    "m",
    "k",
    "M",
    "G",
    "T",
    "P",
    "E",
    "e",
    "e-",
    "E+",
    "-",
    "+",
    ".",
    "0",
    "000",
    "1024",
    "9223372036854775807",
    "9223372036854775808",
    "T",
    "Z",
    ":",
    "+01:00",
    "-23:59",
    "2024-02-29",
    "0001-01-01",
    "9999-12-31T23:59:59Z",
    "23:59:60",
    ".000001",
    "h",
    "ms",
    "µs",
    "ns",
    "s",
    "1e18",
    "==",
    "=",
];

/// Quantities, times, durations and bytes.
#[test]
fn fuzz_canonical() {
    let seeds = [
        "1.5Gi",
        "100m",
        "-0.0001Ki",
        "12e6",
        "9223372036854775807",
        "1E",
        ".5",
        "1000000000000000n",
        "2024-02-29T12:00:00+01:00",
        "2024-02-29T12:00:00.123456Z",
        "1h30m1.5s",
        "-3ms",
        "Zm9vYmFy",
        "AP8=",
        "0",
    ];
    Target::new("canonical", Form::Text(WORDS))
        .rounds(6000)
        .length_max(200)
        .run(seeds.map(|seed| seed.as_bytes().to_vec()).into(), check);
}
