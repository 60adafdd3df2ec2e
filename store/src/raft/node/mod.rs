//! One running member: builds the parts in the right order and takes them down again.
//!
//! Order of start (each step needs the ones before): lock the data directory, find out who we are,
//! open the log, open the state, replay what the log holds beyond the state, start the apply thread,
//! build consensus, serve peers, let consensus run, tell the group our name. Clients are served by
//! the caller, over the [`Handle`].
//!
//! | file | what |
//! |---|---|
//! | `options` | what a member is started with |
//! | `recovery` | from the data directory to a state that has caught up with the log |
//! | `assembly` | the parts, in order |
//! | `applying` | the apply thread and those it tells |
//! | `consensus` | openraft over log and state; the group's first membership |
//! | `entrance` | the handle, and what carries its requests |
//! | `peer_port` | the other members' way in |
//! | `tasks`, `housekeeping` | what runs beside requests: on the runtime, on threads |
//!
//! Here are only start and stop, and the thread whose runtime is consensus's. What never happens here:
//! the work of the parts themselves. They are built, connected and let go.

mod applying;
mod assembly;
mod consensus;
mod entrance;
mod housekeeping;
mod options;
#[cfg(test)]
mod paused;
mod peer_port;
#[cfg(test)]
mod played;
mod recovery;
#[cfg(test)]
mod removed;
mod tasks;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod undecided;

use super::data_dir::DataDir;
use super::handle::Handle;
use super::identity::StartError;
use super::probe::Probe;
use crate::faults::failpoint;
use crate::watch::Feed;
use assembly::{Started, build};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

pub use options::NodeOptions;

/// A running member.
pub struct Node {
    /// The thread whose runtime is consensus's, and what ends it; `None` where that is the caller's.
    thread: Option<(mpsc::Sender<()>, std::thread::JoinHandle<()>)>,
    started: Started,
}

impl Node {
    /// Starts a member. Returns once it takes part in its group; there may be no leader yet.
    ///
    /// # Errors
    /// See [`StartError`]; the text says what to do.
    pub fn start(options: NodeOptions) -> Result<Node, StartError> {
        let data_dir = DataDir::open(&options.data_dir)?;
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let (stop_runtime, stopped) = mpsc::channel(1);
        let thread = std::thread::Builder::new()
            .name("raft".to_owned())
            .spawn(move || run_runtime(options, data_dir, &sender, stopped))
            .map_err(|error| StartError::Data(format!("no thread for consensus: {error}")))?;
        let started = receiver
            .recv()
            .map_err(|_| StartError::Data("the member stopped while starting".to_owned()))??;
        Ok(Node {
            thread: Some((stop_runtime, thread)),
            started,
        })
    }

    /// The same on the present runtime, which becomes consensus's. For simulations, whose members are
    /// never stopped in order: they crash, with their runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start_here(options: NodeOptions) -> Result<Node, StartError> {
        let data_dir = DataDir::open(&options.data_dir)?;
        let started = Box::pin(build(options, data_dir)).await?;
        Ok(Node {
            thread: None,
            started,
        })
    }

    /// Looks into the member, for those who check it.
    pub fn probe(&self) -> Probe {
        Probe::of(&self.started.handle, &self.started.raft)
    }

    /// The way in. Call [`Handle::for_front`] for each front.
    pub fn handle(&self) -> &Handle {
        &self.started.handle
    }

    /// Where watchers subscribe.
    pub fn feed(&self) -> &Feed {
        &self.started.feed
    }

    /// Turns true when this member has been removed from its group. Then it should be stopped: its
    /// group does not talk to it any more.
    pub fn removed(&self) -> tokio::sync::watch::Receiver<bool> {
        self.started.removed.clone()
    }

    /// Gives leadership away, if this member has it and somebody can take it. Takes a second at most.
    pub fn hand_over(&self) {
        let handle = self.started.handle.clone();
        self.wait_for(async move {
            if handle.leads()
                && let Some(successor) = handle.inner().members.best_successor()
            {
                let moved = handle.move_leader(successor);
                let moved = tokio::time::timeout(Duration::from_secs(1), moved).await;
                if !matches!(moved, Ok(Ok(()))) {
                    tracing::warn!("leadership could not be handed over; the group will elect");
                }
            }
        });
    }

    /// Stops consensus and makes the state durable, so that the next start has nothing to replay.
    pub fn stop(self) {
        let handle = self.started.handle.clone();
        let raft = self.started.raft.clone();
        self.wait_for(async move {
            handle.inner().stopping.store(true, Ordering::SeqCst);
            handle.inner().fronts.answer_all(&crate::Error::Stopped);
            handle.inner().fronts.wake_all();
            let _ = raft.shutdown().await;
        });
        self.started.signals.stop.store(true, Ordering::SeqCst);
        // The sweeper sleeps until it rings.
        self.started.signals.bell.ring();
        for thread in self.started.housekeeping {
            thread.thread().unpark();
            let _ = thread.join();
        }
        failpoint!("stop-before-dump");
        // With a fresh dump of the index the next start has nothing to scan.
        if let Err(error) = self.started.handle.store().dump() {
            tracing::warn!(%error, "the state could not be made durable; the next start replays the log");
        }
        if let Some((stop_runtime, thread)) = self.thread {
            drop(stop_runtime);
            let _ = thread.join();
        }
    }

    /// Runs `work` on the member's runtime and waits, with a bound that only guards against a
    /// runtime that hangs.
    fn wait_for(&self, work: impl Future<Output = ()> + Send + 'static) {
        let (done, finished) = std::sync::mpsc::channel();
        self.started.runtime.spawn(async move {
            work.await;
            let _ = done.send(());
        });
        let _ = finished.recv_timeout(Duration::from_secs(10));
    }
}

fn run_runtime(
    options: NodeOptions,
    data_dir: DataDir,
    started: &std::sync::mpsc::SyncSender<Result<Started, StartError>>,
    mut stopped: mpsc::Receiver<()>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = StartError::Data(format!("no runtime for consensus: {error}"));
            let _ = started.send(Err(error));
            return;
        }
    };
    runtime.block_on(async move {
        let outcome = Box::pin(build(options, data_dir)).await;
        let failed = outcome.is_err();
        let _ = started.send(outcome);
        if !failed {
            // Ends when the node drops its sender.
            let _ = stopped.recv().await;
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
}

fn data_error(error: impl std::fmt::Display) -> StartError {
    StartError::Data(error.to_string())
}
