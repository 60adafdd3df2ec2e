//! The desk at which snapshots are received: one piece of work at a time, each on a lane.
//!
//! Receiving waits for the disk and for the sender, so it is a lane's work. Whoever holds the desk is the
//! only one to touch `state/incoming`, until the work is done or the member is gone.

use super::super::space::Reserve;
use super::super::state_dir::{StateDir, remove_all};
use super::SnapshotDirectory;
use super::collection::{Collection, Offer, require};
use crate::MemberId;
use crate::faults::failpoint;
use crate::world::{Step, Work};
use keelson_proto::peer::{self, HeldFile, snapshot_chunk::Part};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};
use tokio::time::Instant;
use tonic::{Code, Status};

/// Where snapshots arrive.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) states: StateDir,
    pub(super) reserve: Reserve,
}

/// Who holds it may touch `state/incoming`.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// What was offered last, and to whom. Good for one transfer.
    pub(super) offered: Option<(MemberId, Offer)>,
    /// Since when nobody has gone on with what lies there; `None` if nothing does.
    pub(super) idle_since: Option<Instant>,
}

/// What is done with `state/incoming`, for somebody who waits for it.
pub(super) trait DeskWork: Send + 'static {
    type Outcome: Send + 'static;

    /// Does all of it. Ends early when `gone` says that nobody waits any more.
    fn run(
        &mut self,
        place: &Place,
        desk: &mut Desk,
        gone: &dyn Fn() -> bool,
    ) -> Result<Self::Outcome, Status>;

    /// Does a part of it. `None`: there is more.
    fn step(
        &mut self,
        place: &Place,
        desk: &mut Desk,
        gone: &dyn Fn() -> bool,
    ) -> Option<Result<Self::Outcome, Status>>;
}

/// Somebody's turn at the desk.
struct Turn<W: DeskWork> {
    work: W,
    place: Place,
    desk: OwnedMutexGuard<Desk>,
    done: oneshot::Sender<Result<W::Outcome, Status>>,
}

impl<W: DeskWork> Turn<W> {
    fn end(mut self, result: Result<W::Outcome, Status>) {
        let desk = &mut *self.desk;
        desk.idle_since = desk.idle_since.map(|_| Instant::now());
        if result
            .as_ref()
            .is_err_and(|status| self.place.is_useless(status))
        {
            self.place.clear(desk);
        }
        // Before the answer: who gets it may come back at once.
        drop(self.desk);
        let _ = self.done.send(result);
    }
}

/// A turn as a lane's work; `None` when it has ended.
pub(super) struct Turning<W: DeskWork>(Option<Turn<W>>);

impl<W: DeskWork> Turning<W> {
    /// The turn of `work` at the `desk`, and where its outcome arrives.
    pub(super) fn new(
        work: W,
        place: Place,
        mut desk: OwnedMutexGuard<Desk>,
    ) -> (Turning<W>, oneshot::Receiver<Result<W::Outcome, Status>>) {
        desk.idle_since = Some(Instant::now());
        let (done, outcome) = oneshot::channel();
        let turn = Turn {
            work,
            place,
            desk,
            done,
        };
        (Turning(Some(turn)), outcome)
    }
}

impl<W: DeskWork> Work for Turning<W> {
    fn run(mut self) {
        if let Some(mut turn) = self.0.take() {
            let done = &turn.done;
            let result = turn
                .work
                .run(&turn.place, &mut turn.desk, &|| done.is_closed());
            turn.end(result);
        }
    }

    fn step(&mut self) -> Step {
        let Some(mut turn) = self.0.take() else {
            return Step::Over;
        };
        let done = &turn.done;
        let result = turn
            .work
            .step(&turn.place, &mut turn.desk, &|| done.is_closed());
        match result {
            Some(result) => turn.end(result),
            None => self.0 = Some(turn),
        }
        Step::More
    }
}

/// `sender` has a snapshot of these files.
pub(super) struct Prepare {
    pub(super) sender: MemberId,
    pub(super) files: Vec<peer::SnapshotFile>,
}

impl DeskWork for Prepare {
    type Outcome = Vec<HeldFile>;

