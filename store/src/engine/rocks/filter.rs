//! How garbage leaves the disk: RocksDB shows every history record that it rewrites to a filter.

use crate::engine::{Garbage, GarbageSlot, parse_history_key};
use rocksdb::CompactionDecision;
use rocksdb::compaction_filter::CompactionFilter;
use rocksdb::compaction_filter_factory::{CompactionFilterContext, CompactionFilterFactory};
use std::ffi::CStr;
use std::sync::Arc;

/// Makes one filter for each rewrite, as rewrites run beside each other.
pub(super) struct GarbageFilterFactory(pub GarbageSlot);

impl CompactionFilterFactory for GarbageFilterFactory {
    type Filter = GarbageFilter;

    fn create(&mut self, _context: CompactionFilterContext) -> GarbageFilter {
        GarbageFilter(self.0.get().cloned())
    }

    fn name(&self) -> &CStr {
        c"keelson.garbage"
    }
}

/// Keeps everything if nobody could be asked when the rewrite began.
pub(super) struct GarbageFilter(Option<Arc<dyn Garbage>>);

impl CompactionFilter for GarbageFilter {
    fn filter(&mut self, _level: u32, key: &[u8], value: &[u8]) -> CompactionDecision {
        let Some(garbage) = &self.0 else {
            return CompactionDecision::Keep;
        };
        match parse_history_key(key) {
            Some((revision, sub)) if garbage.is_garbage(revision, sub, value) => {
                CompactionDecision::Remove
            }
            _ => CompactionDecision::Keep,
        }
    }

    fn name(&self) -> &CStr {
        c"keelson.garbage"
    }
}
