//! Names of fields, and sets of them.
//!
//! A [`Path`] leads from an object to one of its fields, one [`Element`] per step. A [`Set`] is a trie of
//! such paths; who owns what is said in sets. [`fields_v1`] is the form in which a set is stored in an
//! object. Nothing here knows a schema or an object. What enters from outside is JSON of any content; it
//! costs time and memory in proportion to its size, its depth is bounded by [`MAX_DEPTH`], and numbers
//! are compared by their value, so `1` and `1.0` name the same element.

mod algebra;
mod element;
pub mod fields_v1;
pub mod order;
mod set;

pub(crate) use element::quote;
pub use element::{Element, Path};
pub(crate) use set::Node;
pub use set::Set;

/// Steps in a path. What lies deeper in an object is owned together with its parent at this depth, and
/// stored sets that go deeper are refused: stored, they still are within what JSON parsers accept (128).
pub const MAX_DEPTH: usize = 100;

#[cfg(test)]
mod tests;
