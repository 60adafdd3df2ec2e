//! One simulated member: what outlives its crashes, and how it lives.

use crate::lanes::lanes;
use crate::plan::{Plan, Planted};
use crate::shelf::Shelf;
use crate::wires::{CLIENT_PORT, PEER_PORT, Simulated, incoming};
use futures::FutureExt;
use futures::future::BoxFuture;
use keelson_store::Error;
use keelson_store::engine::Engines;
use keelson_store::limits::Limits;
use keelson_store::metrics::Metrics;
use keelson_store::raft::probe::Probe;
use keelson_store::raft::upkeep::Schedule;
use keelson_store::raft::{Bootstrap, Node, NodeOptions, StartError};
use keelson_store::rpc::front::{Shared, hashing_places};
use keelson_store::rpc::fronts::serve_here;
use keelson_store::rpc::snapshot::{OpenSnapshot, SnapshotSource};
use keelson_store::wal::faulty::FaultyDisk;
use keelson_store::world::{Lanes, Network, World};
use keelson_store::{wal, watch};
use parking_lot::Mutex;
use std::any::Any;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::runtime;

/// Names and peer addresses of the members that a group is started with, or joined as.
type Initial = Vec<(String, Vec<String>)>;

/// A member between its lives.
pub struct Member {
    /// Its host.
    pub name: String,
    /// Its log's disk.
    pub disk: FaultyDisk,
    /// That disk may stall.
    pub may_stall: Arc<AtomicBool>,
    /// Lives so far.
    pub life: AtomicU32,
    /// A look into it, while it lives.
    pub running: Mutex<Option<Probe>>,
    /// Why it has ended itself.
    pub ended: Mutex<Option<String>>,
    /// It had a reason that is not its fault: the power, or a group that does not know it yet.
    pub excused: AtomicBool,
    /// It has learned that it was removed from its group.
    pub removed: AtomicBool,
    /// Somebody wants what it has to be thrown away.
    pub dismissed: AtomicBool,
    /// Where its states lie.
    pub shelf: Arc<Shelf>,
    /// The members of the group that it is to join.
    invited: Mutex<Option<Initial>>,
    /// How often everything was thrown away.
    generation: AtomicU32,
    plan: Plan,
    number: usize,
    scratch: PathBuf,
}

/// Whose runtime is whose: a member that ends itself is only known by that.
static RUNTIMES: Mutex<Option<HashMap<runtime::Id, Arc<Member>>>> = Mutex::new(None);

/// What a member that ends itself throws.
struct Ended;

/// The member that runs right now.
fn present() -> Option<Arc<Member>> {
    let runtime = runtime::Handle::try_current().ok()?;
    RUNTIMES.lock().as_ref()?.get(&runtime.id()).cloned()
}

/// The power of the member that runs right now fails in the middle of what it does.
pub fn fail_power(how: &str) -> ! {
    if let Some(member) = present() {
        member.excused.store(true, Ordering::SeqCst);
    }
    end(how)
}

/// Ends the member that runs right now instead of the process.
pub fn end(reason: &str) -> ! {
    if let Some(member) = present() {
        member.note_end(reason);
    }
    let ended: Box<dyn Any + Send> = Box::new(Ended);
    std::panic::resume_unwind(ended)
}

/// There are none here.
struct NoSnapshots;

impl SnapshotSource for NoSnapshots {
    fn open(&self) -> BoxFuture<'static, Result<OpenSnapshot, Error>> {
        std::future::ready(Err(Error::Stopped)).boxed()
    }
}

impl Member {
    /// The member with this number, from zero. What is a file even here lies under `scratch`.
    pub fn new(plan: &Plan, number: usize, scratch: &Path) -> Arc<Member> {
        let seed = plan.seed.wrapping_mul(31).wrapping_add(number as u64);
        let shelf = Shelf::new(seed, number, plan.planted);
        shelf.cut_arrivals(if plan.crash_every_ms > 0 { 8 } else { 0 });
        Arc::new(Member {
            name: name(number),
            disk: FaultyDisk::new(seed),
            may_stall: Arc::new(AtomicBool::new(true)),
            life: AtomicU32::new(0),
            running: Mutex::new(None),
            ended: Mutex::new(None),
            excused: AtomicBool::new(false),
            removed: AtomicBool::new(false),
            dismissed: AtomicBool::new(false),
            shelf: Arc::new(shelf),
            invited: Mutex::new(None),
            generation: AtomicU32::new(0),
            number,
            scratch: scratch.to_owned(),
            plan: plan.clone(),
        })
    }

    /// It has ended itself, for the first reason that is told. Where its real files are is another place in each run of
    /// a seed.
    fn note_end(&self, reason: &str) {
        let scratch = self.scratch.to_string_lossy();
        let reason = reason.replace(&*scratch, "");
        self.ended.lock().get_or_insert(reason);
    }

    /// Where its log lies on its disk.
    pub fn log_directory(&self) -> PathBuf {
        self.data_dir().join("wal")
    }

