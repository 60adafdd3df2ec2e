//! From text to a typed value, by the kind the table gives an option.

use super::table::Kind;
use super::url::Url;
use std::time::Duration;

/// The longest duration: what etcd's 64 bits of nanoseconds hold, 292 years. Sums and products of a few such
/// fit whoever computes with them.
const LONGEST: Duration = Duration::from_nanos(i64::MAX as u64);

/// What an option is set to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// [`Kind::Text`] and [`Kind::Choice`].
    Text(String),
    /// [`Kind::Flag`].
    Flag(bool),
    /// [`Kind::Count`].
    Count(i64),
    /// [`Kind::Duration`] and [`Kind::Milliseconds`].
    Duration(Duration),
    /// [`Kind::Bytes`]; negative only where the option gives that a meaning.
    Bytes(i64),
    /// [`Kind::Urls`]; empty if nothing is set.
    Urls(Vec<Url>),
}

/// Reads `text` as `kind`.
///
/// # Errors
/// A sentence that says what would have been right.
pub fn parse(kind: Kind, text: &str) -> Result<Value, String> {
    let text = text.trim();
    match kind {
        Kind::Text => Ok(Value::Text(text.to_owned())),
        Kind::Choice(words) => match words.contains(&text) {
            true => Ok(Value::Text(text.to_owned())),
            false => Err(format!("{text:?} is not one of {}", words.join(", "))),
        },
        Kind::Flag => match text {
            "true" | "1" | "t" | "T" | "TRUE" | "True" => Ok(Value::Flag(true)),
            "false" | "0" | "f" | "F" | "FALSE" | "False" => Ok(Value::Flag(false)),
            _ => Err(format!("{text:?} is not true or false")),
        },
        Kind::Count => text
            .replace('_', "")
            .parse()
            .map(Value::Count)
            .map_err(|_| format!("{text:?} is not a whole number")),
        Kind::Milliseconds => match text.parse::<u64>() {
            Ok(ms) => bounded(text, Duration::from_millis(ms)).map(Value::Duration),
            Err(_) => duration(text).map(Value::Duration),
        },
        Kind::Duration => duration(text).map(Value::Duration),
        Kind::Bytes => bytes(text).map(Value::Bytes),
        Kind::Urls => text
            .split(',')
            .filter(|part| !part.trim().is_empty())
            .map(Url::parse)
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Urls),
    }
}

/// `1h30m`, `500ms`, `2.5s`. Zero needs no unit.
///
/// # Errors
/// A sentence that says what would have been right.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write it like 500ms, 10s or 1h30m");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit_seconds = match &rest[..letters] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return Err(wrong()),
        };
        rest = &rest[letters..];
        let part = Duration::try_from_secs_f64(number * unit_seconds).map_err(|_| wrong())?;
        total = total.checked_add(part).ok_or_else(wrong)?;
    }
    if text.is_empty() {
        return Err(wrong());
    }
    bounded(text, total)
}

/// So many hours, as `text` says.
///
/// # Errors
/// They are too many.
pub fn hours(text: &str, hours: u64) -> Result<Duration, String> {
    let seconds = hours.saturating_mul(3600);
    bounded(text, Duration::from_secs(seconds))
}

fn bounded(text: &str, duration: Duration) -> Result<Duration, String> {
    match duration <= LONGEST {
        true => Ok(duration),
        false => Err(format!("{text:?} is longer than 292 years")),
    }
}

/// `8GiB`, `512MB`, `1048576`.
///
/// # Errors
/// A sentence that says what would have been right.
pub fn bytes(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is not a size; write it in bytes or like 512MiB or 8GiB");
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '-' && c != '.' && c != '_')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number = number.replace('_', "");
    let factor: i64 = match unit.trim() {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        "T" | "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return Err(wrong()),
    };
    if let Ok(whole) = number.parse::<i64>() {
        return whole.checked_mul(factor).ok_or_else(wrong);
    }
    let fraction: f64 = number.parse().map_err(|_| wrong())?;
    Ok((fraction * factor as f64) as i64)
}
