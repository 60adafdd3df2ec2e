//! From stored objects to Kubernetes' protobuf.
//!
//! JSON needs no encoder: what is stored is JSON. Protobuf is written along the same table that reads it,
//! as gogo's proto2 encoder writes it: every scalar that is no pointer and every structure that Go always
//! prints, fields in the order of their tags, maps in the order of their keys.
//!
//! | file | what |
//! |---|---|
//! | `protobuf` | objects and messages along the table |
//! | `list` | lists whose items come one after the other |
//! | `part` | what is asked of a value |
//! | `text` | values that lie in a text and are not parsed |
//! | `special` | values that are one in JSON and a message in protobuf |
//! | `message` | tags and lengths, also for other rooms |
//!
//! What enters: an object in the form that `decode` leaves it in, or its text. What never happens here: checking.
//! What does not fit the table is an error or is left out, never a panic.

mod list;
pub(crate) mod message;
mod part;
mod protobuf;
mod special;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use list::Items;
pub(crate) use protobuf::protobuf_of_text;
pub use protobuf::{EncodeError, protobuf};
