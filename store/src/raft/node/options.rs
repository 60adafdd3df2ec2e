//! What a member is started with, and what consensus makes of it.
//!
//! The caller has read flags and environment; here everything has a value. Nothing here opens a file
//! or a socket.

use super::super::identity::{Bootstrap, StartError};
use super::super::upkeep::Schedule;
use crate::metrics::Metrics;
use crate::world::World;
use crate::{wal, watch};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Everything a member is started with.
pub struct NodeOptions {
    /// Its human name.
    pub name: String,
    /// Where its data lies.
    pub data_dir: PathBuf,
    /// How it comes to its group, when its data directory is fresh.
    pub bootstrap: Bootstrap,
    /// Where clients reach it; published to the group.
    pub advertise_client_urls: Vec<String>,
    /// Bound sockets for peers.
    pub peer_listeners: Vec<TcpListener>,
    /// The leader's heartbeat.
    pub heartbeat_interval: Duration,
    /// etcd's election timeout: the group elects within about this time.
    pub election_timeout: Duration,
    /// Runtimes that own client connections.
    pub fronts: usize,
    /// When the log is shortened.
    pub schedule: Schedule,
    /// The log's settings.
    pub wal: wal::Options,
    /// The watchers' settings.
    pub watch: watch::Options,
    /// Budget of the cache of newest records, in bytes.
    pub cache_bytes: usize,
    /// State in memory only: for tests.
    pub in_memory: bool,
    /// Free space below which the NOSPACE alarm is raised; `None` for the default.
    pub disk_reserve_bytes: Option<u64>,
    /// Learners that do not want a vote, at most.
    pub learners_max: usize,
    /// Refuse changes of membership that endanger the quorum.
    pub strict_reconfiguration: bool,
    /// Shortest time to live of a lease, in seconds.
    pub lease_ttl_min_s: i64,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The version that members tell each other.
    pub version: &'static str,
    /// What it takes from outside itself.
    pub world: World,
}

impl NodeOptions {
    /// openraft's settings for this cluster.
    ///
    /// # Errors
    /// [`StartError::Config`] if the two intervals do not go together.
    pub(super) fn consensus(&self, cluster_id: u64) -> Result<openraft::Config, StartError> {
        let election_ms = self.election_timeout.as_millis() as u64;
        // A follower waits for the leader's lease (the maximum) and then for a random time before it
        // stands: eight tenths to the whole of the timeout, where etcd takes one to two of them.
        let config = openraft::Config {
            cluster_name: format!("{cluster_id:x}"),
            heartbeat_interval: self.heartbeat_interval.as_millis() as u64,
            election_timeout_min: (election_ms * 3 / 10).max(2),
            election_timeout_max: (election_ms / 2).max(3),
            enable_pre_vote: Some(true),
            enable_leader_restore: Some(false),
            quorum_loss_probe_interval: Some(election_ms),
            max_payload_entries: 4096,
            max_append_entries: Some(4096),
            broadcast_submitted_on_append: Some(true),
            snapshot_policy: openraft::SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: u64::MAX,
            replication_lag_threshold: 1000,
            install_snapshot_timeout: 30_000,
            state_machine_channel_size: Some(65_536),
            ..openraft::Config::default()
        };
        config.validate().map_err(|error| {
            StartError::Config(format!(
                "--heartbeat-interval and --election-timeout do not go together: {error}"
            ))
        })
    }
}
