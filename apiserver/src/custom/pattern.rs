//! Regular expressions as Go reads them: a schema's `pattern`.
//!
//! The engine is one without backtracking, so a text takes time in proportion to its length, whoever wrote
//! the expression. Three things are read otherwise there and are written anew before it sees them: `\d`,
//! `\w` and `\s` are ASCII; a bracket within a class is a bracket; and two of `&`, `-` and `~` within a class
//! are no operator.

use regex::{Regex, RegexBuilder};

/// The longest pattern, in bytes.
const PATTERN_MAX: usize = 16 * 1024;
/// What a pattern may take once it is compiled, in bytes. Counted repetitions multiply.
const COMPILED_MAX: usize = 1024 * 1024;

/// A pattern, and the text that says it.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) text: String,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, or that it is too large.
    pub(super) fn parse(text: &str) -> Result<Pattern, String> {
        if text.len() > PATTERN_MAX {
            return Err(format!("it is longer than {PATTERN_MAX} bytes"));
        }
        let regex = RegexBuilder::new(&rewritten(text))
            .size_limit(COMPILED_MAX)
            .dfa_size_limit(COMPILED_MAX)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                other => other.to_string(),
            })?;
        Ok(Pattern {
            text: text.to_owned(),
            regex,
        })
    }

    /// Whether some part of a text is like this.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// A pattern of Go in the words of the engine.
fn rewritten(go: &str) -> String {
    let mut out = String::with_capacity(go.len() + 16);
    let mut rest = go;
    let mut is_class = false;
    // A bracket that closes stands for itself right at the beginning of a class.
    let mut is_first = false;
    while let Some(char) = rest.chars().next() {
        let (mut taken, was_first) = (char.len_utf8(), std::mem::take(&mut is_first));
        match char {
            '\\' => {
                let next = rest[1..].chars().next();
                taken += next.map_or(0, char::len_utf8);
                escape(next, &rest[..taken], is_class, &mut out);
            }
            '[' if !is_class => {
                is_class = true;
                is_first = true;
                out.push('[');
                if rest[1..].starts_with('^') {
                    out.push('^');
                    taken += 1;
                }
            }
            '[' if rest.starts_with("[:") && rest.contains(":]") => {
                let end = rest.find(":]").map_or(taken, |at| at + 2);
                out.push_str(&rest[..end]);
                taken = end;
            }
            ']' if is_class && !was_first => {
                is_class = false;
                out.push(']');
            }
            '[' | ']' | '&' | '~' if is_class => {
                out.push('\\');
                out.push(char);
            }
            '-' if is_class && (was_first || rest[1..].starts_with(']')) => out.push_str("\\-"),
            other => out.push(other),
        }
        rest = &rest[taken..];
    }
    out
}

/// `whole` is the escape, `next` what is escaped.
fn escape(next: Option<char>, whole: &str, is_class: bool, out: &mut String) {
    let (inner, is_not) = match next {
        Some('d' | 'D') => ("0-9", next == Some('D')),
        Some('w' | 'W') => ("0-9A-Za-z_", next == Some('W')),
        Some('s' | 'S') => (r"\t\n\f\r ", next == Some('S')),
        Some('b') if !is_class => return out.push_str(r"(?-u:\b)"),
        Some('B') if !is_class => return out.push_str(r"(?-u:\B)"),
        _ => return out.push_str(whole),
    };
    match (is_class, is_not) {
        (true, false) => out.push_str(inner),
        (_, true) => {
            out.push_str("[^");
            out.push_str(inner);
            out.push(']');
        }
        (false, false) => {
            out.push('[');
            out.push_str(inner);
            out.push(']');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_go() {
        for (pattern, text, expected) in [
            (
                r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$",
                "* * * * */5",
                true,
            ),
            (
                r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$",
                "* * * *",
                false,
            ),
            (r"^\d$", "٣", false),
            (r"^[\w.]+$", "a.b_1", true),
            (r"^[\w.]+$", "ä", false),
            (r"^[^\s]$", " ", false),
            (r"^[\D]$", "a", true),
            (r"^[[a]$", "[", true),
            (r"^[]a]$", "]", true),
            (r"^[^]a]$", "]", false),
            (r"^[a&&b]$", "&", true),
            (r"^[a~~b]$", "~", true),
            (r"^[-a]+$", "-a-", true),
            (r"^[a-]+$", "-a-", true),
            (r"^[[:alpha:]]+$", "abc", true),
            (r"^[[:alpha:]]+$", "a1", false),
            (r"\bfoo\b", "a foo b", true),
            (r"^\p{Lu}+$", "ÄB", true),
            (r"(?i)^abc$", "ABC", true),
            ("b", "abc", true),
        ] {
            let read = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert_eq!(read.is_in(text), expected, "{pattern} in {text}");
        }
    }

    #[test]
    fn what_is_malformed_or_too_large_is_refused() {
        for pattern in [
            "(",
            "[a",
            r"\",
            "(?=a)",
            r"(a)\1",
            "((a{1000}){1000}){1000}",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
        let long = "a".repeat(PATTERN_MAX + 1);
        assert!(Pattern::parse(&long).is_err());
    }
}
