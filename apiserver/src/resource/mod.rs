//! The resource table: what a server serves, and how each resource differs from the others, as data.
//!
//! A kind is a shape (see `schema`); a resource is a path under which objects of a kind are kept. All
//! resources are served by the same code, so what one has that another has not is a row here: scope,
//! verbs, subresources, names that people type, where its objects lie in the store, which fields a
//! selector may name, two rules of updates.
//!
//! [`builtin`] and [`everything`] come from `builtin.txt`, written by hand and checked against the
//! schema table; a CustomResourceDefinition makes rows of the same type. [`Catalog`] finds them.
//!
//! What enters: rows. What never happens here: IO, a decision about a request, what an object holds.

mod builtin;
mod catalog;
mod load;
mod types;

pub use builtin::{builtin, everything};
pub use catalog::{Catalog, DuplicateResource, Group, version_order};
pub use load::{LoadError, load};
pub use types::{Resource, Scope, SelectableField, Subresource, Verb};
