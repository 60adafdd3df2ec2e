//! Names that are parts of host names, and names that are parts of paths.

use super::{not_like, too_long};

const LABEL_MAX: usize = 63;
const SUBDOMAIN_MAX: usize = 253;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters \
    or '-', and must start and end with an alphanumeric character";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
    characters, '-' or '.', and must start and end with an alphanumeric character";
const LABEL_1035: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const LABEL_1035_RULE: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or \
    '-', start with an alphabetic character, and end with an alphanumeric character";

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edges = (bytes.first(), bytes.last());
    let (Some(first), Some(last)) = edges else {
        return false;
    };
    is_alphanumeric(*first)
        && is_alphanumeric(*last)
        && bytes
            .iter()
            .all(|byte| is_alphanumeric(*byte) || *byte == b'-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

/// What keeps `value` from being a label of RFC 1123: up to 63 bytes of `a-z0-9-`.
pub fn dns1123_label(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > LABEL_MAX {
        wrong.push(too_long(LABEL_MAX));
    }
    if !is_label(value) {
        wrong.push(match is_subdomain(value) {
            true => "must not contain dots".to_owned(),
            false => not_like(LABEL_RULE, LABEL, &["my-name", "123-abc"]),
        });
    }
    wrong
}

/// What keeps `value` from being a subdomain of RFC 1123: labels with dots between them, up to 253 bytes.
pub fn dns1123_subdomain(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > SUBDOMAIN_MAX {
        wrong.push(too_long(SUBDOMAIN_MAX));
    }
    if !is_subdomain(value) {
        wrong.push(not_like(SUBDOMAIN_RULE, SUBDOMAIN, &["example.com"]));
    }
    wrong
}

/// What keeps `value` from being a label of RFC 1035, which begins with a letter.
pub fn dns1035_label(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > LABEL_MAX {
        wrong.push(too_long(LABEL_MAX));
    }
    let begins_with_letter = value.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
    if !begins_with_letter || !is_label(value) {
        let examples = ["my-name", "abc-123"];
        wrong.push(not_like(LABEL_1035_RULE, LABEL_1035, &examples));
    }
    wrong
}

/// What keeps `name` from being one segment of a path. It may be empty or long.
pub fn path_segment(name: &str) -> Vec<String> {
    match name {
        "." | ".." => vec![format!("may not be '{name}'")],
        name => path_segment_prefix(name),
    }
}

/// What keeps `name` from being the beginning of one segment of a path.
pub fn path_segment_prefix(name: &str) -> Vec<String> {
    ['/', '%']
        .iter()
        .filter(|c| name.contains(**c))
        .map(|c| format!("may not contain '{c}'"))
        .collect()
}
