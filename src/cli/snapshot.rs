//! `keelson snapshot`: backups.
//!
//! A backup is the stream of etcd's `Snapshot` call as it comes, and at its end the SHA-256 of what
//! stands before it. `save` checks that sum before the file gets its name.

use super::Context;
use super::connect::LARGEST_ANSWER_BYTES;
use super::error::{Error, Result};
use super::output::{self, Progress, size};
use super::restore;
use keelson_proto::etcdserverpb::SnapshotRequest;
use keelson_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use keelson_store::archive::{self, ArchiveError};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Bytes of the sum at the end of a backup.
const SUM_BYTES: usize = 32;
/// A stream that says nothing for this long is broken.
const SILENCE: Duration = Duration::from_secs(30);

/// Commands on backups.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Write a backup of one member's state to a file
    Save {
        /// The file; it appears only when it is whole
        file: PathBuf,
    },
    /// Check a backup and tell about it
    Status { file: PathBuf },
    /// Make a data directory for a new cluster from a backup, offline
    Restore(restore::Options),
}

/// Runs one of them.
pub async fn run(context: &Context, command: Command) -> Result<ExitCode> {
    match command {
        Command::Save { file } => save(context, &file).await?,
        Command::Status { file } => status(context, &file)?,
        Command::Restore(options) => restore::run(context, &options)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn io_error(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::failure(format!("cannot {what} {}", path.display())).why(error.to_string())
}

async fn save(context: &Context, path: &Path) -> Result<()> {
    let client = context.client()?;
    let (endpoint, channel) = client.any().await?;
    let mut maintenance =
        MaintenanceClient::new(channel).max_decoding_message_size(LARGEST_ANSWER_BYTES);
    let mut stream = client
        .within(maintenance.snapshot(SnapshotRequest {}))
        .await
        .map_err(|status| Error::from_status("cannot take a snapshot", &status))?
        .into_inner();
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut file = File::create(&part).map_err(|error| io_error("create", &part, &error))?;
    let mut sum = TailSum::default();
    let mut progress = Progress::new();
    let mut version = String::new();
    loop {
        let message = match tokio::time::timeout(SILENCE, stream.message()).await {
            Ok(message) => message,
            Err(_) => Err(tonic::Status::deadline_exceeded(format!(
                "no data for {SILENCE:?}"
            ))),
        };
        let message = message.map_err(|status| {
            let _ = std::fs::remove_file(&part);
            Error::from_status("the snapshot broke off", &status)
        })?;
        let Some(message) = message else { break };
        file.write_all(&message.blob)
            .map_err(|error| io_error("write", &part, &error))?;
        sum.add(&message.blob);
        if !message.version.is_empty() {
            version = message.version;
        }
        let share = sum.total as f64 / (sum.total + message.remaining_bytes).max(1) as f64;
        progress.at(Some(share), &format!("{} saved", size(sum.total)));
    }
    progress.end();
    if !sum.matches() {
        return Err(
            Error::failure("the snapshot is damaged: its sum does not match its data")
                .fix(format!("try again; what came is in {}", part.display())),
        );
    }
    file.sync_all()
        .map_err(|error| io_error("sync", &part, &error))?;
    std::fs::rename(&part, path).map_err(|error| io_error("name", path, &error))?;
    sync_directory(path);
    match context.json() {
        true => output::json_document(&json!({
            "file": path, "bytes": sum.total, "endpoint": endpoint, "version": version,
        })),
        false => output::data(&format!(
            "saved {} from {endpoint} to {}\n",
            size(sum.total),
            path.display()
        )),
    }
    Ok(())
}

/// The name must outlive a power cut, too. Best effort: not every file system can.
fn sync_directory(path: &Path) {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if let Ok(directory) = File::open(parent.unwrap_or(Path::new("."))) {
        let _ = directory.sync_all();
    }
}

fn status(context: &Context, path: &Path) -> Result<()> {
    let mut progress = Progress::new();
    let examined = archive::status(path, &mut |at| {
        let share = at.done as f64 / at.total.max(1) as f64;
        progress.at(Some(share), &format!("{} checked", size(at.done)));
    });
    progress.end();
    match examined {
        Ok(status) => {
            show_status(context, path, &status);
            Ok(())
        }
        Err(ArchiveError::NotAnArchive { .. }) => foreign_status(context, path),
        Err(error) => Err(Error::failure("the backup cannot be used").why(error.to_string())),
    }
}

fn show_status(context: &Context, path: &Path, status: &archive::Status) {
    let header = &status.header;
    if context.json() {
        return output::json_document(&json!({
            "file": path,
            "format": "keelson",
            "whole": true,
            "bytes": status.total_size,
            "hash": format!("{:08x}", status.hash),
            "revision": status.revision,
            "compacted_revision": header.compacted,
            "records": status.total_keys,
            "cluster_id": format!("{:x}", header.cluster_id),
            "member_id": format!("{:x}", header.member_id),
            "created_by": header.created_by,
        }));
    }
    let row = vec![
        format!("{:08x}", status.hash),
        status.revision.to_string(),
        status.total_keys.to_string(),
        size(status.total_size),
        format!("{:x}", header.cluster_id),
        header.created_by.clone(),
    ];
    let headings = [
        "HASH",
        "REVISION",
        "RECORDS",
        "SIZE",
        "CLUSTER",
        "CREATED BY",
    ];
    output::data(&output::table(&headings, &[row]));
}

/// A backup of another program: only the sum at its end can be checked.
fn foreign_status(context: &Context, path: &Path) -> Result<()> {
    let mut file = File::open(path).map_err(|error| io_error("open", path, &error))?;
    let mut sum = TailSum::default();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file
            .read(&mut buffer)
            .map_err(|error| io_error("read", path, &error))?;
        if count == 0 {
            break;
        }
        sum.add(&buffer[..count]);
    }
    if !sum.matches() {
        return Err(Error::failure(format!("{} is not a whole backup", path.display()))
            .why("it is none of Keelson's, and the sum at its end does not match what stands before it")
            .fix("take a new one with `keelson snapshot save`"));
    }
    match context.json() {
        true => output::json_document(&json!({
            "file": path, "format": "foreign", "whole": true, "bytes": sum.total,
        })),
        false => output::data(&format!(
            "{}  {}  whole, but not written by Keelson (etcd?)\n",
            path.display(),
            size(sum.total)
        )),
    }
    Ok(())
}

/// Sums everything but the last [`SUM_BYTES`], which it keeps for comparison.
#[derive(Default)]
struct TailSum {
    hash: Sha256,
    tail: Vec<u8>,
    total: u64,
}

impl TailSum {
    fn add(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        self.tail.extend_from_slice(bytes);
        let done = self.tail.len().saturating_sub(SUM_BYTES);
        self.hash.update(&self.tail[..done]);
        self.tail.drain(..done);
    }

    fn matches(&self) -> bool {
        self.tail.len() == SUM_BYTES && self.hash.clone().finalize()[..] == self.tail[..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_at_the_end_is_checked_however_the_data_is_cut() {
        let data = b"some state".to_vec();
        let whole = [&data[..], &Sha256::digest(&data)[..]].concat();
        for cut in 0..whole.len() {
            let mut sum = TailSum::default();
            sum.add(&whole[..cut]);
            sum.add(&whole[cut..]);
            assert!(sum.matches(), "cut at {cut}");
        }
        let mut sum = TailSum::default();
        sum.add(&whole[1..]);
        assert!(!sum.matches());
    }
}
