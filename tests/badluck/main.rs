//! Bad luck: lost and damaged files, a full disk, a disk that lies, two of everything.
//!
//! A member that cannot keep its promises must say so and stop, and must not be fooled by what only
//! looks like damage.

mod alone;
mod full;

use alone::{Alone, PATIENCE, value};
use keelson_kit::check::{Check, Failure, holds, same, some};
use keelson_kit::cluster::Cluster;
use keelson_kit::keelson;
use keelson_kit::process::{Process, tail};
use keelson_kit::request::{get, prefix_end, put, range};
use keelson_kit::tools::skip;
use keelson_kit::wait::{wait_for, wait_until};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tonic::Code;

/// The biggest file below `directory` whose name ends so.
fn biggest(directory: &Path, ending: &str) -> Check<PathBuf> {
    let mut found: Option<(u64, PathBuf)> = None;
    let mut waiting = vec![directory.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(next)? {
            let entry = entry?;
            if entry.metadata()?.is_dir() {
                waiting.push(entry.path());
            } else if entry.path().to_string_lossy().ends_with(ending) {
                let size = (entry.metadata()?.len(), entry.path());
                found = Some(found.map_or(size.clone(), |before| before.max(size)));
            }
        }
    }
    Ok(some(ending, found)?.1)
}

/// The file of the log that holds `text`, where that is, and where the last byte that is not zero is.
fn written(data: &Path, text: &str) -> Check<(PathBuf, u64, u64)> {
    for entry in std::fs::read_dir(data.join("wal"))? {
        let path = entry?.path();
        let bytes = std::fs::read(&path)?;
        let at = bytes
            .windows(text.len())
            .position(|part| part == text.as_bytes());
        if let Some(at) = at {
            let last = bytes.iter().rposition(|byte| *byte != 0);
            return Ok((path, at as u64, some("the end", last)? as u64));
        }
    }
    Err(Failure::new(format!("{text} is nowhere in the log")))
}

fn flip(path: &Path, offset: u64, count: usize) -> Check {
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)?;
    let mut bytes = vec![0; count];
    file.read_exact_at(&mut bytes, offset)?;
    bytes.iter_mut().for_each(|byte| *byte ^= 0xff);
    Ok(file.write_all_at(&bytes, offset)?)
}

#[tokio::test]
async fn a_known_member_whose_data_is_gone_does_not_come_back_as_new() {
    let cluster = Cluster::start(&keelson!(), 3, &[]).await;
    // Outside, so that a failure shows the ends of the logs.
    let mut cluster = cluster.expect("the members start");
    let run = async {
        cluster.client()?.put(put("k", "v")).await?;
        cluster.kill(2);
        std::fs::remove_dir_all(cluster.directory().join("m3"))?;
        cluster.restart(2)?;
        wait_until("the member refuses", PATIENCE, || {
            let runs = cluster.runs(2);
            async move { !runs }
        })
        .await?;
        let text = tail(&cluster.directory().join("m3.log"), 3000);
        println!("{}", text.lines().last().unwrap_or_default());
        for word in ["has run before", "member remove", "member add", "existing"] {
            holds(&format!("it says {word:?}: {text}"), text.contains(word))?;
        }
        Ok::<_, Failure>(())
    };
    Box::pin(run).await.expect("the member refuses");
}

#[tokio::test]
async fn a_member_that_lost_its_log_or_its_state_refuses_to_start() {
    let run = async {
        for part in ["wal", "state"] {
            let mut member = Alone::new(&[])?;
            member.start().await?;
            member.fill(10).await?;
            member.stop().await?;
            std::fs::remove_dir_all(member.data.join(part))?;
            member.refuses(&["has run before", "gone", part]).await?;
        }
        Ok::<_, Failure>(())
    };
    Box::pin(run).await.expect("the member refuses");
}

#[tokio::test]
async fn a_log_damaged_in_the_middle_is_refused_and_a_torn_end_is_not() {
    let run = async {
        let mut member = Alone::new(&[])?;
        member.start().await?;
        member.fill(400).await?;
        member.kill();
        let (file, at, last) = written(&member.data, "000200.x")?;
        flip(&file, at + 100, 8)?;
        let name = file.display().to_string();
        let words = ["damaged", name.as_str(), "offset", "remove the member"];
        member.refuses(&words).await?;
        // The same bytes again: refusing has changed nothing.
        flip(&file, at + 100, 8)?;
        // A write cut short by a power failure: the last bytes never reached the disk.
        let torn = std::fs::OpenOptions::new().write(true).open(&file)?;
        torn.write_all_at(&[0; 10], last - 9)?;
        member.start().await?;
        for i in [0, 200, 398] {
            let found = member.client()?.range(get(format!("k{i:06}"))).await?.kvs;
            same(
                "what came before is there",
                found[0].value.as_ref(),
                value(i).as_bytes(),
            )?;
        }
        member.fill(10).await?;
        member.kill();
        member.start().await
    };
    Box::pin(run).await.expect("damage is told from a torn end");
}

