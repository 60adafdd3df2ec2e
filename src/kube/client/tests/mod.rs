//! The client against API servers of this process, over real TLS.

mod config;
mod failover;
mod requests;
mod silent;
pub mod world;
