//! What this module keeps in the engine's Meta family: names and forms.

use crate::Revision;
use crate::engine::{Batch, Engine, EngineError, Family};
use crate::faults::{Plant, planted};

/// The store's revision. Eight bytes, big endian, as all numbers here.
pub(crate) const REVISION: &[u8] = b"mvcc/revision";
/// The newest compaction.
pub(crate) const COMPACTED: &[u8] = b"mvcc/compacted";
/// Bytes the store counts as occupied, freed ones included ([`super::Size::total`]).
pub(crate) const TOTAL: &[u8] = b"mvcc/total";
/// Dead tombstones up to this revision may be missing from the history.
pub(crate) const TOMBSTONE_FLOOR: &[u8] = b"mvcc/tombstone_floor";
/// Revision and checksum of the only index dump that belongs to this database.
pub(crate) const DUMP: &[u8] = b"mvcc/dump";

/// Puts a number under one of the names.
pub(crate) fn put_number(batch: &mut Batch, name: &[u8], number: i64) {
    batch.put(Family::Meta, name, &[&number.to_be_bytes()]);
}

/// Reads a number; `None` if it was never written.
pub(crate) fn number(engine: &dyn Engine, name: &[u8]) -> Result<Option<i64>, EngineError> {
    let Some(value) = engine.get(Family::Meta, name)? else {
        return Ok(None);
    };
    match <[u8; 8]>::try_from(&value[..]) {
        Ok(bytes) => Ok(Some(i64::from_be_bytes(bytes))),
        Err(_) => Err(damaged(format!(
            "{} holds {} bytes instead of 8",
            String::from_utf8_lossy(name),
            value.len()
        ))),
    }
}

/// Names the one dump that may be loaded with this database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DumpId {
    pub revision: Revision,
    pub checksum: u32,
}

/// Binds the database to a dump.
pub(crate) fn put_dump(batch: &mut Batch, id: DumpId) {
    batch.put(
        Family::Meta,
        DUMP,
        &[&id.revision.to_be_bytes(), &id.checksum.to_be_bytes()],
    );
}

/// The dump that the database is bound to.
pub(crate) fn dump(engine: &dyn Engine) -> Result<Option<DumpId>, EngineError> {
    let Some(value) = engine.get(Family::Meta, DUMP)? else {
        return Ok(None);
    };
    let Some((revision, checksum)) = value.split_first_chunk::<8>() else {
        return Err(damaged("mvcc/dump is too short".into()));
    };
    let Ok(checksum) = <[u8; 4]>::try_from(checksum) else {
        return Err(damaged("mvcc/dump has the wrong length".into()));
    };
    Ok(Some(DumpId {
        revision: i64::from_be_bytes(*revision),
        checksum: u32::from_be_bytes(checksum),
    }))
}

/// Moves a database that no store has open to `by` revisions after its newest, and its compaction
/// floor to the same place: whoever saw a revision in between is told "compacted". Returns the
/// newest revision before and after; `None` after if it does not fit the number.
pub(crate) fn put_advanced(
    engine: &dyn Engine,
    batch: &mut Batch,
    by: i64,
) -> Result<(Revision, Option<Revision>), EngineError> {
    let before = number(engine, REVISION)?.unwrap_or(1);
    let by = if planted(Plant::RevisionReused) {
        0
    } else {
        by
    };
    let after = before.checked_add(by);
    if let Some(after) = after {
        put_number(batch, REVISION, after);
        put_number(batch, COMPACTED, after);
        // The dump it was bound to lies beside another database.
        batch.delete(Family::Meta, DUMP);
    }
    Ok((before, after))
}

/// The database does not hold what this module wrote.
pub(crate) fn damaged(detail: String) -> EngineError {
    EngineError::Damaged {
        place: "the state database".into(),
        detail,
    }
}
