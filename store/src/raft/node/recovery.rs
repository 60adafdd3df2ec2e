//! From a data directory to a state that has everything the log knows to be committed.
//!
//! A directory that was used before must hold what it held: a member that starts with less than it has
//! promised could vote twice or lose what was acknowledged. So what is missing stops the start here,
//! before this member takes part in anything. A fresh directory is marked as somebody's only once log
//! and state are there.

use super::super::applier::Applier;
use super::super::data_dir::DataDir;
use super::super::identity::{Owner, StartError, become_member};
use super::super::state_dir::{StateDir, StateOptions};
use super::data_error;
use super::options::NodeOptions;
use crate::apply;
use crate::engine::Engines;
use crate::faults::{Plant, failpoint, planted};
use crate::wal::{self, Wal};
use std::io;
use std::sync::Arc;

/// Entries replayed at once at start.
const REPLAY_BYTES: usize = 8 << 20;

/// What a member has before consensus runs.
pub(super) struct Recovered {
    /// Who it is.
    pub(super) owner: Owner,
    /// This life of its process.
    pub(super) incarnation: u64,
    /// Its log.
    pub(super) wal: Wal,
    /// Where its states lie.
    pub(super) states: StateDir,
    /// Its locked directory.
    pub(super) data_dir: DataDir,
}

/// Reads the data directory, which is `known` to be somebody's, or makes it this member's if it is fresh.
///
/// # Errors
/// See [`StartError`]; the text says what to do.
pub(super) async fn recover(
    options: &NodeOptions,
    data_dir: DataDir,
    known: Option<Owner>,
) -> Result<(Recovered, Applier), StartError> {
    let owner = match &known {
        Some(owner) => owner.clone(),
        None => become_member(&options.name, &options.bootstrap, &options.world.network).await?,
    };
    let incarnation = rand::random();
    let states = StateDir::new(
        data_dir.path(),
        StateOptions {
            engines: match options.in_memory {
                true => Engines::Memory,
                false => options.world.engines.clone(),
            },
            lanes: options.world.lanes.clone(),
            cache_bytes: options.cache_bytes,
            origin: apply::Origin {
                member: owner.member_id,
                incarnation,
            },
        },
    );
    let must_exist = known.is_some() && !options.in_memory;
    // Each takes about as long as the other, and neither needs the other.
    let (log, loaded) = options
        .world
        .lanes
        .both(
            "wal-open",
            || open_log(options, &data_dir, known.is_some()),
            || states.open(must_exist).map_err(data_error),
        )
        .map_err(data_error)?;
    let ((wal, found), loaded) = (log?, loaded?);
    if known.is_none() {
        // Last: from here on this directory is somebody's, and must not be found empty again.
        failpoint!("owner-before-write");
        data_dir.set_owner(&owner).map_err(data_error)?;
        failpoint!("owner-written");
    }
    failpoint!("start-state-opened");
    let mut applier = Applier::new(loaded, states.clone());
    cut_obsolete(&wal, applier.progress().applied().applied).map_err(data_error)?;
    replay(&mut applier, &wal, found.committed)?;
    let recovered = Recovered {
        owner,
        incarnation,
        wal,
        states,
        data_dir,
    };
    Ok((recovered, applier))
}

fn open_log(
    options: &NodeOptions,
    data_dir: &DataDir,
    must_exist: bool,
) -> Result<(Wal, wal::Recovered), StartError> {
    let directory = data_dir.path().join("wal");
    let disk = Arc::clone(&options.world.disk);
    let is_empty = disk.list(&directory).map_or(true, |files| files.is_empty());
    if must_exist && is_empty {
        return Err(StartError::Data(format!(
            "this member has run before, but its log in {} is gone; remove it from the group and add it anew, or restore the directory",
            directory.display()
        )));
    }
    let options = wal::Options {
        lanes: options.world.lanes.clone(),
        ..options.wal.clone()
    };
    let opened = Wal::open(disk, &directory, options).map_err(data_error);
    failpoint!("start-log-opened");
    opened
}

/// Cuts off the end of a log that the state knows to be obsolete: in one of its places the state has the entry of a
/// later leader. The state becomes durable by itself, so a crash may leave it ahead of a log whose end was about to be
/// replaced, by that leader's entries or by its snapshot. What is cut off was never committed, and a log that ends before
/// its state is one that consensus knows how to go on with.
fn cut_obsolete(wal: &Wal, applied: Option<wal::LogId>) -> io::Result<()> {
    let (Some(applied), Some(last)) = (applied, wal.last()) else {
        return Ok(());
    };
    // Leaders only rise along a log. Where its last entry is of an earlier one, all are.
    if last >= applied || last.index < applied.index {
        return Ok(());
    }
    tracing::info!(
        ?applied,
        ?last,
        "the log ends with entries that a later leader has replaced; cutting them off"
    );
    let before = applied.index.checked_sub(1);
    wal.truncate_after(before.and_then(|index| wal.log_id_at(index)))
}

/// Applies what is known to be committed and is not in the state: what was applied and not yet made
/// durable before the last stop.
fn replay(
    applier: &mut Applier,
    wal: &Wal,
    committed: Option<wal::LogId>,
) -> Result<(), StartError> {
    let Some(committed) = committed else {
        return Ok(());
    };
    let mut next = applier.progress().applied().index() + 1;
    if planted(Plant::LastAppliedTwice) {
        next -= 1;
    }
    if applier.progress().applied().applied.is_none() {
        next = 0;
    }
    while next <= committed.index {
        let run = wal
            .read(next, committed.index + 1, REPLAY_BYTES)
            .map_err(data_error)?;
        let Some(last) = run.last() else { break };
        next = last.log_id.index + 1;
        applier.replay(&run);
    }
    Ok(())
}
