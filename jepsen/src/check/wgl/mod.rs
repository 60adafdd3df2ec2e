//! The second judge: a search for an order, which trusts no revision.
//!
//! [`search`] takes operations with their times and looks for an order in which a sequential [`Model`]
//! gives every answer and nobody is placed behind an operation that began after he returned. It walks
//! depth first with a stack of its own, remembers where it has been, and cuts the history where nothing
//! was open, so that what it remembers depends on how much happens at once and not on how long the run
//! was. Its bound is a number of steps, not a time: the same history always gets the same verdict.
//!
//! A server that is right names the order itself, by its revisions. That is a suggestion: [`is_order`] looks at it in
//! one pass, and what it confirms needs no search. Where many write at once what nobody reads, a search would have
//! more ends to remember than there is time.
//!
//! *A pass proves* that such an order exists for these operations. *A fail* means that none exists.
//! When the steps are used up it is unknown. `keys` puts it to work on the keys of a store, one group
//! of keys that share a transaction at a time; `minimise` finds the few operations that a fail needs.

mod keys;
mod minimise;
mod search;
mod smaller;

#[cfg(test)]
mod tests;

pub use keys::check;
pub use minimise::minimise;
pub use search::{Model, Searched, Timed, is_order, search};
