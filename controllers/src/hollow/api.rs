//! What the fleet asks of a cluster.

use crate::runtime::{Future, Kind};
use futures::stream::BoxStream;
use serde_json::Value;

use super::seen::{Node, Pod};

/// A cluster, as far as nodes talk to it.
pub trait Api: Send + Sync {
    /// Makes one call, once. Whoever asked decides whether to ask again.
    fn call(&self, call: Call) -> Future<'_, Outcome>;

    /// All Pods that have a node, and what becomes of them. Does not end: after an interruption it begins
    /// again by itself.
    fn pods(&self) -> BoxStream<'static, Told<Pod>>;

    /// All Nodes, and what becomes of them. Does not end.
    fn nodes(&self) -> BoxStream<'static, Told<Node>>;
}

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The node that makes it. It is what the call is allowed or refused by.
    pub node: String,
    /// About an object of this kind.
    pub kind: Kind,
    /// Empty for kinds that are in none.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// What is wanted.
    pub ask: Ask,
}

/// What is wanted of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// That it is made.
    Create(Value),
    /// That it is changed by a strategic merge patch.
    Patch(Value),
    /// That its status is changed by a strategic merge patch of the whole object.
    PatchStatus(Value),
    /// That it goes at once, if it has this uid.
    Delete {
        /// The uid.
        uid: String,
    },
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Done; the object as JSON (of a deletion: whatever was answered).
    Done(Vec<u8>),
    /// There is one of that name already.
    Exists,
    /// There is none.
    Absent,
    /// It is another object than was meant, or has changed meanwhile.
    Stale,
    /// The server is busy or cannot be reached, or nobody knows what happened: ask again later.
    Trouble(String),
    /// The server will not do it, now or later.
    Refused(String),
}

/// What a stream of objects tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Told<T> {
    /// All objects follow, and then `Complete`.
    Began,
    /// It is there, and is like this.
    Here(T),
    /// It is gone; this is how it was at the end.
    Gone(T),
    /// That were all objects as of this revision. What is not among them and not newer is gone.
    Complete(u64),
}
