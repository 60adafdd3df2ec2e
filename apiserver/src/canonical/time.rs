//! Times in RFC 3339: any offset in, UTC out, with whole seconds or exactly six fractional digits.

use super::quote;

const TIME: &str = "2006-01-02T15:04:05Z07:00";
const MICRO_TIME: &str = "2006-01-02T15:04:05.000000Z07:00";

/// Seconds since 1970 of the year 1, which stands for "no time".
const ZERO_SECONDS: i64 = -62_135_596_800;
const DAY_SECONDS: i64 = 86_400;

/// A moment, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    /// Since 1970; negative before.
    pub seconds: i64,
    /// Below a thousand million.
    pub nanos: u32,
}

impl Instant {
    /// The beginning of the year 1, which stands for "no time" and is shown as null.
    pub const ZERO: Instant = Instant {
        seconds: ZERO_SECONDS,
        nanos: 0,
    };

    /// Reads a `Time`: seconds may have a fraction.
    ///
    /// # Errors
    /// The text for the client.
    pub fn parse(text: &str) -> Result<Instant, String> {
        parse(text, TIME)
    }

    /// Reads a `MicroTime`: seconds must have exactly six fractional digits.
    ///
    /// # Errors
    /// The text for the client.
    pub fn parse_micro(text: &str) -> Result<Instant, String> {
        parse(text, MICRO_TIME)
    }
}

/// A `Time` in the form that is shown; nothing if it stands for "no time".
///
/// # Errors
/// The text for the client.
pub fn canonical_time(text: &str) -> Result<Option<String>, String> {
    if is_canonical(text) {
        return Ok(Some(text.to_owned()));
    }
    Ok(format_time(Instant::parse(text)?))
}

/// A `MicroTime` in the form that is shown; nothing if it stands for "no time".
///
/// # Errors
/// The text for the client.
pub fn canonical_micro_time(text: &str) -> Result<Option<String>, String> {
    Ok(format_micro_time(Instant::parse_micro(text)?))
}

/// As `Time`; nothing for the beginning of the year 1. Years outside 0 to 9999 are shown as the nearest.
pub fn format_time(at: Instant) -> Option<String> {
    (at != Instant::ZERO).then(|| format!("{}Z", clock(at.seconds)))
}

/// As `MicroTime`, nanoseconds rounded down; nothing for the beginning of the year 1.
pub fn format_micro_time(at: Instant) -> Option<String> {
    (at != Instant::ZERO).then(|| format!("{}.{:06}Z", clock(at.seconds), at.nanos / 1000))
}

/// Whether this is a time as we write it: most times that come in are.
fn is_canonical(text: &str) -> bool {
    // Days beyond the 28th and the year 1 are left to the full parser.
    const SHAPE: &[u8; 20] = b"0000-00-00T00:00:00Z";
    let bytes = text.as_bytes();
    let has_shape = bytes.len() == SHAPE.len()
        && bytes.iter().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        });
    has_shape
        && &bytes[..4] != b"0001"
        && (b"01"..=b"12").contains(&&[bytes[5], bytes[6]])
        && (b"01"..=b"28").contains(&&[bytes[8], bytes[9]])
        && (b"00"..=b"23").contains(&&[bytes[11], bytes[12]])
        && bytes[14] < b'6'
        && bytes[17] < b'6'
}

