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
//!
//! # Failpoints
//!
//! All names are in [`points`], each with what it is for. `KEELSON_FAILPOINTS=name=action[@n][;...]` in the
//! environment switches some on from the start, the file that `KEELSON_FAILPOINTS_FILE` names does while the
//! program runs: it is looked at whenever a failpoint is come to, and what it says replaces what it said before.
//! The program has to call [`start`] for any of this; parts of it that a simulation or a unit test runs do not.
//! An action happens when the place is come to for the `n`-th time since it was switched on:
//!
//! | action | what happens |
//! |---|---|
//! | `kill` | the process ends by SIGKILL; without `n` the first time |
//! | `delay(MS)` | the thread waits so many milliseconds; without `n` every time |
//! | `pause` | the thread waits until what is switched on changes |
//! | `error` | the seam reports an error of the system, where it can ([`Point::fails`]) |
//! | other | as the crate `fail` understands it, without `@n` |
//!
//! Whoever comes to one that does something says so in the log first, by name; whoever is the first at one in its
//! process says that, too, if the program has called [`start`] and was given either variable. `KEELSON_FAILPOINTS=help` prints
//! the names and ends the program.

#[cfg(feature = "faults")]
pub mod panics;
pub mod points;
#[cfg(feature = "faults")]
mod switch;

pub use keelson_plants::{MARKER, Plant, planted};
pub use points::{POINTS, Point};
#[cfg(feature = "faults")]
pub use switch::{start, switch_on};

#[cfg(all(feature = "faults", not(debug_assertions)))]
compile_error!("the feature `faults` is for tests: a release must not contain it");

/// A place where a test can stop, delay or kill this member: `failpoint!("wal-before-sync")`. With `, fails` it
/// can also report an error: then it stands in a function that returns an [`std::io::Result`].
///
/// The name is said once in the whole program, and is in [`POINTS`].
#[cfg(feature = "faults")]
macro_rules! failpoint {
    ($name:literal) => {{
        static CAME_BY: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
        $crate::faults::come_by($name, &CAME_BY);
        $crate::faults::reach($name)
    }};
    ($name:literal, fails) => {{
        static CAME_BY: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
        $crate::faults::come_by($name, &CAME_BY);
        $crate::faults::reach_or_fail($name)?
    }};
}

/// Nothing: this program carries no faults.
#[cfg(not(feature = "faults"))]
macro_rules! failpoint {
    ($name:literal $(, fails)?) => {{}};
}

pub(crate) use failpoint;

/// Says in the log, the first time, that a thread came to a failpoint, if anything could be switched on there: whoever
/// tests sees what the program went through.
#[cfg(feature = "faults")]
pub(crate) fn come_by(name: &'static str, came_by: &std::sync::atomic::AtomicBool) {
    switch::come_by(name, came_by);
}

/// What a [`failpoint!`] that cannot fail becomes.
#[cfg(feature = "faults")]
pub fn reach(name: &'static str) {
    // What cannot fail has refused to be switched on as one that does.
    let _ = switch::reach(name);
}

/// What a [`failpoint!`] that can fail becomes.
///
/// # Errors
/// When it is switched on to.
#[cfg(feature = "faults")]
pub fn reach_or_fail(name: &'static str) -> std::io::Result<()> {
    switch::reach(name).map_or(Ok(()), Err)
}

/// `in_a_hurry` if this process is asked, by `KEELSON_HURRY` in its environment, to let things happen soon that
/// are rare in life (a log segment that is full, a note of a lease's time), so that a test sees them; `normally`
/// otherwise, and in every program without faults.
#[cfg(feature = "faults")]
pub fn hurried<T>(normally: T, in_a_hurry: T) -> T {
    use std::sync::OnceLock;
    static HURRY: OnceLock<bool> = OnceLock::new();
    match HURRY.get_or_init(|| std::env::var_os("KEELSON_HURRY").is_some()) {
        true => in_a_hurry,
        false => normally,
    }
}

/// `normally`: this program carries no faults.
#[cfg(not(feature = "faults"))]
pub fn hurried<T>(normally: T, _in_a_hurry: T) -> T {
    normally
}
