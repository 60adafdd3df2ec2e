//! Text in quotes, as Go's `%q` writes it.

use std::fmt::Write;

/// The text between double quotes, with what cannot be printed escaped as Go escapes it: messages that
/// clients compare quote names this way.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\u{b}' => out.push_str("\\v"),
            c if c < ' ' || c == '\u{7f}' => push(&mut out, format_args!("\\x{:02x}", c as u32)),
            // Separators, format and private characters are not printable.
            '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' => {
                push(&mut out, format_args!("\\u{:04x}", c as u32));
            }
            '\u{e000}'..='\u{f8ff}' | '\u{feff}' => {
                push(&mut out, format_args!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn push(out: &mut String, what: std::fmt::Arguments<'_>) {
    out.write_fmt(what)
        .expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn quotes_as_go_does() {
        for (text, expected) in [
            ("", r#""""#),
            ("spec.foo", r#""spec.foo""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("a\nb\tc\u{1}", r#""a\nb\tc\x01""#),
            ("größe", "\"größe\""),
            ("a\u{a0}b\u{feff}", r#""a\u00a0b\ufeff""#),
        ] {
            assert_eq!(quote(text), expected);
        }
    }
}
