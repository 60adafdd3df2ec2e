//! What is written again and again leaves no trace: memory and disk stay where they are while the
//! leader compacts. `make soak` is the same for hours, with bounds.

use keelson_kit::check::{Check, holds, same, some};
use keelson_kit::cluster::Cluster;
use keelson_kit::keelson;
use keelson_kit::tools::run;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// For whatever takes as long as the machine is busy.
const PATIENCE: Duration = Duration::from_secs(300);
/// Puts of one half.
const PUTS: u64 = 300_000;
/// Most growth of memory from the first half to the second.
const GROWTH_MAX: f64 = 1.25;
/// The state's size. Swept is what is durable, and durable is made at the latest what is 64 MiB behind;
/// without compaction both halves together come to about 200 MB.
const DATABASE_MAX_BYTES: f64 = (128 << 20) as f64;
/// Two to three files of the log, of 64 MiB each, and twice the state.
const DISK_MAX_BYTES: f64 = (448 << 20) as f64;

/// What a member holds after a half, in bytes.
#[derive(Debug)]
struct Held {
    resident: f64,
    disk: f64,
    database: f64,
}

/// Puts over and over the same ten thousand keys.
async fn half(cluster: &Cluster) -> Check<Held> {
    let puts = PUTS.to_string();
    let arguments = [
        ["bench", "put"],
        ["--endpoints", cluster.endpoint(0)],
        ["--key-space", "10000"],
        ["--value-size", "256"],
        ["--clients", "300"],
        ["--connections", "30"],
        ["--warmup", "0s"],
        ["--total", &puts],
        ["--output", "json"],
    ];
    let program = Path::new(env!("CARGO_BIN_EXE_keelson"));
    let printed = run(program, arguments.as_flattened(), "", PATIENCE).await?;
    let report: Value = serde_json::from_str(&printed.success()?)?;
    same("failed puts", &report["failed"], &Value::from(0))?;
    let resident = &report["servers"][0]["rss_bytes"];
    let status = cluster.client_of(0)?.status().await?;
    Ok(Held {
        resident: some("the member's memory", resident.as_f64())?,
        disk: disk_bytes(&cluster.directory().join("m1")) as f64,
        database: status.db_size as f64,
    })
}

/// Bytes of all files below `directory`. Files come and go meanwhile: those do not count.
fn disk_bytes(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

#[tokio::test]
async fn overwrites_under_auto_compaction_leave_memory_and_disk_where_they_are() {
    let flags = [
        "--auto-compaction-mode=revision",
        "--auto-compaction-retention=10000",
    ];
    let run = async {
        let cluster = Cluster::start(&keelson!(), 1, &flags).await?;
        let first = half(&cluster).await?;
        let second = half(&cluster).await?;
        println!("after {PUTS} puts: {first:?}");
        println!("after as many again: {second:?}");
        let grown = second.resident / first.resident;
        holds("memory stays where it is", grown <= GROWTH_MAX)?;
        holds(
            "the state is bounded",
            second.database <= DATABASE_MAX_BYTES,
        )?;
        holds("the disk is bounded", second.disk <= DISK_MAX_BYTES)
    };
    Box::pin(run).await.expect("nothing grows");
}
