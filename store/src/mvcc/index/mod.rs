//! The ordered key index: for every key where its versions lie, and for the newest what they are.
//!
//! A B+tree of our own, for three things that the standard map does not give: the number of live
//! keys in any range in logarithmic time (every `Range` answers with it), a way past whole subtrees
//! in which nothing is of interest (a compaction visits what changed, not what is stored), and
//! cached records beside the keys at no cost where nothing is cached. Each inner node keeps a
//! [`leaf::Sum`] per child for that, and every node [`heads::Heads`] to search by.
//!
//! What never happens here: locks, the engine, revisions that are "now". The tree knows keys and
//! versions; who may see which is decided above.

mod bulk;
mod entry;
mod heads;
mod iterate;
mod leaf;
mod separators;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use bulk::Builder;
pub(crate) use entry::{Entry, RECORD_LEN_MAX, Seen, Version};
pub(crate) use iterate::Slot;
pub(crate) use tree::Tree;
