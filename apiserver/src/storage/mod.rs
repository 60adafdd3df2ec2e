//! Objects at rest: where they lie in an etcd-shaped store, and how they are read and written there.
//!
//! The store is reached through [`Kv`] alone, so that the same server stands on the member it runs in and
//! on any etcd over the network. Keys are upstream's (`/registry/...`); values are canonical JSON without
//! a `resourceVersion`, which is the key's `mod_revision` and put in on the way out ([`Object`]).
//!
//! | file | what |
//! |---|---|
//! | `keys` | which object lies at which key, and the ranges of keys that lists and watches read |
//! | `kv` | the trait, and what goes in and comes out |
//! | `memory` | a store in memory, for tests |
//! | `object` | the bytes of an object, and its revision |
//! | `scan` | one value out of an object's text, without parsing the rest |
//!
//! What may enter: keys, bytes, revisions. What never happens here: a rule of a kind, admission, a word
//! about how the store agrees with itself.

mod keys;
mod kv;
mod memory;
mod object;
mod scan;

pub use keys::{Keys, Place};
pub use kv::{
    At, Change, Changed, Changes, Committed, Future, Guard, KeyValue, Kv, KvError, Range, Ranged,
    Stream, Txn, Watch, Write,
};
pub use memory::{Call, Fault, MemoryKv};
pub use object::Object;
