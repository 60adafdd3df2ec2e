//! Feeds functions with inputs that nobody meant: `docs/fuzzing.md` tells how it is used and why it is ours.
//!
//! A *target* is an ordinary test in the room whose code it tries, so that it reaches private functions. It
//! hands a [`Target`] a check: a function of bytes that panics if something is wrong. What happens then:
//!
//! * In `make test`, the check runs over the corpus (`corpus/<target>/`, checked in), over the target's own
//!   seeds, and over some hundred inputs made of both. Which ones, the target's name decides: a failure is
//!   there again in the next run.
//! * In `make fuzz`, libFuzzer decides what is tried, for as long as is wanted (`engine`, which is only compiled
//!   then). What fails is made smaller and written into the corpus.
//!
//! | file | what |
//! |---|---|
//! | `target` | what a test says, and the short run |
//! | `engine` | the long run |
//! | `corpus` | files |
//! | `mutate`, `message` | making an input of others: bytes and texts, protobuf messages |
//! | `choices` | bytes as decisions, for checks that build something out of them |
//! | `memory` | how much memory a check took |
//!
//! What may enter: bytes and a seed. What never happens here: a word about what is tried, an input that
//! depends on the time of day unless time was asked for.

mod choices;
mod corpus;
#[cfg(fuzzing)]
mod engine;
pub mod memory;
mod message;
mod mutate;
mod target;

pub use choices::Choices;
pub use mutate::Form;
pub use target::Target;
