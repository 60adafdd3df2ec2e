//! How long a request may take.

use super::Query;
use crate::status::Failure;
use crate::status::text::quote;
use std::time::Duration;

/// The longest that a request may take, and what it may take if it does not say.
pub const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// How long a request may take, by its `timeout` parameter. It does not hold for watches and connections
/// through the server, which say it otherwise.
///
/// # Errors
/// 400 if the parameter is no duration.
pub fn request_timeout(query: &Query) -> Result<Duration, Failure> {
    let text = query.text("timeout");
    if text.is_empty() {
        return Ok(REQUEST_TIMEOUT_MAX);
    }
    let seconds = duration_seconds(text).ok_or_else(|| {
        Failure::bad_request(format!(
            "invalid timeout specified in the request URL - time: invalid duration {}",
            quote(text)
        ))
    })?;
    match seconds > 0.0 && seconds < REQUEST_TIMEOUT_MAX.as_secs_f64() {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Ok(REQUEST_TIMEOUT_MAX),
    }
}

/// A duration as Go writes it (`1m30s`, `1.5h`, `-2ms`), in seconds.
fn duration_seconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 8] = [
        ("ns", 1e-9),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("μs", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
    ];
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0.0);
    }
    let mut seconds = 0.0;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at(end);
        let is_number = number.contains(|c: char| c.is_ascii_digit());
        let number: f64 = is_number.then(|| number.parse().ok()).flatten()?;
        let unit_ends = behind.find(|c: char| c.is_ascii_digit() || c == '.');
        let (unit, behind) = behind.split_at(unit_ends.unwrap_or(behind.len()));
        let (_, scale) = UNITS.iter().find(|(known, _)| *known == unit)?;
        seconds += number * scale;
        rest = behind;
        if rest.is_empty() {
            return Some(sign * seconds);
        }
    }
}