/// Reads element by element, so that the message can tell where it failed.
struct Reader<'a> {
    layout: &'static str,
    text: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// The message for an element of the layout that the rest does not begin with.
    fn failed(&self, element: &str) -> String {
        let (text, layout) = (quote(self.text), quote(self.layout));
        let (rest, element) = (quote(self.rest), quote(element));
        format!("parsing time {text} as {layout}: cannot parse {rest} as {element}")
    }

    fn out_of_range(&self, what: &str) -> String {
        format!("parsing time {}: {what} out of range", quote(self.text))
    }

    /// A number of exactly this many digits.
    fn number(&mut self, digits: usize, element: &str) -> Result<u32, String> {
        let head = self.rest.get(..digits).unwrap_or("");
        if head.len() != digits || !head.bytes().all(|b| b.is_ascii_digit()) {
            return Err(self.failed(element));
        }
        self.rest = &self.rest[digits..];
        head.parse().map_err(|_| self.failed(element))
    }

    fn literal(&mut self, expected: char) -> Result<(), String> {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.failed(expected.encode_utf8(&mut [0; 4]))),
        }
    }

    /// Nanoseconds of a fraction that need not be there, in any number of digits.
    fn fraction(&mut self) -> u32 {
        let Some(after) = self.rest.strip_prefix(['.', ',']) else {
            return 0;
        };
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return 0;
        }
        self.rest = &after[digits..];
        nanos(&after[..digits.min(9)])
    }

    /// Nanoseconds of exactly six digits.
    fn micros(&mut self) -> Result<u32, String> {
        let head = self.rest.get(..7).unwrap_or("");
        let digits = head.strip_prefix(['.', ',']).unwrap_or("");
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(self.failed(".000000"));
        }
        self.rest = &self.rest[7..];
        Ok(nanos(digits))
    }

    /// Seconds east of Greenwich.
    fn offset(&mut self) -> Result<i64, String> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let start = self.rest;
        let sign = match start.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Err(self.failed("Z07:00")),
        };
        let pair = |from: usize| {
            let digits = start.get(from..from + 2)?;
            let is_number = digits.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| digits.parse::<i64>().ok())?
        };
        let (hours, minutes) = match (pair(1), start.as_bytes().get(3), pair(4)) {
            (Some(hours), Some(b':'), Some(minutes)) => (hours, minutes),
            _ => return Err(self.failed("Z07:00")),
        };
        if hours > 24 {
            return Err(self.out_of_range("time zone offset hour"));
        }
        if minutes > 60 {
            return Err(self.out_of_range("time zone offset minute"));
        }
        self.rest = &start[6..];
        Ok(sign * (hours * 3600 + minutes * 60))
    }
}

fn parse(text: &str, layout: &'static str) -> Result<Instant, String> {
    let mut reader = Reader {
        layout,
        text,
        rest: text,
    };
    let year = reader.number(4, "2006")?;
    reader.literal('-')?;
    let month = reader.number(2, "01")?;
    if !(1..=12).contains(&month) {
        return Err(reader.out_of_range("month"));
    }
    reader.literal('-')?;
    let day = reader.number(2, "02")?;
    reader.literal('T')?;
    // One digit is enough for an hour, and only there.
    let digits = match reader.rest.as_bytes() {
        [b'0'..=b'9', b'0'..=b'9', ..] => 2,
        _ => 1,
    };
    let hour = reader.number(digits, "15")?;
    if hour > 23 {
        return Err(reader.out_of_range("hour"));
    }
    reader.literal(':')?;
    let minute = reader.number(2, "04")?;
    if minute > 59 {
        return Err(reader.out_of_range("minute"));
    }
    reader.literal(':')?;
    let second = reader.number(2, "05")?;
    if second > 59 {
        return Err(reader.out_of_range("second"));
    }
    let nanos = match layout {
        MICRO_TIME => reader.micros()?,
        _ => reader.fraction(),
    };
    let offset = reader.offset()?;
    if !reader.rest.is_empty() {
        let (text, rest) = (quote(text), quote(reader.rest));
        return Err(format!("parsing time {text}: extra text: {rest}"));
    }
    if day < 1 || day > days_of(year, month) {
        return Err(reader.out_of_range("day"));
    }
    let days = days_since_1970(i64::from(year), i64::from(month), i64::from(day));
    let of_day = i64::from(hour * 3600 + minute * 60 + second);
    let seconds = days * DAY_SECONDS + of_day - offset;
    Ok(Instant { seconds, nanos })
}

/// Up to nine digits as a fraction of a second.
fn nanos(digits: &str) -> u32 {
    let value = digits.parse::<u32>().unwrap_or(0);
    value * 10u32.pow(9 - digits.len() as u32)
}

