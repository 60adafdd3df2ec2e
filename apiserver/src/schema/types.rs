//! What the table says of types and fields.

use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Names a type within its [`Table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);

/// Group, version and kind. The group of the core API is empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gvk {
    /// Such as `apps`; empty for the core API.
    pub group: String,
    /// Such as `v1`.
    pub version: String,
    /// Such as `Deployment`.
    pub kind: String,
}

/// Every type that an API server knows, and which of them are kinds. Immutable once made: a changed
/// CustomResourceDefinition makes a table of its own for its kind.
#[derive(Debug, Default)]
pub struct Table {
    /// Types by [`TypeId`].
    pub types: Vec<Type>,
    /// The type of each kind.
    pub kinds: HashMap<Gvk, TypeId>,
}

/// A named type: always a structure.
#[derive(Debug)]
pub struct Type {
    /// Its full name, such as `io.k8s.api.core.v1.Container`.
    pub name: Arc<str>,
    /// For people; empty if there is none.
    pub description: Cow<'static, str>,
    /// Its fields, sorted by JSON name. Fields of inlined structures stand here as siblings.
    pub fields: Vec<Field>,
    /// What becomes of fields that are not in `fields`.
    pub unknown: Unknown,
    /// Owned as a whole in server-side apply (`x-kubernetes-map-type: atomic`).
    pub is_atomic: bool,
}

/// What becomes of a field that the type does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// Reported as field validation asks for, and dropped.
    #[default]
    Pruned,
    /// Kept as it is (`x-kubernetes-preserve-unknown-fields`).
    Kept,
}

/// A field of a structure.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name in JSON.
    pub name: Arc<str>,
    /// For people; empty if there is none.
    pub description: Cow<'static, str>,
    /// What it holds.
    pub node: Node,
    /// Its protobuf tag and, if it lies in an inlined structure, the tags on the way there, outermost
    /// first. Empty: not in protobuf (a custom resource's field).
    pub tags: Vec<u32>,
    /// A Go pointer: absent and zero are different things. Lists, maps and raw values never are.
    pub is_pointer: bool,
    /// Go prints it even when it is empty (`omitempty` is missing, or a structure that is no pointer).
    pub is_always_present: bool,
    /// Must be given.
    pub is_required: bool,
    /// The value it gets when it is absent.
    pub default: Option<Value>,
    /// How strategic merge patch treats it.
    pub patch: Patch,
}

/// What a field, a list element or a map value holds.
#[derive(Clone, Debug)]
pub enum Node {
    /// A value without parts.
    Scalar(Scalar),
    /// A structure of the table.
    Struct(TypeId),
    /// A list.
    List(Arc<List>),
    /// An object with arbitrary keys.
    Map(Arc<Map>),
    /// Any JSON value, not looked into (`RawExtension`, `JSON`, an untyped custom resource's field).
    Any,
}

/// A value without parts.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// `true` or `false`.
    Bool,
    /// A whole number of this many bits, 32 or 64.
    Int(u8),
    /// A number.
    Float,
    /// Text; not empty: only these values are allowed.
    String(Arc<[Arc<str>]>),
    /// Base64 in JSON.
    Bytes,
    /// RFC 3339, UTC, whole seconds.
    Time,
    /// RFC 3339, UTC, six fractional digits.
    MicroTime,
    /// `resource.Quantity`: made canonical on write.
    Quantity,
    /// A number or text.
    IntOrString,
    /// `meta/v1.Duration`: Go's text form.
    Duration,
    /// `meta/v1.FieldsV1`: an object, not looked into here.
    Fields,
}

/// A list.
#[derive(Debug)]
pub struct List {
    /// Its elements.
    pub element: Node,
    /// How server-side apply owns it.
    pub topology: ListTopology,
}

/// How server-side apply owns the elements of a list (`x-kubernetes-list-type`).
#[derive(Clone, Debug, PartialEq)]
pub enum ListTopology {
    /// As a whole.
    Atomic,
    /// Each value by itself.
    Set,
    /// Each element by the values of these fields; an absent key field has its default, if it has one.
    Map(Arc<[Arc<str>]>),
}

/// An object with arbitrary keys.
#[derive(Debug)]
pub struct Map {
    /// Its values.
    pub value: Node,
    /// Owned as a whole in server-side apply.
    pub is_atomic: bool,
}

/// How strategic merge patch treats a field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// Lists are merged instead of replaced.
    pub merges: bool,
    /// `$retainKeys` is understood.
    pub retains_keys: bool,
    /// The patch replaces what is there, also a structure or a map.
    pub replaces: bool,
    /// The field that tells elements apart; without one, elements are values of a set.
    pub merge_key: Option<Arc<str>>,
}

impl Table {
    /// The type with this id.
    ///
    /// # Panics
    /// If the id is of another table.
    pub fn get(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    /// The type of a kind.
    pub fn kind(&self, gvk: &Gvk) -> Option<TypeId> {
        self.kinds.get(gvk).copied()
    }
}

impl Type {
    /// The field with this JSON name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.position(name).map(|at| &self.fields[at])
    }

    /// Where in `fields` the one with this JSON name is.
    pub fn position(&self, name: &str) -> Option<usize> {
        let found = self
            .fields
            .binary_search_by(|field| (*field.name).cmp(name));
        found.ok()
    }
}