#[tokio::test]
async fn a_damaged_database_is_never_served_from() {
    let run = async {
        let mut member = Alone::new(&[])?;
        member.start().await?;
        member.fill(3000).await?;
        member.stop().await?;
        let file = biggest(&member.data.join("state"), ".sst")?;
        let size = std::fs::metadata(&file)?.len();
        // All over the data blocks, but not in the footer: a reader of the footer alone sees nothing.
        for part in 1..8 {
            flip(&file, size * part / 10, 64)?;
        }
        std::fs::write(member.log(), "")?;
        member.spawn()?;
        let client = member.client()?;
        let mut wrong = 0;
        let outcome = wait_for("the member has refused or failed a read", PATIENCE, || {
            let ended = member.process.as_mut().and_then(Process::ended);
            let client = client.clone();
            async move {
                if let Some(status) = ended {
                    return Some(Err(status));
                }
                match client.range(range("k", prefix_end(b"k"))).await {
                    Ok(reply) => Some(Ok(Some(reply))),
                    Err(status) if status.code() == Code::Unavailable => None,
                    Err(status) => {
                        println!("a read failed: {status}");
                        Some(Ok(None))
                    }
                }
            }
        })
        .await?;
        if let Ok(Some(reply)) = &outcome {
            for (i, kv) in reply.kvs.iter().enumerate() {
                wrong += usize::from(kv.value.as_ref() != value(i).as_bytes());
            }
            wrong += 3000 - reply.kvs.len();
            return Err(Failure::new(format!(
                "it was read, {wrong} values are wrong"
            )));
        }
        let text = tail(&member.log(), 3000);
        println!("{outcome:?}: {}", text.lines().last().unwrap_or_default());
        holds(&format!("it says what: {text}"), text.contains("damaged"))?;
        let place = member.data.join("state").display().to_string();
        holds(&format!("it says where: {text}"), text.contains(&place))
    };
    Box::pin(run).await.expect("damage is found");
}

#[tokio::test]
async fn one_directory_and_one_port_serve_one_process() {
    let run = async {
        let mut member = Alone::new(&[])?;
        member.start().await?;
        let mut second = Alone::new(&[&format!("--data-dir={}", member.data.display())])?;
        second
            .arguments
            .retain(|argument| *argument != format!("--data-dir={}", second.data.display()));
        let place = member.data.display().to_string();
        second
            .refuses(&[place.as_str(), "in use by another process"])
            .await?;
        let mut third = Alone::new(&[])?;
        let own = third.client_url.clone();
        for argument in &mut third.arguments {
            *argument = argument.replace(&own, &member.client_url);
        }
        let address = member.client_url.replace("http://", "");
        third
            .refuses(&[address.as_str(), "another process has the port"])
            .await?;
        holds("nothing was touched", !third.data.exists())?;
        member.fill(3).await
    };
    Box::pin(run).await.expect("the second one is refused");
}

/// Makes every sync of a file fail once a switch is there.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int broken(void) {
    const char *path = getenv("SHIM_SWITCH");
    return path && access(path, F_OK) == 0;
}
#define SHIM(name) \
    int name(int fd) { \
        int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, #name); \
        if (broken()) { errno = EIO; return -1; } \
        return real(fd); \
    }
SHIM(fsync)
SHIM(fdatasync)
"#;

fn compile_shim(directory: &Path) -> Option<PathBuf> {
    let (source, library) = (directory.join("shim.c"), directory.join("shim.so"));
    std::fs::write(&source, SHIM).ok()?;
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl");
    compiler.status().ok()?.success().then_some(library)
}

#[tokio::test]
async fn a_disk_that_does_not_sync_stops_the_member() {
    let run = async {
        let mut member = Alone::new(&[])?;
        let Some(shim) = compile_shim(member.directory.path()) else {
            skip(
                "a_disk_that_does_not_sync_stops_the_member",
                "no C compiler",
            );
            return Ok(());
        };
        let switch = member.directory.path().join("switch");
        member.environment = vec![
            format!("LD_PRELOAD={}", shim.display()),
            format!("SHIM_SWITCH={}", switch.display()),
        ];
        member.start().await?;
        member.fill(20).await?;
        std::fs::write(&switch, "")?;
        let write = tokio::time::timeout(PATIENCE, member.client()?.put(put("late", "v"))).await?;
        holds("what is not on disk is not acknowledged", write.is_err())?;
        let (status, text) = member.ends().await?;
        println!("{status}: {}", text.lines().last().unwrap_or_default());
        holds("it does not end well", !status.success())?;
        holds(
            &format!("it says why: {text}"),
            text.contains("Input/output error"),
        )?;
        std::fs::remove_file(&switch)?;
        member.start().await?;
        let found = member.client()?.range(get("k000019")).await?.kvs;
        same("what was acknowledged is there", found.len(), 1)
    };
    Box::pin(run).await.expect("the member stops");
}
