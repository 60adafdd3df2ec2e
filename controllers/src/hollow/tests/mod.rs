//! Hollow nodes: Pods walked through their stages, fleets led through hours, and both over a cluster in
//! memory.
mod fleet;
mod life;
mod memory;
mod nodes;
mod walk;
