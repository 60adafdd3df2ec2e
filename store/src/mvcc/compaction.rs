//! After a compaction: the sweep. It trims the index and has dead history dropped from the disk.
//!
//! A sweep may take minutes, and a member that stops must not wait for it. So it asks between steps,
//! each of which is bounded, whether to go on. What a stopped one leaves is nothing special: an index of
//! which a part is trimmed further than the rest, and segments of which a part has been rewritten. A
//! start trims the whole index anyway, and the next sweep finds the segments as dead as they are.

use super::index::Version;
use super::store::{State, Store};
use crate::Revision;
use crate::engine::EngineError;
use crate::faults::{Plant, failpoint, planted};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

/// Leaves trimmed per hold of the write lock.
const LEAVES_PER_LOCK: usize = 32;

/// Asked between the steps of a sweep whether it shall stop. Once it has said so, it says so always.
pub type Stop<'a> = &'a dyn Fn() -> bool;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// The compaction floor reached: [`Store::compacted`], unless readers hold older revisions.
    pub floor: Revision,
    /// Versions that left the index.
    pub versions: u64,
    /// History segments that were rewritten.
    pub segments: u64,
}

impl Store {
    /// Brings the index and the disk up to the newest compaction, flushing if it must. Blocks; returns
    /// when caught up or told to `stop`. Trims no further than the oldest revision being read; call
    /// again later for the rest.
    pub fn sweep(&self, stop: Stop<'_>) -> Result<Swept, EngineError> {
        loop {
            let compacted = self.compacted();
            if self.durable_compacted.load(Ordering::Acquire) < compacted && !stop() {
                self.flush()?;
            }
            let swept = self.sweep_durable(stop)?;
            if stop() || self.compacted() == compacted {
                return Ok(swept);
            }
        }
    }

    /// The same up to the newest compaction that is durable. What it frees would not be worth a flush
    /// of its own: compactions can come every second.
    pub fn sweep_durable(&self, stop: Stop<'_>) -> Result<Swept, EngineError> {
        let _sweeping = self.sweeping.lock();
        let floor = self.floor();
        let mut swept = Swept {
            floor,
            ..Swept::default()
        };
        if floor > self.trimmed.load(Ordering::Acquire) {
            failpoint!("sweep-begin");
            swept.versions = self.trim(floor, stop);
            failpoint!("sweep-trimmed");
        }
        swept.segments = self.reclaim(floor, stop)?;
        if !stop() {
            failpoint!("sweep-finished");
            self.swept.store(floor, Ordering::Release);
        }
        Ok(swept)
    }

    /// Whether everything below `revision` has been swept that nobody reads any more.
    pub fn is_swept(&self, revision: Revision) -> bool {
        let swept = self.swept();
        let held_back = self.pins.oldest().filter(|oldest| *oldest < revision);
        swept >= held_back.unwrap_or(revision)
    }

    /// How far the index may be trimmed: to the newest compaction whose record is durable (then so
    /// is everything that superseded what it drops), and not past anybody who reads.
    fn floor(&self) -> Revision {
        let durable = self.durable_compacted.load(Ordering::Acquire);
        self.pins
            .oldest()
            .filter(|_| !planted(Plant::CompactionOvertakesReader))
            .map_or(durable, |oldest| oldest.min(durable))
    }

    /// Trims every key that has something to trim, a few leaves at a time.
    fn trim(&self, floor: Revision, stop: Stop<'_>) -> u64 {
        let _maintenance = self.maintenance.lock();
        let mut versions = 0;
        let mut from = Some(Vec::new());
        while let Some(start) = from.take() {
            if stop() {
                return versions;
            }
            let (trimmed, next) = self.state.write().trim(&start, floor, LEAVES_PER_LOCK);
            failpoint!("sweep-batch");
            versions += trimmed;
            from = next;
        }
        self.trimmed.store(floor, Ordering::Release);
        versions
    }
}

impl State {
    /// Trims the keys from `from` on, in at most `leaves_max` leaves. Returns how many versions went
    /// and where to go on.
    pub fn trim(
        &mut self,
        from: &[u8],
        floor: Revision,
        leaves_max: usize,
    ) -> (u64, Option<Vec<u8>>) {
        let (mut leaves, mut versions, mut next) = (0, 0, None);
        let State {
            tree,
            size,
            segments,
            cache,
            ..
        } = self;
        let _ = tree.walk_leaves(from, &|sum| sum.trimmable > 0, &mut |leaf| {
            leaves += 1;
            if leaves == leaves_max {
                next = leaf
                    .entries
                    .last()
                    .map(|last| [&last.key[..], &[0]].concat());
            }
            leaf.retain(|entry, cached| {
                let keep = entry.trim(floor, &mut |version: Version| {
                    versions += 1;
                    size.in_use -= version.stored_bytes();
                    segments.died(version);
                });
                if !keep {
                    cache.exchange(cached.take().as_ref(), None);
                }
                keep
            });
            match next {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        });
        (versions, next)
    }
}
