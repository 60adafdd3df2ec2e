//! Every version of every key that has not been compacted away.
//!
//! See the interface below; the rooms behind it are written next.
