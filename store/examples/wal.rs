//! Measures the log on a real disk: `cargo run --release -p keelson-store --example wal -- <directory>`.
//!
//! Prints entries, syncs and bytes per second for several payload sizes and numbers of appends in
//! flight, and how long a reopening takes.

use bytes::Bytes;
use keelson_store::wal::{Entry, LogId, Options, Payload, RealDisk, Wal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const TIME: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args()
        .nth(1)
        .ok_or("usage: wal <an empty directory>")?;
    println!("payload  in flight   entries/s   syncs/s     MB/s   mean sync");
    for (payload, in_flight) in [
        (256, 1),
        (256, 16),
        (16 << 10, 1),
        (16 << 10, 16),
        (1 << 20, 4),
    ] {
        measure(
            &format!("{directory}/{payload}-{in_flight}"),
            payload,
            in_flight,
        )?;
    }
    Ok(())
}

fn measure(path: &str, payload: usize, in_flight: u64) -> Result<(), Box<dyn std::error::Error>> {
    let (syncs, nanos) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (counted, summed) = (syncs.clone(), nanos.clone());
    let options = Options {
        on_sync: Some(Arc::new(move |took: Duration| {
            counted.fetch_add(1, Ordering::Relaxed);
            summed.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
        })),
        ..Options::default()
    };
    let (wal, _) = Wal::open(Arc::new(RealDisk), path, options.clone())?;
    let content = Bytes::from(vec![7; payload]);
    let (sender, durable) = mpsc::channel();
    let (start, mut next, mut acknowledged) = (Instant::now(), 0, 0);
    while start.elapsed() < TIME {
        let log_id = LogId {
            term: 1,
            node_id: 1,
            index: next,
        };
        let sender = sender.clone();
        let done = move |outcome: std::io::Result<()>| {
            let _ = sender.send(outcome.map(|()| log_id.index + 1));
        };
        let entry = Entry {
            log_id,
            payload: Payload::Commands(content.clone()),
        };
        wal.append(vec![entry], Box::new(done));
        next += 1;
        while next - acknowledged >= in_flight {
            acknowledged = durable.recv()??;
        }
    }
    while acknowledged < next {
        acknowledged = durable.recv()??;
    }
    let seconds = start.elapsed().as_secs_f64();
    let count = syncs.load(Ordering::Relaxed);
    println!(
        "{payload:>7}  {in_flight:>9}  {:>10.0}  {:>8.0}  {:>7.1}  {:>7} us",
        next as f64 / seconds,
        count as f64 / seconds,
        next as f64 * payload as f64 / seconds / 1e6,
        nanos.load(Ordering::Relaxed) / count.max(1) / 1000,
    );
    let bytes = wal.bytes_on_disk() >> 20;
    drop(wal);
    let start = Instant::now();
    let (wal, recovered) = Wal::open(Arc::new(RealDisk), path, options)?;
    let took = start.elapsed();
    println!(
        "         reopened {bytes} MiB in {took:.0?}, last {:?}",
        recovered.last.map(|l| l.index)
    );
    drop(wal);
    std::fs::remove_dir_all(path)?;
    Ok(())
}
