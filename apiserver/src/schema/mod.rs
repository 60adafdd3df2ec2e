//! The schema table: what every kind looks like, as data.
//!
//! One table drives decoding of JSON, YAML and protobuf, field validation, pruning, defaulting, strategic
//! merge, server-side apply and OpenAPI, for built-in kinds and custom resources alike. Nothing here
//! knows what a Pod is *for*. What enters: facts of a kind's shape. What never happens here: a rule that
//! needs two fields at once, IO, a look at stored objects.
//!
//! `types` is the table; [`builtin`] is the one of the built-in kinds, which `load` reads from
//! `builtin.txt`, a file of facts that a program makes (`make schema`, see `apiserver/generator`). The
//! file is the only place that says which release of Kubernetes this is. `texts` tells people what its types
//! and fields are for, in sentences of our own.
//!
//! Facts that surprise:
//!
//! * A structure that is no pointer is always printed (`status: {}`), a time that is none as `null`, an
//!   integer-or-text as `0`; a list without `omitempty` as `null`.
//! * The default of a field that is no pointer may be its zero (`LocalObjectReference.name` has `""`). It
//!   shows in no object, because Go leaves it out again. It counts where the field is a key of a list.
//! * The values of an enumeration are what OpenAPI tells people. Validation of the kind decides whether
//!   another value is refused: an empty text often is the same as an absent one.
//! * In protobuf, a list inside a map or a list is a message of its own whose field 1 repeats
//!   (`UserInfo.extra`). Fields without tags (`apiVersion`, `kind`) are not in protobuf.
//! * `JSONSchemaPropsOrArray`, `...OrBool` and `...OrStringArray` of CustomResourceDefinitions are
//!   [`Node::Any`] like `JSON` and `RawExtension`, but their protobuf is a different one each.

mod builtin;
mod load;
mod texts;
mod types;

pub use builtin::builtin;
pub use load::{LoadError, load};
pub use types::{
    Field, Gvk, List, ListTopology, Map, Node, Patch, Scalar, Table, Type, TypeId, Unknown,
};
