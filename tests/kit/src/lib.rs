//! The test kit: starts clusters of real processes, drives them over gRPC, and knows what an
//! etcd-compatible store must do.
//!
//! What may enter: processes, clients, waiting, and the three suites that prove a store from the
//! outside: [`conformance`] (one function per numbered statement), [`differential`] (the same random
//! requests on two servers) and [`crash`] (what was acknowledged survives). What never happens here:
//! knowledge of how Keelson is built. The kit depends on the wire types alone, so every suite runs on
//! a real etcd first; a suite that fails there is wrong.
//!
//! Suites return [`check::Check`] instead of panicking: a failed statement is a value that can be
//! listed, counted and shrunk.

/// The program of this build, as clusters start it. A macro, because only the tests of the program's
/// own package are told where it is.
#[macro_export]
macro_rules! keelson {
    () => {
        $crate::cluster::Binary::keelson(env!("CARGO_BIN_EXE_keelson"))
    };
}

pub mod check;
pub mod cli;
pub mod client;
pub mod cluster;
pub mod conformance;
pub mod crash;
pub mod dev;
pub mod differential;
pub mod etcd;
pub mod kubectl;
pub mod kubernetes;
pub mod leader;
pub mod metrics;
pub mod mount;
pub mod net;
pub mod port;
pub mod process;
pub mod request;
pub mod target;
pub mod tools;
pub mod wait;
pub mod watching;
