//! The side of a member that turns agreed entries into state, and what hangs on it.
//!
//! The apply thread runs from here on, though nothing is agreed yet: consensus needs its queue to be
//! built. What it tells others after each run (waiting requests, watchers, the lease keeper, the
//! sweeper) is made here with it, because it starts with all of them or not at all.

use super::super::applier::{Applier, Current, Jobs, Progress, Surroundings};
use super::super::front::Fronts;
use super::super::identity::StartError;
use super::super::keeper::LeaseKeeper;
use super::super::upkeep::SweepBell;
use super::data_error;
use super::options::NodeOptions;
use crate::watch::{self, Feed};
use std::sync::Arc;

/// The running apply thread and its surroundings.
pub(super) struct Applying {
    /// The state that serves.
    pub(super) current: Arc<Current>,
    /// How far it has come.
    pub(super) progress: Arc<Progress>,
    /// Where requests wait for it.
    pub(super) fronts: Arc<Fronts>,
    /// The leader's clocks of leases.
    pub(super) keeper: Arc<LeaseKeeper>,
    /// Where watchers subscribe.
    pub(super) feed: Feed,
    /// Its queue.
    pub(super) jobs: Jobs,
}

impl Applying {
    /// Starts the thread. It rings `bell` when there is something to sweep.
    ///
    /// # Errors
    /// [`StartError::Data`] if there is no thread to be had.
    pub(super) fn start(
        applier: Applier,
        options: &NodeOptions,
        bell: SweepBell,
    ) -> Result<Applying, StartError> {
        let current = Arc::clone(applier.current());
        let progress = Arc::clone(applier.progress());
        // One more than the clients' runtimes: the last is for what the member itself proposes.
        let fronts = Arc::new(Fronts::new(options.fronts + 1));
        let keeper = Arc::new(LeaseKeeper::new(options.lease_ttl_min_s));
        let source = Arc::clone(&current) as Arc<dyn watch::Source>;
        let feed = Feed::new(source, options.watch.clone());
        let jobs = applier
            .start(
                &options.world.lanes,
                Surroundings {
                    fronts: Arc::clone(&fronts),
                    feed: feed.clone(),
                    keeper: Arc::clone(&keeper),
                    sweep: Arc::new(move || bell.ring()),
                },
            )
            .map_err(data_error)?;
        Ok(Applying {
            current,
            progress,
            fronts,
            keeper,
            feed,
            jobs,
        })
    }
}
