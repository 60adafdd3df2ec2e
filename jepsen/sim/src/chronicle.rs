//! What the store has been, written down while it is made, because it forgets what is compacted.

use crate::asked::Change;
use keelson_proto::mvccpb::KeyValue;
use keelson_store::mvcc::Store;
use prost::Message;

/// Bytes of history read at once.
const HISTORY_BYTES: usize = 1 << 20;

/// See the module's essay.
#[derive(Default)]
pub struct Chronicle {
    changes: Vec<Change>,
}

impl Chronicle {
    /// The last revision that is written down. Nothing above it should be compacted.
    pub fn revision(&self) -> i64 {
        self.changes.last().map_or(1, |change| change.revision)
    }

    /// All changes, oldest first.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Writes down what a store has beyond that, in the tick of this number.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn read(&mut self, tick: u64, store: &Store) -> Result<(), String> {
        let next = self.revision() + 1;
        // What this one has forgotten another one has told.
        if next <= store.revision() && next >= store.compacted() {
            let new = changes(store, next, tick)?;
            self.changes.extend(new);
        }
        Ok(())
    }

    /// The store of a healed member must be what is written down, as far as it goes back.
    ///
    /// # Errors
    /// It is not.
    pub fn compare(&self, store: &Store) -> Result<(), String> {
        let from = store.compacted().max(1) + 1;
        let has = changes(store, from, 0)?;
        let known = self.changes.iter().filter(|one| one.revision >= from);
        let same = |(one, other): (&Change, &Change)| {
            (one.revision, &one.key, &one.value, one.lease)
                == (other.revision, &other.key, &other.value, other.lease)
        };
        if has.len() == known.clone().count() && has.iter().zip(known).all(same) {
            return Ok(());
        }
        Err(format!(
            "the history from {from} on is not what was seen while it was made"
        ))
    }
}

fn changes(store: &Store, from: i64, seen_ms: u64) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    let mut next = from;
    while next <= store.revision() {
        let batch = store.history(next, store.revision(), HISTORY_BYTES);
        let batch = batch.map_err(|error| error.to_string())?;
        next = batch.revision + 1;
        for event in batch.events {
            let record = KeyValue::decode(event.record).map_err(|error| error.to_string())?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            changes.push(Change {
                revision: event.revision,
                key: text(&event.key),
                value: (!event.deleted).then(|| text(&record.value)),
                lease: record.lease,
                seen_ms,
            });
        }
    }
    Ok(changes)
}
