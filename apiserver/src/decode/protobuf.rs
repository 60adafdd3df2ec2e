//! Kubernetes' protobuf: the envelope, and messages read along the table.
//!
//! The encoder on the other side is gogo's for proto2. It writes every scalar that is no pointer, zero or
//! not, so zeros of those mean nothing; a pointer is written if it is there, so its zero means
//! something. It writes every structure that is no pointer, so an empty message is an empty structure.
//! Structures that are inlined in JSON are messages of their own here. Kinds stand in the envelope alone.
//!
//! Tags that are unknown are passed over, as protobuf wants it: there is nothing to complain about.

mod envelope;
mod reader;
mod special;
mod typed;
mod wire;

pub(crate) use envelope::{MAGIC, open};
pub(crate) use special::AnyForm;
pub(crate) use typed::read;
pub use wire::Wire;
pub(crate) use wire::{Slot, Target};
