//! The room of fault campaigns: what was asked of a cluster and what it answered while things broke,
//! and whether that keeps the promises of the store.
//!
//! Two halves. One judges and is pure: [`history`] is what was seen, [`model`] a store that is as
//! simple as the contract allows, [`check`] judges and [`report`] shows it to people. The other acts on
//! real processes and only writes histories. What will never happen here: a look into the store.
//! Clusters are seen from the outside, any server that speaks etcd's protocol can stand in, and
//! whoever checks knows the contract, not our code.

pub mod check;
pub mod history;
pub mod model;
pub mod report;
