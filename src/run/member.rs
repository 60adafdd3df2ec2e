//! Wiring of one member: sockets, consensus and state, fronts, and the way down again.

use super::auto_compaction;
use crate::cli::error::{Error, Exit};
use crate::config::member::{InitialState, Member};
use crate::config::url::Url;
use crate::kube::loops::Loops;
use crate::kube::serve::{self, Kube};
use crate::version;
use keelson_apiserver::admission::SERVICE_CIDR_FIRST;
use keelson_apiserver::authenticate::StaticTokens;
use keelson_apiserver::http::Audit;
use keelson_apiserver::pki;
use keelson_store::limits::Limits;
use keelson_store::metrics::Metrics;
use keelson_store::raft::upkeep::Schedule;
use keelson_store::raft::{Bootstrap, Node, NodeOptions, StartError};
use keelson_store::rpc::archive_source::ArchiveSource;
use keelson_store::rpc::front::{Shared, hashing_places};
use keelson_store::rpc::fronts::Fronts;
use keelson_store::rpc::listen::bind;
use keelson_store::world::World;
use keelson_store::{wal, watch};
use std::fs::OpenOptions;
use std::io::BufWriter;
use std::net::{TcpListener, ToSocketAddrs};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Runs a member until it is told to stop. Blocks.
pub fn run_member(config: Member) -> ExitCode {
    match run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the member did not start");
            error.print();
            Exit::Failure.into()
        }
    }
}

fn run(config: &Member) -> Result<(), Error> {
    // First, so that a taken port is reported before anything is touched.
    let peer_listeners = listen(&config.listen_peer_urls)?;
    let mut client_listeners = listen(&config.listen_client_urls)?;
    client_listeners.extend(listen(&config.listen_metrics_urls)?);
    let kubernetes = kubernetes(config)?;
    let signals = Signals::new()?;

    let limits = Arc::new(limits(config));
    let metrics = Metrics::new();
    let fronts = front_count();
    // The API server has a front of its own, and so have the control loops.
    let node = Node::start(node_options(
        config,
        &limits,
        &metrics,
        fronts + 2 * usize::from(kubernetes.is_some()),
        peer_listeners,
    ))
    .map_err(start_error)?;
    let handle = node.handle().clone();
    metrics.watch_member(handle.clone(), &limits);
    metrics.watch_feed(node.feed().counters());
    let shared = Shared {
        handle: handle.clone(),
        feed: node.feed().clone(),
        limits,
        metrics,
        snapshots: Arc::new(ArchiveSource::new(handle.clone(), config.data_dir.clone())),
        cluster_token: config.initial_cluster_token.as_str().into(),
        raising_alarm: Arc::default(),
        hashing: hashing_places(),
    };
    let compaction = auto_compaction::start(config.auto_compaction, handle.clone());
    let served = Fronts::start(&shared, fronts, client_listeners);
    let served = served.map_err(|error| {
        Error::new(Exit::Failure, "clients cannot be served").why(error.to_string())
    })?;
    let kubernetes = kubernetes.map(|options| {
        let (vitals, decoded) = (options.vitals.clone(), options.decoded.clone());
        let served = Kube::start(options, &shared, fronts)?;
        let everywhere = config.loops_everywhere;
        let front = fronts + 1;
        let loops = Loops::start(&config.name, &shared, front, everywhere, &vitals, &decoded)?;
        Ok((served, loops))
    });
    let kubernetes = kubernetes.transpose().map_err(|error: std::io::Error| {
        Error::new(Exit::Failure, "Kubernetes clients cannot be served").why(error.to_string())
    })?;
    tracing::info!(
        member = format!("{:x}", handle.identity().member_id),
        cluster = format!("{:x}", handle.identity().cluster_id),
        "ready to serve client requests"
    );

    let reason = signals.wait(node.removed());
    tracing::info!(reason, "stopping");
    drop(compaction);
    // Leadership goes first, while this member still answers; then clients; then consensus.
    // A member that was removed has nothing to give away, and nobody who would take it.
    if !*node.removed().borrow() {
        node.hand_over();
    }
    if let Some((served, loops)) = kubernetes {
        loops.stop();
        served.stop();
    }
    served.stop();
    drop(shared);
    node.stop();
    Ok(())
}

/// How Kubernetes is to be served, if it is: bound already.
fn kubernetes(config: &Member) -> Result<Option<serve::Options>, Error> {
    let Some((url, told)) = &config.kubernetes else {
        return Ok(None);
    };
    let Some(listener) = listen(std::slice::from_ref(url))?.pop() else {
        return Err(Error::new(Exit::Failure, format!("cannot listen on {url}")));
    };
    Ok(Some(serve::Options {
        listener,
        address: format!("{}:{}", told.host, told.port),
        name: config.name.clone(),
        server: places([&url.host, &told.host]),
        tokens: match &config.kubernetes_tokens {
            None => StaticTokens::default(),
            Some(file) => tokens(file)?,
        },
        audit: config
            .kubernetes_audit_log
            .as_deref()
            .map(audit)
            .transpose()?,
        vitals: Arc::default(),
        decoded: Arc::default(),
    }))
}

/// What the certificate vouches for: these hosts, and the Service by which Pods reach the server.
fn places(hosts: [&str; 2]) -> pki::Server {
    let mut server = pki::Server::default();
    for host in hosts.into_iter().chain([SERVICE_CIDR_FIRST]) {
        match host.parse() {
            Ok(address) => server.addresses.push(address),
            Err(_) => server.names.push(host.to_owned()),
        }
    }
    server
}

fn tokens(file: &Path) -> Result<StaticTokens, Error> {
    let cannot = |why: String| {
        let what = format!("cannot take tokens from {}", file.display());
        Error::new(Exit::Failure, what).why(why)
    };
    let text = std::fs::read_to_string(file).map_err(|error| cannot(error.to_string()))?;
    StaticTokens::parse(&text).map_err(|error| cannot(error.to_string()))
}

