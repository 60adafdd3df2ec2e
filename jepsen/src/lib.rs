//! The room of fault campaigns: generators, faults, histories and their checkers. Empty: nothing of it
//! is built yet.
//!
//! It will see clusters from the outside, through the test kit. What will never happen here: a look
//! into the store.
