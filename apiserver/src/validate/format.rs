//! How certain texts must look: names of ports and variables, keys, percentages, hosts with stars.
//!
//! Each check gives what is wrong, empty if nothing is. The sentences are upstream's, the regular
//! expressions they quote included.

use super::at::{At, Errors};
use crate::names;

/// The longest key of a ConfigMap or Secret.
const KEY_MAX: usize = 253;
const PORT_NAME_MAX: usize = 15;
const WILDCARD: &str = r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

fn at_most(bytes: usize) -> String {
    format!("must be no more than {bytes} bytes")
}

fn like(rule: &str, expression: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|e| format!("'{e}', ")).collect();
    let examples = examples.join(" or ");
    format!("{rule} (e.g. {examples}regex used for validation is '{expression}')")
}

/// The text for a number out of bounds.
pub(super) fn between(least: i64, most: i64) -> String {
    format!("must be between {least} and {most}, inclusive")
}

/// A number of a port.
pub(super) fn port_number(port: i64) -> Vec<String> {
    match (1..=65535).contains(&port) {
        true => Vec::new(),
        false => vec![between(1, 65535)],
    }
}

/// A name of a port, as the registry of service names has them.
pub(super) fn port_name(name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if name.len() > PORT_NAME_MAX {
        wrong.push(at_most(PORT_NAME_MAX));
    }
    let is_letter = |b: &u8| b.is_ascii_lowercase();
    let is_allowed = |b: &u8| is_letter(b) || b.is_ascii_digit() || *b == b'-';
    if name.is_empty() || !name.as_bytes().iter().all(is_allowed) {
        let text = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
        wrong.push(text.to_owned());
    }
    if !name.as_bytes().iter().any(is_letter) {
        wrong.push("must contain at least one letter (a-z)".to_owned());
    }
    if name.contains("--") {
        wrong.push("must not contain consecutive hyphens".to_owned());
    }
    if name.starts_with('-') || name.ends_with('-') {
        wrong.push("must not begin or end with a hyphen".to_owned());
    }
    wrong
}

/// A number or a name of a port, whichever stands there.
pub(super) fn port(at: &At<'_>, errors: &mut Errors) {
    match at.text_if() {
        Some(name) => at.all(port_name(name), errors),
        None => {
            let port = at.int();
            let wrong = port_number(port).into_iter();
            errors.extend(wrong.map(|what| at.invalid_as(port, what)));
        }
    }
}

/// A key of a ConfigMap or a Secret.
pub(super) fn config_key(key: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if key.len() > KEY_MAX {
        wrong.push(at_most(KEY_MAX));
    }
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if key.is_empty() || !key.bytes().all(is_allowed) {
        wrong.push(like(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    match key {
        "." | ".." => wrong.push(format!("must not be '{key}'")),
        key if key.starts_with("..") => wrong.push("must not start with '..'".to_owned()),
        _ => {}
    }
    wrong
}

/// A name of an environment variable.
pub(super) fn variable(name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if name.is_empty() {
        wrong.push("environment variable name must be non-empty".to_owned());
    }
    if !name
        .bytes()
        .all(|b| (b' '..=b'~').contains(&b) && b != b'=')
    {
        let text = "a valid environment variable name must consist only of printable ASCII \
            characters other than '='";
        wrong.push(text.to_owned());
    }
    wrong
}

/// A percentage.
pub(super) fn percent(text: &str) -> Vec<String> {
    let digits = text.strip_suffix('%').unwrap_or("");
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Vec::new();
    }
    vec![like(
        "a valid percent string must be a numeric string followed by an ending '%'",
        "[0-9]+%",
        &["1%", "93%"],
    )]
}

/// A name of a header of HTTP.
pub(super) fn header(name: &str) -> Vec<String> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if !name.is_empty() && name.bytes().all(is_allowed) {
        return Vec::new();
    }
    vec![like(
        "a valid HTTP header must consist of alphanumeric characters or '-'",
        "[-A-Za-z0-9]+",
        &["X-Header-Name"],
    )]
}

/// A host name whose first label is a star.
pub(super) fn wildcard(host: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if host.len() > KEY_MAX {
        wrong.push(at_most(KEY_MAX));
    }
    let rest = host.strip_prefix("*.");
    if !rest.is_some_and(|rest| names::dns1123_subdomain(rest).is_empty()) {
        wrong.push(like(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, \
             which must consist of lower case alphanumeric characters, '-' or '.' and end with an \
             alphanumeric character",
            WILDCARD,
            &["*.example.com"],
        ));
    }
    wrong
}

/// A path behind a host name, such as `acme.io/foo`.
pub(super) fn domain_path(at: &At<'_>, errors: &mut Errors) {
    let text = at.text();
    if text.is_empty() {
        return errors.push(at.required(""));
    }
    let parts = text.split_once('/');
    let Some((host, path)) = parts.filter(|(host, path)| !host.is_empty() && !path.is_empty())
    else {
        let what = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        return errors.push(at.invalid(what));
    };
    for what in names::dns1123_subdomain(host) {
        errors.push(at.invalid_as(host, what));
    }
    const ALLOWED: &[u8] = b"/-._~%!$&'()*+,;=:";
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || ALLOWED.contains(&b);
    if !path.bytes().all(is_allowed) {
        let what = r"Invalid path (regex used for validation is '[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')";
        errors.push(at.invalid_as(path, what));
    }
}

/// A host name with at least two labels.
pub(super) fn full_domain(at: &At<'_>, errors: &mut Errors) {
    let text = at.text();
    if text.is_empty() {
        return errors.push(at.required(""));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let wrong = names::dns1123_subdomain(name);
    if !wrong.is_empty() {
        return errors.push(at.invalid_as(name, wrong.join(",")));
    }
    if !name.contains('.') {
        let what = "should be a domain with at least two segments separated by dots";
        return errors.push(at.invalid_as(name, what));
    }
    for label in name.split('.') {
        let wrong = names::dns1123_label(label);
        if !wrong.is_empty() {
            errors.push(at.invalid_as(label, wrong.join(",")));
        }
    }
}

/// A number that stands for a user or a group.
pub(super) fn id(at: &At<'_>, errors: &mut Errors) {
    const MOST: i64 = 0xffff_ffff;
    if at.int_if().is_some_and(|id| !(0..=MOST).contains(&id)) {
        errors.push(at.invalid(between(0, MOST)));
    }
}

/// A number that is not negative, or a percentage.
pub(super) fn count_or_percent(at: &At<'_>, errors: &mut Errors) {
    match at.text_if() {
        Some(text) => at.all(percent(text), errors),
        None if at.int() < 0 => errors.push(at.invalid(super::at::NEGATIVE)),
        None => {}
    }
}

/// The number, or the number of the percentage.
pub(super) fn count_of(at: &At<'_>) -> i64 {
    match at.text_if() {
        Some(text) => text.trim_end_matches('%').parse().unwrap_or(0),
        None => at.int(),
    }
}

/// A percentage of at most a hundred.
pub(super) fn at_most_all(at: &At<'_>, errors: &mut Errors) {
    let is_percent = at.text_if().is_some_and(|text| percent(text).is_empty());
    if is_percent && count_of(at) > 100 {
        errors.push(at.invalid("must not be greater than 100%"));
    }
}
