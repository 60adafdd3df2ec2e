//! A cluster of one member in this process: consensus, state and one front.

use super::taker::connect;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::raft::upkeep::Schedule;
use crate::raft::{Bootstrap, Node, NodeOptions};
use crate::rpc::archive_source::ArchiveSource;
use crate::rpc::front::{Shared, hashing_places};
use crate::rpc::fronts::Fronts;
use crate::rpc::listen::bind;
use crate::{mvcc, wal, watch};
use keelson_proto::etcdserverpb::kv_client::KvClient;
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::{PutRequest, RequestOp, TxnRequest};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// What a member is filled with, in transactions of 1 MiB.
pub const FILLED_BYTES: usize = TRANSACTIONS * KEYS_PER_TRANSACTION * VALUE_BYTES;
const TRANSACTIONS: usize = 24;
const KEYS_PER_TRANSACTION: usize = 16;
const VALUE_BYTES: usize = 64 * 1024;

/// A running member. It stops when dropped.
pub struct Member {
    /// Where it serves clients.
    pub address: SocketAddr,
    metrics: Arc<Metrics>,
    running: Option<(Node, Fronts)>,
    _directory: TempDir,
}

impl Member {
    /// Starts one that caches no records, so that all of them have to be read.
    pub fn start(limits: Limits) -> Member {
        let directory = TempDir::new().expect("a scratch directory");
        let (peers, clients) = (listener(), listener());
        let address = clients.local_addr().expect("bound");
        let metrics = Metrics::new();
        let options = options(&directory, &metrics, peers, address);
        let node = Node::start(options).expect("it starts");
        let handle = node.handle().clone();
        let shared = Shared {
            handle: handle.clone(),
            feed: node.feed().clone(),
            limits: Arc::new(Limits {
                shutdown_grace: Duration::from_millis(10),
                ..limits
            }),
            metrics: metrics.clone(),
            snapshots: Arc::new(ArchiveSource::new(handle, directory.path().to_owned())),
            cluster_token: "test".into(),
            raising_alarm: Arc::default(),
            hashing: hashing_places(),
        };
        let fronts = Fronts::start(&shared, 1, vec![clients]).expect("it serves");
        Member {
            address,
            metrics,
            running: Some((node, fronts)),
            _directory: directory,
        }
    }

    /// Starts one and fills it with [`FILLED_BYTES`] under `much/`.
    pub async fn filled(limits: Limits) -> Member {
        let member = Member::start(limits);
        let mut client = KvClient::new(connect(member.address).await);
        for transaction in 0..TRANSACTIONS {
            let put = |key: usize| RequestOp {
                request: Some(Request::RequestPut(PutRequest {
                    key: format!("much/{transaction:02}/{key:02}").into(),
                    value: vec![7; VALUE_BYTES].into(),
                    ..PutRequest::default()
                })),
            };
            let request = TxnRequest {
                success: (0..KEYS_PER_TRANSACTION).map(put).collect(),
                ..TxnRequest::default()
            };
            client.txn(request).await.expect("it is written");
        }
        member
    }

    /// Its state.
    pub fn store(&self) -> Arc<mvcc::Store> {
        let (node, _) = self.running.as_ref().expect("not dropped");
        node.handle().store()
    }

    /// How far history is given back: to the newest compaction, unless somebody reads below it.
    pub fn sweep(&self) -> crate::Revision {
        let swept = self.store().sweep(&|| false);
        swept.expect("memory does not fail").floor
    }

    /// How many calls of a method ended with this code, as a scrape says.
    pub fn handled(&self, method: &str, code: &str) -> u64 {
        let text = self.metrics.text();
        let is_it = |line: &&str| {
            line.starts_with("grpc_server_handled_total{")
                && line.contains(&format!("grpc_code=\"{code}\""))
                && line.contains(&format!(
                    "grpc_method=\"{method}\",grpc_service=\"etcdserverpb.KV\""
                ))
        };
        let line = text.lines().find(is_it);
        line.map_or(0, |line| {
            let (_, number) = line.rsplit_once(' ').expect("a sample");
            number.parse().expect("a number")
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some((node, fronts)) = self.running.take() {
            fronts.stop();
            node.stop();
        }
    }
}

fn listener() -> TcpListener {
    bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port")
}

fn options(
    directory: &TempDir,
    metrics: &Arc<Metrics>,
    peers: TcpListener,
    address: SocketAddr,
) -> NodeOptions {
    let peer_url = format!("http://{}", peers.local_addr().expect("bound"));
    NodeOptions {
        name: "one".to_owned(),
        data_dir: directory.path().join("data"),
        bootstrap: Bootstrap {
            members: vec![("one".to_owned(), vec![peer_url])],
            token: "test".to_owned(),
            join: false,
        },
        advertise_client_urls: vec![format!("http://{address}")],
        peer_listeners: vec![peers],
        heartbeat_interval: Duration::from_millis(100),
        election_timeout: Duration::from_millis(1000),
        fronts: 1,
        schedule: Schedule {
            snapshot_count: 10_000,
            catchup_entries: 5000,
            in_memory: true,
        },
        wal: wal::Options {
            sync: false,
            ..wal::Options::default()
        },
        watch: watch::Options::default(),
        cache_bytes: 0,
        in_memory: true,
        disk_reserve_bytes: Some(0),
        learners_max: 2,
        strict_reconfiguration: true,
        lease_ttl_min_s: 2,
        metrics: Arc::clone(metrics),
        version: "test",
        world: crate::world::World::default(),
    }
}
