//! One running member: builds the parts in the right order and takes them down again.
//!
//! Order of start (each step needs the ones before): lock the data directory, find out who we are,
//! open the log, open the state, replay what the log holds beyond the state, start the apply thread,
//! build consensus, serve peers, let consensus run, tell the group our name. Clients are served by
//! the caller, over the [`Handle`].

use super::appender::Appender;
use super::applier::{Applier, Surroundings};
use super::forward::Forwarder;
use super::front::Fronts;
use super::group::Group;
use super::handle::{Handle, Identity, Inner, carry_renewals, renewals};
use super::identity::{Bootstrap, DataDir, Owner, StartError, become_member};
use super::keeper::{KeeperParts, LeaseKeeper};
use super::log_store::LogStore;
use super::members::Members;
use super::network::{Caller, Factory, MESSAGE_BYTES_MAX};
use super::proposer::{Parts, Proposer};
use super::read_index::ReadIndex;
use super::service::PeerService;
use super::space::SpaceWatch;
use super::state_dir::{StateDir, StateOptions};
use super::state_machine::StateMachine;
use super::types::{PeerNode, Raft};
use super::upkeep::{Schedule, SweepBell, Upkeep, start_sweeper};
use crate::metrics::Metrics;
use crate::wal::{self, Wal};
use crate::watch::{self, Feed};
use crate::{MemberId, apply};
use keelson_proto::log::{Command, MemberAttributes, command::Operation};
use keelson_proto::peer::peer_server::PeerServer;
use openraft::async_runtime::watch::WatchReceiver;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tonic::transport::server::TcpIncoming;

/// How often a peer's connection is tried, and how long it may take to answer.
const PEER_PING_INTERVAL: Duration = Duration::from_secs(5);
const PEER_PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Entries replayed at once at start.
const REPLAY_BYTES: usize = 8 << 20;

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
}

/// A running member.
pub struct Node {
    handle: Handle,
    feed: Feed,
    raft: Raft,
    runtime: tokio::runtime::Handle,
    stop_runtime: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
    helpers: Vec<std::thread::JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    bell: SweepBell,
    removed: tokio::sync::watch::Receiver<bool>,
    _data_dir: DataDir,
}

impl Node {
    /// Starts a member. Returns once it takes part in its group; there may be no leader yet.
    ///
    /// # Errors
    /// See [`StartError`]; the text says what to do.
    pub fn start(options: NodeOptions) -> Result<Node, StartError> {
        let data_dir = DataDir::open(&options.data_dir)?;
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let (stop_runtime, stopped) = mpsc::channel(1);
        let thread = std::thread::Builder::new()
            .name("raft".to_owned())
            .spawn(move || run_runtime(options, data_dir, &sender, stopped))
            .map_err(|error| StartError::Data(format!("no thread for consensus: {error}")))?;
        let started = receiver
            .recv()
            .map_err(|_| StartError::Data("the member stopped while starting".to_owned()))??;
        Ok(Node {
            handle: started.handle,
            feed: started.feed,
            raft: started.raft,
            runtime: started.runtime,
            stop_runtime,
            thread,
            helpers: started.helpers,
            stop: started.stop,
            bell: started.bell,
            removed: started.removed,
            _data_dir: started.data_dir,
        })
    }

    /// The way in. Call [`Handle::for_front`] for each front.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Where watchers subscribe.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Turns true when this member has been removed from its group. Then it should be stopped: its
    /// group does not talk to it any more.
    pub fn removed(&self) -> tokio::sync::watch::Receiver<bool> {
        self.removed.clone()
    }

    /// Gives leadership away, if this member has it and somebody can take it. Takes a second at most.
    pub fn hand_over(&self) {
        let handle = self.handle.clone();
        self.wait_for(async move {
            if handle.leads()
                && let Some(successor) = handle.inner().members.best_successor()
            {
                let moved = handle.move_leader(successor);
                let moved = tokio::time::timeout(Duration::from_secs(1), moved).await;
                if !matches!(moved, Ok(Ok(()))) {
                    tracing::warn!("leadership could not be handed over; the group will elect");
                }
            }
        });
    }