    fn run(
        &mut self,
        place: &Place,
        desk: &mut Desk,
        gone: &dyn Fn() -> bool,
    ) -> Result<Vec<HeldFile>, Status> {
        place.prepare(desk, self.sender, &self.files, gone)
    }

    fn step(
        &mut self,
        place: &Place,
        desk: &mut Desk,
        gone: &dyn Fn() -> bool,
    ) -> Option<Result<Vec<HeldFile>, Status>> {
        Some(self.run(place, desk, gone))
    }
}

/// A snapshot that comes in `parts`.
pub(super) struct Collect {
    pub(super) sender: MemberId,
    pub(super) header: peer::SnapshotHeader,
    pub(super) parts: mpsc::Receiver<Part>,
    /// What has arrived; `None` before the first part and after the last.
    pub(super) collection: Option<Collection>,
}

impl Collect {
    /// Takes the next part; `None` if the stream has ended. Returns the whole with the last.
    fn take(
        &mut self,
        place: &Place,
        desk: &mut Desk,
        part: Option<Part>,
    ) -> Result<Option<SnapshotDirectory>, Status> {
        let collection = self.collection.as_mut().ok_or_else(malformed)?;
        match part {
            Some(Part::File(file)) => {
                failpoint!("receive-file");
                collection.begin_file(file, &place.reserve)?;
            }
            Some(Part::Data(data)) => collection.write(&data)?,
            Some(Part::End(end)) => {
                let collection = self.collection.take().ok_or_else(malformed)?;
                let target = place.states.received();
                failpoint!("receive-before-rename");
                collection.finish(end.files, &target)?;
                failpoint!("receive-renamed");
                desk.idle_since = None;
                return Ok(Some(SnapshotDirectory::temporary(target)));
            }
            Some(Part::Header(_)) => return Err(malformed()),
            None => return Err(cut_off()),
        }
        Ok(None)
    }
}

impl DeskWork for Collect {
    type Outcome = SnapshotDirectory;

    fn run(
        &mut self,
        place: &Place,
        desk: &mut Desk,
        _: &dyn Fn() -> bool,
    ) -> Result<SnapshotDirectory, Status> {
        self.collection = Some(place.begin(desk, self.sender, &self.header)?);
        loop {
            let part = self.parts.blocking_recv();
            if let Some(whole) = self.take(place, desk, part)? {
                return Ok(whole);
            }
        }
    }

    fn step(
        &mut self,
        place: &Place,
        desk: &mut Desk,
        _: &dyn Fn() -> bool,
    ) -> Option<Result<SnapshotDirectory, Status>> {
        if self.collection.is_none() {
            let begun = place.begin(desk, self.sender, &self.header);
            return match begun {
                Ok(collection) => {
                    self.collection = Some(collection);
                    None
                }
                Err(status) => Some(Err(status)),
            };
        }
        let part = match self.parts.try_recv() {
            Ok(part) => Some(part),
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => None,
        };
        self.take(place, desk, part).transpose()
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

    /// What is kept of what `sender` was told is here, and space for the rest.
    fn begin(
        &self,
        desk: &mut Desk,
        sender: MemberId,
        header: &peer::SnapshotHeader,
    ) -> Result<Collection, Status> {
        let offered = desk.offered.take().filter(|(to, _)| *to == sender);
        let offered = offered.map(|(_, offer)| offer).unwrap_or_default();
        let mut collection = Collection::open(&self.states.incoming(), sender)?;
        let kept_bytes = collection.keep(&header.kept, offered)?;
        let bytes = header.total_bytes;
        tracing::info!(member = sender, bytes, kept_bytes, "receiving a snapshot");
        require(bytes.saturating_sub(kept_bytes), &self.reserve)?;
        Ok(collection)
    }

    /// Whether what a failed transfer left is no good: a disk that does not take or give it, or that
    /// needs the space.
    fn is_useless(&self, status: &Status) -> bool {
        status.code() == Code::Internal || self.reserve.shortage(0).is_some()
    }

    /// Throws away what has arrived.
    pub(super) fn clear(&self, desk: &mut Desk) {
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

/// This is no snapshot.
pub(super) fn malformed() -> Status {
    Status::invalid_argument("the stream is not a snapshot")
}

/// The sender has stopped in the middle.
pub(super) fn cut_off() -> Status {
    Status::data_loss("the snapshot ended too early")
}
