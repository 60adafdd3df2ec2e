//! A data directory made from a snapshot, offline: how a new cluster starts from an old one's state.
//!
//! Every member of the new cluster restores the same file with the same options, and finds in its
//! directory what it would find had the new cluster existed all along: the state as the outcome of
//! one log entry, the membership in the state, and a log that begins behind that entry. So nothing
//! is special at the start, the members elect, and one that is added later gets a snapshot, because
//! no log reaches back far enough for it.
//!
//! The revision never goes back. Clients remember revisions that the old cluster gave out after the
//! snapshot was taken; were the new one to give them out again for other changes, a watcher would
//! silently miss those. So the revision jumps ahead, and everything before it counts as compacted:
//! who asks for it is told to read anew.
//!
//! The directory is made beside its final place, which it takes by one rename when it is whole and
//! durable. What never happens here: touching a directory that somebody else has filled.

use super::data_dir::DataDir;
use super::identity::{Bootstrap, Owner, StartError, founder};
use super::state_dir::{StateDir, StateOptions, sync_directory};
use super::types::{Membership, PeerNode, encode_membership};
use crate::archive::{self, ArchiveError, Header, Progress, Reader, Totals};
use crate::engine::rocks::{RocksEngine, RocksOptions};
use crate::engine::{Batch, Engine, EngineError, GarbageSlot};
use crate::faults::failpoint;
use crate::wal::{self, LogId, Wal};
use crate::{MemberId, Revision, apply, mvcc};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a directory is made from and for whom.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// The snapshot.
    pub file: PathBuf,
    /// The directory to make. It must not exist, or be empty.
    pub data_dir: PathBuf,
    /// The member's name.
    pub name: String,
    /// Name and peer URLs of every member of the new cluster, this one included.
    pub members: Vec<(String, Vec<String>)>,
    /// The new cluster's token. Another one than the old cluster's keeps the two apart.
    pub token: String,
    /// By how much the revision jumps ahead. More than the old cluster has written since the
    /// snapshot was taken; the same for every member. Not negative.
    pub bump_revision: i64,
}

/// The step a long restore is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading the snapshot for the first time; nothing has been written.
    Checking,
    /// Writing the state.
    Writing,
}

/// What has been made.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The new cluster.
    pub cluster_id: u64,
    /// The member.
    pub member_id: MemberId,
    /// What the snapshot said of itself.
    pub snapshot: Header,
    /// The revision the new cluster starts at. Everything up to it counts as compacted.
    pub revision: Revision,
    /// What was in the snapshot.
    pub totals: Totals,
}

/// Why there is no new directory. Nothing has been left behind.
#[derive(Debug)]
pub enum RestoreError {
    /// The options are wrong or do not fit together: correct them.
    Options(String),
    /// The directory cannot be made in this place: choose another, or clear it.
    Place(String),
    /// The snapshot cannot be used.
    Archive(ArchiveError),
    /// The disk failed: where, and its words.
    Disk(String),
}

