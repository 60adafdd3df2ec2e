//! Ranges: one revision, any size.
//!
//! A range takes the lock for a few hundred keys at a time, and reads from the engine without it.
//! It stays consistent because every version it can see stays where it is: older versions remain
//! in the index until a compaction trims them, and trimming stops below the oldest pinned revision.
//!
//! What never happens here: a change. (The one exception: records that were read are hung on the
//! index for the next reader.)

mod collect;
mod gather;
mod query;
mod scan;

pub(crate) use gather::Source;
pub(crate) use query::Query;
pub(crate) use scan::answer;
pub use scan::{Find, RangeScan};
