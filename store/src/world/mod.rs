//! What a member takes from outside itself, and what a simulation gives it instead.
//!
//! A member needs somebody who carries out its work ([`Lanes`]), a disk for its log, a place for its
//! state, and a way to its peers ([`Network`]). [`World::default`] is the operating system. A simulation
//! hands in its own, and so runs whole members, many in one process, on one thread, exactly the same way
//! each time.
//!
//! Everything here is asked when a member starts, when it connects or when a disk is touched; never once
//! per request, so the choice costs nothing where it could be felt. Two things need no choice. *Time* is
//! the runtime's monotonic clock (`tokio::time`), which a simulation's runtime turns by itself.
//! *Randomness* comes from the system, which a simulation replaces below the whole process, because
//! the standard library's maps ask for it, too.
//!
//! What never happens here: a decision. This room only hands over.

mod lanes;
mod network;

pub use lanes::{Lanes, Step, Work};
pub use network::{Duplex, Network, Wire, Wires};

use crate::engine::Engines;
use crate::wal::{Disk, RealDisk};
use std::sync::{Arc, OnceLock};

/// See the module's essay.
#[derive(Clone)]
pub struct World {
    /// Who carries out what blocks.
    pub lanes: Lanes,
    /// Where the log lies.
    pub disk: Arc<dyn Disk>,
    /// Where states lie.
    pub engines: Engines,
    /// The way to the other members.
    pub network: Network,
}

impl Default for World {
    fn default() -> World {
        World {
            lanes: Lanes::default(),
            disk: Arc::new(RealDisk),
            engines: Engines::default(),
            network: Network::default(),
        }
    }
}

/// How a member ends that cannot trust itself any more. Set once, by a process that simulates members.
static END: OnceLock<fn(&str) -> !> = OnceLock::new();

/// Lets `end` end members from now on, instead of the process. It gets the reason. Works once.
pub fn end_members_with(end: fn(&str) -> !) {
    // A second one is a mistake of the caller's that changes nothing.
    let _ = END.set(end);
}

/// Ends this member: the process, unless that only simulates it. Called by
/// [`broken!`](crate::broken), which has told why.
pub fn end_member(reason: &str) -> ! {
    if let Some(end) = END.get() {
        end(reason);
    }
    eprintln!("keelson: invariant broken, stopping this member: {reason}");
    std::process::abort()
}
