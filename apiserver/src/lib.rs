//! The Kubernetes API server, as far as it is built: Kubernetes REST over any etcd-shaped store, which it
//! reaches through a trait of its own (`storage`).
//!
//! A request comes in through `http`, which finds out who asks (`authenticate`) and whether they may
//! (`authorize`), and goes to the `registry`, one engine for all kinds. What kinds differ in are rows
//! (`resource`, `schema`, `custom`) and rules (`defaults`, `validate`, `admission`). What never happens here: a word about consensus.

pub mod admission;
pub mod apply;
pub mod authenticate;
pub mod authorize;
pub mod canonical;
pub mod custom;
pub mod decode;
pub mod defaults;
pub mod discovery;
pub mod encode;
pub mod http;
pub mod identity;
pub mod meter;
pub mod names;
pub mod openapi;
pub mod patch;
pub mod pki;
pub mod registry;
pub mod request;
pub mod resource;
pub mod schema;
pub mod selector;
pub mod status;
pub mod storage;
pub mod table;
pub mod validate;

/// Tests ask how much memory something takes.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: keelson_fuzz::memory::Counting = keelson_fuzz::memory::Counting;
