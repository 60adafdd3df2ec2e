//! Certificates: one authority for the cluster, what it issues, and the files in which all of it lies.
//!
//! A cluster has one [`Authority`], made once and shared by its members. It issues a [`Certificate`] to
//! each server and to each client that is not somebody's pod: a client is a user, by its common name, in
//! groups, by its organizations. Nothing is revoked; certificates are short and renewed early
//! ([`Validity::is_due`]).
//!
//! | file | what |
//! |---|---|
//! | `authority` | makes the authority, reads it again, issues |
//! | `server`, `client` | what is issued to whom |
//! | `validity` | from when until when, and when to renew |
//! | `files` | PEM files, written whole or not at all and readable for their owner alone |
//! | `kubeconfig` | what a client needs to find and trust a cluster, as kubectl reads it |
//!
//! What may enter: names, addresses, times. What never happens here: a look at the clock (times are
//! handed in), a connection, a decision who may do what.

mod authority;
mod client;
mod files;
mod kubeconfig;
mod server;
#[cfg(test)]
mod tests;
mod validity;

pub use authority::{Authority, Certificate, PkiError};
pub use client::Client;
pub use files::{ensure_authority, ensure_certificate, read_certificate, write_private};
pub use kubeconfig::{Kubeconfig, KubeconfigError};
pub use server::Server;
pub use validity::Validity;
