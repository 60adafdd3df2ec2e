//! The table of the built-in kinds.

use super::{Table, load};
use std::sync::LazyLock;

/// The facts, as the generator wrote them.
const FACTS: &str = include_str!("builtin.txt");

static BUILTIN: LazyLock<Table> =
    LazyLock::new(|| load(FACTS).expect("the checked-in table loads: a test does it"));

/// The table of the built-in kinds, read at the first call.
pub fn builtin() -> &'static Table {
    &BUILTIN
}

#[cfg(test)]
mod tests;
