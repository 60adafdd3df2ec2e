//! The threads that clean up behind a member: the sweeper and the upkeep of log and state.
//!
//! They have threads of their own because what they do blocks: a sweep or a flush may take seconds, and
//! consensus must not wait for either.

use super::super::handle::Handle;
use super::super::identity::StartError;
use super::super::members::Members;
use super::super::space::SpaceWatch;
use super::super::upkeep::{SweepBell, Sweeper, Upkeep};
use super::applying::Applying;
use super::assembly::Assembly;
use super::consensus::Consensus;
use super::data_error;
use crossbeam_channel::Receiver;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

/// What ends the threads, and what wakes the sweeper.
pub(super) struct Signals {
    /// Set when the member stops.
    pub(super) stop: Arc<AtomicBool>,
    /// Rung when there is something to sweep.
    pub(super) bell: SweepBell,
}

impl Assembly {
    /// Starts the threads. The sweeper listens to `heard`, the other end of the bell.
    ///
    /// # Errors
    /// [`StartError::Data`] if there is no thread to be had.
    pub(super) fn start_housekeeping(
        &self,
        applying: &Applying,
        consensus: &Consensus,
        handle: &Handle,
        signals: &Signals,
        heard: Receiver<()>,
    ) -> Result<Vec<JoinHandle<()>>, StartError> {
        let lanes = &self.options.world.lanes;
        let sweeper = Sweeper {
            current: Arc::clone(&applying.current),
            bell: heard,
            stop: Arc::clone(&signals.stop),
        };
        let sweeper = lanes.start("sweep", sweeper).map_err(data_error)?;
        let upkeep = Upkeep {
            current: Arc::clone(&applying.current),
            progress: Arc::clone(&applying.progress),
            wal: self.recovered.wal.clone(),
            raft: consensus.raft.clone(),
            group: Arc::clone(&consensus.group),
            runtime: tokio::runtime::Handle::current(),
            schedule: self.options.schedule,
            metrics: Arc::clone(&self.options.metrics),
            space: SpaceWatch::new(self.reserve.clone(), handle.clone()),
            incoming: Arc::clone(&self.incoming),
            hand_over: hand_over(Arc::clone(&consensus.members)),
            stop: Arc::clone(&signals.stop),
        };
        let upkeep = upkeep.start(lanes, signals.bell.clone());
        let threads = [sweeper, upkeep.map_err(data_error)?];
        Ok(threads.into_iter().flatten().collect())
    }
}

/// Gives leadership away when the disk hangs: called from a thread, carried out by the runtime.
fn hand_over(members: Arc<Members>) -> Box<dyn Fn() + Send> {
    let runtime = tokio::runtime::Handle::current();
    Box::new(move || {
        let members = Arc::clone(&members);
        runtime.spawn(async move {
            if let Some(successor) = members.best_successor() {
                // Fails when this member does not lead, and then there is nothing to do.
                let _ = members.move_leader(successor).await;
            }
        });
    })
}
