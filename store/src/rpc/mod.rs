//! Speaks etcd: gRPC and a few plain HTTP endpoints on one port.
//!
//! A request enters at [`connection`], is told apart by [`server`] (gRPC or HTTP; which method; may
//! this member answer it now?) and is carried out by the file named after its service, all of them
//! implemented by one type, [`Front`]. A front checks the request, encodes one command, waits for
//! the member's own apply or reads the store, and puts the answer into etcd's words.
//!
//! What may enter: anything a client sends. What never happens here: a change of state other than
//! through [`Handle::propose`](crate::raft::Handle::propose), work that holds a front's runtime for
//! longer than a chunk, an unbounded buffer.
//!
//! One front is one single-threaded runtime with its own connections. Sockets are accepted in one
//! place and handed round, so fronts share no locks with each other. Putting a member's fronts
//! together:
//!
//! * once: [`listen::bind`] each address, [`listen::Dealer::new`] for the number of fronts, a
//!   [`front::Shared`], and [`listen::Dealer::accept`] spawned on the first front;
//! * in each front's runtime: [`Front::new`], [`Services::new`] with the watch service over
//!   [`Front::hub`], and [`connection::serve`] until the stop signal.

pub mod archive_source;
pub mod auth;
pub mod cluster;
pub mod connection;
pub mod election;
pub mod front;
pub mod fronts;
pub mod header;
pub mod health;
pub mod http;
pub mod kv;
pub mod lease;
pub mod leash;
pub mod listen;
mod lock;
mod long_answer;
pub mod maintenance;
pub mod member_id;
pub mod method;
mod opening;
pub mod ownership;
pub mod queue;
pub mod range_stream;
pub mod read_txn;
pub mod server;
pub mod snapshot;
pub mod stream;
#[cfg(test)]
mod test_front;
pub mod urls;
pub mod version;
pub mod watch;

pub use front::Front;
pub use server::Services;

#[cfg(test)]
mod tests;
