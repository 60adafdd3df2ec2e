//! One step of a path, and paths.

use super::order;
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// One step from an object to a part of it.
#[derive(Clone, Debug)]
pub enum Element {
    /// A field of a structure or a key of a map.
    Field(Arc<str>),
    /// The element of a list whose fields of these names have these values. Sorted by name.
    Key(Arc<[(Arc<str>, Value)]>),
    /// The element of a set that has this value.
    Value(Box<Value>),
    /// The element of a list at this place.
    Index(i64),
}

impl Element {
    /// A field or a key of a map.
    pub fn field(name: &str) -> Self {
        Self::Field(name.into())
    }

    /// An element of a keyed list, by its key fields in any order.
    pub fn key(fields: impl IntoIterator<Item = (Arc<str>, Value)>) -> Self {
        let mut fields: Vec<_> = fields.into_iter().collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        Self::Key(fields.into())
    }

    /// An element of a set.
    pub fn value(value: Value) -> Self {
        Self::Value(Box::new(value))
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }
}

impl Ord for Element {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(a), Self::Field(b)) => a.cmp(b),
            (Self::Key(a), Self::Key(b)) => order::fields(
                a.iter().map(|(name, value)| (name, value)),
                b.iter().map(|(name, value)| (name, value)),
            ),
            (Self::Value(a), Self::Value(b)) => order::compare(a, b),
            (Self::Index(a), Self::Index(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Element {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Element {}

/// As people read it in conflicts: `.name`, `[name="x",port=80]`, `[="x"]`, `[0]`.
impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(fields) => {
                for (at, (name, value)) in fields.iter().enumerate() {
                    let before = if at == 0 { "[" } else { "," };
                    write!(f, "{before}{name}={}", readable(value))?;
                }
                f.write_str(if fields.is_empty() { "[]" } else { "]" })
            }
            Self::Value(value) => write!(f, "[={}]", readable(value)),
            Self::Index(at) => write!(f, "[{at}]"),
        }
    }
}

/// A field of an object: the steps to it. Empty is the object itself, which nobody owns.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<Element>);

impl Path {
    /// A path of field names.
    pub fn fields(names: &[&str]) -> Self {
        Self(names.iter().map(|name| Element::field(name)).collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|element| element.fmt(f))
    }
}

/// A value within a path, as Go programs print it.
fn readable(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(readable).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(k, v)| format!("{k}={}", readable(v)));
            fields.collect()
        }
        other => other.to_string(),
    }
}

/// Text in quotes, with the escapes of Go's `%q`: clients compare messages that contain it.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            '\r' => quoted.push_str("\\r"),
            c if c < ' ' || c == '\u{7f}' => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
