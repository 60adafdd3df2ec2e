//! What the versioned store costs on RocksDB: puts, ranges (cached and not), a sweep, and a start
//! with and without an index dump.
//!
//! ```text
//! cargo run --release -p keelson-store --example mvcc_bench -- [KEYS] [VALUE_BYTES] [CACHE_MIB]
//! ```
//!
//! Keys are written once in a scattered order, then half of them again, 50 changes to a run. One
//! thread, no log: the store alone.

use bytes::Bytes;
use keelson_proto::etcdserverpb::RangeRequest;
use keelson_store::engine::GarbageSlot;
use keelson_store::engine::rocks::{RocksEngine, RocksOptions};
use keelson_store::mvcc::{Options, Store};
use rand::rngs::SmallRng;
use rand::{Rng, RngCore, SeedableRng};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const RUN: usize = 50;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .map(|it| it.parse())
        .collect::<Result<_, _>>()?;
    let number = |at: usize, default| numbers.get(at).copied().unwrap_or(default);
    let (keys, value_bytes, cache) = (number(0, 1_000_000), number(1, 1024), number(2, 256) << 20);
    let directory = tempfile::tempdir()?;
    println!(
        "{keys} keys x {value_bytes} B, cache {} MiB, resident {} MiB",
        cache >> 20,
        resident()
    );
    let store = open(directory.path(), cache)?;
    let mut random = SmallRng::seed_from_u64(7);
    let mut value = vec![0; value_bytes];
    timed("put every key", keys, || {
        put_all(&store, 0..keys, keys, &mut random, &mut value)
    })?;
    timed("put half of them again", keys / 2, || {
        put_all(&store, (0..keys).step_by(2), keys, &mut random, &mut value)
    })?;
    println!("resident {} MiB", resident());
    timed("count everything", 1, || count(&store).map(drop))?;
    timed("range everything, 500 at a time", keys, || scan(&store))?;
    timed("100 000 single gets", 100_000, || {
        for _ in 0..100_000 {
            let number = random.random_range(0..keys);
            store.range(&RangeRequest {
                key: key(number, keys),
                ..RangeRequest::default()
            })?;
        }
        Ok(())
    })?;
    let mut writer = store.writer();
    writer.compact(writer.revision())?;
    writer.commit()?;
    timed("sweep", keys / 2, || {
        store.sweep(&|| false).map(drop).map_err(Into::into)
    })?;
    timed("flush and dump", keys, || Ok(store.dump()?))?;
    timed("hash", keys, || {
        store.hash(0).map(drop).map_err(|error| error.text().into())
    })?;
    let before = (count(&store)?, store.size());
    drop(store);
    let start = Instant::now();
    let store = open(directory.path(), cache)?;
    println!("{:40} {:>10.1?}", "start with the dump", start.elapsed());
    assert_eq!(
        before,
        (count(&store)?, store.size()),
        "the start found another state"
    );
    timed("range everything, nothing cached", keys, || scan(&store))?;
    drop(store);
    std::fs::remove_dir_all(directory.path().join("index"))?;
    let start = Instant::now();
    let store = open(directory.path(), cache)?;
    println!("{:40} {:>10.1?}", "start from the history", start.elapsed());
    assert_eq!(before.0, count(&store)?, "the start found another state");
    println!("resident {} MiB", resident());
    Ok(())
}

fn open(directory: &Path, cache_bytes: usize) -> Outcome<Arc<Store>> {
    let slot = GarbageSlot::default();
    let options = RocksOptions::default();
    let engine = RocksEngine::open(&directory.join("db"), slot.clone(), options)?;
    let index_dir = Some(directory.join("index"));
    Ok(Store::open(
        Arc::new(engine),
        slot,
        Options {
            cache_bytes,
            index_dir,
        },
    )?)
}

/// 34 bytes, in an order that has nothing to do with that of `number`.
fn key(number: usize, keys: usize) -> Bytes {
    let scattered = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) % (keys as u64 * 1000);
    format!("/registry/pods/default/{scattered:011}").into()
}

fn put_all(
    store: &Store,
    numbers: impl Iterator<Item = usize>,
    keys: usize,
    random: &mut SmallRng,
    value: &mut [u8],
) -> Outcome<()> {
    let mut numbers = numbers.peekable();
    while numbers.peek().is_some() {
        let run: Vec<_> = numbers
            .by_ref()
            .take(RUN)
            .map(|number| {
                random.fill_bytes(value);
                (key(number, keys), Bytes::copy_from_slice(value))
            })
            .collect();
        let mut writer = store.writer();
        for (key, value) in &run {
            writer.put(key, value, 0);
            writer.end_revision();
        }
        writer.commit()?;
    }
    Ok(())
}

fn everything() -> RangeRequest {
    RangeRequest {
        key: Bytes::from_static(&[0]),
        range_end: Bytes::from_static(&[0]),
        ..RangeRequest::default()
    }
}

fn count(store: &Store) -> Outcome<i64> {
    let request = RangeRequest {
        count_only: true,
        ..everything()
    };
    Ok(store.range(&request)?.count)
}

fn scan(store: &Store) -> Outcome<()> {
    let mut scan = store.begin_range(&everything())?;
    while !scan.next_chunk(500, 4 << 20)?.is_empty() {}
    Ok(())
}

fn timed(what: &str, operations: usize, work: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
    let start = Instant::now();
    work()?;
    let elapsed = start.elapsed();
    let each = elapsed.as_secs_f64() * 1e6 / operations as f64;
    println!("{what:40} {elapsed:>10.1?}  {each:>8.2} us each");
    Ok(())
}

/// Resident memory of this process, in MiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    (pages.unwrap_or(0) * 4096) >> 20
}
