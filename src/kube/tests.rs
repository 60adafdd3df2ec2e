//! The trait's promises, asked of a member in this process.

use super::kv::MemberKv;
use keelson_apiserver::storage::{Committed, Kv, KvError, Txn, Watch, Write, contract};
use keelson_store::limits::Limits;
use keelson_store::metrics::Metrics;
use keelson_store::raft::upkeep::Schedule;
use keelson_store::raft::{Bootstrap, Node, NodeOptions};
use keelson_store::rpc::archive_source::ArchiveSource;
use keelson_store::rpc::front::{Shared, hashing_places};
use keelson_store::watch::Counters;
use keelson_store::world::World;
use keelson_store::{wal, watch};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::TempDir;

/// A group of one member, its state in memory.
struct Member {
    node: Node,
    shared: Shared,
    _directory: TempDir,
}

impl Member {
    fn start() -> Member {
        let directory = TempDir::new().expect("a scratch directory");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let metrics = Metrics::new();
        let options = options(directory.path(), &metrics, listener);
        let node = Node::start(options).expect("it starts");
        let handle = node.handle().clone();
        let shared = Shared {
            feed: node.feed().clone(),
            limits: Arc::new(Limits::default()),
            metrics,
            snapshots: Arc::new(ArchiveSource::new(
                handle.clone(),
                directory.path().to_owned(),
            )),
            handle,
            cluster_token: "test".into(),
            raising_alarm: Arc::default(),
            hashing: hashing_places(),
        };
        Member {
            node,
            shared,
            _directory: directory,
        }
    }
}

fn options(directory: &Path, metrics: &Arc<Metrics>, listener: TcpListener) -> NodeOptions {
    let peer_url = format!("http://{}", listener.local_addr().expect("bound"));
    NodeOptions {
        name: "one".to_owned(),
        data_dir: directory.join("data"),
        bootstrap: Bootstrap {
            members: vec![("one".to_owned(), vec![peer_url])],
            token: "test".to_owned(),
            join: false,
        },
        advertise_client_urls: Vec::new(),
        peer_listeners: vec![listener],
        heartbeat_interval: Duration::from_millis(50),
        election_timeout: Duration::from_millis(500),
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
        cache_bytes: 1 << 20,
        in_memory: true,
        disk_reserve_bytes: Some(0),
        learners_max: 1,
        strict_reconfiguration: true,
        lease_ttl_min_s: 1,
        metrics: Arc::clone(metrics),
        version: "test",
        world: World::default(),
    }
}

/// Runs `test` with the store of a member.
fn with_member<F: Future<Output = ()>>(test: impl FnOnce(Arc<MemberKv>, Arc<Counters>) -> F) {
    let member = Member::start();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let kv = Arc::new(MemberKv::new(&member.shared, 0, &Arc::default()));
        test(kv, member.shared.feed.counters()).await;
    });
    drop(runtime);
    drop(member.shared);
    member.node.stop();
}

fn put(key: &'static str, fence: u64) -> Txn {
    Txn {
        writes: vec![Write::Put {
            key: key.into(),
            value: "value".into(),
            lease: 0,
        }],
        fence,
        ..Txn::default()
    }
}

#[test]
fn the_member_keeps_all_promises() {
    with_member(|kv, _| async move {
        let outcomes = contract::run(kv, "/contract", Arc::new(|_| {})).await;
        assert!(!outcomes.is_empty());
        assert_eq!(contract::failures(&outcomes), "");
    });
}

#[test]
fn a_write_takes_effect_only_under_the_leadership_that_it_names() {
    with_member(|kv, _| async move {
        // Once something is written, somebody leads, and there is only one.
        let first = kv.txn(put("first", 0)).await.expect("it is written");
        assert_eq!(first, Committed::Written { revision: 2 });
        let term = kv.leadership().expect("it leads");
        for fence in [term - 1, term + 1] {
            // Term zero is no fence, and there is none before the first.
            if fence > 0 {
                assert_eq!(kv.txn(put("key", fence)).await, Err(KvError::Fenced));
            }
        }
        let written = kv.txn(put("key", term)).await;
        assert_eq!(written, Ok(Committed::Written { revision: 3 }));
    });
}

#[test]
fn a_watch_gives_the_store_back_what_it_held() {
    with_member(|kv, counters| async move {
        let watchers = || counters.watchers.load(Ordering::Relaxed);
        let watch = Watch {
            key: "key".into(),
            end: None,
            from: 1,
            progress_every: None,
        };
        let stream = kv.watch(watch).await.expect("it is followed");
        assert_eq!(watchers(), 1);
        drop(stream);
        assert_eq!(watchers(), 0);
    });
}
