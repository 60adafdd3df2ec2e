//! The target of a request line: path and query, decoded once.

use super::Query;
use crate::status::Failure;

/// How long path and query may be together. No server of HTTP/1 here takes longer ones either.
pub const MAX_TARGET_BYTES: usize = 65_534;

/// A path, split and decoded, and a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Between slashes, decoded. A slash or a dot that was encoded stays inside its segment. Slashes at
    /// both ends do not count; empty segments between them do.
    pub segments: Vec<String>,
    /// The path as it was written, without slashes at its beginning.
    raw: String,
    /// What stands behind the question mark.
    pub query: Query,
}

impl Target {
    /// Splits and decodes.
    ///
    /// # Errors
    /// 400 if it is too long, does not begin with a slash, or has escapes that are none or do not stand
    /// for UTF-8.
    pub fn parse(target: &str) -> Result<Target, Failure> {
        if target.len() > MAX_TARGET_BYTES {
            let text = format!("the request URL is too long: limit is {MAX_TARGET_BYTES}");
            return Err(Failure::bad_request(text));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if !path.starts_with('/') {
            return Err(Failure::bad_request("the request URL has no absolute path"));
        }
        let trimmed = path.trim_matches('/');
        let segments = trimmed.split('/').filter(|_| !trimmed.is_empty());
        let segments = segments.map(|segment| {
            decode(segment, false).ok_or_else(|| {
                Failure::bad_request("the path of the request URL has an invalid escape")
            })
        });
        Ok(Target {
            segments: segments.collect::<Result<_, _>>()?,
            raw: path.trim_start_matches('/').to_owned(),
            query: Query::parse(query),
        })
    }

    /// What follows so many segments, as it was written, with the slash before it.
    pub(super) fn rest(&self, segments: usize) -> String {
        let mut slashes = self.raw.match_indices('/').skip(segments.saturating_sub(1));
        slashes
            .next()
            .map_or("", |(at, _)| &self.raw[at..])
            .to_owned()
    }

    /// The decoded path, with a slash at the beginning.
    pub fn path(&self) -> String {
        format!("/{}", self.segments.join("/"))
    }
}

/// Text without its percent escapes; in queries a plus is a space. `None`: not valid.
pub(super) fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}
