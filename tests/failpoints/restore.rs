//! Restores that die half-way.

use crate::plan::Way;
use crate::stage::prepare;
use keelson_kit::check::{Check, holds, same};
use keelson_kit::cli::Cli;
use keelson_kit::cluster::Cluster;
use keelson_kit::request::{put, range};
use keelson_kit::tools::{Output, run};
use std::path::Path;
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
/// Time for one restore, on a busy machine.
const RESTORED: Duration = Duration::from_secs(120);
/// Keys in what is restored.
const KEYS: usize = 50;

/// A restore that dies at each of `points` and is begun anew has everything that was saved.
///
/// # Errors
/// When one does not die, leaves half a directory under the right name, or is not what was saved.
pub async fn play(points: &[(&str, Way)]) -> Check {
    let mut cluster = prepare(1)?;
    cluster.restart(0)?;
    cluster.ready(0).await?;
    for i in 0..KEYS {
        cluster.client()?.put(put(format!("saved/{i}"), "")).await?;
    }
    let file = cluster.directory().join("saved");
    let saved = file.display().to_string();
    let cli = Cli::on(PROGRAM, &cluster.endpoints());
    cli.text(&["snapshot", "save", &saved]).await?;
    for (point, _) in points {
        cluster.stop(0).await?;
        let data = cluster.data(0);
        std::fs::remove_dir_all(&data)?;
        let dead = restore(&cluster, &saved, &format!("{point}=kill")).await?;
        same(&format!("exit code at {point}"), dead.code, None)?;
        let said = format!("a failpoint acts: {point}");
        holds(&format!("{dead:?} has {said}"), dead.stderr.contains(&said))?;
        if *point != "restore-renamed" {
            holds("nothing has the right name", !data.exists())?;
            // What its error text asks for when it is begun anew.
            std::fs::remove_dir_all(data.with_extension("restoring"))?;
            restore(&cluster, &saved, "").await?.success()?;
        }
        cluster.restart(0)?;
        cluster.ready(0).await?;
        let found = cluster.client()?.range(range("saved/", "saved0")).await?;
        same(&format!("keys, after {point}"), found.kvs.len(), KEYS)?;
        println!("{point}: restored");
    }
    Ok(())
}

async fn restore(cluster: &Cluster, file: &str, failpoints: &str) -> Check<Output> {
    let arguments = [
        &format!("KEELSON_FAILPOINTS={failpoints}"),
        "KEELSON_HURRY=1",
        PROGRAM,
        "snapshot",
        "restore",
        file,
        "--data-dir",
        &cluster.data(0).display().to_string(),
        "--name",
        "m1",
        "--initial-cluster",
        &format!("m1={}", cluster.peer_url(0)),
        "--initial-advertise-peer-urls",
        cluster.peer_url(0),
    ];
    run(Path::new("/usr/bin/env"), &arguments, "", RESTORED).await
}
