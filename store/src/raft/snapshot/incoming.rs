//! Snapshots of other members, as they arrive: one at a time, each on a thread of its own.

use super::super::space::Reserve;
use super::super::state_dir::{StateDir, remove_all};
use super::collection::{Collection, Offer, disk, require};
use super::{Received, SnapshotDirectory, WAITING_CHUNKS_MAX, read_header};
use crate::MemberId;
use crate::faults::failpoint;
use futures::{Stream, StreamExt};
use keelson_proto::peer::{self, HeldFile, snapshot_chunk::Part};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::Instant;
use tonic::{Code, Status};

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

/// Where snapshots arrive.
#[derive(Clone)]
struct Place {
    states: StateDir,
    reserve: Reserve,
}

/// Who holds it may touch `state/incoming`.
#[derive(Debug, Default)]
struct Desk {
    /// What was offered last, and to whom. Good for one transfer.
    offered: Option<(MemberId, Offer)>,
    /// Since when nobody has gone on with what lies there; `None` if nothing does.
    idle_since: Option<Instant>,
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
        let place = self.place.clone();
        let work = move |desk: &mut Desk, gone: &dyn Fn() -> bool| {
            place.prepare(desk, sender, &files, gone)
        };
        answer(self.on_thread(work).await?).await
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
        let place = self.place.clone();
        let (parts, waiting) = mpsc::channel(WAITING_CHUNKS_MAX);
        let work = move |desk: &mut Desk, _: &dyn Fn() -> bool| {
            place.collect(desk, sender, &header, waiting)
        };
        let outcome = self.on_thread(work).await?;
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

    /// Carries out `work` on a thread, when it is its turn.
    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk, &dyn Fn() -> bool) -> Result<T, Status> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, Status>>, Status> {
        let turn = tokio::time::timeout(BUSY_WAIT, Arc::clone(&self.desk).lock_owned());
        let mut desk = turn
            .await
            .map_err(|_| Status::unavailable("another snapshot is being received"))?;
        let (done, outcome) = oneshot::channel();
        let place = self.place.clone();
        let run = move || {
            desk.idle_since = Some(Instant::now());
            let result = work(&mut desk, &|| done.is_closed());
            desk.idle_since = desk.idle_since.map(|_| Instant::now());
            if result
                .as_ref()
                .is_err_and(|status| place.is_useless(status))
            {
                place.clear(&mut desk);
            }
            // Before the answer: who gets it may come back at once.
            drop(desk);
            let _ = done.send(result);
        };
        std::thread::Builder::new()
            .name("snapshot-receive".to_owned())
            .spawn(run)
            .map_err(disk)?;
        Ok(outcome)
    }
}

impl Place {
    fn prepare(
        &self,
        desk: &mut Desk,
        sender: MemberId,
        files: &[peer::SnapshotFile],
        gone: &dyn Fn() -> bool,
    ) -> Result<Vec<HeldFile>, Status> {
        desk.offered = None;
        let collection = Collection::open(&self.states.incoming(), sender)?;
        let held_bytes = collection.retain(files)?;
        let total_bytes: u64 = files.iter().map(|file| file.bytes).sum();
        require(total_bytes.saturating_sub(held_bytes), &self.reserve)?;
        let offer = collection.offer(gone)?;
        let held = offer.iter().map(|(name, digest)| digest.to_peer(name));
        let held = held.collect();
        desk.offered = Some((sender, offer));
        failpoint!("receive-prepared");
        Ok(held)
    }

    fn collect(
        &self,
        desk: &mut Desk,
        sender: MemberId,
        header: &peer::SnapshotHeader,
        mut parts: mpsc::Receiver<Part>,
    ) -> Result<SnapshotDirectory, Status> {
        let offered = desk.offered.take().filter(|(to, _)| *to == sender);
        let offered = offered.map(|(_, offer)| offer).unwrap_or_default();
        let mut collection = Collection::open(&self.states.incoming(), sender)?;
        let kept_bytes = collection.keep(&header.kept, offered)?;
        let bytes = header.total_bytes;
        tracing::info!(member = sender, bytes, kept_bytes, "receiving a snapshot");
        require(bytes.saturating_sub(kept_bytes), &self.reserve)?;
        let outcome = loop {
            match parts.blocking_recv() {
                Some(Part::File(file)) => {
                    failpoint!("receive-file");
                    collection.begin_file(file, &self.reserve)?;
                }
                Some(Part::Data(data)) => collection.write(&data)?,
                Some(Part::End(end)) => {
                    let target = self.states.received();
                    failpoint!("receive-before-rename");
                    collection.finish(end.files, &target)?;
                    failpoint!("receive-renamed");
                    break SnapshotDirectory::temporary(target);
                }
                Some(Part::Header(_)) => return Err(malformed()),
                None => return Err(cut_off()),
            }
        };
        desk.idle_since = None;
        Ok(outcome)
    }

    /// Whether what a failed transfer left is no good: a disk that does not take or give it, or that
    /// needs the space.
    fn is_useless(&self, status: &Status) -> bool {
        status.code() == Code::Internal || self.reserve.shortage(0).is_some()
    }

    fn clear(&self, desk: &mut Desk) {
        desk.offered = None;
        match remove_all(&self.states.incoming()) {
            Ok(()) => desk.idle_since = None,
            Err(error) => {
                desk.idle_since = Some(Instant::now());
                tracing::warn!(%error, "a part of a snapshot could not be removed");
            }
        }
    }
}

/// Carries the stream to the thread, until that has everything or has failed.
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
    let ended = |_| Status::internal("the thread that receives snapshots has failed");
    outcome.await.map_err(ended)?
}

fn malformed() -> Status {
    Status::invalid_argument("the stream is not a snapshot")
}

fn cut_off() -> Status {
    Status::data_loss("the snapshot ended too early")
}
