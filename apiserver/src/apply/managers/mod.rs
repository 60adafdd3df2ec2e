//! `metadata.managedFields`: who owns which fields of an object.
//!
//! One [`Entry`] per manager, operation, subresource and (for updates) API version, in [`Managers`].
//! Entries of updates are capped: the oldest become one, called `ancient-changes`. Here is also what is
//! never owned ([`never_owned`]), what a resource does not let its clients set ([`ignored_by_main`],
//! [`ignored_by_status`]) and when a write is none at all ([`settle_times`]). Nothing here looks into
//! an object beyond its managed fields, and no clock is read: times arrive as text.

mod entry;
mod list;
mod rules;

pub use entry::{Entry, Identity, Operation};
pub use list::{Managers, Unreadable};
pub(super) use rules::same_but_managers;
pub use rules::{ignored_by_main, ignored_by_status, is_reset, never_owned, settle_times};

/// Entries of updates that an object keeps. Beyond, the oldest of each API version become one.
pub const MAX_UPDATERS: usize = 10;

/// The manager of what was set before the first apply, if nobody was recorded.
pub const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// The manager that old updates are recorded under.
pub const ANCIENT_CHANGES: &str = "ancient-changes";

#[cfg(test)]
mod tests;
