//! Times in objects: RFC 3339 to microseconds.

/// Microseconds since 1970 of a time such as `2026-01-02T03:04:05.678Z`; nothing if it is none. Digits
/// beyond microseconds are cut off.
pub(super) fn parse(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes.len() > 40 || !text.is_ascii() {
        return None;
    }
    for (at, expected) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
        if bytes[at] != expected {
            return None;
        }
    }
    let (year, month, day) = (
        digits(text, 0, 4)?,
        digits(text, 5, 2)?,
        digits(text, 8, 2)?,
    );
    let (hour, minute, second) = (
        digits(text, 11, 2)?,
        digits(text, 14, 2)?,
        digits(text, 17, 2)?,
    );
    let in_range = (1..=12).contains(&month)
        && (1..=days_of_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range {
        return None;
    }
    let (fraction_us, zone) = fraction(&text[19..])?;
    let offset = offset(zone)?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(seconds * 1_000_000 + fraction_us)
}

fn digits(text: &str, at: usize, count: usize) -> Option<i64> {
    let part = text.get(at..at + count)?;
    let is_number = part.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| part.parse().ok()).flatten()
}

/// Microseconds, and what follows the fraction.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let micros = format!("{:0<6.6}", &rest[..end]);
    (end > 0).then(|| Some((micros.parse().ok()?, &rest[end..])))?
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = match zone.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let is_shaped = zone.len() == 6 && zone.as_bytes()[3] == b':';
    let (hours, minutes) = (digits(zone, 1, 2)?, digits(zone, 4, 2)?);
    (is_shaped && hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Leap days before this year, counted from year 0; then whole months of this year.
    let before = year - 1;
    let leap_days = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    let of_months: i64 = (1..month).map(|month| days_of_month(year, month)).sum();
    /// Days from 0001-01-01 to 1970-01-01.
    const EPOCH: i64 = 719_162;
    before * 365 + leap_days + of_months + day - 1 - EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:01.5Z", 1_500_000),
            ("1969-12-31T23:59:59Z", -1_000_000),
            ("2000-02-29T12:00:00Z", 951_825_600_000_000),
            ("2026-11-25T15:52:25Z", 1_795_621_945_000_000),
            ("2026-11-25T17:52:25+02:00", 1_795_621_945_000_000),
            ("2026-11-25T15:52:25.123456789Z", 1_795_621_945_123_456),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000_000),
        ];
        for (text, micros) in cases {
            assert_eq!(parse(text), Some(micros), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "now",
            "2026-11-25",
            "2026-11-25 15:52:25Z",
            "2026-13-25T15:52:25Z",
            "2025-02-29T15:52:25Z",
            "2026-11-25T24:52:25Z",
            "2026-11-25T15:52:25",
            "2026-11-25T15:52:25.Z",
            "2026-11-25T15:52:25.1",
            "2026-11-25T15:52:25+0200",
            "2026-11-25T15:52:25+02:00Z",
            "2026-11-25T15:52:2\u{e9}Z",
            "+026-11-25T15:52:25Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
