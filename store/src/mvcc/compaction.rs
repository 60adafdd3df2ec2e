//! After a compaction: trimming the index, then dropping dead history from the disk.

use super::index::Version;
use super::size::{SEGMENT_REVISIONS, Segment, Segments};
use super::store::{State, Store};
use super::{record, schema};
use crate::Revision;
use crate::engine::{Batch, EngineError, Family, Garbage, history_key, parse_history_key};
use parking_lot::RwLock;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Leaves trimmed per hold of the write lock.
const LEAVES_PER_LOCK: usize = 32;
/// A segment that is still being written is rewritten only for this much.
const WORTHWHILE_BYTES: u64 = 16 << 20;

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

/// The garbage of the segment that is being rewritten. Empty otherwise: everything is kept.
///
/// A set made beforehand, rather than a look into the index: the engine asks from threads for which
/// the writer may be waiting while it holds the lock on the index.
#[derive(Default)]
pub(crate) struct Dead(RwLock<Arc<Vec<(Revision, u32)>>>);

impl Garbage for Dead {
    fn is_garbage(&self, revision: i64, sub: u32, _record: &[u8]) -> bool {
        let dead = self.0.read().clone();
        dead.binary_search(&(revision, sub)).is_ok()
    }
}

/// What lies in a segment, and which of it may be dropped now.
struct Examined {
    segment: Segment,
    dead: Vec<(Revision, u32)>,
}

impl Store {
    /// Brings the index and the disk up to the newest compaction, flushing if it must. Blocks; returns
    /// when caught up or when `stop` is set. Trims no further than the oldest revision being read;
    /// call again later for the rest.
    pub fn sweep(&self, stop: &AtomicBool) -> Result<Swept, EngineError> {
        loop {
            let compacted = self.compacted();
            if self.durable_compacted.load(Ordering::Acquire) < compacted {
                self.flush()?;
            }
            let swept = self.sweep_durable(stop)?;
            if stop.load(Ordering::Relaxed) || self.compacted() == compacted {
                return Ok(swept);
            }
        }
    }

