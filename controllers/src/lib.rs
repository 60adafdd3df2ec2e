//! The room of reconcilers, scheduler and simulated nodes: what turns what is wanted into what is.
//!
//! All of them stand on `runtime` and see `objects`. Each controller is a module of its own, in five
//! parts: what it watches, owns and writes and where it is settled; its wiring; `reconcile`; a pure plan
//! from what is observed to steps; a pure status from what is observed.
//!
//! They use the API server's in-process object client. What never happens here: a call to the store, or
//! one controller calling another.

mod bulk;
pub mod deployment;
pub mod objects;
pub mod pod_gc;
pub mod pods;
pub mod replicas;
pub mod runtime;
pub mod service_account;
#[cfg(test)]
mod testing;
