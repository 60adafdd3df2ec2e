//! One simulated member: what outlives its crashes, and how it lives.

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
use keelson_store::raft::{Bootstrap, Node, NodeOptions};
use keelson_store::rpc::front::{Shared, hashing_places};
use keelson_store::rpc::fronts::serve_here;
use keelson_store::rpc::snapshot::{OpenSnapshot, SnapshotSource};
use keelson_store::wal::faulty::FaultyDisk;
use keelson_store::world::{Lanes, Network, Step, Work, World};
use keelson_store::{wal, watch};
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::any::Any;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::runtime;

/// A member between its lives.
pub struct Member {
    /// Its host.
    pub name: String,
    /// Its log's disk.
    pub disk: FaultyDisk,
    /// Lives so far.
    pub life: AtomicU32,
    /// A look into it, while it lives.
    pub running: Mutex<Option<Probe>>,
    /// Why it has ended itself.
    pub ended: Mutex<Option<String>>,
    /// It was the power that ended it.
    pub powerless: AtomicBool,
    /// Where its states lie.
    pub shelf: Arc<Shelf>,
    plan: Plan,
    number: usize,
    data_dir: PathBuf,
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
        member.powerless.store(true, Ordering::SeqCst);
    }
    end(how)
}

/// Ends the member that runs right now instead of the process.
pub fn end(reason: &str) -> ! {
    if let Some(member) = present() {
        member.ended.lock().get_or_insert_with(|| reason.to_owned());
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
            life: AtomicU32::new(0),
            running: Mutex::new(None),
            ended: Mutex::new(None),
            powerless: AtomicBool::new(false),
            number,
            shelf: Arc::new(shelf),
            data_dir: scratch.join(name(number)),
            plan: plan.clone(),
        })
    }

    /// Where its log lies on its disk.
    pub fn log_directory(&self) -> PathBuf {
        self.data_dir.join("wal")
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
        self.disk
            .lie(self.plan.planted == Some(Planted::LyingDisks));
        let metrics = Metrics::new();
        let node = match Node::start_here(self.options(life, &metrics)).await {
            Ok(node) => node,
            Err(error) => {
                let reason = format!("it did not start: {error}");
                self.ended.lock().get_or_insert(reason);
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
        serve_here(&shared, 0, incoming(CLIENT_PORT)).await;
        drop(node);
        Ok(())
    }

    fn options(&self, life: u32, metrics: &Arc<Metrics>) -> NodeOptions {
        let plan = &self.plan;
        let members = (0..plan.members).map(|number| {
            let url = format!("http://{}:{PEER_PORT}", name(number));
            (name(number), vec![url])
        });
        NodeOptions {
            name: self.name.clone(),
            data_dir: self.data_dir.clone(),
            bootstrap: Bootstrap {
                members: members.collect(),
                token: "simulated".to_owned(),
                join: false,
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
            watch: watch::Options::default(),
            cache_bytes: 64 << 10,
            in_memory: false,
            disk_reserve_bytes: Some(0),
            learners_max: 1,
            strict_reconfiguration: true,
            lease_ttl_min_s: 2,
            metrics: Arc::clone(metrics),
            version: "0.0.0",
            world: World {
                lanes: self.lanes(life),
                disk: Arc::new(self.disk.clone()),
                engines: Engines::Kept(Arc::clone(&self.shelf) as _),
                network: Network::Simulated(Arc::new(Simulated)),
            },
        }
    }

    /// Lanes as tasks of this host, with a disk and a processor that take their time.
    fn lanes(&self, life: u32) -> Lanes {
        let plan = self.plan.clone();
        let seed = plan.seed ^ (u64::from(life) << 32) ^ self.number as u64;
        Lanes::Steps(Arc::new(move |name: &'static str, work: Box<dyn Work>| {
            let random = SmallRng::seed_from_u64(seed.wrapping_add(name.len() as u64));
            tokio::spawn(drive(name, work, plan.clone(), random));
        }))
    }
}

/// The host of the member with this number.
pub fn name(number: usize) -> String {
    format!("n{}", number + 1)
}

async fn drive(name: &'static str, mut work: Box<dyn Work>, plan: Plan, mut random: SmallRng) {
    loop {
        let pause = match work.step() {
            Step::More if name == "wal-writer" => disk_time(&plan, &mut random),
            Step::More => Duration::from_micros(random.random_range(0..=2_000)),
            Step::Wait(patience) => patience.max(Duration::from_millis(1)),
            Step::Over => return,
        };
        tokio::time::sleep(pause).await;
    }
}

/// How long half a write takes.
fn disk_time(plan: &Plan, random: &mut SmallRng) -> Duration {
    let stalls = plan.stall_every > 0 && random.random_ratio(1, plan.stall_every);
    let most_ms = if stalls { plan.stall_ms } else { plan.disk_ms };
    Duration::from_micros(random.random_range(0..=most_ms * 1000))
}
