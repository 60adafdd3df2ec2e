//! On RocksDB.
//!
//! One database, one column family per [`Family`], no write-ahead log. Every write is one
//! `WriteBatch`; `atomic_flush` makes a flush take all families up to one point, so what a crash
//! leaves is a prefix of the writes. Closing does not flush: a stop and a crash leave the same kind of
//! state, and only [`Engine::flush`] makes anything durable on purpose.
//!
//! Damage never reads as absence: checksums are verified on every read and the status of every
//! iterator is looked at before its end is believed.

mod error;
mod filter;
mod options;

pub use options::RocksOptions;

use super::{Batch, Engine, EngineError, Family, GarbageSlot, Load, Visit, history_key};
use bytes::Bytes;
use error::{engine_error, io_error};
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{
    BottommostLevelCompaction, Cache, ColumnFamily, CompactOptions, DB, DBRawIterator,
    FlushOptions, ReadOptions, WriteBatch, WriteOptions, properties,
};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Records read by one call into RocksDB: enough to share the work, few enough to bound the memory.
const HISTORY_CHUNK: usize = 256;
/// So many positions at least make a run.
const RUN_MIN: usize = 16;
/// What a run reads ahead. Below the size from which on the allocator asks the system every time.
const RUN_READAHEAD: usize = 64 << 10;
/// Records walked over before a run looks for the next one from above.
const STEPS_MAX: u64 = 8;
/// What a scan reads ahead when its end is near.
const SCAN_READAHEAD: usize = 512 << 10;
/// What a scan to the end of a family reads ahead: those are rebuilds and dumps.
const FULL_SCAN_READAHEAD: usize = 2 << 20;
/// Who may look into a directory of ours: nobody else.
const DIRECTORY_MODE: u32 = 0o700;

/// An [`Engine`] on RocksDB. See the module's essay.
pub struct RocksEngine {
    db: DB,
    cache: Cache,
    directory: PathBuf,
    write_options: WriteOptions,
}

impl RocksEngine {
    /// Opens the database in `directory`, which no other process may have open. A missing directory
    /// is created (mode 0700, parents too), and an empty one gets a new database, unless
    /// [`RocksOptions::must_exist`] says that there has to be one.
    ///
    /// Once this has returned, the database exists durably: from then on the caller can require it.
    ///
    /// # Errors
    /// [`EngineError::InUse`] if it is open elsewhere. [`EngineError::Damaged`] if files are missing
    /// or damaged, or there is nothing where a database must be.
    pub fn open(
        directory: &Path,
        garbage: GarbageSlot,
        options: RocksOptions,
    ) -> Result<RocksEngine, EngineError> {
        if options.must_exist {
            require_database(directory)?;
        } else {
            create_directory(directory)?;
        }
        let cache = Cache::new_lru_cache(options.block_cache_bytes);
        let database = options::database(&options);
        let families = options::families(&options, &cache, garbage);
        let db = DB::open_cf_descriptors(&database, directory, families)
            .map_err(|error| opening_error(directory, &error))?;
        Ok(RocksEngine::new(db, cache, directory))
    }

    /// Opens the database in `directory` for reading only: nothing in the directory changes, files
    /// are not merged, and writes fail. For checkpoints and for tools beside a stopped member.
    ///
    /// # Errors
    /// [`EngineError::Damaged`] also if there is no database.
    pub fn open_read_only(
        directory: &Path,
        options: RocksOptions,
    ) -> Result<RocksEngine, EngineError> {
        require_database(directory)?;
        let cache = Cache::new_lru_cache(options.block_cache_bytes);
        let database = options::database(&options);
        let families = options::families(&options, &cache, GarbageSlot::default());
        let db = DB::open_cf_descriptors_read_only(&database, directory, families, false)
            .map_err(|error| opening_error(directory, &error))?;
        Ok(RocksEngine::new(db, cache, directory))
    }

    fn new(db: DB, cache: Cache, directory: &Path) -> RocksEngine {
        let mut write_options = WriteOptions::default();
        write_options.disable_wal(true);
        // Keys of a batch come in order, so each is looked for where the last one went.
        write_options.set_memtable_insert_hint_per_batch(true);
        RocksEngine {
            db,
            cache,
            directory: directory.to_owned(),
            write_options,
        }
    }

    fn family(&self, family: Family) -> &ColumnFamily {
        self.db
            .cf_handle(family.name())
            .expect("every family is opened with the database")
    }

    fn error(&self, error: &rocksdb::Error) -> EngineError {
        engine_error(&self.directory, error)
    }

