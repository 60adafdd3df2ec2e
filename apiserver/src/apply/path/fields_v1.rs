//! `FieldsV1`: a set as it is stored in an object.
//!
//! An object whose keys are elements (`f:name`, `k:{"name":"x"}`, `v:"x"`, `i:0`) and whose values are
//! the sets below them. `.` says that the field itself is a member beside its parts; a field without
//! parts is one anyway. The same set always becomes the same bytes.

use super::{Element, MAX_DEPTH, Node, Set};
use serde_json::{Map, Value};
use std::fmt;

/// Why a stored set cannot be read. It says nothing of the fields, so the caller decides: an update goes
/// on without it, an apply is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

/// The stored form of a set.
pub fn encode(set: &Set) -> Value {
    Value::Object(contents(set, false))
}

fn contents(set: &Set, with_itself: bool) -> Map<String, Value> {
    let mut map = Map::new();
    if with_itself {
        map.insert(".".to_owned(), Value::Object(Map::new()));
    }
    for node in set.nodes() {
        let with_itself = node.is_member && !node.children.is_empty();
        let below = contents(&node.children, with_itself);
        map.insert(encode_element(&node.element), Value::Object(below));
    }
    map
}

/// Reads a stored set. Elements of kinds not known here are left out: a later version may know them.
///
/// # Errors
/// If it is not an object of objects, an element is not of its form, or it goes too deep.
pub fn decode(fields: &Value) -> Result<Set, Malformed> {
    Ok(level(fields, 0)?.1)
}

/// Whether the field itself is a member, and its parts.
fn level(fields: &Value, depth: usize) -> Result<(bool, Set), Malformed> {
    let map = match fields {
        Value::Object(map) => map,
        Value::Null => return Ok((true, Set::default())),
        _ => return Err(Malformed("fields must be an object".to_owned())),
    };
    if depth > MAX_DEPTH {
        return Err(Malformed(format!(
            "fields are nested deeper than {MAX_DEPTH}"
        )));
    }
    let mut is_member = map.is_empty();
    let mut nodes = Vec::with_capacity(map.len());
    for (key, below) in map {
        if key == "." {
            is_member = true;
            continue;
        }
        let Some(element) = decode_element(key)? else {
            continue;
        };
        let (is_member, children) = level(below, depth + 1)?;
        let node = Node {
            element,
            is_member,
            children,
        };
        if node.is_needed() {
            nodes.push(node);
        }
    }
    Ok((is_member, Set::from_nodes(nodes)))
}

/// The key under which an element is stored.
pub fn encode_element(element: &Element) -> String {
    match element {
        Element::Field(name) => ["f:", name].concat(),
        Element::Key(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| (name.to_string(), value.clone()));
            format!("k:{}", go_json(&Value::Object(fields.collect())))
        }
        Element::Value(value) => format!("v:{}", go_json(value)),
        Element::Index(at) => format!("i:{at}"),
    }
}

/// Reads the key of an element; none if it is of a kind not known here.
fn decode_element(key: &str) -> Result<Option<Element>, Malformed> {
    let mut letters = key.chars();
    let (Some(kind), Some(colon)) = (letters.next(), letters.next()) else {
        return Err(Malformed("key must be 2 characters long:".to_owned()));
    };
    if colon != ':' {
        return Err(Malformed(format!("missing colon: {key}")));
    }
    let rest = letters.as_str();
    let json = || {
        let parsed = serde_json::from_str::<Value>(rest);
        parsed.map_err(|error| Malformed(format!("{key}: {error}")))
    };
    Ok(Some(match kind {
        'f' => Element::field(rest),
        'v' => Element::value(json()?),
        'k' => match json()? {
            Value::Object(fields) => Element::key(fields.into_iter().map(|(k, v)| (k.into(), v))),
            _ => return Err(Malformed(format!("{key}: a key must be an object"))),
        },
        'i' => match rest.parse() {
            Ok(at) => Element::Index(at),
            Err(error) => return Err(Malformed(format!("{key}: {error}"))),
        },
        _ => return Ok(None),
    }))
}

/// JSON as Go writes it: some characters that mean something in HTML are escaped.
pub(crate) fn go_json(value: &Value) -> String {
    let json = value.to_string();
    if !json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return json;
    }
    // These characters only occur within strings, so that they can be replaced blindly.
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => escaped.push(c),
        }
    }
    escaped
}
