//! OpenAPI v2: one document about everything that is served.
//!
//! Clients read it where v3 does not answer them: kubectl, when it applies a kind that nobody serves, and
//! tools from before v3. It says what the v3 documents say, because it is made of them; nothing here
//! looks at a table. `schemas` and `operations` tell it in the words of v2.
//!
//! There are two forms. kubectl and client-go read protobuf alone, in the messages of gnostic, a public
//! description of OpenAPI; others read JSON. `messages` names the messages that are used here with the
//! numbers of their fields, `protobuf` writes any value along them. A value that has no place there is an
//! error, never left out: both forms say the same.
//!
//! As upstream, v2 has no defaults and no lists of allowed values.
//!
//! A document takes a moment and is some megabytes in each form: make it once per change of the catalog,
//! and only if somebody asks.

mod document;
mod messages;
mod operations;
mod protobuf;
mod schemas;

pub use document::{Document, document};
pub use protobuf::NoPlace;

#[cfg(test)]
mod tests;
