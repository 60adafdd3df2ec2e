//! A field's line.

use super::Reader;
use crate::schema::{Field, List, ListTopology, Map, Node, Patch, Scalar};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// Lists and maps within each other. The deepest of the built-in kinds has two.
const DEPTH_MAX: usize = 8;

impl Reader<'_> {
    pub(super) fn field(&mut self, words: &str) -> Result<Field, String> {
        let mut words = words.split(' ');
        let mut next = |what: &str| words.next().ok_or(format!("a field has {what}"));
        let (name, tags, node) = (next("a name")?, next("tags")?, next("a node")?);
        let mut field = Field {
            name: name.into(),
            description: Cow::Borrowed(""),
            node: self.node(node, 0)?,
            tags: parse_tags(tags)?,
            is_pointer: false,
            is_always_present: false,
            is_required: false,
            default: None,
            patch: Patch::default(),
        };
        for word in words {
            self.flag(&mut field, word)?;
        }
        Ok(field)
    }

    fn flag(&mut self, field: &mut Field, word: &str) -> Result<(), String> {
        let (word, value) = word.split_once(':').unwrap_or((word, ""));
        match (word, value) {
            ("pointer", "") => field.is_pointer = true,
            ("always", "") => field.is_always_present = true,
            ("required", "") => field.is_required = true,
            ("granular", "") => self.set_granular(&mut field.node)?,
            ("atomic", "") => set_atomic(&mut field.node)?,
            ("set", "") => set_topology(&mut field.node, ListTopology::Set)?,
            ("keys", keys) if !keys.is_empty() => {
                let keys = keys.split(',').map(Arc::from).collect();
                set_topology(&mut field.node, ListTopology::Map(keys))?;
            }
            ("patch", strategies) => set_strategies(&mut field.patch, strategies)?,
            ("merge-key", key) if !key.is_empty() => field.patch.merge_key = Some(key.into()),
            ("default", json) => {
                let value: Value = serde_json::from_str(json).map_err(|e| e.to_string())?;
                field.default = Some(value);
            }
            _ => return Err(format!("a field has no {word}:{value}")),
        }
        Ok(())
    }

    fn node(&self, word: &str, depth: usize) -> Result<Node, String> {
        if depth > DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} lists and maps in a row"));
        }
        if let Some(element) = within(word, "[", "]") {
            let element = self.node(element, depth + 1)?;
            let topology = ListTopology::Atomic;
            return Ok(Node::List(Arc::new(List { element, topology })));
        }
        if let Some(value) = within(word, "{", "}") {
            let value = self.node(value, depth + 1)?;
            let is_atomic = false;
            return Ok(Node::Map(Arc::new(Map { value, is_atomic })));
        }
        if let Some(values) = within(word, "string(", ")") {
            let values = values.split('|').map(|value| value.replace("%20", " "));
            return Ok(Node::Scalar(Scalar::String(
                values.map(Arc::from).collect(),
            )));
        }
        match scalar(word) {
            Some(scalar) => Ok(Node::Scalar(scalar)),
            None if word == "any" => Ok(Node::Any),
            None => self.reference(word),
        }
    }

    fn reference(&self, word: &str) -> Result<Node, String> {
        let id = match word.contains('.') {
            true => self.names.get(word),
            false => self.names.get(&format!("{}.{word}", self.package)),
        };
        id.map(|id| Node::Struct(*id))
            .ok_or_else(|| format!("{word} is no type"))
    }

    /// A map is granular anyway. A field may refer to an atomic type and not want it as a whole.
    fn set_granular(&mut self, node: &mut Node) -> Result<(), String> {
        match node {
            Node::Map(_) => Ok(()),
            Node::Struct(id) => {
                *id = self.separable(*id);
                Ok(())
            }
            _ => Err("only a map or a structure can be granular".to_owned()),
        }
    }
}

fn within<'a>(word: &'a str, open: &str, close: &str) -> Option<&'a str> {
    word.strip_prefix(open)?.strip_suffix(close)
}

fn scalar(word: &str) -> Option<Scalar> {
    Some(match word {
        "string" => Scalar::String(Arc::from([])),
        "bool" => Scalar::Bool,
        "int32" => Scalar::Int(32),
        "int64" => Scalar::Int(64),
        "float" => Scalar::Float,
        "bytes" => Scalar::Bytes,
        "time" => Scalar::Time,
        "microtime" => Scalar::MicroTime,
        "duration" => Scalar::Duration,
        "quantity" => Scalar::Quantity,
        "int-or-string" => Scalar::IntOrString,
        "fields" => Scalar::Fields,
        _ => return None,
    })
}

fn parse_tags(word: &str) -> Result<Vec<u32>, String> {
    if word == "-" {
        return Ok(Vec::new());
    }
    let tags = word
        .split('.')
        .map(|tag| tag.parse().ok().filter(|t| *t > 0));
    tags.collect::<Option<_>>()
        .ok_or_else(|| format!("{word} are no protobuf tags"))
}

fn set_topology(node: &mut Node, topology: ListTopology) -> Result<(), String> {
    let list = match node {
        Node::List(list) => Arc::get_mut(list),
        _ => None,
    };
    list.map(|list| list.topology = topology)
        .ok_or_else(|| "only a list has a topology".to_owned())
}

/// A list is atomic anyway, and so is everything without parts: upstream marks some bytes so.
fn set_atomic(node: &mut Node) -> Result<(), String> {
    match node {
        Node::List(_) | Node::Scalar(Scalar::Bytes) => Ok(()),
        Node::Map(map) => {
            if let Some(map) = Arc::get_mut(map) {
                map.is_atomic = true;
            }
            Ok(())
        }
        _ => Err("only a list or a map can be atomic".to_owned()),
    }
}

fn set_strategies(patch: &mut Patch, strategies: &str) -> Result<(), String> {
    for strategy in strategies.split(',') {
        match strategy {
            "merge" => patch.merges = true,
            "retainKeys" => patch.retains_keys = true,
            "replace" => patch.replaces = true,
            other => return Err(format!("strategic merge has no {other}")),
        }
    }
    Ok(())
}
