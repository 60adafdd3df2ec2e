//! Keys and values of labels. Annotations and many other fields use keys of the same form.

use super::{dns1123_subdomain, not_like, too_long};

const PART_MAX: usize = 63;
const NAME: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const NAME_RULE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and \
    end with an alphanumeric character";
const NAME_EXAMPLES: [&str; 3] = ["MyName", "my.name", "123-abc"];
const VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, \
    '-', '_' or '.', and must start and end with an alphanumeric character";

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edges = (bytes.first(), bytes.last());
    let (Some(first), Some(last)) = edges else {
        return false;
    };
    first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// What keeps `value` from being the key of a label: a name, or a subdomain, a slash and a name.
pub fn label_key(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let parts: Vec<&str> = value.splitn(3, '/').collect();
    let name = match parts.as_slice() {
        [name] => name,
        [prefix, name] => {
            match prefix.is_empty() {
                true => wrong.push("prefix part must be non-empty".to_owned()),
                false => wrong.extend(
                    dns1123_subdomain(prefix)
                        .iter()
                        .map(|what| format!("prefix part {what}")),
                ),
            }
            name
        }
        _ => {
            let like = not_like(NAME_RULE, NAME, &NAME_EXAMPLES);
            return vec![format!(
                "a valid label key {like} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if name.len() > PART_MAX {
        wrong.push(format!("name part {}", too_long(PART_MAX)));
    }
    if !is_name(name) {
        let like = not_like(NAME_RULE, NAME, &NAME_EXAMPLES);
        wrong.push(format!("name part {like}"));
    }
    wrong
}

/// What keeps `value` from being the value of a label: nothing, or a name of up to 63 bytes.
pub fn label_value(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > PART_MAX {
        wrong.push(too_long(PART_MAX));
    }
    if !value.is_empty() && !is_name(value) {
        let examples = ["MyValue", "my_value", "12345"];
        wrong.push(not_like(VALUE_RULE, VALUE, &examples));
    }
    wrong
}
