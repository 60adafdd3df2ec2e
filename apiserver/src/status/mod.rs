//! What the server answers besides objects: one Status object for each failure, and for a deletion that
//! left nothing to show.
//!
//! A [`Failure`] is made where the trouble is seen and travels up unchanged; the HTTP layer turns it into
//! a code, a body and a `Retry-After` header. Clients branch on `reason` and `code`, people read
//! `message`, and scripts match on both, so names, codes and texts are upstream's, byte for byte. What a
//! client can do next is told by [`Reason::next`]; callers in this crate ask for that and never look at
//! numbers.
//!
//! What is wrong with one field is a [`FieldError`]: a [`Path`], a kind, the value and a sentence. Lists of
//! them become one `Invalid` failure with a cause for each, in the order in which they were found, which
//! is the order of the fields.
//!
//! No Status repeats more than a bounded part of what a client sent (`bound`).
//!
//! What may enter: texts and values. What never happens here: IO, a decision whether something *is* a
//! failure, a text that depends on the machine.

mod bound;
mod failure;
mod field;
mod path;
mod refusal;
mod subject;
mod success;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod trouble;

pub use failure::{Cause, Details, Failure, Lost, Next, Reason};
pub use field::{FieldError, FieldErrorKind, aggregate};
pub use path::Path;
pub use refusal::Attempt;
pub use subject::{GroupKind, GroupResource};
pub use success::{deleted, done};
