//! The table of the built-in kinds.

use super::texts::{FILES, describe};
use super::{Table, load};
use std::sync::LazyLock;

/// The facts, as the generator wrote them.
const FACTS: &str = include_str!("builtin.txt");

static BUILTIN: LazyLock<Table> = LazyLock::new(|| {
    let mut table = load(FACTS).expect("the checked-in table loads: a test does it");
    describe(&mut table, FILES).expect("the checked-in texts fit it: a test does it");
    table
});

/// The table of the built-in kinds, read at the first call.
pub fn builtin() -> &'static Table {
    &BUILTIN
}

#[cfg(test)]
mod tests;
