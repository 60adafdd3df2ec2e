//! What the member counts, under etcd's names, so that etcd's dashboards and alerts work unchanged.
//!
//! Two kinds of values. What only the code that does it can know (the time a sync of the log took, a
//! change of leader) is recorded into the fields of [`Metrics`]. What the member's state says anyway
//! (size, revision, leader) is not copied at all: a room registers a closure with
//! [`Metrics::pull`] that is asked when somebody scrapes.
//!
//! A metric whose value nobody can give honestly does not exist here; there is no constant zero in
//! place of it. What never happens here: a lock or a formatted string on the way of a request.

mod front;
mod member;
mod peer;
mod process;
mod text;

pub use front::{FrontMetrics, Pending};
pub use member::Member;
pub use peer::PeerMetrics;
pub use text::{Sample, Samples};

use crate::MemberId;
use crate::rpc::method::MethodId;
use parking_lot::{Mutex, RwLock};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::Arc;
use text::Pulled;
use tonic::Code;

/// Everything one member counts.
pub struct Metrics {
    /// Seconds that one sync of the log to disk took.
    pub wal_fsync_seconds: Histogram,
    /// Seconds that making applied state durable took.
    pub backend_commit_seconds: Histogram,
    /// Times that this member saw another leader take over.
    pub leader_changes: Counter,
    fronts: RwLock<Vec<Arc<FrontMetrics>>>,
    peers: RwLock<BTreeMap<MemberId, Arc<PeerMetrics>>>,
    registry: Mutex<Registry>,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut registry = Registry::default();
        // etcd's buckets: 1 ms to 8.192 s.
        let disk = || Histogram::new(exponential_buckets(0.001, 2.0, 14));
        let metrics = Metrics {
            wal_fsync_seconds: disk(),
            backend_commit_seconds: disk(),
            leader_changes: Counter::default(),
            fronts: RwLock::default(),
            peers: RwLock::default(),
            registry: Mutex::default(),
        };
        registry.register(
            "etcd_disk_wal_fsync_duration_seconds",
            "Time to sync the log to disk",
            metrics.wal_fsync_seconds.clone(),
        );
        registry.register(
            "etcd_disk_backend_commit_duration_seconds",
            "Time to make applied state durable",
            metrics.backend_commit_seconds.clone(),
        );
        registry.register(
            "etcd_server_leader_changes_seen",
            "Times that another leader took over",
            metrics.leader_changes.clone(),
        );
        *metrics.registry.lock() = registry;
        metrics
    }
}

impl Metrics {
    /// With everything that does not need a running member.
    pub fn new() -> Arc<Metrics> {
        let metrics = Arc::new(Metrics::default());
        metrics.pull(process::samples);
        // Weak: the registry that holds the closure lies in the metrics.
        let weak = Arc::downgrade(&metrics);
        metrics.pull(move |samples| match weak.upgrade() {
            Some(metrics) => metrics.samples(samples),
            None => Ok(()),
        });
        metrics
    }

    /// Counters for one more front.
    pub fn front(&self) -> Arc<FrontMetrics> {
        let front = Arc::new(FrontMetrics::default());
        self.fronts.write().push(front.clone());
        front
    }

    /// What is counted about the connection to one peer.
    pub fn peer(&self, to: MemberId) -> Arc<PeerMetrics> {
        if let Some(peer) = self.peers.read().get(&to) {
            return peer.clone();
        }
        self.peers.write().entry(to).or_default().clone()
    }

    /// Has `read` asked at every scrape. Give each name from one place only.
    pub fn pull(
        &self,
        read: impl Fn(&mut Samples<'_>) -> std::fmt::Result + Send + Sync + 'static,
    ) {
        let collector = Box::new(Pulled(Box::new(read)));
        self.registry.lock().register_collector(collector);
    }

    /// The text of a scrape, in Prometheus' classic format.
    pub fn text(&self) -> String {
        text::render(&self.registry.lock())
    }

    /// What the fronts and peers counted, added up.
    fn samples(&self, samples: &mut Samples<'_>) -> std::fmt::Result {
        front::samples(&self.fronts.read(), samples)?;
        peer::samples(&self.peers.read(), samples)
    }
}

/// Every code in the order of its number, as gRPC's Go library spells it.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// Where the counter of this outcome stands in a table of methods by codes.
fn cell(id: MethodId, code: Code) -> usize {
    id.index() * CODES.len() + code as usize
}

#[cfg(test)]
mod tests;