/// Adds to the file, so that one who moves it or cuts it takes nothing away. It tells who does what: nobody
/// else may read it.
fn audit(file: &Path) -> Result<Audit, Error> {
    let opened = match file == Path::new("-") {
        true => Audit::new(std::io::stdout()),
        false => OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(file)
            .and_then(|file| Audit::new(BufWriter::new(file))),
    };
    opened.map_err(|error| {
        let what = format!("cannot write the audit log {}", file.display());
        Error::new(Exit::Failure, what).why(error.to_string())
    })
}

fn front_count() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (cores / 2).clamp(1, 16)
}

fn limits(config: &Member) -> Limits {
    Limits {
        max_request_bytes: config.max_request_bytes,
        max_txn_ops: config.max_txn_ops,
        quota_backend_bytes: config
            .quota_backend_bytes
            .map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
        max_learners: config.max_learners,
        max_concurrent_streams: config.max_concurrent_streams,
        grpc_keepalive_interval: config.grpc_keepalive_interval,
        grpc_keepalive_timeout: config.grpc_keepalive_timeout,
        min_lease_ttl_s: min_lease_ttl_s(config),
        ..Limits::default()
    }
}

/// etcd's rule: one and a half election timeouts, in whole seconds (contract #77).
fn min_lease_ttl_s(config: &Member) -> i64 {
    let heartbeat_ms = config.heartbeat_interval.as_millis().max(1);
    let election_ticks = config.election_timeout.as_millis() / heartbeat_ms;
    let min_ticks = (3 * election_ticks).div_ceil(2);
    i64::try_from((min_ticks * heartbeat_ms).div_ceil(1000)).unwrap_or(i64::MAX)
}

fn node_options(
    config: &Member,
    limits: &Limits,
    metrics: &Arc<Metrics>,
    fronts: usize,
    peer_listeners: Vec<TcpListener>,
) -> NodeOptions {
    let texts = |urls: &[Url]| urls.iter().map(ToString::to_string).collect::<Vec<_>>();
    let seconds = metrics.wal_fsync_seconds.clone();
    NodeOptions {
        name: config.name.clone(),
        data_dir: config.data_dir.clone(),
        bootstrap: Bootstrap {
            members: config
                .initial_cluster
                .iter()
                .map(|(name, urls)| (name.clone(), texts(urls)))
                .collect(),
            token: config.initial_cluster_token.clone(),
            join: config.initial_state == InitialState::Existing,
        },
        advertise_client_urls: texts(&config.advertise_client_urls),
        peer_listeners,
        heartbeat_interval: config.heartbeat_interval,
        election_timeout: config.election_timeout,
        fronts,
        schedule: Schedule {
            snapshot_count: config.snapshot_count,
            catchup_entries: config.snapshot_catchup_entries,
            in_memory: config.in_memory,
        },
        wal: wal::Options {
            sync: !config.unsafe_no_fsync,
            on_sync: Some(Arc::new(move |took| seconds.observe(took.as_secs_f64()))),
            ..wal::Options::default()
        },
        watch: watch::Options {
            progress_interval: config.watch_progress_notify_interval,
            response_bytes: limits.max_message_bytes(),
            ..watch::Options::default()
        },
        cache_bytes: config.record_cache_bytes,
        in_memory: config.in_memory,
        disk_reserve_bytes: config.disk_reserve_bytes,
        learners_max: config.max_learners,
        strict_reconfiguration: config.strict_reconfig_check,
        lease_ttl_min_s: limits.min_lease_ttl_s,
        metrics: Arc::clone(metrics),
        version: version::KEELSON,
        world: World::default(),
    }
}

fn listen(urls: &[Url]) -> Result<Vec<TcpListener>, Error> {
    let mut listeners = Vec::new();
    for url in urls {
        let cannot =
            |why: String| Error::new(Exit::Failure, format!("cannot listen on {url}")).why(why);
        let addresses = (url.host.as_str(), url.port)
            .to_socket_addrs()
            .map_err(|error| cannot(format!("the name does not resolve: {error}")))?;
        for address in addresses {
            let listener = bind(address).map_err(|error| cannot(error.to_string()))?;
            listeners.push(listener);
        }
    }
    Ok(listeners)
}

fn start_error(error: StartError) -> Error {
    let exit = match &error {
        StartError::Config(_) => Exit::Usage,
        StartError::Data(_) | StartError::Group(_) => Exit::Failure,
    };
    Error::new(exit, "this member cannot start").why(error.to_string())
}

/// SIGTERM and SIGINT, heard from the moment this is made.
struct Signals {
    runtime: tokio::runtime::Runtime,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Signals, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |error: std::io::Error| {
            Error::new(Exit::Failure, "cannot listen for signals").why(error.to_string())
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let guard = runtime.enter();
        let terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        drop(guard);
        Ok(Signals {
            runtime,
            terminate,
            interrupt,
        })
    }

    /// Waits for one of them, or until this member is `removed` from its group. Tells which.
    fn wait(mut self, mut removed: tokio::sync::watch::Receiver<bool>) -> &'static str {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
                Ok(_) = removed.wait_for(|removed| *removed) => {
                    "this member has been removed from its group; its data directory is of no use any more"
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_reach_the_server_by_the_address_of_its_service() {
        let server = places(["127.0.0.1", "masters.example"]);
        let addresses = server.addresses.iter().map(ToString::to_string);
        assert_eq!(addresses.collect::<Vec<_>>(), ["127.0.0.1", "10.96.0.1"]);
        assert_eq!(server.names, ["masters.example"]);
    }
}
