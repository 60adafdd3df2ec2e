//! `components.schemas`: the types of a document.

use super::document::{gvk_value, kinds_of_types};
use crate::schema::{Field, Gvk, List, ListTopology, Node, Patch, Scalar, Table, Type, TypeId};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

/// Collects the types that a document needs, each once, with those that they refer to.
pub(super) struct Schemas<'a> {
    table: &'a Table,
    kinds: BTreeMap<TypeId, Vec<&'a Gvk>>,
    /// The first type of each name. A later one is a copy that a field owns part by part.
    originals: HashMap<&'a str, TypeId>,
    done: Map<String, Value>,
    waiting: Vec<TypeId>,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(table: &'a Table) -> Schemas<'a> {
        let mut originals = HashMap::new();
        for (at, one) in table.types.iter().enumerate() {
            originals.entry(&*one.name).or_insert(TypeId(at as u32));
        }
        Schemas {
            table,
            kinds: kinds_of_types(table),
            originals,
            done: Map::new(),
            waiting: Vec::new(),
        }
    }

    /// Adds a type.
    pub(super) fn need(&mut self, id: TypeId) {
        self.waiting.push(id);
    }

    /// All types that are needed, by name. Every type is visited once: the table bounds the loop.
    pub(super) fn finish(mut self) -> Value {
        while let Some(id) = self.waiting.pop() {
            let one = self.table.get(id);
            if !self.done.contains_key(&*one.name) {
                let name = one.name.to_string();
                self.done.insert(name.clone(), Value::Null);
                let schema = self.structure(id, one);
                self.done.insert(name, schema);
            }
        }
        Value::Object(self.done)
    }

    fn structure(&mut self, id: TypeId, one: &'a Type) -> Value {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        if !one.description.is_empty() {
            schema.insert("description".to_owned(), json!(&*one.description));
        }
        let fields = one.fields.iter();
        let properties: Map<String, Value> = fields
            .map(|field| (field.name.to_string(), self.field(field)))
            .collect();
        if !properties.is_empty() {
            schema.insert("properties".to_owned(), Value::Object(properties));
        }
        let required = one.fields.iter().filter(|field| field.is_required);
        let required: Vec<&str> = required.map(|field| &*field.name).collect();
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        if one.is_atomic {
            schema.insert("x-kubernetes-map-type".to_owned(), json!("atomic"));
        }
        if let Some(kinds) = self.kinds.get(&id) {
            let kinds = kinds.iter().map(|gvk| gvk_value(gvk)).collect();
            schema.insert("x-kubernetes-group-version-kind".to_owned(), kinds);
        }
        Value::Object(schema)
    }

    fn field(&mut self, field: &'a Field) -> Value {
        let mut schema = self.node(&field.node);
        let mut beside = Map::new();
        if !field.description.is_empty() {
            beside.insert("description".to_owned(), json!(&*field.description));
        }
        if let Some(default) = &field.default {
            beside.insert("default".to_owned(), default.clone());
        }
        add_patch(&mut beside, &field.patch);
        if self.is_granular_copy(&field.node) {
            beside.insert("x-kubernetes-map-type".to_owned(), json!("granular"));
        }
        if beside.is_empty() {
            return schema;
        }
        // Nothing may stand beside a reference.
        if schema.get("$ref").is_some() {
            schema = json!({"allOf": [schema]});
        }
        for (name, value) in beside {
            schema[name] = value;
        }
        schema
    }

    fn is_granular_copy(&self, node: &Node) -> bool {
        match node {
            Node::Struct(id) => self.originals.get(&*self.table.get(*id).name) != Some(id),
            _ => false,
        }
    }

    /// Lists and maps nest as deep as the table says, which its loader bounds.
    fn node(&mut self, node: &Node) -> Value {
        match node {
            Node::Scalar(scalar) => self.scalar(scalar),
            Node::Struct(id) => {
                let name = &self.table.get(*id).name;
                self.waiting
                    .push(*self.originals.get(&**name).unwrap_or(id));
                reference(name)
            }
            Node::List(list) => self.list(list),
            Node::Map(map) => {
                let value = self.node(&map.value);
                let mut schema = json!({"type": "object", "additionalProperties": value});
                if map.is_atomic {
                    schema["x-kubernetes-map-type"] = json!("atomic");
                }
                schema
            }
            Node::Any => json!({"x-kubernetes-preserve-unknown-fields": true}),
        }
    }

    fn list(&mut self, list: &List) -> Value {
        let items = self.node(&list.element);
        let mut schema = json!({"type": "array", "items": items});
        schema["x-kubernetes-list-type"] = match &list.topology {
            ListTopology::Atomic => json!("atomic"),
            ListTopology::Set => json!("set"),
            ListTopology::Map(keys) => {
                let keys: Vec<&str> = keys.iter().map(|key| &**key).collect();
                schema["x-kubernetes-list-map-keys"] = json!(keys);
                json!("map")
            }
        };
        schema
    }

    fn scalar(&mut self, scalar: &Scalar) -> Value {
        const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
        let text = |format: &str| json!({"type": "string", "format": format});
        match scalar {
            Scalar::Bool => json!({"type": "boolean"}),
            Scalar::Int(bits) => json!({"type": "integer", "format": format!("int{bits}")}),
            Scalar::Float => json!({"type": "number", "format": "double"}),
            Scalar::Bytes => text("byte"),
            Scalar::String(values) if values.is_empty() => json!({"type": "string"}),
            Scalar::String(values) => {
                let values: Vec<&str> = values.iter().map(|value| &**value).collect();
                json!({"type": "string", "enum": values})
            }
            Scalar::Time => self.named(
                &format!("{META}.Time"),
                "UTC, in whole seconds, as RFC 3339 writes it: 2026-01-31T12:00:00Z.",
                text("date-time"),
            ),
            Scalar::MicroTime => self.named(
                &format!("{META}.MicroTime"),
                "UTC, in microseconds, as RFC 3339 writes it: 2026-01-31T12:00:00.000000Z.",
                text("date-time"),
            ),
            Scalar::Duration => self.named(
                &format!("{META}.Duration"),
                "Numbers with units: h, m, s, ms, us or ns, such as 1h30m.",
                json!({"type": "string"}),
            ),
            Scalar::Fields => self.named(
                &format!("{META}.FieldsV1"),
                "Names of fields within each other, with nothing at their ends.",
                json!({"type": "object"}),
            ),
            Scalar::Quantity => self.named(
                "io.k8s.apimachinery.pkg.api.resource.Quantity",
                "A number with a suffix: m (a thousandth), k, M, G, T, P, E (powers of 1000), Ki, Mi, Gi, \
                 Ti, Pi, Ei (powers of 1024), or an exponent: 500m, 2, 128Mi, 1e3.",
                json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
            ),
            Scalar::IntOrString => self.named(
                "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
                "A whole number, or a text such as a name or a percentage.",
                json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}),
            ),
        }
    }

    /// A scalar that clients know by the name of its type.
    fn named(&mut self, name: &str, description: &str, mut schema: Value) -> Value {
        schema["description"] = json!(description);
        self.done.insert(name.to_owned(), schema);
        reference(name)
    }
}

pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn add_patch(beside: &mut Map<String, Value>, patch: &Patch) {
    let strategies = [
        (patch.merges, "merge"),
        (patch.retains_keys, "retainKeys"),
        (patch.replaces, "replace"),
    ];
    let strategies: Vec<&str> = strategies
        .iter()
        .filter_map(|(is, name)| is.then_some(*name))
        .collect();
    if !strategies.is_empty() {
        let strategies = json!(strategies.join(","));
        beside.insert("x-kubernetes-patch-strategy".to_owned(), strategies);
    }
    if let Some(key) = &patch.merge_key {
        beside.insert("x-kubernetes-patch-merge-key".to_owned(), json!(&**key));
    }
}
