//! Writes over a store in memory, named after the statements of the contract that they show.

mod apply;
mod behind;
mod components;
mod create;
mod delete;
mod faults;
mod kinds;
mod patch;
mod pods;
mod properties;
mod room;
mod service_properties;
mod services;
mod stale;
mod status;
mod update;
mod world;
