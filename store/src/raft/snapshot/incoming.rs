//! Snapshots of other members, as they arrive: one at a time, each on a lane of its own.

use super::super::space::Reserve;
use super::super::state_dir::StateDir;
use super::collection::disk;
use super::desk::{Collect, Desk, DeskWork, Place, Prepare, Turning, cut_off, malformed};
use super::{Received, WAITING_CHUNKS_MAX, read_header};
use crate::MemberId;
use futures::{Stream, StreamExt};
use keelson_proto::peer::{self, HeldFile, snapshot_chunk::Part};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::Instant;
use tonic::Status;

/// How long the next transfer waits for the end of one that broke off.
const BUSY_WAIT: Duration = Duration::from_secs(2);

/// How long a part of a snapshot lies here without being gone on with.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// See the module's essay.
pub struct Incoming {
    place: Place,
    kept_for: Duration,
    desk: Arc<Mutex<Desk>>,
}

impl Incoming {
    /// Snapshots that arrive beside `states`, on a disk with a `reserve`.
    pub fn new(states: StateDir, reserve: Reserve) -> Incoming {
        let left_over = states.incoming().exists();
        let desk = Desk {
            offered: None,
            idle_since: left_over.then(Instant::now),
        };
        Incoming {
            place: Place { states, reserve },
            kept_for: KEPT_FOR,
            desk: Arc::new(Mutex::new(desk)),
        }
    }

    /// With another life of what is left over.
    #[cfg(test)]
    pub fn keeping_for(self, kept_for: Duration) -> Incoming {
        Incoming { kept_for, ..self }
    }

    /// `sender` has a snapshot of these files: whether there is space, and what is here of them.
    ///
    /// # Errors
    /// `ResourceExhausted` if it does not fit beside the reserve, `Unavailable` while another transfer
    /// is under way, `Internal` for this member's disk.
    pub async fn prepare(
        &self,
        sender: MemberId,
        files: Vec<peer::SnapshotFile>,
    ) -> Result<Vec<HeldFile>, Status> {
        let work = Prepare { sender, files };
        answer(self.at_desk(work).await?).await
    }

    /// Takes a snapshot from `sender`.
    ///
    /// # Errors
    /// `InvalidArgument` for a stream that is not a snapshot, `DataLoss` for one that was damaged on its
    /// way or ended too early, `Aborted` if it leaves out what was not offered, and those of
    /// [`prepare`](Incoming::prepare).
    pub async fn receive(
        &self,
        sender: MemberId,
        mut chunks: impl Stream<Item = Result<peer::SnapshotChunk, Status>> + Unpin,
    ) -> Result<Received, Status> {
        let first = chunks.next().await.ok_or_else(cut_off)?;
        let Some(Part::Header(header)) = first?.part else {
            return Err(malformed());
        };
        let (vote, meta) = read_header(&header).ok_or_else(malformed)?;
        let (parts, waiting) = mpsc::channel(WAITING_CHUNKS_MAX);
        let work = Collect {
            sender,
            header,
            parts: waiting,
            collection: None,
        };
        let outcome = self.at_desk(work).await?;
        let fed = feed(chunks, parts).await;
        let directory = match (answer(outcome).await, fed) {
            // That the stream broke says more than that parts are missing.
            (Err(_), Err(broken)) => return Err(broken),
            (collected, _) => collected?,
        };
        Ok(Received {
            vote,
            meta,
            directory,
        })
    }

    /// Throws away what a broken transfer left, if nobody has gone on with it for long, or at once if
    /// the disk is short of space. Says whether it did.
    pub fn tidy(&self, short_of_space: bool) -> bool {
        let Ok(mut desk) = self.desk.try_lock() else {
            return false;
        };
        let due = |since: Instant| short_of_space || since.elapsed() >= self.kept_for;
        if !desk.idle_since.is_some_and(due) {
            return false;
        }
        tracing::info!("nobody has gone on with a part of a snapshot; throwing it away");
        self.place.clear(&mut desk);
        true
    }

    /// Carries out `work` on a lane, when it is its turn.
    async fn at_desk<W: DeskWork>(
        &self,
        work: W,
    ) -> Result<oneshot::Receiver<Result<W::Outcome, Status>>, Status> {
        let turn = tokio::time::timeout(BUSY_WAIT, Arc::clone(&self.desk).lock_owned());
        let desk = turn
            .await
            .map_err(|_| Status::unavailable("another snapshot is being received"))?;
        let (turn, outcome) = Turning::new(work, self.place.clone(), desk);
        let lanes = self.place.states.lanes();
        lanes.start("snapshot-receive", turn).map_err(disk)?;
        Ok(outcome)
    }
}

/// Carries the stream to the lane, until that has everything or has failed.
async fn feed(
    mut chunks: impl Stream<Item = Result<peer::SnapshotChunk, Status>> + Unpin,
    parts: mpsc::Sender<Part>,
) -> Result<(), Status> {
    while let Some(chunk) = chunks.next().await {
        let part = chunk?.part.ok_or_else(malformed)?;
        let is_last = matches!(part, Part::End(_));
        if parts.send(part).await.is_err() || is_last {
            break;
        }
    }
    Ok(())
}

async fn answer<T>(outcome: oneshot::Receiver<Result<T, Status>>) -> Result<T, Status> {
    let ended = |_| Status::internal("the lane that receives snapshots has failed");
    outcome.await.map_err(ended)?
}
