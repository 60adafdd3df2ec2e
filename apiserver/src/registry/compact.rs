//! History that nobody needs any more.

use super::Registry;
use crate::status::Failure;
use crate::storage::KvError;

impl Registry {
    /// Drops history before this revision: of the whole store, not only of objects. What has been dropped
    /// before, by whomever, is no failure.
    ///
    /// # Errors
    /// The store's. One whose outcome is not known may be asked again.
    pub async fn compact(&self, revision: u64) -> Result<(), Failure> {
        match self.kv.compact(revision).await {
            Ok(()) | Err(KvError::Compacted { .. }) => Ok(()),
            Err(error) => Err(Failure::unavailable(format!(
                "a compaction at {revision}: {error:?}"
            ))),
        }
    }
}
