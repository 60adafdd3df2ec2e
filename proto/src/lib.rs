//! Wire types and nothing else: the etcd v3 API and Keelson's own log and peer formats.
//!
//! What may enter: protocol files, the code generated from them, and the one trick below. What never
//! happens here: behaviour. A type in this crate knows how to be encoded and decoded, not what it
//! means.
//!
//! Keys, values and every other byte string are [`bytes::Bytes`], so a decoded request borrows the
//! buffer it arrived in.
//!
//! # The serving view
//!
//! The store keeps each record in its encoded form and hands that form to clients. [`serving`] holds
//! a second set of the response types in which a record (`mvccpb.KeyValue`, `mvccpb.Event`) is
//! `Bytes` instead of a parsed message. The bytes on the wire are identical; only the server, which
//! would otherwise parse what it is about to encode again, uses it. Clients use [`etcdserverpb`].

#![allow(missing_docs, clippy::all)]

/// Records and events (`mvccpb` on the wire).
pub mod mvccpb {
    tonic::include_proto!("mvccpb");
}

/// Users and roles (`authpb` on the wire).
pub mod authpb {
    tonic::include_proto!("authpb");
}

/// The etcd v3 services and messages, fully parsed: what clients use.
pub mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
}

/// The lock service.
pub mod v3lockpb {
    tonic::include_proto!("v3lockpb");
}

/// The election service.
pub mod v3electionpb {
    tonic::include_proto!("v3electionpb");
}

/// The standard gRPC health service.
pub mod health {
    tonic::include_proto!("grpc.health.v1");
}

/// What a log entry holds.
pub mod log {
    tonic::include_proto!("keelsonlogpb");
}

/// What members say to each other.
pub mod peer {
    tonic::include_proto!("keelsonpeerpb");
}

/// Responses whose records are already encoded: what the server uses. See the crate's essay.
pub mod serving {
    include!(concat!(env!("OUT_DIR"), "/serving/etcdserverpb.rs"));
}
