//! Mistakes on purpose. Tests are only as good as what they find, so each kind of mistake that a store or an
//! API server may really have is in the code once, asleep, under a name.
//!
//! The place of a mistake asks `planted(Plant::Name)`; the environment of a process answers, once:
//! `KEELSON_PLANT=name[,name]`. [`Plant`] is the list of all of them, with what each breaks and what must find
//! it; `keelson-jepsen planted` tries each one.
//!
//! What may enter: names, and what they mean, for every crate that carries mistakes. It is a crate of its own
//! because the store and the API server know nothing of each other. What never happens here: anything at all in a
//! program that ships. Without the feature `faults` a plant is the constant `false`; with it nothing compiles into
//! an optimised program, and `make build` looks for [`MARKER`] in what it has built.

mod list;
#[cfg(test)]
mod tests;

pub use list::Plant;

#[cfg(all(feature = "faults", not(debug_assertions)))]
compile_error!("the feature `faults` is for tests: a release must not contain it");

/// Stands in every program that contains faults, and in no other.
pub const MARKER: &str = "keelson-carries-faults-for-tests";

/// Names the mistakes that this process makes, with commas.
pub const VARIABLE: &str = "KEELSON_PLANT";

/// Whether this process is to make that mistake.
#[cfg(feature = "faults")]
pub fn planted(plant: Plant) -> bool {
    use std::sync::OnceLock;
    static CHOSEN: OnceLock<u64> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| chosen(&std::env::var(VARIABLE).unwrap_or_default()));
    chosen & 1 << plant as u64 != 0
}

/// Never: this program carries no faults.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub const fn planted(_plant: Plant) -> bool {
    false
}

/// The mistakes of a list of names. A name that is none ends the process: a test that asks for a mistake and
/// gets none would pass.
#[cfg(feature = "faults")]
fn chosen(names: &str) -> u64 {
    const { assert!(Plant::ALL.len() <= 64) };
    let names = names.split(',').filter(|name| !name.is_empty());
    names.fold(0, |chosen, name| match Plant::named(name) {
        Some(plant) => chosen | 1 << plant as u64,
        None => {
            eprintln!("{MARKER}: {VARIABLE} names `{name}`, which is no plant");
            std::process::abort();
        }
    })
}
