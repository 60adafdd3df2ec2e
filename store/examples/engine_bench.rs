//! What the RocksDB engine costs under overwrites: processor time per put, write amplification, and
//! the price of reading afterwards.
//!
//! ```text
//! cargo run --release -p keelson-store --example engine_bench -- [KEYS] [VALUE_BYTES] [MIB] [DIRECTORY]
//! ```
//!
//! Every key is written once in random order; then MIB of uniformly chosen overwrites follow in
//! batches of 50, while everything that was superseded more than 100 000 revisions ago becomes garbage
//! and leaves the disk. One writer at full speed, no log, no index: the engine alone.

use keelson_store::engine::rocks::{RocksEngine, RocksOptions};
use keelson_store::engine::{
    Batch, Engine, Family, Garbage, GarbageSlot, history_key, parse_history_key,
};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::collections::VecDeque;
use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

const BATCH: usize = 50;
/// Revisions that stay readable, and revisions between compactions.
const WINDOW: i64 = 100_000;
/// Revisions that are rewritten together once more than half of their records are garbage.
const SEGMENT: i64 = 65_536;
const READS: usize = 50_000;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

struct Arguments {
    keys: usize,
    value_bytes: usize,
    overwrites: usize,
    directory: PathBuf,
}

/// One bit per revision.
struct Dead(Vec<AtomicU64>);

impl Dead {
    fn new(revisions: usize) -> Dead {
        Dead((0..revisions / 64 + 2).map(|_| AtomicU64::new(0)).collect())
    }

    fn mark(&self, revision: i64) {
        self.0[revision as usize / 64].fetch_or(1 << (revision % 64), Ordering::Relaxed);
    }
}

impl Garbage for Dead {
    fn is_garbage(&self, revision: i64, _sub: u32, _record: &[u8]) -> bool {
        self.0[revision as usize / 64].load(Ordering::Relaxed) >> (revision % 64) & 1 == 1
    }
}

/// The writing side: what an index would know.
struct Writing {
    engine: Arc<RocksEngine>,
    /// Newest revision of each key.
    newest: Vec<i64>,
    revision: i64,
    /// (superseding, superseded), oldest first.
    superseded: VecDeque<(i64, i64)>,
    garbage: SyncSender<Vec<i64>>,
    random: SmallRng,
    noise: Vec<u8>,
    value_bytes: usize,
}

impl Writing {
    fn put(&mut self, keys: &[usize]) -> Outcome<()> {
        let mut batch = Batch::default();
        for &key in keys {
            self.revision += 1;
            let replaced = std::mem::replace(&mut self.newest[key], self.revision);
            if replaced > 0 {
                self.superseded.push_back((self.revision, replaced));
            }
            let at = self
                .random
                .random_range(0..self.noise.len() - self.value_bytes);
            let value = &self.noise[at..at + self.value_bytes];
            batch.put(
                Family::History,
                &history_key(self.revision, 0),
                &[format!("/registry/pods/{key:018}").as_bytes(), value],
            );
            if self.revision % WINDOW == 0 {
                self.compact(self.revision - WINDOW)?;
            }
        }
        batch.put(Family::Meta, b"revision", &[&self.revision.to_be_bytes()]);
        Ok(self.engine.write(&batch)?)
    }

    fn compact(&mut self, floor: i64) -> Outcome<()> {
        let count = self.superseded.partition_point(|&(by, _)| by <= floor);
        let dead = self.superseded.drain(..count).map(|(_, old)| old).collect();
        Ok(self.garbage.send(dead)?)
    }
}

/// The helper thread: makes garbage known once what superseded it is durable, and reclaims.
fn sweep(engine: &RocksEngine, dead: &Dead, garbage: &Receiver<Vec<i64>>) -> Outcome<()> {
    // Of each segment: records on disk, and those among them that are garbage.
    let mut segments: Vec<(i64, i64)> = Vec::new();
    while let Ok(revisions) = garbage.recv() {
        engine.flush()?;
        for revision in revisions {
            dead.mark(revision);
            let segment = (revision / SEGMENT) as usize;
            segments.resize(segments.len().max(segment + 1), (SEGMENT, 0));
            segments[segment].1 += 1;
        }
        for (segment, (records, dead)) in (0i64..).zip(&mut segments) {
            if *dead * 2 > *records {
                engine.reclaim(segment * SEGMENT, (segment + 1) * SEGMENT)?;
                *records -= *dead;
                *dead = 0;
            }
        }
    }
    Ok(engine.flush()?)
}

/// Processor time of the whole process, in seconds.
fn processor_seconds() -> f64 {
    // SAFETY: `rusage` is plain data, and the call fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Bytes that this process has handed to write calls; zero where the system does not tell.
fn written_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("wchar:"));
    line.and_then(|value| value.trim().parse().ok())
        .unwrap_or(0)
}

/// Prints what `operations` operations cost.
fn report<T>(name: &str, operations: usize, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let (wall, processor) = (Instant::now(), processor_seconds());
    let answer = work()?;
    let wall = wall.elapsed().as_secs_f64();
    let processor = processor_seconds() - processor;
    let each = 1e6 / operations.max(1) as f64;
    println!(
        "{name:<22} {operations:>9} ops  {:>9.2} us processor/op  {:>9.2} us wall/op  {wall:>7.2} s",
        processor * each,
        wall * each,
    );
    Ok(answer)
}

