//! The byte budget of the records that hang on the index, and the hand that takes them off again.
//!
//! Second chance: the hand goes round the tree in key order and drops what was not read since it
//! last came by. A read costs one bit; there is no list to keep in order.

use super::index::Tree;
use bytes::Bytes;
use std::ops::ControlFlow;

/// What a cached record costs beside its bytes: the handle, the allocation's header.
const RECORD_OVERHEAD: usize = 64;
/// Leaves the hand visits at most per call: the caller holds the write lock.
const LEAVES_PER_CALL: usize = 256;

#[derive(Debug)]
pub(crate) struct Cache {
    budget: usize,
    bytes: usize,
    /// Key at which the hand goes on.
    hand: Vec<u8>,
}

impl Cache {
    pub fn new(budget: usize) -> Cache {
        Cache {
            budget,
            bytes: 0,
            hand: Vec::new(),
        }
    }

    /// Bytes held.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn has_room_for(&self, record: &Bytes) -> bool {
        self.bytes + cost(record) <= self.budget
    }

    pub fn is_enabled(&self) -> bool {
        self.budget > 0
    }

    /// Takes the change of one key's cached record into account.
    pub fn exchange(&mut self, before: Option<&Bytes>, after: Option<&Bytes>) {
        self.bytes -= before.map_or(0, cost);
        self.bytes += after.map_or(0, cost);
    }

    /// Brings the cache back under its budget, in bounded time: what is left over goes next time.
    pub fn evict(&mut self, tree: &mut Tree) {
        if self.bytes <= self.budget {
            return;
        }
        // Well over the budget there is no second chance any more.
        let ruthless = self.bytes > self.budget + self.budget / 8;
        let mut excess = self.bytes - self.budget;
        let mut leaves = LEAVES_PER_CALL;
        while excess > 0 && leaves > 0 && tree.sum().cached > 0 {
            let from = std::mem::take(&mut self.hand);
            let mut freed = 0;
            let hand = &mut self.hand;
            let _ = tree.walk_leaves(&from, &|sum| sum.cached > 0, &mut |leaf| {
                freed += leaf.evict(ruthless, cost);
                leaves -= 1;
                if freed < excess && leaves > 0 {
                    return ControlFlow::Continue(());
                }
                if let Some(last) = leaf.entries.last() {
                    hand.extend_from_slice(&last.key);
                    hand.push(0);
                }
                ControlFlow::Break(())
            });
            self.bytes -= freed;
            excess = excess.saturating_sub(freed);
        }
    }
}

fn cost(record: &Bytes) -> usize {
    record.len() + RECORD_OVERHEAD
}
