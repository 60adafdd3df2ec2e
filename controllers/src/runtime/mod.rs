//! What every loop stands on: the world, queues, claims, fenced writes.
//!
//! One stream of the store feeds the [`World`], a picture of the whole cluster as of one revision, on
//! every member, whoever leads. The member that leads runs the loops, each under a claim of its own. A
//! loop decides on the world and writes through a [`Client`]; each write is carried out only if the member
//! still leads, nobody else has claimed the loop, and the objects that the decision names are as they
//! were. Before a key is looked at again, the world shows what was last written about it. So there are no
//! guesses about what one's own writes will have done, and two who run the same loop cannot both act on
//! the same state.
//!
//! | file | what |
//! |---|---|
//! | `world`, `store`, `graph` | the picture: objects by kind, by owner, by node; who owns whom |
//! | `follow`, `unread` | keeps it as the store has it; what can wait until somebody looks |
//! | `queue` | keys that want to be looked at |
//! | `controller` | a loop over keys |
//! | `manager` | all loops of a member, in a term |
//! | `claim`, `client`, `problem`, `refused` | how loops write, and what goes wrong |
//! | `meter` | what queues have to do, for scrapes |
//! | `event`, `notes`, `correlate`, `remember` | telling the users of objects, but not too often |
//!
//! What may enter: what two loops need. What never happens here: a decision about an object.

mod claim;
mod client;
mod controller;
mod correlate;
mod event;
mod follow;
mod graph;
mod manager;
mod meter;
mod notes;
mod problem;
mod queue;
mod refused;
mod remember;
mod store;
#[cfg(test)]
mod tests;
mod unread;
mod world;

pub use claim::Claim;
pub use client::{Client, Deletion, Ground};
pub use controller::{Controller, Next, Wanted};
pub use event::{About, Recorder, micros, seconds};
pub use follow::{Listener, Shared};
pub use graph::{Graph, Node as GraphNode};
pub use manager::{Ended, Future, Loop, Manager};
pub use meter::{QueueMeter, QueueMeters};
pub use problem::Problem;
pub use queue::Queue;
pub use refused::Refused;
pub use store::{Kept, Store};
pub use world::{Change, Entry, Kind, Reference, World};