fn days_of(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the beginning of 1970 in the Gregorian calendar. Years begin in March here, so that the
/// leap day is the last one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Date and time of day, without fraction and offset.
fn clock(seconds: i64) -> String {
    // Beginning of the year 0 and end of the year 9999: more has no RFC 3339 text.
    let seconds = seconds.clamp(-62_167_219_200, 253_402_300_799);
    let (days, of_day) = (
        seconds.div_euclid(DAY_SECONDS),
        seconds.rem_euclid(DAY_SECONDS),
    );
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_shown_in_utc_and_whole_seconds() {
        for (text, canonical) in [
            ("2024-02-29T12:34:56Z", "2024-02-29T12:34:56Z"),
            ("2024-02-29T12:34:56+02:00", "2024-02-29T10:34:56Z"),
            ("2024-03-01T00:30:00+01:00", "2024-02-29T23:30:00Z"),
            ("2023-12-31T23:30:00-05:30", "2024-01-01T05:00:00Z"),
            ("2024-02-29T12:34:56.999999999Z", "2024-02-29T12:34:56Z"),
            ("2024-02-29T12:34:56,5Z", "2024-02-29T12:34:56Z"),
            ("2024-02-29T5:04:05Z", "2024-02-29T05:04:05Z"),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
            ("2100-02-28T00:00:00Z", "2100-02-28T00:00:00Z"),
        ] {
            assert_eq!(canonical_time(text), Ok(Some(canonical.into())), "{text}");
        }
    }

    #[test]
    fn the_year_one_stands_for_no_time() {
        assert_eq!(canonical_time("0001-01-01T00:00:00Z"), Ok(None));
        assert_eq!(
            canonical_micro_time("0001-01-01T00:00:00.000000Z"),
            Ok(None)
        );
        let other = canonical_time("0001-01-01T00:00:01Z");
        assert_eq!(other, Ok(Some("0001-01-01T00:00:01Z".into())));
    }

    #[test]
    fn micro_times_have_six_fractional_digits() {
        let text = "2024-02-29T12:34:56.123456+01:00";
        let expected = "2024-02-29T11:34:56.123456Z";
        assert_eq!(canonical_micro_time(text), Ok(Some(expected.into())));
        for (text, rest) in [
            ("2024-02-29T12:34:56Z", "Z"),
            ("2024-02-29T12:34:56.1Z", ".1Z"),
        ] {
            let expected = format!(
                "parsing time {text:?} as \"2006-01-02T15:04:05.000000Z07:00\": \
                 cannot parse {rest:?} as \".000000\""
            );
            assert_eq!(canonical_micro_time(text), Err(expected));
        }
    }

    #[test]
    fn the_message_tells_where_reading_failed() {
        for (text, rest, element) in [
            ("", "", "2006"),
            ("soon", "soon", "2006"),
            ("2024/02/29", "/02/29", "-"),
            ("2024-2-29T00:00:00Z", "2-29T00:00:00Z", "01"),
            ("2024-02-29 00:00:00Z", " 00:00:00Z", "T"),
            ("2024-02-29T00:00:00", "", "Z07:00"),
            ("2024-02-29T00:00:00+1", "+1", "Z07:00"),
            ("2024-02-29T00:00:00.Z", ".Z", "Z07:00"),
            ("2024-02-29", "", "T"),
        ] {
            let expected = format!(
                "parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": \
                 cannot parse {rest:?} as {element:?}"
            );
            assert_eq!(canonical_time(text), Err(expected));
        }
        for (text, what) in [
            ("2024-13-01T00:00:00Z", "month out of range"),
            ("2023-02-29T00:00:00Z", "day out of range"),
            ("2100-02-29T00:00:00Z", "day out of range"),
            ("2024-02-00T00:00:00Z", "day out of range"),
            ("2024-02-01T24:00:00Z", "hour out of range"),
            ("2024-02-01T00:60:00Z", "minute out of range"),
            ("2024-02-01T00:00:60Z", "second out of range"),
            ("2024-02-01T00:00:00Zulu", "extra text: \"ulu\""),
        ] {
            let expected = format!("parsing time {text:?}: {what}");
            assert_eq!(canonical_time(text), Err(expected));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in -62_167_219_200i64..=253_402_300_799, micros in 0u32..1_000_000) {
            let at = Instant { seconds, nanos: micros * 1000 };
            prop_assume!(seconds != ZERO_SECONDS);
            let whole = Instant { seconds, nanos: 0 };
            prop_assert_eq!(Instant::parse(&format_time(at).unwrap()), Ok(whole));
            prop_assert_eq!(Instant::parse_micro(&format_micro_time(at).unwrap()), Ok(at));
        }

        #[test]
        fn the_short_cut_agrees_with_the_parser(text in "[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z") {
            let full = Instant::parse(&text).map(format_time);
            prop_assert_eq!(canonical_time(&text), full);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9T:.,Z+é-]{0,30}") {
            let _ = canonical_time(&text);
            let _ = canonical_micro_time(&text);
        }
    }
}