    /// Reads positions that lie close together, in ascending order, with one walk over them: several
    /// times faster than one by one. The blocks are not kept; the caller keeps the records.
    fn read_run(
        &self,
        positions: &[(i64, u32)],
        records: &mut Vec<Option<Bytes>>,
    ) -> Result<(), EngineError> {
        let mut reads = checked_reads();
        reads.fill_cache(false);
        reads.set_readahead_size(RUN_READAHEAD);
        if let Some(&(revision, sub)) = positions.last() {
            let behind = history_key(revision, sub).as_slice().to_vec();
            reads.set_iterate_upper_bound([behind, vec![0]].concat());
        }
        let mut iterator = self
            .db
            .raw_iterator_cf_opt(self.family(Family::History), reads);
        for &(revision, sub) in positions {
            let wanted = history_key(revision, sub);
            advance(&mut iterator, &wanted);
            // A damaged block also ends the iteration.
            iterator.status().map_err(|error| self.error(&error))?;
            let found = iterator.item().filter(|(key, _)| *key == wanted.as_slice());
            records.push(found.map(|(_, value)| Bytes::copy_from_slice(value)));
        }
        Ok(())
    }

    fn read_each(
        &self,
        positions: &[(i64, u32)],
        records: &mut Vec<Option<Bytes>>,
    ) -> Result<(), EngineError> {
        let history = self.family(Family::History);
        let keys: Vec<[u8; 12]> = positions
            .iter()
            .map(|&(revision, sub)| history_key(revision, sub))
            .collect();
        let mut reads = checked_reads();
        // Whoever reads many at a time (a list, a dump) must not wash out what others come back to.
        reads.fill_cache(positions.len() < RUN_MIN);
        let values = self
            .db
            .batched_multi_get_cf_opt(history, &keys, keys.is_sorted(), &reads);
        for value in values {
            let value = value.map_err(|error| self.error(&error))?;
            records.push(value.map(|value| Bytes::copy_from_slice(&value)));
        }
        Ok(())
    }

    /// A property of the whole database. One that RocksDB does not know reads as zero.
    fn property(&self, name: &properties::PropName) -> u64 {
        self.db.property_int_value(name).ok().flatten().unwrap_or(0)
    }

    /// A property that each family has, summed.
    fn sum(&self, name: &properties::PropName) -> u64 {
        let values = Family::ALL
            .iter()
            .map(|&family| self.db.property_int_value_cf(self.family(family), name));
        values.filter_map(|value| value.ok().flatten()).sum()
    }
}

impl Engine for RocksEngine {
    fn write(&self, batch: &Batch) -> Result<(), EngineError> {
        let handles = Family::ALL.map(|family| self.family(family));
        // Per operation RocksDB adds a tag, the family and two lengths.
        let mut write = WriteBatch::with_capacity_bytes(16 + batch.bytes() + 12 * batch.len());
        for (family, key, value) in batch.iter() {
            let handle = handles[family as usize];
            match value {
                Some(value) => write.put_cf(handle, key, value),
                None => write.delete_cf(handle, key),
            }
        }
        self.db
            .write_opt(write, &self.write_options)
            .map_err(|error| self.error(&error))
    }

    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let value = self
            .db
            .get_pinned_cf_opt(self.family(family), key, &checked_reads())
            .map_err(|error| self.error(&error))?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn get_history(&self, positions: &[(i64, u32)]) -> Result<Vec<Option<Bytes>>, EngineError> {
        let mut records = Vec::with_capacity(positions.len());
        for chunk in positions.chunks(HISTORY_CHUNK) {
            match is_dense(chunk) {
                true => self.read_run(chunk, &mut records)?,
                false => self.read_each(chunk, &mut records)?,
            }
        }
        Ok(records)
    }

    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        let mut reads = checked_reads();
        reads.fill_cache(false);
        if to.is_empty() {
            reads.set_readahead_size(FULL_SCAN_READAHEAD);
        } else {
            reads.set_readahead_size(SCAN_READAHEAD);
            reads.set_iterate_upper_bound(to);
        }
        let mut iterator = self.db.raw_iterator_cf_opt(self.family(family), reads);
        iterator.seek(from);
        while let Some((key, value)) = iterator.item() {
            if visit(key, value).is_break() {
                return Ok(());
            }
            iterator.next();
        }
        // A damaged block also ends the iteration.
        iterator.status().map_err(|error| self.error(&error))
    }

    fn flush(&self) -> Result<(), EngineError> {
        let mut options = FlushOptions::default();
        options.set_wait(true);
        let families = Family::ALL.map(|family| self.family(family));
        self.db
            .flush_cfs_opt(&families, &options)
            .map_err(|error| self.error(&error))
    }

    fn reclaim(&self, from: i64, to: i64) -> Result<(), EngineError> {
        let mut options = CompactOptions::default();
        options.set_exclusive_manual_compaction(false);
        // History is appended: its files move down as they are, and only a forced rewrite of the
        // bottom level shows its records to the filter.
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        self.db.compact_range_cf_opt(
            self.family(Family::History),
            Some(history_key(from, 0)),
            Some(history_key(to, 0)),
            &options,
        );
        // The call above cannot say that it failed.
        self.health()
    }

    fn checkpoint(&self, directory: &Path) -> Result<(), EngineError> {
        Checkpoint::new(&self.db)
            .and_then(|checkpoint| checkpoint.create_checkpoint(directory))
            .map_err(|error| engine_error(directory, &error))?;
        let mode = std::fs::Permissions::from_mode(DIRECTORY_MODE);
        std::fs::set_permissions(directory, mode).map_err(|error| io_error(directory, &error))?;
        sync_parent(directory)
    }

    fn disk_bytes(&self) -> u64 {
        let Ok(entries) = std::fs::read_dir(&self.directory) else {
            return 0;
        };
        entries
            .filter_map(|entry| entry.ok()?.metadata().ok())
            .map(|metadata| metadata.len())
            .sum()
    }

    fn health(&self) -> Result<(), EngineError> {
        let count = self.property(properties::BACKGROUND_ERRORS);
        if count == 0 {
            return Ok(());
        }
        // A database that stopped after an error answers an empty write with that error's words.
        let reason = match self.write(&Batch::default()) {
            Err(error @ EngineError::Damaged { .. }) => return Err(error),
            Err(EngineError::Io { detail, .. }) => detail,
            _ => "see the file LOG there".to_owned(),
        };
        Err(EngineError::Io {
            place: self.directory.display().to_string(),
            detail: format!("{count} errors while flushing or merging files: {reason}"),
        })
    }

    fn load(&self) -> Load {
        Load {
            memtable_bytes: self.sum(properties::CUR_SIZE_ALL_MEM_TABLES),
            block_cache_bytes: self.cache.get_usage() as u64,
            pending_compaction_bytes: self.sum(properties::ESTIMATE_PENDING_COMPACTION_BYTES),
            write_stopped: self.property(properties::IS_WRITE_STOPPED) != 0,
            delayed_write_rate: self.property(properties::ACTUAL_DELAYED_WRITE_RATE),
            background_errors: self.property(properties::BACKGROUND_ERRORS),
        }
    }
}

