//! Templates: which are equal, and what the ReplicaSet of one is called.

use serde_json::Value;

/// The label that tells the Pods of one template from those of another.
pub(super) const HASH_LABEL: &str = "pod-template-hash";

/// Digits that make neither words nor each other's likeness.
const SAFE: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
const DIGITS: usize = 10;
/// How long the name of an object may be.
const NAME_MAX: usize = 253;

/// Where in a template a value stands, as far as that makes a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Template,
    Metadata,
    Labels,
    Elsewhere,
}

impl Place {
    fn child(self, name: &str) -> Place {
        match (self, name) {
            (Place::Template, "metadata") => Place::Metadata,
            (Place::Metadata, "labels") => Place::Labels,
            _ => Place::Elsewhere,
        }
    }

    /// Whether the value of this name counts for nothing here.
    fn ignores(self, name: &str, value: &Value) -> bool {
        let is_empty_map = || value.as_object().is_some_and(serde_json::Map::is_empty);
        match self {
            Place::Labels if name == HASH_LABEL => true,
            // Only where absent and empty mean the same. An empty selector selects all.
            Place::Metadata if is_empty_map() => true,
            Place::Metadata if name == "labels" => {
                let labels = value.as_object().into_iter().flatten();
                labels.into_iter().all(|(label, _)| label == HASH_LABEL)
            }
            _ => is_nothing(value),
        }
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Whether two templates make the same Pods: the hash label does not count, nor what is absent in one
/// and empty in the other.
pub(super) fn are_equal(a: &Value, b: &Value) -> bool {
    equal(a, b, Place::Template)
}

fn equal(a: &Value, b: &Value, place: Place) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let counts = |(name, value): &(&String, &Value)| !place.ignores(name, value);
            a.iter().filter(counts).all(|(name, value)| {
                b.get(name)
                    .is_some_and(|other| equal(value, other, place.child(name)))
            }) && b
                .iter()
                .filter(counts)
                .all(|(name, _)| a.contains_key(name))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b, Place::Elsewhere))
        }
        _ => a == b,
    }
}

/// A short word for a template, the same for equal ones. `collisions` makes it another word.
pub(super) fn hash(template: &Value, collisions: Option<i32>) -> String {
    let mut text = String::new();
    write(template, Place::Template, &mut text);
    let mut number = fnv(text.bytes());
    if let Some(collisions) = collisions {
        let salt = collisions.to_le_bytes();
        number = fnv(text.bytes().chain(salt));
    }
    let mut digits = [0; DIGITS];
    for digit in &mut digits {
        let at = usize::try_from(number % 27).unwrap_or_default();
        *digit = SAFE[at];
        number /= 27;
    }
    digits.iter().map(|&digit| char::from(digit)).collect()
}

/// FNV-1a of 64 bits.
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A text that is the same for equal templates, in whatever order their members come.
fn write(value: &Value, place: Place, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.retain(|(name, value)| !place.ignores(name, value));
            members.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (name, value) in members {
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(value, place.child(name), text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write(item, Place::Elsewhere, text);
                text.push(',');
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

/// The name of the ReplicaSet of a template.
pub(super) fn set_name(deployment: &str, hash: &str) -> String {
    let room = NAME_MAX - hash.len() - 1;
    let prefix = deployment.get(..room).unwrap_or(deployment);
    format!("{prefix}-{hash}")
}

/// The template with the label of its hash.
pub(super) fn labelled(template: &Value, hash: &str) -> Value {
    let mut template = template.clone();
    put_at(&mut template, &["metadata", "labels", HASH_LABEL], hash);
    template
}

/// The selector with the label of the hash.
pub(super) fn selector(selector: &Value, hash: &str) -> Value {
    let mut selector = selector.clone();
    put_at(&mut selector, &["matchLabels", HASH_LABEL], hash);
    selector
}

fn put_at(value: &mut Value, path: &[&str], text: &str) {
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    match path {
        [] => {}
        [last] => value[*last] = text.into(),
        [first, rest @ ..] => put_at(&mut value[*first], rest, text),
    }
}
