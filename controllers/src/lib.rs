//! The room of reconcilers, scheduler and simulated nodes: what turns what is wanted into what is.
//!
//! All of them stand on `runtime` and see `objects`. Each controller is a module of its own, in five
//! parts: what it watches, owns and writes and where it is settled; its wiring; `reconcile`; a pure plan
//! from what is observed to steps; a pure status from what is observed.
//!
//! They use the API server's in-process object client. What never happens here: a call to the store, or
//! one controller calling another.

pub mod backends;
mod bulk;
pub mod compaction;
pub mod cron_job;
pub mod daemon_set;
pub mod deployment;
pub mod disruption;
pub mod endpoint_slices;
pub mod endpoints;
pub mod garbage;
pub mod holder;
pub mod hollow;
pub mod job;
pub mod kubernetes_service;
pub mod namespace;
pub mod node_ipam;
pub mod node_lifecycle;
pub mod objects;
pub mod placement;
pub mod pod_gc;
pub mod pods;
pub mod replicas;
pub mod resource_quota;
pub mod role_aggregation;
pub mod root_ca;
pub mod runtime;
pub mod scheduler;
pub mod service_account;
pub mod taint_eviction;
#[cfg(test)]
mod testing;
pub mod ttl_after_finished;