/// Whether ascending positions lie so close together that walking over what is between them is
/// cheaper than looking each up.
fn is_dense(positions: &[(i64, u32)]) -> bool {
    let ([(first, _), .., (last, _)], true) = (positions, positions.is_sorted()) else {
        return false;
    };
    positions.len() >= RUN_MIN && (last - first) as u64 <= positions.len() as u64 * STEPS_MAX
}

/// Moves forward to the first key at or behind `wanted`: step by step if it is near.
fn advance(iterator: &mut DBRawIterator<'_>, wanted: &[u8]) {
    for _ in 0..STEPS_MAX {
        match iterator.key() {
            Some(key) if key < wanted => iterator.next(),
            Some(_) => return,
            None => break,
        }
    }
    if iterator.key().is_none_or(|key| key < wanted) {
        iterator.seek(wanted);
    }
}

/// How every read is done.
fn checked_reads() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_verify_checksums(true);
    options
}

/// The errors of opening, where a setting that does not fit what is on disk is damage.
fn opening_error(directory: &Path, error: &rocksdb::Error) -> EngineError {
    match error.kind() {
        rocksdb::ErrorKind::InvalidArgument | rocksdb::ErrorKind::NotSupported => {
            EngineError::Damaged {
                place: directory.display().to_string(),
                detail: error.to_string(),
            }
        }
        _ => engine_error(directory, error),
    }
}

/// `CURRENT` names the database's list of files; without it RocksDB would begin anew.
fn require_database(directory: &Path) -> Result<(), EngineError> {
    match std::fs::metadata(directory.join("CURRENT")) {
        Ok(metadata) if metadata.len() > 0 => Ok(()),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(io_error(directory, &error))
        }
        _ => Err(EngineError::Damaged {
            place: directory.display().to_string(),
            detail: "there is no database although there must be one".to_owned(),
        }),
    }
}

/// Creates what is missing of the path, durably.
fn create_directory(directory: &Path) -> Result<(), EngineError> {
    let exists = |path: &Path| path.as_os_str().is_empty() || path.exists();
    let missing = directory
        .ancestors()
        .take_while(|path| !exists(path))
        .count();
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory)
        .map_err(|error| io_error(directory, &error))?;
    // The last one always: an earlier attempt may have been cut short after creating it.
    let created = directory.ancestors().take(missing.max(1));
    created.into_iter().try_for_each(sync_parent)
}

/// Makes the name of a new directory durable; its content is RocksDB's business.
fn sync_parent(directory: &Path) -> Result<(), EngineError> {
    let absolute = directory
        .canonicalize()
        .map_err(|error| io_error(directory, &error))?;
    let Some(parent) = absolute.parent() else {
        return Ok(());
    };
    std::fs::File::open(parent)
        .and_then(|parent| parent.sync_all())
        .map_err(|error| io_error(parent, &error))
}
