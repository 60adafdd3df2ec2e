//! The part of a sweep that frees the disk: segments of the history that are mostly dead are rewritten
//! without what is dead, piece by piece. See `compaction` for how it stops.

use super::compaction::Stop;
use super::index::Version;
use super::size::{SEGMENT_REVISIONS, Segment, Segments};
use super::store::Store;
use super::{record, schema};
use crate::Revision;
use crate::engine::{Batch, EngineError, Family, Garbage, history_key, parse_history_key};
use crate::faults::{Plant, failpoint, hurried, planted};
use parking_lot::RwLock;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A segment that is still being written is rewritten only for this much.
const WORTHWHILE_BYTES: u64 = 16 << 20;
/// For this much where a test cannot wait.
const WORTHWHILE_IN_A_HURRY: u64 = 256 << 10;
/// The engine is asked to rewrite about so much at a time, because it cannot be interrupted: a second
/// or two on a slow disk. Most segments are smaller. Smaller pieces would cost more writing: the
/// engine rewrites whole files, and a piece touches one more than it fills. Small in tests.
const PIECE_BYTES: u64 = if cfg!(test) { 512 } else { 128 << 20 };

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
    /// Where each of its pieces begins.
    pieces: Vec<Revision>,
}

impl Store {
    /// Rewrites segments of which more than half is dead, each at most once.
    pub(super) fn reclaim(&self, floor: Revision, stop: Stop<'_>) -> Result<u64, EngineError> {
        let mut rewritten = 0;
        // Twice: dropping dead puts can make dead tombstones droppable.
        for _ in 0..2 {
            if stop() {
                return Ok(rewritten);
            }
            self.raise_tombstone_floor(floor)?;
            for number in self.worthwhile(floor) {
                if !self.rewrite(number, floor, stop)? {
                    return Ok(rewritten);
                }
                rewritten += 1;
            }
        }
        Ok(rewritten)
    }

    /// The segments that are worth rewriting.
    fn worthwhile(&self, floor: Revision) -> Vec<i64> {
        let worthwhile_bytes = hurried(WORTHWHILE_BYTES, WORTHWHILE_IN_A_HURRY);
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
            if dead * 2 > segment.total && (finished || dead >= worthwhile_bytes) {
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

    /// Drops the garbage of one segment and corrects what is known about it. False if it was told to
    /// stop: then more garbage is believed to be there than there is, until it is examined again.
    fn rewrite(&self, number: i64, floor: Revision, stop: Stop<'_>) -> Result<bool, EngineError> {
        let Some(examined) = self.examine(number, floor, stop)? else {
            return Ok(false);
        };
        if !examined.dead.is_empty() {
            let end = Segments::first(number + 1);
            let dead = Arc::new(examined.dead);
            *self.dead.0.write() = Arc::clone(&dead);
            failpoint!("reclaim-before");
            let done = self.reclaim_pieces(&examined.pieces, end, &dead, stop);
            failpoint!("reclaim-after");
            *self.dead.0.write() = Arc::default();
            if !done? {
                return Ok(false);
            }
        }
        let Some(examined) = self.examine(number, floor, stop)? else {
            return Ok(false);
        };
        let mut state = self.state.write();
        match examined.segment.total {
            0 => state.segments.0.remove(&number),
            _ => state.segments.0.insert(number, examined.segment),
        };
        Ok(true)
    }

    /// Has the engine rewrite those pieces of a segment, up to `end`, in which something is dead.
    /// False if it was told to stop.
    fn reclaim_pieces(
        &self,
        pieces: &[Revision],
        end: Revision,
        dead: &[(Revision, u32)],
        stop: Stop<'_>,
    ) -> Result<bool, EngineError> {
        for (at, &from) in pieces.iter().enumerate() {
            let to = pieces.get(at + 1).copied().unwrap_or(end);
            let first = dead.partition_point(|(revision, _)| *revision < from);
            if dead.get(first).is_none_or(|(revision, _)| *revision >= to) {
                continue;
            }
            if stop() {
                return Ok(false);
            }
            failpoint!("reclaim-piece");
            self.engine.reclaim(from, to)?;
        }
        Ok(true)
    }

    /// Reads a segment and compares it with the index. `None` if it was told to stop.
    fn examine(
        &self,
        number: i64,
        floor: Revision,
        stop: Stop<'_>,
    ) -> Result<Option<Examined>, EngineError> {
        let tombstone_floor = self.state.read().tombstone_floor;
        let first = Segments::first(number);
        let mut examined = Examined {
            segment: Segment::default(),
            dead: Vec::new(),
            pieces: vec![first],
        };
        let (mut bad, mut stopped) = (false, false);
        let (mut piece_bytes, mut last) = (0, first);
        let (from, to) = (
            history_key(first, 0),
            history_key(first + SEGMENT_REVISIONS, 0),
        );
        self.engine
            .scan(Family::History, &from, &to, &mut |key, stored| {
                stopped = stop();
                if stopped {
                    return ControlFlow::Break(());
                }
                let parsed = parse_history_key(key).zip(stored.split_first());
                let Some((position, (&kind, record))) = parsed else {
                    bad = true;
                    return ControlFlow::Break(());
                };
                let tombstone = kind == record::TOMBSTONE;
                let version = Version::new(position.0, position.1, record.len(), tombstone);
                let bytes = version.stored_bytes();
                examined.segment.total += bytes;
                if piece_bytes >= PIECE_BYTES && position.0 > last {
                    examined.pieces.push(position.0);
                    piece_bytes = 0;
                }
                (piece_bytes, last) = (piece_bytes + bytes, position.0);
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
        Ok((!stopped).then_some(examined))
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
            let dirty = dirty.filter(|_| !planted(Plant::DeletedKeyRises));
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
