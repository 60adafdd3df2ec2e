//! What goes into the registry and comes out of it.

use crate::identity::User;
use crate::request::Encoding;
use crate::resource::Resource;
use crate::status::Failure;
use crate::storage::{Guard, Object, Stream};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The row of its resource.
    pub resource: Arc<Resource>,
    /// Empty for all namespaces, and for resources that are in none.
    pub namespace: String,
    /// Empty for all objects.
    pub name: String,
    /// Empty for the object itself.
    pub subresource: String,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// As found out, and after impersonation.
    pub user: User,
    /// What the client says it is. Names its field manager if it gives none.
    pub user_agent: String,
    /// Not zero: writes take effect only under this leadership.
    pub fence: u64,
    /// What the decision to write rests on: a write takes effect only if all of it still holds, and fails
    /// otherwise with [`Lost::Grounds`](crate::status::Lost::Grounds).
    pub reads: Vec<Guard>,
    /// Raised to the revision of every write that took effect, also of those whose answer has none: for
    /// callers in this process who want to see what they wrote before they go on.
    pub wrote: Arc<AtomicU64>,
}

impl Caller {
    /// Somebody who writes under no leadership and on no grounds.
    pub fn new(user: User, user_agent: impl Into<String>) -> Caller {
        Caller {
            user,
            user_agent: user_agent.into(),
            fence: 0,
            reads: Vec::new(),
            wrote: Arc::default(),
        }
    }
}

/// An object, or a patch, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// As sent, and within the limit of size.
    pub bytes: Bytes,
    /// How it is encoded. For a patch: its text's encoding.
    pub encoding: Encoding,
}

/// What a write left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The object; the Status of a deletion that left none.
    pub object: Object,
    /// It did not exist before (201, not 200).
    pub created: bool,
    /// For `Warning` headers.
    pub warnings: Vec<String>,
}

/// A list, or a page of one.
pub struct List {
    /// The state that it shows.
    pub revision: u64,
    /// For the next page; `None` on the last one.
    pub continue_token: Option<String>,
    /// How many more objects there are, if that is known.
    pub remaining: Option<u64>,
    /// The objects in order, in pieces of bounded size. A failure here comes too late for a code of its
    /// own: the answer is broken off.
    pub pieces: Stream<Result<Vec<Object>, Failure>>,
}

/// What an event of a watch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// It is there now.
    Added,
    /// It has changed.
    Modified,
    /// It is there no more. The object is the last state, with the revision of the deletion.
    Deleted,
    /// Nothing happened up to the object's revision; the object has only kind and metadata.
    Bookmark {
        /// What was there at the beginning has all been told.
        ends_initial: bool,
    },
}

/// One event of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it says.
    pub kind: EventKind,
    /// Of which object.
    pub object: Object,
}
