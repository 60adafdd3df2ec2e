//! The newest batches, in memory, for every hub to read.

use super::batch::SharedBatch;
use crate::Revision;
use std::collections::VecDeque;
use std::sync::Arc;

/// Consecutive batches covering the revisions above `floor` up to `published`.
#[derive(Debug)]
pub(crate) struct Window {
    batches: VecDeque<Arc<SharedBatch>>,
    bytes: usize,
    bytes_max: usize,
    floor: Revision,
    published: Revision,
}

impl Window {
    pub fn new(bytes_max: usize, published: Revision) -> Window {
        Window {
            batches: VecDeque::new(),
            bytes: 0,
            bytes_max,
            floor: published,
            published,
        }
    }

    /// The newest revision that hubs may deliver.
    pub fn published(&self) -> Revision {
        self.published
    }

    /// Appends a batch that follows on `published`. Returns what fell out at the other end, so that
    /// the caller frees it after unlocking.
    pub fn push(&mut self, batch: Arc<SharedBatch>) -> Vec<Arc<SharedBatch>> {
        self.published = batch.revision();
        self.bytes += batch.footprint();
        self.batches.push_back(batch);
        let mut evicted = Vec::new();
        while self.bytes > self.bytes_max && self.batches.len() > 1 {
            let oldest = self.batches.pop_front().expect("two batches or more");
            self.bytes -= oldest.footprint();
            self.floor = oldest.revision();
            evicted.push(oldest);
        }
        evicted
    }

    /// Forgets everything: what led to `published` can only be read from history.
    pub fn reset(&mut self, published: Revision) -> Vec<Arc<SharedBatch>> {
        self.bytes = 0;
        self.floor = published;
        self.published = published;
        std::mem::take(&mut self.batches).into()
    }

    /// The batches from the one that contains `from` up to revision `to`: at least one, then until
    /// about `bytes_max`. Empty if `from` is not published yet, `None` if it is no longer here.
    pub fn read(
        &self,
        from: Revision,
        to: Revision,
        bytes_max: usize,
    ) -> Option<Vec<Arc<SharedBatch>>> {
        if from <= self.floor {
            return None;
        }
        let start = self
            .batches
            .partition_point(|batch| batch.revision() < from);
        let mut read = Vec::new();
        let mut bytes = 0;
        for batch in self.batches.range(start..) {
            if batch.revision() > to || (bytes >= bytes_max && !read.is_empty()) {
                break;
            }
            bytes += batch.bytes();
            read.push(batch.clone());
        }
        Some(read)
    }
}
