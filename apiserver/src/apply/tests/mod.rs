//! Apply and update as a client sees them, on tables that are written by hand.

mod properties;
mod speed;
mod statements;
mod statements_lists;
mod statements_managers;
pub(crate) mod table;
mod versions;
pub(crate) mod world;
