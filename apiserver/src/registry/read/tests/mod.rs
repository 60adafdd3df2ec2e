//! The numbered statements of the contract that are about reading, over a store in memory. The clock of
//! these tests stands still while anybody has something to do.

mod bookmarks;
mod crowd;
mod fresh;
mod paging;
mod selectors;
mod speed;
mod stale;
mod watching;
mod world;
