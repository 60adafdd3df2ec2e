//! openraft's view of the state: a queue to the apply thread.
//!
//! Applying never happens on the runtime that runs consensus: a slow write there would stop
//! heartbeats. openraft is told "applied" when the entries are in the apply thread's queue; who needs
//! to know what is really applied asks [`super::applier::Progress`].

use super::applier::{Job, Jobs};
use super::snapshot::SnapshotDirectory;
use super::types::{
    Applied, EntryPayload, SnapshotMeta, StoredMembership, TypeConfig, encode_membership,
    log_id_from_wal, log_id_to_wal,
};
use crate::wal;
use futures::{Stream, StreamExt};
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine, Snapshot};
use std::io;
use tokio::sync::oneshot;

/// How many entries go to the apply thread at once.
const RUN_ENTRIES_MAX: usize = 1024;

/// See the module's essay.
pub struct StateMachine {
    jobs: Jobs,
}

type LogId = super::types::LogId;
type RaftSnapshot = openraft::alias::SnapshotOf<TypeConfig, SnapshotDirectory>;

impl StateMachine {
    /// A state machine whose entries go to `jobs`.
    pub fn new(jobs: Jobs) -> StateMachine {
        StateMachine { jobs }
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = SnapshotDirectory;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        let position = self.jobs.progress().submitted();
        Ok((
            position.applied.as_ref().map(log_id_from_wal),
            position.membership()?,
        ))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + Send,
    {
        let mut run = Vec::new();
        while let Some(item) = entries.next().await {
            let (entry, responder) = item?;
            self.jobs.progress().set_committed(entry.log_id.index);
            let payload = match entry.payload {
                EntryPayload::Blank => wal::Payload::Blank,
                EntryPayload::Normal(proposal) => wal::Payload::Commands(proposal.0),
                EntryPayload::Membership(membership) => {
                    wal::Payload::Membership(encode_membership(&membership))
                }
            };
            run.push(wal::Entry {
                log_id: log_id_to_wal(&entry.log_id),
                payload,
            });
            if let Some(responder) = responder {
                responder.send(Applied);
            }
            if run.len() >= RUN_ENTRIES_MAX {
                self.jobs.send(Job::Apply(std::mem::take(&mut run))).await?;
            }
        }
        if !run.is_empty() {
            self.jobs.send(Job::Apply(run)).await?;
        }
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, _force: bool) -> Option<Builder> {
        Some(Builder {
            jobs: self.jobs.clone(),
        })
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder {
            jobs: self.jobs.clone(),
        }
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: SnapshotDirectory,
    ) -> Result<(), io::Error> {
        let (done, receiver) = oneshot::channel();
        let last_log_id = meta.last_log_id.as_ref().map(log_id_to_wal);
        self.jobs
            .send(Job::Install {
                snapshot,
                last_log_id,
                done,
            })
            .await?;
        receiver
            .await
            .map_err(|_| io::Error::other("the apply thread has stopped"))?
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<RaftSnapshot>, io::Error> {
        if !self.jobs.progress().is_running() {
            // openraft looks at start whether the state must be restored from a snapshot. Ours is
            // durable by itself, so the newest snapshot is exactly the state, and nothing is copied.
            return durable_snapshot(&self.jobs);
        }
        let (done, receiver) = oneshot::channel();
        self.jobs.send(Job::Checkpoint { done }).await?;
        let copy = receiver
            .await
            .map_err(|_| io::Error::other("the apply thread has stopped"))??;
        Ok(Some(Snapshot {
            meta: SnapshotMeta {
                last_log_id: copy.position.applied.as_ref().map(log_id_from_wal),
                last_membership: copy.position.membership()?,
            },
            snapshot: copy.directory,
        }))
    }
}

/// "Builds" a snapshot: everything up to the durable index is one already.
pub struct Builder {
    jobs: Jobs,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = SnapshotDirectory;

    async fn build_snapshot(&mut self) -> Result<RaftSnapshot, io::Error> {
        durable_snapshot(&self.jobs)?
            .ok_or_else(|| io::Error::other("nothing has been made durable yet"))
    }
}

fn durable_snapshot(jobs: &Jobs) -> Result<Option<RaftSnapshot>, io::Error> {
    let position = jobs.progress().durable();
    let Some(applied) = &position.applied else {
        return Ok(None);
    };
    Ok(Some(Snapshot {
        meta: SnapshotMeta {
            last_log_id: Some(log_id_from_wal(applied)),
            last_membership: position.membership()?,
        },
        snapshot: SnapshotDirectory::none(),
    }))
}
