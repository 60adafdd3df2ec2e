//! Flushing, and writing a dump when it is due.

use super::Dumps;
use super::format::{Blocks, Footer, encode_entry, encode_footer};
use crate::Revision;
use crate::engine::{Batch, EngineError};
use crate::faults::{failpoint, hurried};
use crate::mvcc::index::{Entry, Seen};
use crate::mvcc::record::Fields;
use crate::mvcc::schema::{self, DumpId};
use crate::mvcc::store::Store;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;

/// Keys taken per hold of the lock.
const KEYS_PER_LOCK: usize = 500;
/// A dump is not worth writing for less history than this.
const UNDUMPED_BYTES_MIN: u64 = 64 << 20;
/// Nor for less than this many times the size of the last one: writing dumps stays a fraction of
/// writing history, and reading the rest of the history stays a matter of the dump's own magnitude.
const UNDUMPED_DUMPS_MIN: u64 = 4;
/// So much is worth it where a test cannot wait.
const UNDUMPED_IN_A_HURRY: u64 = 256 << 10;
const TEMPORARY: &str = "index.tmp";

impl Store {
    /// Makes everything applied before the call durable, and writes an index dump if enough history
    /// has come since the last. Blocks; for a helper thread.
    pub fn flush(&self) -> Result<(), EngineError> {
        self.flush_and_dump(false)
    }

    /// Flushes and writes an index dump in any case, so that the next start is quick: for an orderly
    /// shutdown.
    pub fn dump(&self) -> Result<(), EngineError> {
        self.flush_and_dump(true)
    }

    fn flush_and_dump(&self, always: bool) -> Result<(), EngineError> {
        let mut dumps = self.maintenance.lock();
        let (footer, undumped) = {
            let state = self.state.read();
            let footer = Footer {
                revision: state.revision,
                compacted: state.compacted,
                trimmed: self.trimmed.load(Ordering::Acquire),
                segments: state.segments.clone(),
                entries: 0,
            };
            (footer, state.undumped_bytes)
        };
        failpoint!("flush-before");
        self.engine.flush()?;
        failpoint!("flush-after");
        self.durable.fetch_max(footer.revision, Ordering::AcqRel);
        self.durable_compacted
            .fetch_max(footer.compacted, Ordering::AcqRel);
        let Some(directory) = dumps.directory.clone() else {
            return Ok(());
        };
        let due = hurried(UNDUMPED_BYTES_MIN, UNDUMPED_IN_A_HURRY).max(
            dumps
                .bound
                .map_or(0, |(_, bytes)| bytes * UNDUMPED_DUMPS_MIN),
        );
        if undumped < due && !(always && undumped > 0) {
            return Ok(());
        }
        match self.write_dump(&directory, footer) {
            Ok((id, bytes)) => {
                let mut batch = Batch::default();
                schema::put_dump(&mut batch, id);
                self.engine.write(&batch)?;
                self.engine.flush()?;
                failpoint!("dump-known");
                dumps.bound = Some((id, bytes));
                self.state.write().undumped_bytes -= undumped;
                remove_others(&directory, id);
            }
            // The next start is slower, nothing else.
            Err(error) => tracing::warn!(%error, "the index dump was not written"),
        }
        Ok(())
    }

    /// Writes every key as of `footer.revision`, which is durable. The caller holds the maintenance
    /// lock, so nothing is trimmed meanwhile and keys that change keep their older versions.
    fn write_dump(
        &self,
        directory: &Path,
        mut footer: Footer,
    ) -> Result<(DumpId, u64), EngineError> {
        let io = |error: std::io::Error| io_error(directory, &error);
        std::fs::create_dir_all(directory).map_err(io)?;
        let temporary = directory.join(TEMPORARY);
        let mut out = Blocks::create(&temporary).map_err(io)?;
        let mut next = Some(Vec::new());
        while let Some(from) = next.take() {
            let (chunk, resume) = self.dump_chunk(&from, footer.revision)?;
            next = resume;
            for entry in &chunk {
                encode_entry(&mut out.block, entry);
                footer.entries += 1;
                out.close_full_block().map_err(io)?;
            }
        }
        out.close_block().map_err(io)?;
        encode_footer(&mut out.block, &footer);
        out.close_block().map_err(io)?;
        let id = DumpId {
            revision: footer.revision,
            checksum: out.checksum,
        };
        let bytes = out.finish().map_err(io)?;
        failpoint!("dump-before-rename");
        std::fs::rename(&temporary, Dumps::path(directory, id)).map_err(io)?;
        failpoint!("dump-renamed");
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(io)?;
        Ok((id, bytes))
    }

    /// The next keys as of `revision`, and where to go on.
    #[allow(clippy::type_complexity)]
    fn dump_chunk(
        &self,
        from: &[u8],
        revision: Revision,
    ) -> Result<(Vec<Entry>, Option<Vec<u8>>), EngineError> {
        let mut chunk = Vec::with_capacity(KEYS_PER_LOCK);
        let mut resume = None;
        let mut changed = Vec::new();
        let mut visited = 0;
        let state = self.state.read();
        let _ = state.tree.visit(from, None, &mut |slot| {
            let entry = slot.entry();
            if visited == KEYS_PER_LOCK {
                resume = Some(entry.key.to_vec());
                return ControlFlow::Break(());
            }
            visited += 1;
            if entry.newest().revision <= revision {
                chunk.push(entry.clone());
            } else if let Some(earlier) = entry_as_of(entry, revision) {
                if let Seen::Older(version) = entry.at(revision) {
                    changed.push((chunk.len(), version));
                }
                chunk.push(earlier);
            }
            ControlFlow::Continue(())
        });
        drop(state);
        // The index knows the fields of newest versions only; these have been succeeded since.
        let positions: Vec<_> = changed
            .iter()
            .map(|(_, version)| version.position())
            .collect();
        let records = self.engine.get_history(&positions)?;
        for ((at, version), stored) in changed.into_iter().zip(records) {
            let fields = stored
                .as_deref()
                .and_then(|stored| Fields::parse(stored.get(1..)?));
            let Some(fields) = fields else {
                crate::broken!("the index refers to {version:?}, which the history does not have");
            };
            chunk[at].push(
                version,
                fields.create_revision,
                fields.version,
                fields.lease,
            );
        }
        Ok((chunk, resume))
    }
}

/// The entry as it was at `revision`. A put at its head is left for the caller to push.
fn entry_as_of(entry: &Entry, revision: Revision) -> Option<Entry> {
    let older = entry.older();
    let visible = older.partition_point(|version| version.revision <= revision);
    let (last, before) = older[..visible].split_last()?;
    let mut earlier = Entry::vacant(&entry.key);
    earlier.set_older(before.to_vec());
    if last.is_tombstone() {
        earlier.push(*last, 0, 0, 0);
    }
    Some(earlier)
}

/// Removes every file in the directory but the dump that counts.
fn remove_others(directory: &Path, id: DumpId) {
    let keep = Dumps::path(directory, id);
    let Ok(files) = std::fs::read_dir(directory) else {
        return;
    };
    for file in files.flatten() {
        let ours = file.file_name().to_string_lossy().starts_with("index");
        if ours && file.path() != keep {
            let _ = std::fs::remove_file(file.path());
        }
    }
}

fn io_error(place: &Path, error: &std::io::Error) -> EngineError {
    EngineError::Io {
        place: place.display().to_string(),
        detail: error.to_string(),
    }
}