    fn data_dir(&self) -> PathBuf {
        let generation = self.generation.load(Ordering::SeqCst);
        self.scratch.join(format!("{}-{generation}", self.name))
    }

    /// Where peers reach it.
    pub fn peer_url(&self) -> String {
        format!("http://{}:{PEER_PORT}", self.name)
    }

    /// It belongs to a group, or did, or is on its way.
    pub fn is_somebody(&self) -> bool {
        self.founds() || self.invited.lock().is_some()
    }

    fn founds(&self) -> bool {
        self.number < self.plan.members && self.generation.load(Ordering::SeqCst) == 0
    }

    /// Lets it join a group of these members, of which it is one.
    pub fn invite(&self, members: Vec<(String, Vec<String>)>) {
        *self.invited.lock() = Some(members);
    }

    /// Throws everything away. It must not live.
    pub fn wipe(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        *self.invited.lock() = None;
        self.shelf.clear();
        self.removed.store(false, Ordering::SeqCst);
        self.dismissed.store(false, Ordering::SeqCst);
    }

    /// How its log is written.
    pub fn log_options(&self, lanes: Lanes) -> wal::Options {
        wal::Options {
            segment_bytes: self.plan.segment_bytes,
            tail_bytes: 64 << 10,
            write_bytes: 16 << 10,
            lanes,
            ..wal::Options::default()
        }
    }

    /// One life on this host. Ends only by a crash.
    pub async fn live(self: Arc<Member>) -> turmoil::Result {
        let id = runtime::Handle::current().id();
        let this = Arc::clone(&self);
        RUNTIMES.lock().get_or_insert_default().insert(id, this);
        let life = self.life.fetch_add(1, Ordering::SeqCst) + 1;
        while !self.is_somebody() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.disk
            .lie(self.plan.planted == Some(Planted::LyingDisks));
        let metrics = Metrics::new();
        let node = match Node::start_here(self.options(life, &metrics)).await {
            Ok(node) => node,
            Err(error) => {
                // The others may not have heard of it yet. Who starts it tries again.
                let early = matches!(error, StartError::Group(_)) && !self.founds();
                self.excused.store(early, Ordering::SeqCst);
                self.note_end(&format!("it did not start: {error}"));
                return std::future::pending().await;
            }
        };
        *self.running.lock() = Some(node.probe());
        let shared = Shared {
            handle: node.handle().clone(),
            feed: node.feed().clone(),
            limits: Arc::new(Limits::default()),
            metrics,
            snapshots: Arc::new(NoSnapshots),
            cluster_token: "simulated".into(),
            raising_alarm: Arc::default(),
            hashing: hashing_places(),
        };
        let mut removed = node.removed();
        tokio::select! {
            () = serve_here(&shared, 0, incoming(CLIENT_PORT)) => {}
            _ = removed.wait_for(|removed| *removed) => self.removed.store(true, Ordering::SeqCst),
        }
        drop(node);
        std::future::pending().await
    }

    fn options(&self, life: u32, metrics: &Arc<Metrics>) -> NodeOptions {
        let plan = &self.plan;
        let founders = (0..plan.members).map(|number| {
            let url = format!("http://{}:{PEER_PORT}", name(number));
            (name(number), vec![url])
        });
        let invited = self.invited.lock().clone();
        NodeOptions {
            name: self.name.clone(),
            data_dir: self.data_dir(),
            bootstrap: Bootstrap {
                join: invited.is_some(),
                members: invited.unwrap_or_else(|| founders.collect()),
                token: "simulated".to_owned(),
            },
            advertise_client_urls: vec![format!("http://{}:{CLIENT_PORT}", self.name)],
            peer_listeners: Vec::new(),
            heartbeat_interval: Duration::from_millis(plan.heartbeat_ms),
            election_timeout: Duration::from_millis(plan.election_ms),
            fronts: 1,
            schedule: Schedule {
                snapshot_count: plan.flush_entries,
                catchup_entries: plan.catchup_entries,
                in_memory: false,
            },
            wal: self.log_options(Lanes::default()),
            watch: watch::Options {
                // So little that who is behind must read from the store.
                window_bytes: 2 << 10,
                slice_bytes: 1 << 10,
                progress_interval: Duration::from_secs(1),
                ..watch::Options::default()
            },
            cache_bytes: 64 << 10,
            in_memory: false,
            disk_reserve_bytes: Some(0),
            learners_max: 1,
            strict_reconfiguration: true,
            lease_ttl_min_s: 2,
            metrics: Arc::clone(metrics),
            version: "0.0.0",
            world: World {
                lanes: lanes(
                    plan,
                    plan.seed ^ (u64::from(life) << 32) ^ self.number as u64,
                    &self.may_stall,
                ),
                disk: self.disk.mounted(),
                engines: Engines::Kept(Arc::clone(&self.shelf) as _),
                network: Network::Simulated(Arc::new(Simulated)),
            },
        }
    }
}

/// The host of the member with this number.
pub fn name(number: usize) -> String {
    format!("n{}", number + 1)
}
