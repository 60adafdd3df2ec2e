//! The room of fault campaigns: what was asked of a cluster and what it answered while things broke,
//! and whether that keeps the promises of the store.
//!
//! Two halves. One judges and is pure: [`history`] is what was seen, and
//! checkers read it back and say pass, fail or unknown. The other acts on real processes and only writes histories.
//! What will never happen here: a look into the store. Clusters are seen from the outside, any server
//! that speaks etcd's protocol can stand in, and whoever checks knows the contract, not our code.

pub mod history;
