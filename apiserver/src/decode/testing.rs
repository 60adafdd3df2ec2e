//! A small table for tests, written down in a few lines per type.

use crate::schema::{
    Field, Gvk, List, ListTopology, Map, Node, Patch, Scalar, Table, Type, TypeId, Unknown,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Types with their fields: `name type tags`. `*` is a pointer, `!` behind a type is always printed, `[]`
/// a list, `{}` a map; tags are joined by `/`, `-` is none.
const TYPES: &str = include_str!("testing.txt");

/// Kinds that tests use.
const KINDS: &[(&str, &str, &str)] = &[
    ("", "v1", "Pod"),
    ("", "v1", "PodList"),
    ("", "v1", "Secret"),
    ("", "v1", "ConfigMap"),
    ("", "v1", "Service"),
    ("apps", "v1", "Deployment"),
    ("coordination.k8s.io", "v1", "Lease"),
    ("rbac.authorization.k8s.io", "v1", "Role"),
    ("authorization.k8s.io", "v1", "SubjectAccessReview"),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
    ("test", "v1", "Everything"),
];

/// A kind of the core group, or of the group that tests know it in.
pub(crate) fn gvk(kind: &str) -> Gvk {
    let found = KINDS.iter().find(|(.., name)| *name == kind);
    let (group, version, kind) = found.expect("a kind that tests use");
    Gvk {
        group: (*group).to_owned(),
        version: (*version).to_owned(),
        kind: (*kind).to_owned(),
    }
}

/// The table of all types here.
pub(crate) fn table() -> Table {
    let mut blocks: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in TYPES.lines().filter(|line| !line.trim().is_empty()) {
        match line.strip_prefix("  ") {
            None => blocks.push((line.trim(), Vec::new())),
            Some(field) => blocks.last_mut().expect("a type").1.push(field),
        }
    }
    let ids: HashMap<&str, TypeId> = blocks
        .iter()
        .enumerate()
        .map(|(id, (name, _))| (short(name), TypeId(id as u32)))
        .collect();
    let types = blocks
        .iter()
        .map(|(name, fields)| {
            let mut fields: Vec<Field> = fields.iter().map(|line| field(line, &ids)).collect();
            fields.sort_by(|a, b| a.name.cmp(&b.name));
            Type {
                name: (*name).into(),
                description: "".into(),
                fields,
                unknown: Unknown::Pruned,
                is_atomic: false,
            }
        })
        .collect();
    let kinds = KINDS
        .iter()
        .map(|(.., kind)| (gvk(kind), ids[kind]))
        .collect();
    Table { types, kinds }
}

fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn field(line: &str, ids: &HashMap<&str, TypeId>) -> Field {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let [name, what, tags] = parts[..] else {
        panic!("no field: {line}");
    };
    let is_pointer = what.starts_with('*');
    let is_always_present = what.ends_with('!');
    let what = what.trim_start_matches('*').trim_end_matches('!');
    let tags = match tags {
        "-" => Vec::new(),
        tags => tags
            .split('/')
            .map(|tag| tag.parse().expect("a tag"))
            .collect(),
    };
    Field {
        name: name.into(),
        description: "".into(),
        node: node(what, ids),
        tags,
        is_pointer,
        is_always_present,
        is_required: false,
        default: None,
        patch: Patch::default(),
    }
}

fn node(what: &str, ids: &HashMap<&str, TypeId>) -> Node {
    if let Some(element) = what.strip_prefix("[]") {
        return Node::List(Arc::new(List {
            element: node(element, ids),
            topology: ListTopology::Atomic,
        }));
    }
    if let Some(value) = what.strip_prefix("{}") {
        return Node::Map(Arc::new(Map {
            value: node(value, ids),
            is_atomic: false,
        }));
    }
    Node::Scalar(match what {
        "bool" => Scalar::Bool,
        "int32" => Scalar::Int(32),
        "int64" => Scalar::Int(64),
        "float" => Scalar::Float,
        "string" => Scalar::String(Arc::new([])),
        "bytes" => Scalar::Bytes,
        "time" => Scalar::Time,
        "microtime" => Scalar::MicroTime,
        "quantity" => Scalar::Quantity,
        "intorstring" => Scalar::IntOrString,
        "duration" => Scalar::Duration,
        "fields" => Scalar::Fields,
        "any" => return Node::Any,
        name => return Node::Struct(*ids.get(name).unwrap_or_else(|| panic!("no type {name}"))),
    })
}
