//! Formats of texts that a schema names. One that is not known here says nothing, as upstream.

use crate::canonical::decode_base64;
use crate::names::dns1123_subdomain;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether a text has a format.
pub(super) fn has(format: &str, text: &str) -> bool {
    match format {
        "date" => is_date(text),
        "date-time" | "datetime" => is_moment(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_block(text),
        "mac" => is_mac(text),
        "uuid" => is_uuid(text, None),
        "uuid3" => is_uuid(text, Some('3')),
        "uuid4" => is_uuid(text, Some('4')),
        "uuid5" => is_uuid(text, Some('5')),
        "hostname" => !text.is_empty() && dns1123_subdomain(&text.to_lowercase()).is_empty(),
        "email" => is_email(text),
        "byte" => decode_base64(text).is_ok(),
        "uri" => is_uri(text),
        "duration" => is_duration(text),
        _ => true,
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let number = |text: &str, digits: usize| -> Option<u32> {
        let is_one = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        is_one.then(|| text.parse().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2))
    else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=last).contains(&day)
}

fn is_moment(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else {
        return false;
    };
    let zone = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let is_zone = match zone {
        "Z" | "z" => true,
        zone => zone.get(1..).is_some_and(|offset| is_clock(offset, 2)),
    };
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_date(date) && is_clock(clock, 3) && is_fraction && is_zone
}

/// Hours, minutes and, if there are three parts, seconds.
fn is_clock(text: &str, parts: usize) -> bool {
    let all: Vec<&str> = text.split(':').collect();
    let most = [23, 59, 60];
    let is_part = |(part, most): (&&str, u32)| {
        part.len() == 2
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u32>().is_ok_and(|part| part <= most)
    };
    all.len() == parts && all.iter().zip(most).all(is_part)
}

fn is_block(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let most = match (address.parse::<Ipv4Addr>(), address.parse::<Ipv6Addr>()) {
        (Ok(_), _) => 32,
        (_, Ok(_)) => 128,
        _ => return false,
    };
    let is_number = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
    is_number && bits.parse::<u32>().is_ok_and(|bits| bits <= most)
}

fn is_mac(text: &str) -> bool {
    let is_of = |separator: char| {
        let parts: Vec<&str> = text.split(separator).collect();
        let is_hex = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
        matches!(parts.len(), 6 | 8 | 20) && parts.iter().all(is_hex)
    };
    is_of(':') || is_of('-')
}

/// Hyphens may be missing.
fn is_uuid(text: &str, version: Option<char>) -> bool {
    let bare: String = match text.len() {
        36 => {
            let places = text.char_indices().filter(|(_, char)| *char == '-');
            if !places.map(|(at, _)| at).eq([8, 13, 18, 23]) {
                return false;
            }
            text.replace('-', "")
        }
        _ => text.to_owned(),
    };
    let is_hex = bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex && version.is_none_or(|version| bare.chars().nth(12) == Some(version))
}

fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else {
        return false;
    };
    let is_fit = |char: char| !char.is_whitespace() && !char.is_control();
    !name.is_empty() && name.chars().all(is_fit) && has("hostname", host)
}

/// With a scheme, or from the root.
fn is_uri(text: &str) -> bool {
    let is_plain = !text.is_empty() && !text.chars().any(|char| char.is_control() || char == ' ');
    let scheme = text.split(':').next().unwrap_or_default();
    let has_scheme = scheme.len() < text.len()
        && scheme.starts_with(|char: char| char.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_plain && (has_scheme || text.starts_with('/'))
}

/// Go's durations, and days and weeks beside them.
fn is_duration(text: &str) -> bool {
    if crate::canonical::parse_duration(text).is_ok() {
        return true;
    }
    let digits = text.find(|char: char| !char.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let units = [
        "d", "day", "days", "w", "week", "weeks", "h", "hour", "hours",
    ];
    !number.is_empty() && units.contains(&unit.trim_start())
}

#[cfg(test)]
mod tests {
    use super::has;

    #[test]
    fn formats_are_told_apart() {
        for (format, good, bad) in [
            ("date", "2024-02-29", "2023-02-29"),
            (
                "date-time",
                "2024-02-29T12:00:00.5+01:00",
                "2024-02-29 12:00:00Z",
            ),
            ("date-time", "2024-02-29T23:59:60Z", "2024-02-29T24:00:00Z"),
            ("ipv4", "10.0.0.1", "10.0.0.256"),
            ("ipv6", "::1", "1.2.3.4"),
            ("cidr", "10.0.0.0/8", "10.0.0.0/33"),
            ("mac", "00:11:22:33:44:55", "00:11:22:33:44"),
            (
                "uuid",
                "123e4567-e89b-12d3-a456-426614174000",
                "123e4567-e89b-12d3-a456-42661417400",
            ),
            (
                "uuid4",
                "123e4567-e89b-42d3-a456-426614174000",
                "123e4567-e89b-12d3-a456-426614174000",
            ),
            ("hostname", "a.Example.org", "-a"),
            ("email", "me@example.org", "me at example.org"),
            ("byte", "aGk=", "aGk"),
            ("uri", "https://example.org/x", "example org"),
            ("duration", "1h30m", "soon"),
        ] {
            assert!(has(format, good), "{format} {good}");
            assert!(!has(format, bad), "{format} {bad}");
        }
        assert!(has("of my own", "anything"));
    }
}
