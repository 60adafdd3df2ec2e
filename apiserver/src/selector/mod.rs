//! Which objects of a list or watch somebody wants: by labels, by fields.
//!
//! A [`LabelSelector`] comes from the text of a query (`app=web,tier in (a,b),!old`) or from the structure
//! that many kinds have in their spec (`matchLabels`, `matchExpressions`). A [`FieldSelector`] knows only
//! equal and not equal, on the few fields that a kind offers. Both print themselves canonically, so that
//! equal selectors are equal texts, and both show their requirements, so that a list for
//! `metadata.name=x` need not look at everything.
//!
//! The grammar and the texts of what is wrong are upstream's.
//!
//! What may enter: text, labels, values of fields by name. What never happens here: a look at an object's
//! schema. Parsing is one pass without recursion; its callers bound the text.

mod field;
mod label;
mod parse;
mod structured;
#[cfg(test)]
mod tests;

pub use field::{FieldSelector, FieldTerm};
pub use label::{LabelSelector, Labels, Operator, Requirement};
pub use structured::{from_structure, validate_structure};

use crate::status::Failure;
use std::fmt;

/// The text is no selector, or names what cannot be selected by. The client sees the text (400).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSelector(pub String);

impl fmt::Display for InvalidSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidSelector {}

impl From<InvalidSelector> for Failure {
    fn from(error: InvalidSelector) -> Failure {
        Failure::bad_request(error.0)
    }
}
