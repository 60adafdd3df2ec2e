//! Makes the members agree on one order of commands.
//!
//! Consensus itself is openraft's; this room wraps it, and only this room names it. The rest of the
//! crate sees a [`Handle`]: propose a command, wait until reads are safe, ask who is there.
//!
//! One thread runs everything that consensus needs (a runtime of its own: openraft, the peers'
//! connections, the proposer), one thread writes the log, one applies. What passes between them are
//! batches; nothing wakes another thread once per request.
//!
//! | file | what |
//! |---|---|
//! | `node` | starts and stops a member |
//! | `handle` | the way in |
//! | `front` | where requests wait for their answers |
//! | `proposer`, `appender`, `forward` | commands on their way into the log |
//! | `read_index` | linearizable reads |
//! | `applier`, `state_machine`, `state_dir`, `snapshot` | agreed entries on their way into the state |
//! | `log_store` | the log, as openraft wants it |
//! | `connection`, `network`, `outdated`, `pairing`, `door`, `service` | to and from the other members |
//! | `reach` | who cannot be reached, as people are told |
//! | `group`, `members`, `identity`, `met` | who belongs here, and who has run |
//! | `loss` | a leader whose process is gone |
//! | `data_dir` | one process, one owner |
//! | `restore` | a data directory made from a snapshot, offline |
//! | `keeper` | clocks of leases |
//! | `upkeep`, `space` | housekeeping |
//! | `probe` | a look into a running member, for those who check it |
//!
//! What never happens here: the meaning of a command. Entries are bytes until `apply` opens them.

mod appender;
pub mod applier;
mod connection;
mod data_dir;
mod door;
mod forward;
mod front;
mod group;
pub mod handle;
pub mod identity;
mod keeper;
mod log_store;
mod loss;
mod members;
mod met;
mod network;
pub mod node;
mod outdated;
mod pairing;
pub mod probe;
mod proposer;
mod reach;
mod read_index;
pub mod restore;
mod service;
pub mod snapshot;
mod space;
mod state_dir;
mod state_machine;
#[cfg(test)]
pub(crate) mod test_member;
mod types;
pub mod upkeep;

pub use handle::Handle;
pub use identity::{Bootstrap, StartError};
pub use node::{Node, NodeOptions};
pub use proposer::Leadership;
