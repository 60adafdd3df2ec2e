//! Faults that this program carries for its own tests: places where it can be made to die, and mistakes
//! that it can be made to make.
//!
//! A **failpoint** is a named place at a durability seam, where a test stops, delays or kills the member
//! ([`failpoint!`]). A **plant** is a named mistake ([`Plant`]), of the kind that a store may really have; the
//! tests must catch each of them, or they would not catch the real one either. Their list is the crate
//! `keelson-plants`, which the API server shares.
//!
//! What may enter: names, and what switches them on. What never happens here: anything at all in a program
//! that ships. Everything hangs on the feature `faults`, which only tests ask for and which does not compile
//! into an optimised program; without it a failpoint is nothing and a plant is the constant `false`. `make build`
//! looks for [`MARKER`] in what it has built.

pub use keelson_plants::{MARKER, Plant, planted};

#[cfg(all(feature = "faults", not(debug_assertions)))]
compile_error!("the feature `faults` is for tests: a release must not contain it");

/// A place where a test can stop, delay or kill this member: `failpoint!("wal-before-sync")`.
///
/// The name is said once in the whole program.
#[cfg(feature = "faults")]
macro_rules! failpoint {
    ($name:literal) => {
        fail::fail_point!($name)
    };
}

/// Nothing: this program carries no faults.
#[cfg(not(feature = "faults"))]
macro_rules! failpoint {
    ($name:literal) => {};
}

pub(crate) use failpoint;