    /// Stops consensus and makes the state durable, so that the next start has nothing to replay.
    pub fn stop(self) {
        let handle = self.handle.clone();
        let raft = self.raft.clone();
        self.wait_for(async move {
            handle.inner().stopping.store(true, Ordering::SeqCst);
            handle.inner().fronts.answer_all(&crate::Error::Stopped);
            handle.inner().fronts.wake_all();
            let _ = raft.shutdown().await;
        });
        self.stop.store(true, Ordering::SeqCst);
        // The sweeper sleeps until it rings.
        self.bell.ring();
        for helper in self.helpers {
            helper.thread().unpark();
            let _ = helper.join();
        }
        // With a fresh dump of the index the next start has nothing to scan.
        if let Err(error) = self.handle.store().dump() {
            tracing::warn!(%error, "the state could not be made durable; the next start replays the log");
        }
        drop(self.stop_runtime);
        let _ = self.thread.join();
    }

    /// Runs `work` on the member's runtime and waits, with a bound that only guards against a
    /// runtime that hangs.
    fn wait_for(&self, work: impl Future<Output = ()> + Send + 'static) {
        let (done, finished) = std::sync::mpsc::channel();
        self.runtime.spawn(async move {
            work.await;
            let _ = done.send(());
        });
        let _ = finished.recv_timeout(Duration::from_secs(10));
    }
}

struct Started {
    handle: Handle,
    feed: Feed,
    raft: Raft,
    runtime: tokio::runtime::Handle,
    helpers: Vec<std::thread::JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    bell: SweepBell,
    removed: tokio::sync::watch::Receiver<bool>,
    data_dir: DataDir,
}

