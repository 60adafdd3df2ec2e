//! One Pod in the queue.

use super::PluginSet;
use crate::objects::Key;
use crate::scheduler::framework::{Event, Plugin};
use crate::scheduler::pod::PodInfo;
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The first pause; it doubles with each failure.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Where a Pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is looked at as soon as it is the first. The number tells equals apart.
    Active(u64),
    /// It rests until then.
    BackOff(Instant, u64),
    /// It waits for what may help it.
    Pool,
    /// Somebody must let it go.
    Gated,
    /// It is looked at or bound.
    InFlight,
}

/// The order of the active: by priority, then by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    priority: Reverse<i32>,
    since: Instant,
    serial: u64,
    /// Whose rank it is.
    pub key: Key,
}

/// See the module.
#[derive(Debug)]
pub struct Entry {
    /// The Pod.
    pub info: Arc<PodInfo>,
    /// Where it is.
    pub place: Place,
    /// How often it was looked at.
    pub attempts: u32,
    /// When it was looked at for the first time.
    pub first_tried: Option<Instant>,
    /// Since when it is active.
    pub since: Instant,
    /// When it last failed.
    pub tried: Instant,
    /// Who rejected nodes for it when it last failed.
    pub rejected_by: PluginSet,
    /// It last failed for another reason.
    pub is_broken: bool,
}

impl Entry {
    /// A Pod that has not been looked at.
    pub fn new(info: Arc<PodInfo>, now: Instant) -> Entry {
        Entry {
            info,
            place: Place::InFlight,
            attempts: 0,
            first_tried: None,
            since: now,
            tried: now,
            rejected_by: 0,
            is_broken: false,
        }
    }

    /// Its rank among the active.
    pub fn rank(&self, serial: u64) -> Rank {
        Rank {
            priority: Reverse(self.info.priority),
            since: self.since,
            serial,
            key: self.info.key.clone(),
        }
    }

    /// When it has rested after its last failure.
    pub fn rested(&self) -> Instant {
        let doublings = self.attempts.saturating_sub(1).min(10);
        let pause = PAUSE_FIRST * 2u32.pow(doublings);
        self.tried + pause.min(PAUSE_MAX)
    }

    /// Whether one who rejected it might not any more after this.
    pub fn is_helped(&self, plugins: &[Box<dyn Plugin>], event: &Event<'_>) -> bool {
        let mut rejecting = plugins.iter().enumerate();
        rejecting.any(|(at, plugin)| {
            self.rejected_by & (1 << at) != 0 && plugin.is_helped(&self.info, event)
        })
    }

    /// Calls for each plug-in that rejected it.
    pub fn each_rejecting(&self, mut call: impl FnMut(usize)) {
        for at in 0..PluginSet::BITS as usize {
            if self.rejected_by & (1 << at) != 0 {
                call(at);
            }
        }
    }
}
