//! What a member is told: one table of options, three ways to set them, one answer.
//!
//! ```text
//! flags ─┐
//! ETCD_* ├─► load: one value and one origin per option ─► member: checked and typed ─► run
//! file  ─┘
//! ```
//!
//! * [`table`] lists every option once. Flags, variables, file keys, help, completion and
//!   `config explain` are all read off it, so they cannot drift apart.
//! * [`load`] merges the sources: flags over environment over file over default. etcd ignores flags
//!   and variables once there is a file; we do not, because nobody expects that.
//! * [`member`] turns settings into the [`Member`] that runs, and checks what etcd checks.
//!
//! What may enter: the options of `keelson server` and `keelson etcd`. What never happens here:
//! reading the process's own environment (it is passed in), opening anything but the configuration
//! file, stopping at the first mistake (all of them are collected and told at once).

pub mod explain;
pub mod flags;
pub mod load;
pub mod member;
pub mod nearest;
pub mod problem;
pub mod table;
pub mod url;
pub mod value;

#[cfg(test)]
mod tests;

pub use load::{Outcome, Personality, load};
pub use member::Member;
pub use problem::Problem;
