//! What watching needs of the store.

use crate::event::{Event, EventBatch};
use crate::{Error, Revision};
use bytes::Bytes;

/// The four questions the hubs ask the store, from any thread.
pub trait Source: Send + Sync + 'static {
    /// The newest revision that readers see. Never below what was published to the feed.
    fn revision(&self) -> Revision;

    /// The revision below which history is gone; -1 before the first compaction.
    fn compacted(&self) -> Revision;

    /// Events of whole revisions in `[from, to]`, oldest first: at least one revision, then until
    /// about `bytes_max`. The batch's revision is the last one covered.
    ///
    /// # Errors
    /// [`Error::Compacted`] if `from` is below the compacted revision.
    fn history(&self, from: Revision, to: Revision, bytes_max: usize) -> Result<EventBatch, Error>;

    /// The encoded record that `event` replaced, if there was one and it still exists.
    fn previous(&self, event: &Event) -> Option<Bytes>;
}
