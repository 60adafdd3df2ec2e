//! Whether the tests find the mistakes that they are there for.
//!
//! Test builds carry mistakes on purpose (`keelson-plants`). For each there is a *hunt*: the cheapest thing that
//! must find it, be it seeds of the simulation, unit tests, or a statement of the conformance suite.
//! A mistake counts as caught only if the hunt fails while it is made, within its time, and the same hunt passes
//! without it: what fails anyway finds nothing.
//!
//! | file | what |
//! |---|---|
//! | `hunts` | the table: which hunt for which mistake |
//! | `programs` | where the compiled tests are |
//! | `process` | one program, with a mistake and a limit |
//! | `hunt` | a hunt and its control |
//! | `report` | what became of all of them |
//!
//! What may enter: programs, names, times. What never happens here: a judgement. Whether something is wrong is said
//! by the test that is asked, by its exit code and in its words.

mod hunt;
mod hunts;
mod process;
mod programs;
mod report;
#[cfg(test)]
mod tests;

pub use hunt::{Hunted, Hunter, Verdict};
pub use hunts::{How, SELF_TESTS, how};
pub use programs::Programs;
pub use report::{Report, Row, SelfTest};

use keelson_plants::Plant;

/// The mistakes in the order in which they are hunted: the cheap ones first.
pub fn order() -> Vec<Plant> {
    let mut plants = Plant::ALL.to_vec();
    plants.sort_by_key(|plant| (how(*plant).cost(), *plant));
    plants
}

/// The mistake whose turn it is, among those whose hunt is short, by a text that changes with the source: the hash
/// of a commit, or a date.
pub fn of_the_day(text: &str) -> Plant {
    let short: Vec<Plant> = order()
        .into_iter()
        .filter(|plant| how(*plant).is_short())
        .collect();
    short[crc32c::crc32c(text.as_bytes()) as usize % short.len()]
}
