//! What was acknowledged survives: writers that never stop, members that are killed again and again.
//!
//! [`writer`] puts unique values under keys of its own and keeps every acknowledgement; [`storm`]
//! kills and restarts members meanwhile and measures how soon they answer again; [`verdict`] reads
//! the store afterwards and compares it with the acknowledgements. All of it is black-box, so a real
//! etcd must pass, too.

pub mod storm;
pub mod verdict;
pub mod writer;
