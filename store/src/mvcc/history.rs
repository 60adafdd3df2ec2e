//! The past as events: what a watcher that lags is caught up with.

use super::record;
use super::store::{Store, read_failed};
use super::write::before;
use crate::Revision;
use crate::engine::{Family, history_key, parse_history_key};
use crate::error::Error;
use crate::event::{Event, EventBatch, Previous};
use crate::faults::{Plant, planted};
use bytes::Bytes;
use std::ops::ControlFlow;

/// Events whose predecessors are looked up per hold of the lock.
const EVENTS_PER_LOCK: usize = 500;

impl Store {
    /// The events of whole revisions in `[from, to]`, oldest first, until about `bytes_max` are
    /// reached (one revision at least). The batch's revision is the last one covered; it never
    /// exceeds the store's. `Err(Compacted)` if `from` lies below the compaction floor.
    pub fn history(
        &self,
        from: Revision,
        to: Revision,
        bytes_max: usize,
    ) -> Result<EventBatch, Error> {
        let (to, _pin) = {
            let state = self.state.read();
            if from < state.compacted {
                return Err(Error::Compacted);
            }
            (to.min(state.revision), self.pins.pin(from))
        };
        let mut batch = EventBatch {
            events: Vec::new(),
            revision: to,
        };
        if from > to {
            return Ok(batch);
        }
        let mut bytes = 0;
        let mut bad = None;
        let first = history_key(from.max(0), 0);
        let end = history_key(to.saturating_add(1), 0);
        self.engine
            .scan(Family::History, &first, &end, &mut |key, stored| {
                let Some(event) = decode(key, stored) else {
                    bad = Some(Bytes::copy_from_slice(key));
                    return ControlFlow::Break(());
                };
                if planted(Plant::DeletionAtStartMissed) && event.deleted && event.revision == from
                {
                    return ControlFlow::Continue(());
                }
                let last = batch.events.last().map(|event| event.revision);
                if bytes >= bytes_max && last.is_some_and(|last| last < event.revision) {
                    // Revisions without events do not exist in between, so this covers them.
                    batch.revision = event.revision - 1;
                    return ControlFlow::Break(());
                }
                bytes += 128 + event.key.len() + event.record.len();
                batch.events.push(event);
                ControlFlow::Continue(())
            })
            .map_err(read_failed)?;
        if let Some(key) = bad {
            crate::broken!("the history record {key:?} does not parse");
        }
        for events in batch.events.chunks_mut(EVENTS_PER_LOCK) {
            self.find_previous(events);
        }
        Ok(batch)
    }

    /// Fills in where the version before each event's revision lies. It is absent where there was
    /// none, and where compaction has already taken it.
    fn find_previous(&self, events: &mut [Event]) {
        let state = self.state.read();
        for event in events {
            let slot = state.tree.get(&event.key);
            event.previous =
                slot.map_or(Previous::None, |slot| before(slot.entry(), event.revision));
        }
    }
}

fn decode(key: &[u8], stored: &[u8]) -> Option<Event> {
    let (revision, sub) = parse_history_key(key)?;
    let (&kind, record) = stored.split_first()?;
    let record = Bytes::copy_from_slice(record);
    let key = record::share(&record, record::peek_key(&record)?);
    Some(Event {
        revision,
        sub,
        key,
        deleted: kind == record::TOMBSTONE,
        record,
        previous: Previous::None,
    })
}
