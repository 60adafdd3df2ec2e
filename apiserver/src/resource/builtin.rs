//! The built-in resources.

use super::catalog::parse_version;
use super::{Catalog, load};
use std::sync::LazyLock;

const ROWS: &str = include_str!("builtin.txt");

static EVERYTHING: LazyLock<Catalog> = LazyLock::new(|| {
    let rows = load(ROWS).expect("the checked-in rows load: a test does it");
    Catalog::new(rows).expect("the checked-in rows differ: a test looks")
});

static BUILTIN: LazyLock<Catalog> = LazyLock::new(|| {
    let rows = load(ROWS).expect("the checked-in rows load: a test does it");
    let stable = rows.into_iter().filter(|row| {
        let version = parse_version(&row.gvk.version);
        version.is_some_and(|(stability, ..)| stability == 2)
    });
    Catalog::new(stable.collect()).expect("the checked-in rows differ: a test looks")
});

/// What a server of this release serves unless it is told otherwise: stable versions.
pub fn builtin() -> &'static Catalog {
    &BUILTIN
}

/// What a server of this release knows: beta and alpha versions, too.
pub fn everything() -> &'static Catalog {
    &EVERYTHING
}

#[cfg(test)]
mod tests;
