//! The parts of a member, in the order in which each finds the ones it needs.
//!
//! This file is the order alone; how each part is made is in the file of its noun. The order is not
//! free: its port answers from the first moment, it takes part in nothing before all of it is there, and what
//! it does of its own accord (tell its name, sweep, flush) begins last.

use super::super::applier::Applier;
use super::super::data_dir::DataDir;
use super::super::door::Door;
use super::super::handle::Handle;
use super::super::identity::StartError;
use super::super::snapshot::Incoming;
use super::super::space::Reserve;
use super::super::types::Raft;
use super::super::upkeep::SweepBell;
use super::applying::Applying;
use super::data_error;
use super::housekeeping::Signals;
use super::options::NodeOptions;
use super::peer_port::serve;
use super::recovery::{Recovered, recover};
use crate::watch::Feed;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use tokio::sync::watch;

/// What a member is made from.
pub(super) struct Assembly {
    /// How it was asked to be.
    pub(super) options: NodeOptions,
    /// What it has been.
    pub(super) recovered: Recovered,
    /// The disk it is on.
    pub(super) reserve: Reserve,
    /// Where snapshots of other members arrive.
    pub(super) incoming: Arc<Incoming>,
    /// Where peers come in.
    pub(super) door: Door,
}

/// A member that takes part in its group. What [`Node`](super::Node) holds of it.
pub(super) struct Started {
    /// The way in.
    pub(super) handle: Handle,
    /// Where watchers subscribe.
    pub(super) feed: Feed,
    /// Consensus, to be shut down.
    pub(super) raft: Raft,
    /// Its runtime.
    pub(super) runtime: tokio::runtime::Handle,
    /// Threads to wait for once they are told to stop.
    pub(super) housekeeping: Vec<JoinHandle<()>>,
    /// What tells them.
    pub(super) signals: Signals,
    /// Turns true when the group goes on without this member.
    pub(super) removed: watch::Receiver<bool>,
    /// Locked for as long as the member runs.
    pub(super) _data_dir: DataDir,
}

/// Recovers a member from its directory and lets it take part.
///
/// # Errors
/// See [`StartError`].
pub(super) async fn build(
    mut options: NodeOptions,
    data_dir: DataDir,
) -> Result<Started, StartError> {
    let known = data_dir.owner()?;
    let door = Door::new(known.is_none());
    let listeners = std::mem::take(&mut options.peer_listeners);
    serve(listeners, &options.world.network, &door)?;
    let (recovered, applier) = recover(&options, data_dir, known).await?;
    let data_dir = recovered.data_dir.path();
    let reserve = Reserve::new(data_dir, options.disk_reserve_bytes).map_err(data_error)?;
    let assembly = Assembly {
        incoming: Arc::new(Incoming::new(recovered.states.clone(), reserve.clone())),
        options,
        recovered,
        reserve,
        door,
    };
    assembly.assemble(applier).await
}

impl Assembly {
    async fn assemble(self, applier: Applier) -> Result<Started, StartError> {
        let (bell, heard) = SweepBell::new();
        let signals = Signals {
            stop: Arc::new(AtomicBool::new(false)),
            bell,
        };
        let applying = Applying::start(applier, &self.options, signals.bell.clone())?;
        let consensus = self.build_consensus(&applying).await?;
        let handle = self.open_entrance(&applying, &consensus);
        self.door.open(self.peer_service(&consensus, &handle));
        applying.progress.set_running();
        consensus.raft.run();
        self.initialise(&consensus.raft).await?;
        let removed = consensus.caller.removed.subscribe();
        self.start_tasks(&applying, &consensus, &handle);
        // What an earlier run left unswept.
        signals.bell.ring();
        let housekeeping =
            self.start_housekeeping(&applying, &consensus, &handle, &signals, heard)?;
        Ok(Started {
            handle,
            feed: applying.feed,
            raft: consensus.raft,
            runtime: tokio::runtime::Handle::current(),
            housekeeping,
            signals,
            removed,
            _data_dir: self.recovered.data_dir,
        })
    }
}