    /// The same up to the newest compaction that is durable. What it frees would not be worth a flush
    /// of its own: compactions can come every second.
    pub fn sweep_durable(&self, stop: &AtomicBool) -> Result<Swept, EngineError> {
        let _sweeping = self.sweeping.lock();
        let floor = self.floor();
        let mut swept = Swept {
            floor,
            ..Swept::default()
        };
        if floor > self.trimmed.load(Ordering::Acquire) {
            swept.versions = self.trim(floor);
        }
        swept.segments = self.reclaim(floor, stop)?;
        if !stop.load(Ordering::Relaxed) {
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
            .map_or(durable, |oldest| oldest.min(durable))
    }

    /// Trims every key that has something to trim, a few leaves at a time.
    fn trim(&self, floor: Revision) -> u64 {
        let _maintenance = self.maintenance.lock();
        let mut versions = 0;
        let mut from = Some(Vec::new());
        while let Some(start) = from.take() {
            let (trimmed, next) = self.state.write().trim(&start, floor, LEAVES_PER_LOCK);
            versions += trimmed;
            from = next;
        }
        self.trimmed.store(floor, Ordering::Release);
        versions
    }

    /// Rewrites segments of which more than half is dead, each at most once.
    fn reclaim(&self, floor: Revision, stop: &AtomicBool) -> Result<u64, EngineError> {
        let mut rewritten = 0;
        // Twice: dropping dead puts can make dead tombstones droppable.
        for _ in 0..2 {
            self.raise_tombstone_floor(floor)?;
            for number in self.worthwhile(floor) {
                if stop.load(Ordering::Relaxed) {
                    return Ok(rewritten);
                }
                self.rewrite(number, floor)?;
                rewritten += 1;
            }
        }
        Ok(rewritten)
    }

    /// The segments that are worth rewriting.
    fn worthwhile(&self, floor: Revision) -> Vec<i64> {
        let state = self.state.read();
        let tombstone_floor = state.tombstone_floor;
        let segments = &state.segments.0;
        let mut chosen = Vec::new();
        for (&number, segment) in segments {
            let last = Segments::first(number + 1) - 1;
            let mut dead = segment.dead_puts;
            if last <= tombstone_floor {
                dead += segment.dead_tombstones;
            }
            let finished = last <= floor;
            if dead * 2 > segment.total && (finished || dead >= WORTHWHILE_BYTES) {
                chosen.push(number);
            }
        }
        // The first segment with dead puts keeps the dead tombstones after it. When those have come
        // to weigh more than the segment, it is worth its rewriting.
        let first = segments.iter().find(|(_, segment)| segment.dead_puts > 0);
        if let Some((&number, segment)) = first {
            let held: u64 = segments
                .range(number..)
                .map(|(_, it)| it.dead_tombstones)
                .sum();
            let finished = Segments::first(number + 1) - 1 <= floor;
            if finished && held > segment.total && !chosen.contains(&number) {
                chosen.insert(0, number);
            }
        }
        chosen
    }

    /// Drops the garbage of one segment and corrects what is known about it.
    fn rewrite(&self, number: i64, floor: Revision) -> Result<(), EngineError> {
        let examined = self.examine(number, floor)?;
        if !examined.dead.is_empty() {
            *self.dead.0.write() = Arc::new(examined.dead);
            let first = Segments::first(number);
            let done = self.engine.reclaim(first, first + SEGMENT_REVISIONS);
            *self.dead.0.write() = Arc::default();
            done?;
        }
        let examined = self.examine(number, floor)?;
        let mut state = self.state.write();
        match examined.segment.total {
            0 => state.segments.0.remove(&number),
            _ => state.segments.0.insert(number, examined.segment),
        };
        Ok(())
    }

    /// Reads a segment and compares it with the index.
    fn examine(&self, number: i64, floor: Revision) -> Result<Examined, EngineError> {
        let tombstone_floor = self.state.read().tombstone_floor;
        let mut examined = Examined {
            segment: Segment::default(),
            dead: Vec::new(),
        };
        let mut bad = false;
        let first = Segments::first(number);
        let (from, to) = (
            history_key(first, 0),
            history_key(first + SEGMENT_REVISIONS, 0),
        );
        self.engine
            .scan(Family::History, &from, &to, &mut |key, stored| {
                let parsed = parse_history_key(key).zip(stored.split_first());
                let Some((position, (&kind, record))) = parsed else {
                    bad = true;
                    return ControlFlow::Break(());
                };
                let tombstone = kind == record::TOMBSTONE;
                let version = Version::new(position.0, position.1, record.len(), tombstone);
                let bytes = version.stored_bytes();
                examined.segment.total += bytes;
                if position.0 > floor || self.is_referenced(position, record) {
                    return ControlFlow::Continue(());
                }
                match tombstone {
                    true => examined.segment.dead_tombstones += bytes,
                    false => examined.segment.dead_puts += bytes,
                }
                if !tombstone || position.0 <= tombstone_floor {
                    examined.dead.push(position);
                }
                ControlFlow::Continue(())
            })?;
        if bad {
            crate::broken!("a history record in segment {number} does not parse");
        }
        Ok(examined)
    }

    fn is_referenced(&self, position: (Revision, u32), record: &[u8]) -> bool {
        let key = record::peek_key(record).unwrap_or_default();
        let state = self.state.read();
        state
            .tree
            .get(key)
            .is_some_and(|slot| slot.entry().references(position))
    }

    /// Lets dead tombstones go as far as nothing can rise again without them: below every dead put
    /// still on disk, and within what the index dump already knows. See the module's essay.
    fn raise_tombstone_floor(&self, floor: Revision) -> Result<(), EngineError> {
        let dumped = self.maintenance.lock().bound_revision();
        let raised = {
            let state = self.state.read();
            let dirty = state.segments.0.iter().find(|(_, it)| it.dead_puts > 0);
            let clean = dirty.map_or(Revision::MAX, |(&number, _)| Segments::first(number) - 1);
            let raised = (floor - 1).min(clean).min(dumped);
            let worthwhile = state.segments.0.iter().any(|(&number, segment)| {
                Segments::first(number + 1) - 1 <= raised
                    && (segment.dead_puts + segment.dead_tombstones) * 2 > segment.total
            });
            if raised <= state.tombstone_floor || !worthwhile {
                return Ok(());
            }
            raised
        };
        let mut batch = Batch::default();
        schema::put_number(&mut batch, schema::TOMBSTONE_FLOOR, raised);
        self.engine.write(&batch)?;
        self.engine.flush()?;
        self.state.write().tombstone_floor = raised;
        Ok(())
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
