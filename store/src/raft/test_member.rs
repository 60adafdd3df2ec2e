//! A group of one member in this process, its state in memory: for tests that need all of its parts.

use super::handle::Handle;
use super::identity::Bootstrap;
use super::node::{Node, NodeOptions};
use super::upkeep::Schedule;
use crate::metrics::Metrics;
use crate::reply::Reply;
use crate::{Error, LeaseId, wal, watch};
use keelson_proto::etcdserverpb::{LeaseGrantRequest, LeaseRevokeRequest, PutRequest};
use keelson_proto::log::{Command, command::Operation};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

/// No lease of a [`TestMember`] ends by itself while a test runs.
pub(crate) const MIN_TTL_S: i64 = 60;
/// What takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(30);

/// See the module's essay.
pub(crate) struct TestMember {
    pub node: Node,
    pub metrics: Arc<Metrics>,
    _directory: TempDir,
}

/// How member `name` of a group with these names and peer URLs is started in this process, its log
/// not synced. It has no listener yet.
pub(crate) fn options(name: &str, data_dir: &Path, members: &[(&str, String)]) -> NodeOptions {
    let members = members.iter();
    NodeOptions {
        name: name.to_owned(),
        data_dir: data_dir.to_owned(),
        bootstrap: Bootstrap {
            members: members
                .map(|(name, url)| ((*name).to_owned(), vec![url.clone()]))
                .collect(),
            token: "test".to_owned(),
            join: false,
        },
        advertise_client_urls: Vec::new(),
        peer_listeners: Vec::new(),
        heartbeat_interval: Duration::from_millis(50),
        election_timeout: Duration::from_millis(500),
        fronts: 1,
        schedule: Schedule {
            snapshot_count: 10_000,
            catchup_entries: 5_000,
            in_memory: true,
        },
        wal: wal::Options {
            segment_bytes: 1 << 20,
            sync: false,
            ..wal::Options::default()
        },
        watch: watch::Options::default(),
        cache_bytes: 1 << 20,
        in_memory: true,
        disk_reserve_bytes: Some(0),
        learners_max: 1,
        strict_reconfiguration: true,
        lease_ttl_min_s: MIN_TTL_S,
        metrics: Metrics::new(),
        version: "0.0.0",
        world: crate::world::World::default(),
    }
}

impl TestMember {
    pub fn start() -> TestMember {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let metrics = Metrics::new();
        let options = NodeOptions {
            peer_listeners: vec![listener],
            metrics: Arc::clone(&metrics),
            ..options(
                "a",
                &directory.path().join("data"),
                &[("a", format!("http://{address}"))],
            )
        };
        TestMember {
            node: Node::start(options).expect("a member of its own group starts"),
            metrics,
            _directory: directory,
        }
    }

    pub fn handle(&self) -> &Handle {
        self.node.handle()
    }

    /// Proposes as a client's request does, and waits for the answer.
    pub fn propose(&self, operation: Operation) -> Result<Reply, Error> {
        self.propose_fenced(operation, 0)
    }

    pub fn propose_fenced(&self, operation: Operation, fence_term: u64) -> Result<Reply, Error> {
        self.handle().propose_and_wait(Command {
            operation: Some(operation),
            fence_term,
        })
    }

    pub fn grant(&self, id: LeaseId, ttl: i64) {
        self.propose(Operation::LeaseGrant(LeaseGrantRequest { id, ttl }))
            .expect("the lease is granted");
    }

    pub fn revoke(&self, id: LeaseId) {
        self.propose(Operation::LeaseRevoke(LeaseRevokeRequest { id }))
            .expect("the lease is revoked");
    }

    pub fn put(&self, key: &str, lease: LeaseId) {
        self.propose(Operation::Put(PutRequest {
            key: key.to_owned().into(),
            lease,
            ..PutRequest::default()
        }))
        .expect("the key is put");
    }

    /// As a member that has begun to stop.
    pub fn begin_to_stop(&self) {
        let stopping = &self.handle().inner().stopping;
        stopping.store(true, Ordering::SeqCst);
    }

    pub fn stop(self) {
        self.node.stop();
    }
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    within(DEADLINE, what, &mut condition);
}

/// Waits until `condition` holds, for so long.
pub(crate) fn within(time: Duration, what: &str, condition: &mut dyn FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < time, "not in time: {what}");
        std::thread::yield_now();
    }
}
