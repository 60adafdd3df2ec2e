//! From stored objects to Kubernetes' protobuf.
//!
//! JSON needs no encoder: what is stored is JSON. Protobuf is written along the same table that reads it,
//! as gogo's proto2 encoder writes it: every scalar that is no pointer and every structure that Go always
//! prints, fields in the order of their tags, maps in the order of their keys.
//!
//! `message` writes tags and lengths, also for other rooms.
//!
//! What enters: an object in the form that `decode` leaves it in. What never happens here: checking. What
//! does not fit the table is an error or is left out, never a panic.

pub(crate) mod message;
mod protobuf;
mod special;

pub use protobuf::{EncodeError, protobuf};
