//! The server as clients see it: Kubernetes REST over TLS.
//!
//! A [`Server`] takes connections (HTTP/1.1 and HTTP/2), reads a request, finds out who asks, whether it
//! is allowed and what it is about, has the registry do it, and writes the answer in the form that was
//! asked for. Nothing is decided here that another room decides: what a request line means, what a
//! failure is called, how a table looks.
//!
//! A request goes through these, in this order; each can end it with a Status object:
//!
//! 1. a guard, so that a panic costs one request (`handle`), and an `Audit-Id`;
//! 2. what it is about, and how long it may take (`chain`);
//! 3. who asks, and as whom it wants to act;
//! 4. whether there is room (`inflight`);
//! 5. whether it is allowed;
//! 6. the handler of its path or resource (`route`).
//!
//! | file | what |
//! |---|---|
//! | `server`, `connection`, `cork`, `tls` | from a listener to requests, and back to none |
//! | `app`, `served` | what all requests share; what is made of the catalog once |
//! | `handle`, `chain`, `inflight`, `call` | the way of a request |
//! | `record`, `metrics`, `audit` | what is told of it afterwards |
//! | `route`, `resource`, `write`, `list`, `protobuf_list`, `watch` | requests about resources |
//! | `event`, `shared` | events as they are written: once for all watches that want the same bytes |
//! | `reviews`, `token`, `lookup` | kinds that are answered and not stored |
//! | `paths`, `discovery`, `openapi`, `health` | everything else |
//! | `answer`, `body`, `gzip` | how answers are written |
//! | `sent` | bodies of requests: read, or let go |
//! | `policy`, `bootstrap`, `rights` | RBAC: kept current, begun with, not given away |
//! | `nodes` | what has to do with which node: kept current |
//! | `follow` | all objects of a kind and what becomes of them, for those that are kept current |
//! | `definitions`, `establish` | CustomResourceDefinitions: what they make served, what becomes of them |
//! | `service_range` | the block of addresses of Services, as every cluster begins with it |
//!
//! Lists and watches are written piece by piece: memory is a piece, not an answer. Whoever does not read
//! what it asked for is let go when its buffer has been full for too long, and delays nobody.
//!
//! What may enter: bytes from clients. What never happens here: a rule of a kind, a word about the store.

mod answer;
mod app;
mod audit;
mod body;
mod bootstrap;
mod call;
mod chain;
mod connection;
mod cork;
mod definitions;
mod discovery;
mod establish;
mod event;
mod follow;
mod gzip;
mod handle;
mod health;
mod inflight;
mod list;
mod lookup;
mod metrics;
mod nodes;
mod openapi;
mod paths;
mod policy;
mod protobuf_list;
mod record;
mod resource;
mod reviews;
mod rights;
mod route;
mod sent;
mod served;
mod server;
mod service_range;
mod shared;
#[cfg(test)]
mod tests;
mod tls;
mod token;
mod watch;
mod write;

pub use app::{Limits, Options};
pub use audit::Audit;
pub use bootstrap::{BootstrapError, write_policy};
pub use definitions::KeptCatalog;
pub use health::{Check, CheckFuture};
pub use lookup::RegistryObjects;
pub use nodes::KeptGraph;
pub use policy::KeptPolicy;
pub use rights::HeldRights;
pub use server::Server;
pub use service_range::write_service_range;
pub use tls::{Tls, TlsError};
