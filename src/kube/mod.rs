//! The Kubernetes half of a member, put onto the store in the same process.
//!
//! The API server asks for a [`Kv`](keelson_apiserver::storage::Kv) and does not care whose; here is the
//! one over the member it runs in. A request does not leave the process: a write goes into the log by the
//! same way as a client's, with the same checks and bounds, a read is answered from the state, a watch is
//! one more stream of a hub. So whatever holds for clients of the store holds here.
//!
//! | file | what |
//! |---|---|
//! | `kv` | the trait, over a front of its own |
//! | `follow`, `decoded` | a watch; an event is decoded once for all of them |
//! | `error` | the store's errors in the trait's words |
//! | `serve` | the API server, from its secrets to its end |
//! | `members` | which members serve now |
//! | `loops` | the control loops, while this member leads |
//! | `vitals` | what the loops tell the API server: counts, and whether they are well |
//! | `once`, `shared_secrets` | what members have in common, made by the first |
//! | `beginnings` | the objects that every cluster has |
//! | `clock` | the time of the day |
//! | `client` | a client over HTTPS, for the commands |
//! | `hollow` | hollow nodes, over that client |
//!
//! What may enter: putting the two halves together. What never happens here: a Kubernetes rule, a
//! decision about data, a second way into the log.

mod beginnings;
pub mod client;
/// The stack of a thread that reads objects: the deepest that are let in, in a program that is not optimised.
const STACK_BYTES: usize = 16 << 20;

pub mod clock;
pub mod decoded;
mod error;
mod follow;
pub mod hollow;
mod kv;
pub mod loops;
mod members;
mod once;
pub mod serve;
pub mod shared_secrets;
#[cfg(test)]
mod tests;
pub mod vitals;
