//! RocksDB's settings, each with its reason. Those of files on disk (block size, compression) may
//! change between versions: every file says how it was written.

use super::filter::GarbageFilterFactory;
use crate::engine::{Family, GarbageSlot};
use rocksdb::{BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, Options};

/// What a caller chooses about a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RocksOptions {
    /// Memory for blocks of files, in bytes.
    pub block_cache_bytes: usize,
    /// Memory for writes that are not in files yet, all families together, in bytes. Reaching it
    /// starts a flush. Also bounds what a restart replays.
    pub write_buffer_bytes: usize,
    /// Threads for flushing and merging.
    pub background_jobs: u16,
    /// The directory must hold a database; nothing there means that one was lost.
    pub must_exist: bool,
}

impl Default for RocksOptions {
    fn default() -> RocksOptions {
        RocksOptions {
            // Records that are read again and again are cached above the engine.
            block_cache_bytes: 64 << 20,
            write_buffer_bytes: 128 << 20,
            background_jobs: 3,
            must_exist: false,
        }
    }
}

/// Settings of the whole database.
pub(super) fn database(options: &RocksOptions) -> Options {
    // RocksDB flushes on close when there is no write-ahead log. Then every orderly stop would hide
    // what a crash shows. The crate has no call for this setting.
    let mut database = Options::default()
        .get_options_from_string("avoid_flush_during_shutdown=true")
        .expect("RocksDB has known this setting since 2016");
    database.create_if_missing(!options.must_exist);
    database.create_missing_column_families(!options.must_exist);
    database.set_atomic_flush(true);
    database.set_paranoid_checks(true);
    database.set_max_background_jobs(options.background_jobs.into());
    database.set_db_write_buffer_size(options.write_buffer_bytes);
    // Every file stays open: opening one on the way of a read costs milliseconds.
    database.set_max_open_files(-1);
    database.set_skip_stats_update_on_db_open(true);
    database.set_bytes_per_sync(1 << 20);
    database.set_max_manifest_file_size(64 << 20);
    database.set_max_log_file_size(16 << 20);
    database.set_keep_log_file_num(4);
    database.set_stats_persist_period_sec(0);
    database
}

/// Every family with its settings, and RocksDB's own `default`, which stays empty.
pub(super) fn families(
    options: &RocksOptions,
    cache: &Cache,
    garbage: GarbageSlot,
) -> Vec<ColumnFamilyDescriptor> {
    let mut families = vec![ColumnFamilyDescriptor::new(
        rocksdb::DEFAULT_COLUMN_FAMILY_NAME,
        small(options, cache),
    )];
    for family in Family::ALL {
        let settings = match family {
            Family::History => history(options, cache, garbage.clone()),
            Family::Meta | Family::Lease | Family::Member | Family::Auth => small(options, cache),
        };
        families.push(ColumnFamilyDescriptor::new(family.name(), settings));
    }
    families
}

/// Nearly all bytes. Written in the order of its keys and read by exact key or in long runs: no bloom
/// filter would ever say no. Not compressed: values are read one by one, and hot.
fn history(options: &RocksOptions, cache: &Cache, garbage: GarbageSlot) -> Options {
    let mut family = common(options, cache, 8 << 10);
    family.set_compression_type(DBCompressionType::None);
    family.set_compaction_filter_factory(GarbageFilterFactory(garbage));
    family
}

/// A few thousand keys.
fn small(options: &RocksOptions, cache: &Cache) -> Options {
    let mut family = common(options, cache, 4 << 10);
    family.set_compression_type(DBCompressionType::Lz4);
    family
}

fn common(options: &RocksOptions, cache: &Cache, block_bytes: usize) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    blocks.set_format_version(5);
    blocks.set_block_size(block_bytes);

    let mut family = Options::default();
    family.set_block_based_table_factory(&blocks);
    family.set_write_buffer_size(options.write_buffer_bytes / 2);
    // An atomic flush seals the memtable of every family, however empty: with fewer, a tiny family
    // would stop all writes.
    family.set_max_write_buffer_number(4);
    family.set_level_zero_file_num_compaction_trigger(4);
    family.set_level_zero_slowdown_writes_trigger(20);
    family.set_level_zero_stop_writes_trigger(36);
    family.set_max_bytes_for_level_base(256 << 20);
    family.set_target_file_size_base(64 << 20);
    // Nothing is rewritten for its age alone.
    family.set_periodic_compaction_seconds(0);
    family.set_ttl(0);
    family
}
