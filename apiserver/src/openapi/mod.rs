//! OpenAPI v3: one document per group and version, made from the schema and the resource table. The older
//! v2, which says the same in one document, is made of those: [`v2`].
//!
//! Clients read it for three things. kubectl looks for a PATCH of the object's kind with a parameter
//! `fieldValidation` before it applies anything, for merge keys when it computes a patch, and for
//! everything when it explains a kind. So `schemas` tells shapes and `paths` tells operations with
//! their kinds, content types and parameters. Descriptions are those of the table.
//!
//! A document is made at one go and is up to some megabytes of JSON: make it once per change of the
//! catalog and keep its text. [`index`] names all documents with a hash of theirs, which clients use to
//! cache them for good.
//!
//! What never happens here: IO, a kind that is not in the table. Field lists are bounded by the table,
//! types that contain themselves by references.

mod custom;
mod document;
mod operations;
mod paths;
mod schemas;
pub mod v2;

pub use document::{Document, document, index};

#[cfg(test)]
mod tests;
