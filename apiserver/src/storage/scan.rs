//! Finding one value in the text of an object, without parsing it.
//!
//! The text is JSON in which each name occurs once per object. On the way to the value it must be as
//! dense as this server writes it; if it is not, nothing is said, and the caller parses. What lies beside
//! the way is skipped: strings as strings, so that a brace or a name inside one means nothing.

use memchr::memchr2;

/// Where a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The value begins here.
    At(usize),
    /// There is no such value.
    Absent,
    /// The text is written in another way than this server does.
    Unclear,
}

/// Where the value of the member `name` begins, in the object that begins at `at`. Other values than
/// objects have no members.
pub(super) fn member(text: &[u8], at: usize, name: &str) -> Found {
    find(text, at, name.as_bytes()).unwrap_or(Found::Unclear)
}

/// The text of the value at a path. `Err`: parse to find out.
pub(super) fn value<'t>(text: &'t [u8], path: &[impl AsRef<str>]) -> Result<Option<&'t [u8]>, ()> {
    let mut start = 0;
    for name in path {
        match member(text, start, name.as_ref()) {
            Found::At(at) => start = at,
            Found::Absent => return Ok(None),
            Found::Unclear => return Err(()),
        }
    }
    let end = value_end(text, start).ok_or(())?;
    Ok(Some(&text[start..end]))
}

fn find(text: &[u8], at: usize, name: &[u8]) -> Option<Found> {
    if *text.get(at)? != b'{' {
        return Some(Found::Absent);
    }
    let mut at = at + 1;
    if *text.get(at)? == b'}' {
        return Some(Found::Absent);
    }
    loop {
        if *text.get(at)? != b'"' {
            return None;
        }
        let end = string_end(text, at)?;
        let found = &text[at + 1..end - 1];
        // With escapes, a name can be written in many ways.
        if *text.get(end)? != b':' || found.contains(&b'\\') {
            return None;
        }
        let start = end + 1;
        if found == name {
            return begins_value(*text.get(start)?).then_some(Found::At(start));
        }
        at = value_end(text, start)?;
        match text.get(at)? {
            b',' => at += 1,
            b'}' => return Some(Found::Absent),
            _ => return None,
        }
    }
}

/// Whether a value can begin like this, without a space before it.
fn begins_value(byte: u8) -> bool {
    matches!(
        byte,
        b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'
    )
}

/// Behind the value that begins at `at`.
fn value_end(text: &[u8], at: usize) -> Option<usize> {
    match *text.get(at)? {
        b'"' => string_end(text, at),
        b'{' | b'[' => nested_end(text, at),
        byte if begins_value(byte) => {
            let rest = &text[at..];
            let length = rest.iter().position(|b| matches!(b, b',' | b'}' | b']'));
            Some(at + length.unwrap_or(rest.len()))
        }
        _ => None,
    }
}

/// Behind the string whose opening quote is at `at`.
fn string_end(text: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        match text[at] {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// Behind the object or list that begins at `at`. Depth is a number, so no text makes it recurse.
fn nested_end(text: &[u8], at: usize) -> Option<usize> {
    let (mut at, mut depth) = (at, 0_usize);
    loop {
        match text.get(at)? {
            b'"' => {
                at = string_end(text, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'t>(text: &'t str, path: &[&str]) -> Result<Option<&'t str>, ()> {
        let found = value(text.as_bytes(), path)?;
        Ok(found.map(|bytes| std::str::from_utf8(bytes).unwrap()))
    }

    #[test]
    fn a_value_is_found_behind_its_likenesses() {
        let text = r#"{"data":{"metadata":{"name":"no"},"x":"\"metadata\":{"},"list":["metadata",{"a":[]}],"metadata":{"name":"yes"},"n":-1.5e3}"#;
        assert_eq!(found(text, &["metadata", "name"]), Ok(Some("\"yes\"")));
        assert_eq!(found(text, &["metadata"]), Ok(Some("{\"name\":\"yes\"}")));
        assert_eq!(found(text, &["n"]), Ok(Some("-1.5e3")));
        assert_eq!(
            found(text, &["list"]),
            Ok(Some("[\"metadata\",{\"a\":[]}]"))
        );
        assert_eq!(found(text, &[]), Ok(Some(text)));
    }

    #[test]
    fn what_is_not_there_is_absent() {
        let text = r#"{"a":{},"b":[1],"c":"x"}"#;
        for path in [["a", "b"], ["b", "0"], ["c", "x"], ["d", "e"]] {
            assert_eq!(found(text, &path), Ok(None), "{path:?}");
        }
    }

    #[test]
    fn what_is_written_otherwise_is_left_to_the_parser() {
        for text in [
            r#"{ "a":1}"#,
            r#"{"a": 1}"#,
            r#"{"a": {"b": 1}}"#,
            r#"{"b": 1,"a":1}"#,
            r#"{"b":1, "a":1}"#,
            r#"{"b" :1,"a":1}"#,
            r#"{"b":1 , "a":1}"#,
            r#"{"\u0061":1}"#,
            r#"{"b":"x"#,
            r#"{"b":{"#,
            r#"{"b"#,
            "{",
            "",
        ] {
            assert_eq!(found(text, &["a"]), Err(()), "{text}");
        }
    }
}
