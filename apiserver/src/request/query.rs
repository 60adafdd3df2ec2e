//! Query parameters, as servers of this kind read them.

use super::target::decode;
use crate::status::Failure;
use crate::status::text::quote;
use std::num::IntErrorKind;

/// Query parameters in their order. Of those that are given twice, the first counts, unless a parameter
/// is a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the text behind the question mark. What cannot be decoded is left out.
    pub fn parse(text: &str) -> Query {
        let pairs = text
            .split('&')
            .filter(|pair| !pair.is_empty() && !pair.contains(';'));
        let decoded = pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name, true)?, decode(value, true)?))
        });
        Query(decoded.collect())
    }

    /// The first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a parameter.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let pairs = self.0.iter().filter(move |(found, _)| found == name);
        pairs.map(|(_, value)| value.as_str())
    }

    /// The first value, empty if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Whether a parameter is given, and is neither `false` nor `0`. No value at all is true.
    pub fn flag(&self, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        Some(!value.eq_ignore_ascii_case("false") && value != "0")
    }

    /// A whole number.
    ///
    /// # Errors
    /// 400 if it is none, or does not fit.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        value
            .parse()
            .map(Some)
            .map_err(|error: std::num::ParseIntError| {
                Failure::bad_request(format!(
                    "strconv.ParseInt: parsing {}: {}",
                    quote(value),
                    number_error(error.kind())
                ))
            })
    }
}

/// Why a text is no number.
fn number_error(kind: &IntErrorKind) -> &'static str {
    match kind {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    }
}

/// A `resourceVersion`; empty and zero are zero.
///
/// # Errors
/// 400 if it is no number.
pub(super) fn resource_version(text: &str) -> Result<u64, Failure> {
    if text.is_empty() {
        return Ok(0);
    }
    // Go's unsigned numbers have no sign at all.
    let parsed = match text.starts_with('+') {
        true => Err("invalid syntax"),
        false => text
            .parse()
            .map_err(|error: std::num::ParseIntError| number_error(error.kind())),
    };
    parsed.map_err(|why| {
        let text = quote(text);
        Failure::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: {text}: strconv.ParseUint: parsing {text}: {why}"
        ))
    })
}
