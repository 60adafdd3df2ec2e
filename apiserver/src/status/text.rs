//! How values appear inside messages.
//!
//! Messages of the field's servers are made by Go's formatting verbs, and people compare them. These are
//! the three forms that occur: a quoted string, a value in a field error, and a value printed plainly.

use super::bound::{VALUE_BYTES, bounded, ending, head};
use serde_json::{Number, Value};
use std::fmt::Write;

/// Text in double quotes, with what cannot be printed escaped (Go's `%q`).
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            c if is_printable(c) => quoted.push(c),
            c => push_escape(&mut quoted, c),
        }
    }
    quoted.push('"');
    quoted
}

fn push_escape(text: &mut String, c: char) {
    let code = u32::from(c);
    // Writing to a String cannot fail.
    let _ = match code {
        0..=0x7f => write!(text, "\\x{code:02x}"),
        0x80..=0xffff => write!(text, "\\u{code:04x}"),
        _ => write!(text, "\\U{code:08x}"),
    };
}

/// Whether a character can be seen: letters, marks, numbers, punctuation, symbols and the space.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    // Behind another character the standard library escapes exactly what cannot be printed; a combining
    // mark at the start would be escaped as well.
    let behind: String = ['a', c].iter().collect();
    behind.escape_debug().count() == 2
}

/// A value as a field error shows it; of a very long one, the beginning.
pub fn in_field_error(value: &Value) -> String {
    match value {
        Value::Null => quote("null"),
        Value::String(text) if text.len() > VALUE_BYTES => {
            let head = &text[..head(text, VALUE_BYTES)];
            format!("{}{}", quote(head), ending(text))
        }
        Value::String(text) => quote(text),
        Value::Number(number) => self::number(number),
        other => match other.to_string() {
            text if text.len() > VALUE_BYTES => bounded(&text, VALUE_BYTES).into_owned(),
            text => text,
        },
    }
}

/// A value printed plainly (Go's `%v`): `map[a:1 b:[x y]]`.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => self::number(number),
        Value::String(text) => text.clone(),
        Value::Array(items) => plain_list(items),
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name}:{}", plain(value)))
                .collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}

/// A list printed plainly.
pub fn plain_list<'v>(items: impl IntoIterator<Item = &'v Value>) -> String {
    let items: Vec<String> = items.into_iter().map(plain).collect();
    format!("[{}]", items.join(" "))
}

/// Whole numbers as they are; others in the shortest form, with an exponent where it is long.
fn number(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        return number.to_string();
    };
    let magnitude = float.abs();
    if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        let text = format!("{float:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    format!("{float}")
}
