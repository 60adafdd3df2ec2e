//! Custom resources: what a CustomResourceDefinition says of the objects of its kind, and what that means
//! for an object.
//!
//! A definition becomes rows of the resource table, one for each version that is served, and each row
//! carries a [`Custom`]. From there on the objects go through the same code as all others; where a
//! built-in kind asks the schema table, a custom one asks here.
//!
//! | file | what |
//! |---|---|
//! | `schema`, `parse` | a structural schema, and reading one |
//! | `form` | an object in the form in which it is stored: metadata, pruning, nulls, defaults |
//! | `check`, `limits`, `pattern`, `format` | what is wrong with an object |
//! | `table` | the same shapes as a schema table, for server-side apply |
//! | `definition` | a definition as a whole: rows, versions, columns |
//! | `definitions` | all definitions, and the catalog that they make |
//! | `names` | whether a definition gets its names, and the conditions that say so |
//!
//! Rules in CEL, and conversion by webhooks, are refused when a definition is written (`validate`).
//!
//! What may enter: definitions and objects. What never happens here: IO, a clock, a rule about definitions
//! themselves (they are in `validate`).

mod check;
mod definition;
mod definitions;
mod form;
mod format;
mod limits;
mod names;
mod parse;
mod pattern;
mod schema;
mod table;
#[cfg(test)]
mod tests;

pub use definition::{Custom, Scale, rows};
pub(crate) use definition::{fits_schema, pattern_fault};
pub use definitions::{Definition, Definitions};
pub(crate) use names::{CLEANUP, hold, is_established, judged};