impl std::fmt::Display for RestoreError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RestoreError::Options(text) | RestoreError::Place(text) | RestoreError::Disk(text) => {
                formatter.write_str(text)
            }
            RestoreError::Archive(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for RestoreError {}

impl From<ArchiveError> for RestoreError {
    fn from(error: ArchiveError) -> RestoreError {
        match error {
            ArchiveError::Engine(error) => error.into(),
            other => RestoreError::Archive(other),
        }
    }
}

impl From<EngineError> for RestoreError {
    fn from(error: EngineError) -> RestoreError {
        RestoreError::Disk(error.to_string())
    }
}

impl From<StartError> for RestoreError {
    fn from(error: StartError) -> RestoreError {
        match error {
            StartError::Config(text) => RestoreError::Options(text),
            StartError::Data(text) | StartError::Group(text) => RestoreError::Disk(text),
        }
    }
}

/// Makes a data directory. Blocks: reads the whole snapshot twice, first to find it sound.
///
/// # Errors
/// See [`RestoreError`]. After an error there is nothing in `data_dir` that was not there before.
pub fn restore(
    options: &RestoreOptions,
    progress: &mut dyn FnMut(Stage, Progress),
) -> Result<Restored, RestoreError> {
    if options.bump_revision < 0 {
        return Err(RestoreError::Options(format!(
            "the revision cannot be bumped by {}: it never goes back",
            options.bump_revision
        )));
    }
    let bootstrap = Bootstrap {
        members: options.members.clone(),
        token: options.token.clone(),
        join: false,
    };
    let owner = founder(&options.name, &bootstrap)?;
    check_place(&options.data_dir)?;
    archive::status(&options.file, &mut |at| progress(Stage::Checking, at))?;
    let site = Site::open(&options.data_dir)?;
    failpoint!("restore-begun");
    let reader = Reader::open(&options.file)?;
    let snapshot = reader.header().clone();
    let (revision, totals) = site.fill(&owner, reader, options.bump_revision, &mut |at| {
        progress(Stage::Writing, at);
    })?;
    site.hand_over(&options.data_dir)?;
    Ok(Restored {
        cluster_id: owner.cluster_id,
        member_id: owner.member_id,
        snapshot,
        revision,
        totals,
    })
}

/// Refuses a place where something is already.
fn check_place(data_dir: &Path) -> Result<(), RestoreError> {
    match fs::read_dir(data_dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(RestoreError::Place(format!(
                "{} is not empty; choose another directory, or move away what is in it",
                data_dir.display()
            ))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(RestoreError::Place(format!(
            "{} cannot be used: {error}",
            data_dir.display()
        ))),
    }
}

/// The directory while it is being made. Removed when dropped, unless it has got its name.
struct Site {
    path: PathBuf,
    is_named: bool,
}

impl Site {
    /// Beside the final place, so that a rename moves it there.
    fn open(data_dir: &Path) -> Result<Site, RestoreError> {
        let name = data_dir.file_name().ok_or_else(|| {
            RestoreError::Place(format!(
                "{} is not a name for a directory",
                data_dir.display()
            ))
        })?;
        let mut name = name.to_owned();
        name.push(".restoring");
        let path = data_dir.with_file_name(name);
        let parent = parent(&path);
        let made =
            fs::create_dir_all(parent).and_then(|()| DirBuilder::new().mode(0o700).create(&path));
        match made {
            Ok(()) => Ok(Site {
                path,
                is_named: false,
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(RestoreError::Place(format!(
                    "{} exists: another restore is at work, or one was interrupted; if none runs, remove it",
                    path.display()
                )))
            }
            Err(error) => Err(disk(&path, &error)),
        }
    }

    /// Everything a member finds at its start; who it is comes last.
    fn fill(
        &self,
        owner: &Owner,
        reader: Reader<fs::File>,
        bump: i64,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Revision, Totals), RestoreError> {
        let data_dir = DataDir::open(&self.path)?;
        let founded = self.write_state(owner, reader, bump, progress)?;
        self.write_log(founded.log_id)?;
        failpoint!("restore-log-written");
        let restored = Owner {
            initial: BTreeMap::new(),
            ..owner.clone()
        };
        data_dir
            .set_owner(&restored)
            .map_err(|error| disk(&self.path, &error))?;
        Ok((founded.revision, founded.totals))
    }

    fn write_state(
        &self,
        owner: &Owner,
        reader: Reader<fs::File>,
        bump: i64,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Founded, RestoreError> {
        let states = StateDir::new(&self.path, state_options(owner));
        let engine = RocksEngine::open(
            &states.first(),
            GarbageSlot::default(),
            RocksOptions::default(),
        )?;
        let totals = reader.restore(&engine, progress)?;
        let (log_id, revision) = found(&engine, owner, bump)?;
        drop(engine);
        failpoint!("restore-before-adopt");
        states
            .adopt_first()
            .map_err(|error| disk(&self.path, &error))?;
        // As a start would: what does not fit together is noticed now. The dump of the index spares
        // the start the reading of the whole history.
        let loaded = states.open(true)?;
        loaded.store.dump()?;
        Ok(Founded {
            log_id,
            revision,
            totals,
        })
    }

    /// A log that begins behind `log_id`.
    fn write_log(&self, log_id: LogId) -> Result<(), RestoreError> {
        let path = self.path.join("wal");
        let failed = |error: &dyn std::fmt::Display| RestoreError::Disk(error.to_string());
        let (wal, _) = Wal::open(Arc::new(wal::RealDisk), &path, wal::Options::default())
            .map_err(|error| failed(&error))?;
        wal.purge(log_id).map_err(|error| failed(&error))?;
        // The entry's leader had this member's vote. So the first election is for the next term, and
        // no two leaders share one.
        let vote = wal::Vote {
            term: log_id.term,
            node_id: log_id.node_id,
            committed: false,
        };
        let (sender, durable) = std::sync::mpsc::channel();
        wal.save_vote(
            vote,
            Box::new(move |result| {
                // The receiver waits below.
                let _ = sender.send(result);
            }),
        );
        durable
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the log's writer has stopped")))
            .map_err(|error| failed(&error))?;
        drop(wal);
        sync_directory(&path).map_err(|error| disk(&path, &error))
    }

    /// Gives the directory its name.
    fn hand_over(mut self, data_dir: &Path) -> Result<(), RestoreError> {
        sync_directory(&self.path).map_err(|error| disk(&self.path, &error))?;
        failpoint!("restore-before-rename");
        // Takes the place of an empty directory, and of no other.
        fs::rename(&self.path, data_dir).map_err(|error| {
            RestoreError::Place(format!(
                "the restored directory cannot take the place of {}: {error}; choose a directory that does not exist yet",
                data_dir.display()
            ))
        })?;
        failpoint!("restore-renamed");
        self.is_named = true;
        let parent = parent(data_dir);
        sync_directory(parent).map_err(|error| disk(parent, &error))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !self.is_named {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The state as the new group begins with it.
struct Founded {
    log_id: LogId,
    revision: Revision,
    totals: Totals,
}

/// Rewrites what the state says of its group, in one batch, durably. The entry the state is the
/// outcome of, and the new revision.
fn found(engine: &dyn Engine, owner: &Owner, bump: i64) -> Result<(LogId, Revision), RestoreError> {
    let applied = apply::schema::position(engine)?.applied;
    let leader = owner.initial.first_key_value().map(|(id, _)| *id);
    let log_id = LogId {
        term: 1,
        node_id: leader.expect("a founder is among the founders"),
        // Index 0 would be the entry with which a group without a past begins.
        index: applied.map_or(1, |id| id.index.max(1)),
    };
    let voters: BTreeSet<MemberId> = owner.initial.keys().copied().collect();
    let nodes = owner.initial.iter().map(|(id, urls)| {
        let node = PeerNode {
            peer_urls: urls.clone(),
            wants_vote: false,
        };
        (*id, node)
    });
    let nodes: BTreeMap<_, _> = nodes.collect();
    let membership = Membership::new(vec![voters], nodes)
        .map_err(|error| RestoreError::Options(format!("no membership: {error}")))?;

    let mut batch = Batch::default();
    apply::schema::put_founding(engine, &mut batch, log_id, &encode_membership(&membership))?;
    let (before, after) = mvcc::schema::put_advanced(engine, &mut batch, bump)?;
    let revision = after.ok_or_else(|| {
        RestoreError::Options(format!(
            "revision {before} cannot be bumped by {bump}: there are no revisions that large"
        ))
    })?;
    engine.write(&batch)?;
    engine.flush()?;
    Ok((log_id, revision))
}

fn state_options(owner: &Owner) -> StateOptions {
    StateOptions {
        engines: crate::engine::Engines::Rocks,
        lanes: crate::world::Lanes::default(),
        cache_bytes: 0,
        origin: apply::Origin {
            member: owner.member_id,
            incarnation: 0,
        },
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn disk(path: &Path, error: &io::Error) -> RestoreError {
    RestoreError::Disk(format!("writing {} failed: {error}", path.display()))
}

#[cfg(test)]
mod tests;
