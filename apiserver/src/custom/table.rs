//! The shapes of a custom kind as a schema table: what server-side apply wants to know.

use super::schema::{Kind, ListType, Schema};
use crate::schema::{
    self, Field, Gvk, List, ListTopology, Map, Node, Patch, Scalar, Table, Type, TypeId, Unknown,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The name of the type of all metadata.
const METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// Makes a table of the versions of a kind. Also returns the type that has only what every object has, and
/// keeps the rest.
pub(super) fn of<'s>(kinds: impl Iterator<Item = (Gvk, &'s Schema)>) -> (Table, TypeId) {
    let mut made = Maker::default();
    let metadata = made.builtin(METADATA);
    let head = made.head(&metadata);
    let envelope = made.add(
        "",
        head.clone().into_values().collect(),
        Unknown::Kept,
        false,
    );
    for (gvk, schema) in kinds {
        let mut fields = made.fields(schema);
        fields.extend(head.clone());
        let unknown = unknown(schema);
        let id = made.add(&gvk.kind, fields.into_values().collect(), unknown, false);
        made.table.kinds.insert(gvk, id);
    }
    (made.table, envelope)
}

#[derive(Default)]
struct Maker {
    table: Table,
    /// Copies of built-in types.
    copies: HashMap<TypeId, TypeId>,
}

impl Maker {
    fn add(&mut self, name: &str, fields: Vec<Field>, unknown: Unknown, is_atomic: bool) -> TypeId {
        self.table.types.push(Type {
            name: name.into(),
            description: "".into(),
            fields,
            unknown,
            is_atomic,
        });
        TypeId((self.table.types.len() - 1) as u32)
    }

    fn head(&self, metadata: &Node) -> BTreeMap<Arc<str>, Field> {
        let text = || Node::Scalar(Scalar::String(Arc::from([])));
        let mut head: BTreeMap<Arc<str>, Field> = BTreeMap::new();
        for (name, node) in [
            ("apiVersion", text()),
            ("kind", text()),
            ("metadata", metadata.clone()),
        ] {
            head.insert(name.into(), field(name, node));
        }
        head
    }

    /// A built-in type, with those that it refers to.
    fn builtin(&mut self, name: &str) -> Node {
        let types = &schema::builtin().types;
        let found = types.iter().position(|one| &*one.name == name);
        match found {
            Some(at) => Node::Struct(self.copy(TypeId(at as u32))),
            None => Node::Any,
        }
    }

    fn copy(&mut self, id: TypeId) -> TypeId {
        if let Some(copy) = self.copies.get(&id) {
            return *copy;
        }
        let of = schema::builtin().get(id);
        let copy = self.add(&of.name, Vec::new(), of.unknown, of.is_atomic);
        self.copies.insert(id, copy);
        let fields = of.fields.iter().map(|field| Field {
            node: self.copied(&field.node),
            ..field.clone()
        });
        let fields = fields.collect();
        self.table.types[copy.0 as usize].fields = fields;
        copy
    }

    fn copied(&mut self, node: &Node) -> Node {
        match node {
            Node::Struct(id) => Node::Struct(self.copy(*id)),
            Node::List(list) => Node::List(Arc::new(List {
                element: self.copied(&list.element),
                topology: list.topology.clone(),
            })),
            Node::Map(map) => Node::Map(Arc::new(Map {
                value: self.copied(&map.value),
                is_atomic: map.is_atomic,
            })),
            other => other.clone(),
        }
    }

    fn fields(&mut self, schema: &Schema) -> BTreeMap<Arc<str>, Field> {
        let mut fields = BTreeMap::new();
        for (name, below) in &schema.properties {
            let mut field = field(name, self.node(below));
            field.is_required = schema.required.contains(name);
            field.default.clone_from(&below.default);
            fields.insert(Arc::from(name.as_str()), field);
        }
        fields
    }

    /// The schema's depth bounds the recursion.
    fn node(&mut self, schema: &Schema) -> Node {
        if schema.is_int_or_string {
            return Node::Scalar(Scalar::IntOrString);
        }
        let scalar = match schema.kind {
            Some(Kind::Object) => return self.object(schema),
            Some(Kind::Array) => {
                let element = schema
                    .items
                    .as_ref()
                    .map_or(Node::Any, |items| self.node(items));
                let topology = match &schema.list {
                    ListType::Atomic => ListTopology::Atomic,
                    ListType::Set => ListTopology::Set,
                    ListType::Map(keys) => {
                        ListTopology::Map(keys.iter().map(|key| Arc::from(key.as_str())).collect())
                    }
                };
                return Node::List(Arc::new(List { element, topology }));
            }
            Some(Kind::String) => Scalar::String(Arc::from([])),
            Some(Kind::Integer) => Scalar::Int(64),
            Some(Kind::Number) => Scalar::Float,
            Some(Kind::Boolean) => Scalar::Bool,
            None => return Node::Any,
        };
        Node::Scalar(scalar)
    }

    fn object(&mut self, schema: &Schema) -> Node {
        if let Some(value) = &schema.additional {
            return Node::Map(Arc::new(Map {
                value: self.node(value),
                is_atomic: schema.is_map_atomic,
            }));
        }
        if schema.is_embedded || (schema.properties.is_empty() && schema.keeps_unknown) {
            return Node::Any;
        }
        let fields = self.fields(schema).into_values().collect();
        Node::Struct(self.add("", fields, unknown(schema), schema.is_map_atomic))
    }
}

fn unknown(schema: &Schema) -> Unknown {
    match schema.keeps_unknown {
        true => Unknown::Kept,
        false => Unknown::Pruned,
    }
}

fn field(name: &str, node: Node) -> Field {
    Field {
        name: name.into(),
        description: "".into(),
        node,
        tags: Vec::new(),
        // Empty and absent are different things in custom resources.
        is_pointer: true,
        is_always_present: false,
        is_required: false,
        default: None,
        patch: Patch::default(),
    }
}
