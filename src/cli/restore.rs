//! `keelson snapshot restore`: a data directory from a backup, offline.

use super::Context;
use super::error::{Error, Result};
use super::output::{self, Progress, size};
use crate::config::{self, Member, Outcome, Personality, Problem};
use keelson_store::raft::restore::{RestoreError, RestoreOptions, Restored, Stage, restore};
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `restore`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// The backup; the same for every member
    file: PathBuf,
    /// The directory to make; must not exist, or be empty
    #[arg(long)]
    data_dir: PathBuf,
    /// Name of the member
    #[arg(long, default_value = "default")]
    name: String,
    /// All members of the new cluster; this one alone if not given
    #[arg(long, value_name = "NAME=URL,...", default_value = "")]
    initial_cluster: String,
    /// Part of the new cluster's id: one that the old cluster did not have
    #[arg(long, default_value = "etcd-cluster")]
    initial_cluster_token: String,
    /// Where the others reach this member
    #[arg(long, value_name = "URL,...", default_value = "http://localhost:2380")]
    initial_advertise_peer_urls: String,
    /// How far the revision jumps ahead: more than was written since the backup was taken
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000_000)]
    bump_revision: u64,
}

/// Makes the directory.
pub fn run(context: &Context, options: &Options) -> Result<()> {
    let member = member(options)?;
    let cluster = member.initial_cluster.iter();
    let wanted = RestoreOptions {
        file: options.file.clone(),
        data_dir: options.data_dir.clone(),
        name: member.name.clone(),
        members: cluster
            .map(|(name, urls)| (name.clone(), urls.iter().map(ToString::to_string).collect()))
            .collect(),
        token: member.initial_cluster_token.clone(),
        bump_revision: i64::try_from(options.bump_revision)
            .map_err(|_| Error::usage("--bump-revision is larger than any revision"))?,
    };
    let mut progress = Progress::new();
    let restored = restore(&wanted, &mut |stage, at| {
        let share = at.done as f64 / at.total.max(1) as f64;
        let doing = match stage {
            Stage::Checking => "checked",
            Stage::Writing => "restored",
        };
        progress.at(Some(share), &format!("{} {doing}", size(at.done)));
    });
    progress.end();
    let restored = restored.map_err(explained)?;
    show(context, options, &restored);
    for note in notes(options, &restored) {
        eprintln!("note: {note}");
    }
    Ok(())
}

/// The flags a member would be started with, checked like a member's.
fn member(options: &Options) -> Result<Member> {
    let flags = [
        format!("--data-dir={}", options.data_dir.display()),
        format!("--name={}", options.name),
        format!("--initial-cluster={}", options.initial_cluster),
        format!("--initial-cluster-token={}", options.initial_cluster_token),
        format!(
            "--initial-advertise-peer-urls={}",
            options.initial_advertise_peer_urls
        ),
    ];
    let refused = |problems: Vec<Problem>| {
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Error::usage("the flags do not describe a cluster").why(text.join("\n"))
    };
    match config::load(Personality::Keelson, &flags, &[]).map_err(refused)? {
        Outcome::Settings(settings) => Member::from_settings(&settings).map_err(refused),
        Outcome::Help | Outcome::Version => unreachable!("none of the flags above asks for it"),
    }
}

fn explained(error: RestoreError) -> Error {
    let why = error.to_string();
    match error {
        RestoreError::Options(_) => Error::usage("the flags do not fit together").why(why),
        RestoreError::Place(_) => Error::failure("cannot restore there").why(why),
        RestoreError::Archive(_) => Error::failure("the backup cannot be used").why(why),
        RestoreError::Disk(_) => Error::failure("the restore broke off").why(why),
    }
}

fn show(context: &Context, options: &Options, restored: &Restored) {
    if context.json() {
        return output::json_document(&json!({
            "data_dir": options.data_dir,
            "name": options.name,
            "member_id": format!("{:x}", restored.member_id),
            "cluster_id": format!("{:x}", restored.cluster_id),
            "snapshot_revision": restored.snapshot.revision,
            "revision": restored.revision,
            "records": restored.totals.records,
        }));
    }
    output::data(&format!(
        "restored {} records of revision {} to {}\n\
         member {} ({:x}) of the new cluster {:x}, which starts at revision {}\n",
        restored.totals.records,
        restored.snapshot.revision,
        options.data_dir.display(),
        options.name,
        restored.member_id,
        restored.cluster_id,
        restored.revision,
    ));
}

/// What the user should know and may not have meant.
fn notes(options: &Options, restored: &Restored) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if options.bump_revision == 0 {
        notes.push(
            "WARNING: with --bump-revision 0 the new cluster gives out revisions that the old one may \
             have given out before, for other changes. Clients that remember them miss changes without \
             being told. Do this only if nothing was written after the backup, or every client starts \
             afresh.",
        );
    }
    if restored.cluster_id == restored.snapshot.cluster_id {
        notes.push(
            "the new cluster has the id of the old one. See to it that no old member runs, or restore \
             with another --initial-cluster-token.",
        );
    }
    notes.push("restore every member from this file with the same flags, then start them all");
    notes
}
