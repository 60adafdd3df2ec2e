//! The hub against the etcd contract, statement by statement, and against a model.

mod bench;
mod catching_up;
mod creating;
mod driver;
mod fuzz;
mod model;
mod progress;
mod receiving;
