//! Durations as Go writes and reads them (`1h30m`, `1.5s`, `100ms`): the form of `metav1.Duration`.

use super::quote;

const NANO: u64 = 1;
const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// Largest magnitude: that of the smallest 64-bit number.
const LIMIT: u64 = 1 << 63;

/// Nanoseconds of a duration text: a sign, then numbers with a unit each, at least one.
///
/// # Errors
/// The text for the client.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (is_negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut sum = 0u64;
    while !rest.is_empty() {
        let (value, behind) = part(text, rest)?;
        sum = sum
            .checked_add(value)
            .filter(|sum| *sum <= LIMIT)
            .ok_or_else(invalid)?;
        rest = behind;
    }
    match is_negative {
        true => Ok((sum as i64).wrapping_neg()),
        false => i64::try_from(sum).map_err(|_| invalid()),
    }
}

/// One number with its unit, in nanoseconds, and what stands behind it.
fn part<'a>(text: &str, rest: &'a str) -> Result<(u64, &'a str), String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole_len = digits(rest);
    let (whole, mut behind) = rest.split_at(whole_len);
    let mut fraction = "";
    if let Some(after) = behind.strip_prefix('.') {
        (fraction, behind) = after.split_at(digits(after));
    }
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let unit_len = behind
        .bytes()
        .take_while(|b| *b != b'.' && !b.is_ascii_digit())
        .count();
    let (unit, behind) = behind.split_at(unit_len);
    if unit.is_empty() {
        return Err(format!("time: missing unit in duration {}", quote(text)));
    }
    let scale = scale(unit).ok_or_else(|| {
        let (unit, text) = (quote(unit), quote(text));
        format!("time: unknown unit {unit} in duration {text}")
    })?;
    let whole = match whole {
        "" => 0,
        digits => digits.parse::<u64>().map_err(|_| invalid())?,
    };
    let value = whole
        .checked_mul(scale)
        .and_then(|value| value.checked_add(part_of(fraction, scale)))
        .filter(|value| *value <= LIMIT)
        .ok_or_else(invalid)?;
    Ok((value, behind))
}

/// A decimal fraction of a unit, rounded down to nanoseconds.
fn part_of(digits: &str, scale: u64) -> u64 {
    // Digits beyond these are worth less than a nanosecond, even of an hour.
    const DIGITS: usize = 18;
    let digits = &digits[..digits.len().min(DIGITS)];
    let Ok(value) = digits.parse::<u128>() else {
        return 0;
    };
    let divisor = 10u128.pow(digits.len() as u32);
    (value * u128::from(scale) / divisor) as u64
}

fn scale(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => NANO,
        // The micro sign and the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" => MICRO,
        "ms" => MILLI,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        _ => return None,
    })
}

/// The duration in hours, minutes and seconds, or in the largest unit that is smaller than a second.
pub fn format_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let value = nanos.unsigned_abs();
    if value == 0 {
        return "0s".to_owned();
    }
    if value < SECOND {
        let (unit, scale) = match value {
            value if value < MICRO => ("ns", NANO),
            value if value < MILLI => ("\u{b5}s", MICRO),
            _ => ("ms", MILLI),
        };
        return format!("{sign}{}{unit}", decimal(value, scale));
    }
    let (hours, minutes) = (value / HOUR, value % HOUR / MINUTE);
    let seconds = decimal(value % MINUTE, SECOND);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// `value / scale` without trailing zeros; `scale` is a power of ten.
fn decimal(value: u64, scale: u64) -> String {
    let (whole, fraction) = (value / scale, value % scale);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = scale.ilog10() as usize;
    let text = format!("{whole}.{fraction:0width$}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_duration_has_one_text() {
        for (text, nanos, canonical) in [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("-0", 0, "0s"),
            ("5s", 5_000_000_000, "5s"),
            ("90s", 90_000_000_000, "1m30s"),
            ("1h", 3_600_000_000_000, "1h0m0s"),
            ("1h30m", 5_400_000_000_000, "1h30m0s"),
            ("1.5h", 5_400_000_000_000, "1h30m0s"),
            ("+5.25s", 5_250_000_000, "5.25s"),
            ("-1.5s", -1_500_000_000, "-1.5s"),
            (".5s", 500_000_000, "500ms"),
            ("1.s", 1_000_000_000, "1s"),
            ("1500us", 1_500_000, "1.5ms"),
            ("1500\u{b5}s", 1_500_000, "1.5ms"),
            ("1500\u{3bc}s", 1_500_000, "1.5ms"),
            ("1ns", 1, "1ns"),
            ("1.0000000000000000000000001us", 1_000, "1\u{b5}s"),
            ("39h9m14.425s", 140_954_425_000_000, "39h9m14.425s"),
            (
                "-9223372036854775808ns",
                i64::MIN,
                "-2562047h47m16.854775808s",
            ),
            (
                "9223372036854775807ns",
                i64::MAX,
                "2562047h47m16.854775807s",
            ),
        ] {
            assert_eq!(parse_duration(text), Ok(nanos), "{text}");
            assert_eq!(format_duration(nanos), canonical);
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_as_go_does() {
        for (text, message) in [
            ("", r#"time: invalid duration """#),
            ("3", r#"time: missing unit in duration "3""#),
            ("-", r#"time: invalid duration "-""#),
            ("s", r#"time: invalid duration "s""#),
            (".", r#"time: invalid duration ".""#),
            (".s", r#"time: invalid duration ".s""#),
            ("+.s", r#"time: invalid duration "+.s""#),
            ("1d", r#"time: unknown unit "d" in duration "1d""#),
            ("1s2", r#"time: missing unit in duration "1s2""#),
            (
                "9223372036854775808ns",
                r#"time: invalid duration "9223372036854775808ns""#,
            ),
            (
                "99999999999999999999h",
                r#"time: invalid duration "99999999999999999999h""#,
            ),
            ("3000000h", r#"time: invalid duration "3000000h""#),
        ] {
            assert_eq!(parse_duration(text), Err(message.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(nanos in any::<i64>()) {
            prop_assert_eq!(parse_duration(&format_duration(nanos)), Ok(nanos));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-+.0-9hmsnu\u{b5}x]{0,30}") {
            let _ = parse_duration(&text);
        }
    }
}
