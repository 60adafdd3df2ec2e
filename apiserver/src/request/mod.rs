//! What a request asks for, as told by its line and its headers.
//!
//! | question | file | answer |
//! |---|---|---|
//! | what is at this path, and what shall be done with it? | `info` | [`Info`]: verb, group, version, namespace, resource, name, subresource |
//! | which objects, how fresh? | `list` | [`ListOptions`] with a [`ListRead`], [`GetOptions`] |
//! | which changes, from where on? | `watch` | [`WatchOptions`] with a [`WatchFrom`] |
//! | how shall it be written? | `write`, `delete` | [`WriteOptions`], [`PatchOptions`], [`DeleteOptions`] |
//! | in which form is the body, in which the answer? | `content_type`, `accept`, `table` | [`Encoding`], [`PatchType`], [`Answer`], [`IncludeObject`] |
//! | how long may it take? | `deadline` | [`request_timeout`] |
//!
//! Everything that can be refused without a look at the store is refused here, as a finished
//! [`Failure`](crate::status::Failure). What comes out is typed: nobody behind this room parses a number
//! or compares a `resourceVersion` with `"0"` again.
//!
//! What may enter: text of a bounded length ([`MAX_TARGET_BYTES`]; headers are bounded by who reads them).
//! What never happens here: IO, a look at who asks, a look at which kinds exist.

mod accept;
mod content_type;
mod continue_token;
mod deadline;
mod delete;
mod info;
mod list;
mod query;
mod table;
mod target;
#[cfg(test)]
mod tests;
mod watch;
mod write;

pub use accept::{Answer, Form, Offer, most_wanted, negotiate};
pub use content_type::{Encoding, PatchType, body_encoding, patch_type};
pub use continue_token::ContinueToken;
pub use deadline::{REQUEST_TIMEOUT_MAX, request_timeout};
pub use delete::{DeleteOptions, Preconditions, Propagation};
pub use info::{Info, Resource, Verb};
pub use list::{GetOptions, GetRead, ListOptions, ListRead};
pub use query::Query;
pub use table::IncludeObject;
pub use target::{MAX_TARGET_BYTES, Target};
pub use watch::{Freshness, WatchFrom, WatchOptions};
pub use write::{FieldValidation, PatchOptions, WriteOptions};