fn write_phase(
    engine: &Arc<RocksEngine>,
    dead: &Arc<Dead>,
    arguments: &Arguments,
) -> Outcome<Vec<i64>> {
    let (garbage, receiver) = sync_channel(1);
    let mut random = SmallRng::seed_from_u64(1);
    let mut noise = vec![0; (16 << 20) + arguments.value_bytes];
    random.fill(&mut noise[..]);
    let mut order: Vec<usize> = (0..arguments.keys).collect();
    order.shuffle(&mut random);
    let newest = vec![0; arguments.keys];
    let mut writing = Writing {
        engine: engine.clone(),
        newest,
        revision: 0,
        superseded: VecDeque::new(),
        garbage,
        random,
        noise,
        value_bytes: arguments.value_bytes,
    };
    let helper = std::thread::spawn({
        let (engine, dead) = (engine.clone(), dead.clone());
        move || sweep(&engine, &dead, &receiver)
    });
    report("first puts", arguments.keys, || {
        order.chunks(BATCH).try_for_each(|keys| writing.put(keys))?;
        Ok(engine.flush()?)
    })?;
    let before = written_bytes();
    let newest = report("overwrites", arguments.overwrites, || {
        for _ in 0..arguments.overwrites / BATCH {
            let keys = [0; BATCH].map(|_| writing.random.random_range(0..arguments.keys));
            writing.put(&keys)?;
        }
        // Ends the helper, which flushes; what it reclaims belongs to the price.
        let newest = std::mem::take(&mut writing.newest);
        drop(writing);
        helper.join().map_err(|_| "the helper thread panicked")??;
        Ok(newest)
    })?;
    let value_bytes = (arguments.overwrites * arguments.value_bytes) as f64;
    println!(
        "write amplification    {:.2}",
        (written_bytes() - before) as f64 / value_bytes
    );
    Ok(newest)
}

fn read_phase(engine: &RocksEngine, newest: &[i64]) -> Outcome<()> {
    let mut random = SmallRng::seed_from_u64(2);
    report("get", READS, || {
        for _ in 0..READS {
            let revision = newest[random.random_range(0..newest.len())];
            let records = engine.get_history(&[(revision, 0)])?;
            records[0].as_ref().ok_or("a live record is missing")?;
        }
        Ok(())
    })?;
    for round in ["range", "range again"] {
        let keys = newest.len().min(100_000);
        report(round, keys, || {
            for keys in newest[..keys].chunks(1000) {
                // In the order of the disk; the caller puts them back into the order of keys.
                let mut positions: Vec<(i64, u32)> = keys.iter().map(|&key| (key, 0)).collect();
                positions.sort_unstable();
                for record in engine.get_history(&positions)? {
                    record.ok_or("a live record is missing")?;
                }
            }
            Ok(())
        })?;
    }
    let last = newest.iter().max().copied().unwrap_or(0);
    let from = history_key((last - WINDOW + 1).max(1), 0);
    let mut seen = 0;
    report("catch up", WINDOW as usize, || {
        engine.scan(
            Family::History,
            &from,
            &history_key(last + 1, 0),
            &mut |key, _| {
                seen += i64::from(parse_history_key(key).is_some());
                ControlFlow::Continue(())
            },
        )?;
        Ok(())
    })?;
    println!("caught up              {seen} records");
    Ok(())
}

fn open(directory: &Path, dead: &Arc<Dead>) -> Outcome<Arc<RocksEngine>> {
    let garbage = GarbageSlot::default();
    let answerer: Arc<dyn Garbage> = dead.clone();
    if garbage.set(answerer).is_err() {
        return Err("the slot was new".into());
    }
    Ok(Arc::new(RocksEngine::open(
        directory,
        garbage,
        RocksOptions::default(),
    )?))
}

fn arguments() -> Outcome<Arguments> {
    let mut given = std::env::args().skip(1);
    let mut number = |default: usize| given.next().map_or(Ok(default), |text| text.parse());
    let (keys, value_bytes, mib) = (number(200_000)?, number(1024)?, number(512)?);
    if keys == 0 || value_bytes == 0 {
        return Err("KEYS and VALUE_BYTES must be positive".into());
    }
    let directory = given.next().map_or_else(
        || std::env::temp_dir().join(format!("keelson-engine-bench-{}", std::process::id())),
        PathBuf::from,
    );
    let overwrites = (mib << 20) / value_bytes / BATCH * BATCH;
    Ok(Arguments {
        keys,
        value_bytes,
        overwrites,
        directory,
    })
}

fn main() -> Outcome<()> {
    let arguments = arguments()?;
    std::fs::create_dir(&arguments.directory)?;
    let state = arguments.directory.join("state");
    let dead = Arc::new(Dead::new(arguments.keys + arguments.overwrites));
    let engine = open(&state, &dead)?;
    let newest = write_phase(&engine, &dead, &arguments)?;
    let live = (newest.len() * arguments.value_bytes) as f64;
    println!(
        "disk / live            {:.2}",
        engine.disk_bytes() as f64 / live
    );
    read_phase(&engine, &newest)?;
    report("checkpoint", 1, || {
        Ok(engine.checkpoint(&arguments.directory.join("checkpoint"))?)
    })?;
    println!("{:?}", engine.load());
    drop(engine);
    report("open", 1, || open(&state, &dead))?;
    Ok(std::fs::remove_dir_all(&arguments.directory)?)
}
