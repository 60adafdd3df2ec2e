//! Counting on the way of a request or a loop, and the page that a scrape shows.
//!
//! A [`Histogram`] is a row of atomics: whoever has something to count holds the very one that counts it,
//! so nothing is looked up, locked or written as text until somebody scrapes. Then each room writes its own
//! families onto a [`Page`], in Prometheus' classic format.
//!
//! | file | what |
//! |---|---|
//! | `histogram` | values by size |
//! | `page` | the text |
//!
//! What may enter: numbers, and labels of which the program knows all values. What never happens here: a
//! label that a client makes up.

mod histogram;
mod page;

pub use histogram::Histogram;
pub use page::{Export, Kind, Page};
