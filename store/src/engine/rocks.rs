//! On RocksDB.
