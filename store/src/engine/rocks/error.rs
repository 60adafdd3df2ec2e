//! RocksDB's errors, sorted by what the caller does next.

use crate::engine::EngineError;
use rocksdb::ErrorKind;
use std::path::Path;

/// What an error of RocksDB means for a member whose database is in `directory`.
pub(super) fn engine_error(directory: &Path, error: &rocksdb::Error) -> EngineError {
    let place = directory.display().to_string();
    let detail = error.to_string();
    match error.kind() {
        ErrorKind::IOError if is_lock(&detail) => EngineError::InUse { place },
        // A file that the database lists and that is gone.
        ErrorKind::IOError if detail.contains("No such file") => {
            EngineError::Damaged { place, detail }
        }
        ErrorKind::Corruption => EngineError::Damaged { place, detail },
        _ => EngineError::Io { place, detail },
    }
}

/// What the system said about `place`.
pub(super) fn io_error(place: &Path, error: &std::io::Error) -> EngineError {
    EngineError::Io {
        place: place.display().to_string(),
        detail: error.to_string(),
    }
}

/// Only the kind of a RocksDB error is structured. Two texts mean that somebody holds the lock file:
/// one for this process, one for another.
fn is_lock(detail: &str) -> bool {
    let held_here = detail.contains("lock hold by current process");
    let held_elsewhere = detail.contains("While lock file") && detail.contains("LOCK: Resource");
    held_here || held_elsewhere
}