fn run_runtime(
    options: NodeOptions,
    data_dir: DataDir,
    started: &std::sync::mpsc::SyncSender<Result<Started, StartError>>,
    mut stopped: mpsc::Receiver<()>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = StartError::Data(format!("no runtime for consensus: {error}"));
            let _ = started.send(Err(error));
            return;
        }
    };
    runtime.block_on(async move {
        let outcome = Box::pin(build(options, data_dir)).await;
        let failed = outcome.is_err();
        let _ = started.send(outcome);
        if !failed {
            // Ends when the node drops its sender.
            let _ = stopped.recv().await;
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
}

fn data_error(error: impl std::fmt::Display) -> StartError {
    StartError::Data(error.to_string())
}

async fn build(options: NodeOptions, data_dir: DataDir) -> Result<Started, StartError> {
    let known = data_dir.owner()?;
    let owner = match &known {
        Some(owner) => owner.clone(),
        None => become_member(&options.name, &options.bootstrap).await?,
    };
    let incarnation = rand::random();
    let (wal, recovered) = open_log(&options, &data_dir, known.is_some())?;
    let states = StateDir::new(
        data_dir.path(),
        StateOptions {
            in_memory: options.in_memory,
            cache_bytes: options.cache_bytes,
            origin: apply::Origin {
                member: owner.member_id,
                incarnation,
            },
        },
    );
    let must_exist = known.is_some() && !options.in_memory;
    let loaded = states.open(must_exist).map_err(data_error)?;
    if known.is_none() {
        // Last: from here on this directory is somebody's, and must not be found empty again.
        data_dir.set_owner(&owner).map_err(data_error)?;
    }
    let mut applier = Applier::new(loaded, states.clone());
    replay(&mut applier, &wal, recovered.committed)?;
    Assembly {
        options,
        owner,
        incarnation,
        wal,
        states,
        data_dir,
    }
    .assemble(applier)
    .await
}

fn open_log(
    options: &NodeOptions,
    data_dir: &DataDir,
    must_exist: bool,
) -> Result<(Wal, wal::Recovered), StartError> {
    let directory = data_dir.path().join("wal");
    let is_empty = std::fs::read_dir(&directory).map_or(true, |mut files| files.next().is_none());
    if must_exist && is_empty {
        return Err(StartError::Data(format!(
            "this member has run before, but its log in {} is gone; remove it from the group and add it anew, or restore the directory",
            directory.display()
        )));
    }
    Wal::open(Arc::new(wal::RealDisk), &directory, options.wal.clone()).map_err(data_error)
}

/// Applies what is known to be committed and is not in the state: what was applied and not yet made
/// durable before the last stop.
fn replay(
    applier: &mut Applier,
    wal: &Wal,
    committed: Option<wal::LogId>,
) -> Result<(), StartError> {
    let Some(committed) = committed else {
        return Ok(());
    };
    let mut next = applier.progress().applied().index() + 1;
    if applier.progress().applied().applied.is_none() {
        next = 0;
    }
    while next <= committed.index {
        let run = wal
            .read(next, committed.index + 1, REPLAY_BYTES)
            .map_err(data_error)?;
        let Some(last) = run.last() else { break };
        next = last.log_id.index + 1;
        applier.replay(&run);
    }
    Ok(())
}

/// The parts of a member that exist before consensus does.
struct Assembly {
    options: NodeOptions,
    owner: Owner,
    incarnation: u64,
    wal: Wal,
    states: StateDir,
    data_dir: DataDir,
}

impl Assembly {
    #[expect(
        clippy::too_many_lines,
        reason = "one straight list of parts, in order"
    )]
    async fn assemble(mut self, applier: Applier) -> Result<Started, StartError> {
        let member_id = self.owner.member_id;
        let current = Arc::clone(applier.current());
        let progress = Arc::clone(applier.progress());
        let fronts = Arc::new(Fronts::new(self.options.fronts + 1));
        let keeper = Arc::new(LeaseKeeper::new(self.options.lease_ttl_min_s));
        let source = Arc::clone(&current) as Arc<dyn watch::Source>;
        let feed = Feed::new(source, self.options.watch.clone());
        let stop = Arc::new(AtomicBool::new(false));
        let (bell, heard) = SweepBell::new();
        let sweep = bell.clone();
        let (jobs, _apply_thread) = applier
            .start(Surroundings {
                fronts: Arc::clone(&fronts),
                feed: feed.clone(),
                keeper: Arc::clone(&keeper),
                sweep: Arc::new(move || sweep.ring()),
            })
            .map_err(data_error)?;

        let metrics = Arc::clone(&self.options.metrics);
        let caller = Caller {
            cluster_id: self.owner.cluster_id,
            member_id,
            metrics: Arc::clone(&metrics),
            removed: Arc::new(tokio::sync::watch::Sender::new(false)),
        };
        let removed = Arc::clone(&caller.removed);
        let raft = self
            .build_raft(&caller, StateMachine::new(jobs.clone()))
            .await?;
        let group = Group::follow(
            &raft,
            member_id,
            self.options.election_timeout,
            Arc::clone(&metrics),
        );
        let members = Arc::new(Members {
            cluster_id: self.owner.cluster_id,
            member_id,
            version: self.options.version,
            learners_max: self.options.learners_max,
            strict: self.options.strict_reconfiguration,
            raft: raft.clone(),
            group: Arc::clone(&group),
            current: Arc::clone(&current),
            changing: tokio::sync::Mutex::default(),
        });
        let appender = Appender::start(raft.clone(), member_id);
        let (queue, queue_end) = super::proposer::queue();
        let (rounds, round_requests) = mpsc::channel(64);
        let (renewals, waiting_renewals) = renewals();
        let inner = Arc::new(Inner {
            identity: Identity {
                cluster_id: self.owner.cluster_id,
                member_id,
                name: self.options.name.clone(),
            },
            caller: caller.clone(),
            fronts: Arc::clone(&fronts),
            group: Arc::clone(&group),
            members: Arc::clone(&members),
            keeper: Arc::clone(&keeper),
            current: Arc::clone(&current),
            jobs,
            wal: self.wal.clone(),
            queue,
            rounds: rounds.clone(),
            renewals,
            request_timeout: Duration::from_secs(5) + 2 * self.options.election_timeout,
            election_timeout: self.options.election_timeout,
            stopping: AtomicBool::new(false),
            leader_connection: parking_lot::Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
        });
        // The last front is this runtime's own: for what the member itself proposes.
        let handle = Handle::new(inner, self.options.fronts);
        tokio::spawn(handle.dispatch());
        tokio::spawn(carry_renewals(handle.clone(), waiting_renewals));
        Proposer::start(
            Parts {
                origin: member_id,
                incarnation: self.incarnation,
                fronts: Arc::clone(&fronts),
                appender: appender.clone(),
                forwarder: Forwarder::new(caller.clone(), group.directory()),
                progress: Arc::clone(&progress),
                leadership: group.leadership(),
            },
            queue_end,
        );
        let reader = ReadIndex {
            raft: raft.clone(),
            caller,
            directory: group.directory(),
            leadership: group.leadership(),
            fronts,
        };
        tokio::spawn(reader.run(rounds, round_requests));
        self.serve_peers(PeerService {
            cluster_id: self.owner.cluster_id,
            member_id,
            raft: raft.clone(),
            appender,
            handle: handle.clone(),
            group: Arc::clone(&group),
            members: Arc::clone(&members),
            states: self.states.clone(),
            metrics: Arc::clone(&metrics),
        })?;
        progress.set_running();
        raft.run();
        self.initialise(&raft).await?;
        tokio::spawn(Arc::clone(&keeper).run(KeeperParts {
            member_id,
            handle: handle.clone(),
            current: Arc::clone(&current),
            progress: Arc::clone(&progress),
            leadership: group.leadership(),
            extension: self.options.election_timeout,
        }));
        tokio::spawn(Arc::clone(&members).tend());
        tokio::spawn(publish_attributes(
            handle.clone(),
            self.options.advertise_client_urls.clone(),
        ));
        tokio::spawn(stop_when_fatal(raft.clone()));
        let is_removed = removed.subscribe();
        tokio::spawn(notice_removal(Arc::clone(&members), removed));
        // What an earlier run left unswept.
        bell.ring();
        let helpers = vec![
            start_sweeper(Arc::clone(&current), heard, Arc::clone(&stop)).map_err(data_error)?,
            Upkeep {
                current,
                progress,
                wal: self.wal.clone(),
                raft: raft.clone(),
                runtime: tokio::runtime::Handle::current(),
                schedule: self.options.schedule,
                metrics,
                space: SpaceWatch::new(
                    self.data_dir.path(),
                    self.options.disk_reserve_bytes,
                    handle.clone(),
                )
                .map_err(data_error)?,
                hand_over: hand_over(members),
                stop: Arc::clone(&stop),
            }
            .start(bell.clone())
            .map_err(data_error)?,
        ];
        Ok(Started {
            handle,
            feed,
            raft,
            runtime: tokio::runtime::Handle::current(),
            helpers,
            stop,
            bell,
            removed: is_removed,
            data_dir: self.data_dir,
        })
    }

    async fn build_raft(&self, caller: &Caller, machine: StateMachine) -> Result<Raft, StartError> {
        let election_ms = self.options.election_timeout.as_millis() as u64;
        // A follower waits for the leader's lease (the maximum) and then for a random time before it
        // stands: eight tenths to the whole of the timeout, where etcd takes one to two of them.
        let config = openraft::Config {
            cluster_name: format!("{:x}", self.owner.cluster_id),
            heartbeat_interval: self.options.heartbeat_interval.as_millis() as u64,
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
        let config = config.validate().map_err(|error| {
            StartError::Config(format!(
                "--heartbeat-interval and --election-timeout do not go together: {error}"
            ))
        })?;
        let factory = Factory {
            caller: caller.clone(),
        };
        Raft::build(
            self.owner.member_id,
            Arc::new(config),
            factory,
            LogStore::new(self.wal.clone()),
            machine,
        )
        .await
        .map_err(|error| StartError::Data(format!("the log and the state do not fit: {error}")))
    }

    fn serve_peers(&mut self, service: PeerService) -> Result<(), StartError> {
        let service = PeerServer::new(service)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        for listener in self.options.peer_listeners.drain(..) {
            listener.set_nonblocking(true).map_err(data_error)?;
            let listener = tokio::net::TcpListener::from_std(listener).map_err(data_error)?;
            // Without it an answer to a heartbeat may wait 40 ms for the acknowledgement of another.
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            let server = tonic::transport::Server::builder()
                // A caller that vanished without a word must not leave its streams here for ever.
                .http2_keepalive_interval(Some(PEER_PING_INTERVAL))
                .http2_keepalive_timeout(Some(PEER_PING_TIMEOUT))
                .initial_stream_window_size(4 << 20)
                .initial_connection_window_size(16 << 20)
                .add_service(service.clone())
                .serve_with_incoming(incoming);
            tokio::spawn(async move {
                if let Err(error) = server.await {
                    tracing::error!(%error, "the peer port has stopped serving");
                }
            });
        }
        Ok(())
    }

    /// Gives a new group its first membership: every member does, with the same one.
    async fn initialise(&self, raft: &Raft) -> Result<(), StartError> {
        let initialised = raft.is_initialized().await.map_err(data_error)?;
        if initialised || self.owner.initial.is_empty() {
            return Ok(());
        }
        let members: BTreeMap<MemberId, PeerNode> = self
            .owner
            .initial
            .iter()
            .map(|(id, urls)| {
                let node = PeerNode {
                    peer_urls: urls.clone(),
                    wants_vote: false,
                };
                (*id, node)
            })
            .collect();
        // Refused if a peer was quicker and this member has heard from it: then it is done.
        if let Err(error) = raft.initialize(members).await {
            tracing::debug!(%error, "the group is initialised already");
        }
        Ok(())
    }
}

fn hand_over(members: Arc<Members>) -> Box<dyn Fn() + Send> {
    let runtime = tokio::runtime::Handle::current();
    Box::new(move || {
        let members = Arc::clone(&members);
        runtime.spawn(async move {
            if let Some(successor) = members.best_successor() {
                // Fails when this member does not lead, and then there is nothing to do.
                let _ = members.move_leader(successor).await;
            }
        });
    })
}

/// Tells the group this member's name and client addresses, until it knows them.
async fn publish_attributes(handle: Handle, client_urls: Vec<String>) {
    let attributes = MemberAttributes {
        id: handle.identity().member_id,
        name: handle.identity().name.clone(),
        client_urls,
    };
    loop {
        if handle.state().attributes(attributes.id).as_ref() == Some(&attributes) {
            return;
        }
        let command = Command {
            operation: Some(Operation::MemberAttributes(attributes.clone())),
            fence_term: 0,
        };
        match handle.propose(command).await {
            Ok(_) | Err(crate::Error::Stopped) => return,
            Err(error) => {
                tracing::info!(%error, "the group has not taken this member's name yet");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn stop_when_fatal(raft: Raft) {
    let mut metrics = raft.metrics();
    loop {
        let state = metrics.borrow_watched().running_state.clone();
        if let Err(error) = state {
            if matches!(error, openraft::errors::Fatal::Stopped) {
                return;
            }
            crate::broken!("consensus has stopped: {error}");
        }
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

/// A member that was removed may see that in its own log, also in one of an earlier run, or be told
/// by a peer it calls.
async fn notice_removal(members: Arc<Members>, told: Arc<tokio::sync::watch::Sender<bool>>) {
    let mut view = members.group.watch();
    let mut belonged = false;
    let removed = view.wait_for(|view| {
        let belongs = view.membership.get_node(&members.member_id).is_some();
        // One that joins reads memberships from before its time, but its name is in none of them.
        belonged |= belongs || members.has_run();
        belonged && !belongs && view.membership_committed
    });
    if removed.await.is_ok() {
        told.send_replace(true);
    }
}
