//! The schema table: what every kind looks like, as data.
//!
//! One table drives decoding of JSON, YAML and protobuf, field validation, pruning, defaulting, strategic
//! merge, server-side apply and OpenAPI, for built-in kinds and custom resources alike. Nothing here
//! knows what a Pod is *for*. What enters: facts of a kind's shape. What never happens here: a rule that
//! needs two fields at once, IO, a look at stored objects.

mod types;

pub use types::{
    Field, Gvk, List, ListTopology, Map, Node, Patch, Scalar, Table, Type, TypeId, Unknown,
};
