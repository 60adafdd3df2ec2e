//! The checked and typed configuration of one member: what the program runs with.

use super::load::{Personality, Settings};
use super::problem::Problem;
use super::url::Url;
use super::value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// The quota etcd uses when none is set, in bytes.
pub const DEFAULT_QUOTA_BYTES: u64 = 2 << 30;
/// Members send each other messages of at most twice this.
const MAX_REQUEST_BYTES: i64 = 32 << 20;
/// etcd refuses longer election timeouts, and so do we.
const LONGEST_ELECTION_TIMEOUT: Duration = Duration::from_secs(50);

/// History that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoCompaction {
    /// All of it.
    Off,
    /// What is younger than this.
    Periodic(Duration),
    /// This many revisions.
    Revisions(i64),
}

/// How the member starts when its data directory is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialState {
    /// As a founder of the cluster in `initial_cluster`.
    New,
    /// As somebody `member add` has announced to a running cluster.
    Existing,
}

/// Everything one member is told. Built by [`Member::from_settings`], which has checked it.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "read by run::member once it is wired")]
pub struct Member {
    /// Under which name the program runs.
    pub personality: Personality,
    /// This member's name.
    pub name: String,
    /// Its directory; not yet created.
    pub data_dir: PathBuf,
    /// Where clients are served.
    pub listen_client_urls: Vec<Url>,
    /// What clients are told.
    pub advertise_client_urls: Vec<Url>,
    /// Where members are served.
    pub listen_peer_urls: Vec<Url>,
    /// What members are told.
    pub initial_advertise_peer_urls: Vec<Url>,
    /// More places for metrics and health.
    pub listen_metrics_urls: Vec<Url>,
    /// Where Kubernetes clients are served, and what they are told; `None`: nowhere.
    pub kubernetes: Option<(Url, Url)>,
    /// Tokens of Kubernetes clients, in upstream's form; `None`: none.
    pub kubernetes_tokens: Option<PathBuf>,
    /// Where requests of Kubernetes clients are written down; `-`: standard output; `None`: nowhere.
    pub kubernetes_audit_log: Option<PathBuf>,
    /// Founders by name, each with one URL or several; a name occurs once.
    pub initial_cluster: Vec<(String, Vec<Url>)>,
    /// Found or join.
    pub initial_state: InitialState,
    /// Part of the cluster's id.
    pub initial_cluster_token: String,
    /// Time between two heartbeats.
    pub heartbeat_interval: Duration,
    /// The time within which the group elects when its leader falls silent.
    pub election_timeout: Duration,
    /// Entries between two snapshots.
    pub snapshot_count: u64,
    /// Entries kept behind a snapshot.
    pub snapshot_catchup_entries: u64,
    /// Bytes of state at which writes are refused; `None` for no quota.
    pub quota_backend_bytes: Option<u64>,
    /// History to keep.
    pub auto_compaction: AutoCompaction,
    /// Operations in one transaction.
    pub max_txn_ops: usize,
    /// Bytes of one request.
    pub max_request_bytes: usize,
    /// Streams on one connection.
    pub max_concurrent_streams: u32,
    /// Learners at the same time.
    pub max_learners: usize,
    /// Refuse membership changes that would lose the quorum.
    pub strict_reconfig_check: bool,
    /// Time between two pings of the server; zero for none.
    pub grpc_keepalive_interval: Duration,
    /// Time to wait for the answer to a ping.
    pub grpc_keepalive_timeout: Duration,
    /// Time between two progress notifications.
    pub watch_progress_notify_interval: Duration,
    /// Do not wait for the disk. Loses acknowledged writes in a power cut.
    pub unsafe_no_fsync: bool,
    /// Keep the state in memory: for tests of the state alone.
    pub in_memory: bool,
    /// Run the control loops whoever leads: for tests.
    pub loops_everywhere: bool,
    /// Free space on disk below which writes are refused; `None` for the default.
    pub disk_reserve_bytes: Option<u64>,
    /// Memory for the newest records; 0 for none.
    pub record_cache_bytes: usize,
    /// Things worth a line in the log once there is one.
    pub notes: Vec<String>,
}

impl Member {
    /// Checks the settings against each other.
    ///
    /// What only matters for the first start (that this member is among the founders) is checked only
    /// while the data directory is empty: afterwards the log knows better.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn from_settings(settings: &Settings) -> Result<Member, Vec<Problem>> {
        let mut check = Check {
            settings,
            problems: Vec::new(),
        };
        let name = settings.text("name").to_owned();
        let data_dir = data_dir(settings, &name);
        let listen_client_urls = check.listened("listen-client-urls");
        let listen_peer_urls = check.listened("listen-peer-urls");
        let listen_metrics_urls = check.listened("listen-metrics-urls");
        let kubernetes = check.kubernetes();
        let advertise_client_urls = check.advertised(
            "advertise-client-urls",
            "listen-client-urls",
            &listen_client_urls,
        );
        let peer_urls = check.advertised(
            "initial-advertise-peer-urls",
            "listen-peer-urls",
            &listen_peer_urls,
        );
        let initial_cluster = check.initial_cluster(&name, &peer_urls);
        if is_fresh(&data_dir) {
            check.founders(&name, &peer_urls, &initial_cluster);
        }
        let heartbeat_interval = settings.duration("heartbeat-interval");
        let election_timeout = settings.duration("election-timeout");
        check.timeouts(heartbeat_interval, election_timeout);
        let auto_compaction = check.auto_compaction();
        let member = Member {
            personality: settings.personality,
            data_dir,
            listen_client_urls,
            advertise_client_urls,
            listen_peer_urls,
            initial_advertise_peer_urls: peer_urls,
            listen_metrics_urls,
            kubernetes_tokens: check
                .of_kubernetes("kubernetes-token-auth-file", kubernetes.is_some()),
            kubernetes_audit_log: check
                .of_kubernetes("kubernetes-audit-log-path", kubernetes.is_some()),
            kubernetes,
            initial_cluster,
            initial_state: match settings.text("initial-cluster-state") {
                "existing" => InitialState::Existing,
                _ => InitialState::New,
            },
            initial_cluster_token: settings.text("initial-cluster-token").to_owned(),
            heartbeat_interval,
            election_timeout,
            snapshot_count: check.at_least("snapshot-count", 1) as u64,
            snapshot_catchup_entries: check.at_least("snapshot-catchup-entries", 1) as u64,
            quota_backend_bytes: match settings.bytes("quota-backend-bytes") {
                0 => Some(DEFAULT_QUOTA_BYTES),
                bytes => u64::try_from(bytes).ok(),
            },
            auto_compaction,
            max_txn_ops: check.at_least("max-txn-ops", 1) as usize,
            max_request_bytes: check.request_bytes(),
            max_concurrent_streams: check
                .at_least("max-concurrent-streams", 1)
                .min(i64::from(u32::MAX)) as u32,
            max_learners: check.at_least("max-learners", 1) as usize,
            strict_reconfig_check: settings.flag("strict-reconfig-check"),
            grpc_keepalive_interval: settings.duration("grpc-keepalive-interval"),
            grpc_keepalive_timeout: settings.duration("grpc-keepalive-timeout"),
            watch_progress_notify_interval: settings.duration("watch-progress-notify-interval"),
            unsafe_no_fsync: settings.flag("unsafe-no-fsync"),
            in_memory: settings.flag("unsafe-memory-state"),
            loops_everywhere: settings.flag("unsafe-loops-everywhere"),
            record_cache_bytes: usize::try_from(settings.bytes("record-cache-bytes")).unwrap_or(0),
            disk_reserve_bytes: u64::try_from(settings.bytes("disk-reserve-bytes"))
                .ok()
                .filter(|bytes| *bytes > 0),
            notes: settings.notes.clone(),
            name,
        };
        match check.problems.is_empty() {
            true => Ok(member),
            false => Err(check.problems),
        }
    }
}

fn data_dir(settings: &Settings, name: &str) -> PathBuf {
    match (settings.text("data-dir"), settings.personality) {
        ("", Personality::Etcd) => PathBuf::from(format!("{name}.etcd")),
        ("", Personality::Keelson) => PathBuf::from(format!("{name}.keelson")),
        (given, _) => PathBuf::from(given),
    }
}

/// Nothing is in the directory, or it does not exist.
fn is_fresh(data_dir: &std::path::Path) -> bool {
    std::fs::read_dir(data_dir).map_or(true, |mut entries| entries.next().is_none())
}

/// Collects what is wrong while the pieces are put together.
struct Check<'a> {
    settings: &'a Settings,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn problem(&mut self, what: String, fix: impl Into<String>) {
        self.problems.push(Problem::new(what).fix(fix));
    }

    fn plain(&mut self, option: &str, urls: &[Url]) {
        for url in urls.iter().filter(|url| url.is_secure()) {
            self.problem(
                format!("{option}: TLS is not built yet, so {url} cannot be served"),
                "use http://",
            );
        }
    }

    fn listened(&mut self, option: &'static str) -> Vec<Url> {
        let urls = self.settings.urls(option).to_vec();
        self.plain(option, &urls);
        if urls.is_empty() && option != "listen-metrics-urls" {
            self.problem(
                format!("{option} is empty"),
                format!("leave it out, or set --{option}"),
            );
        }
        for url in urls.iter().filter(|url| !url.can_be_bound()) {
            self.problem(
                format!("{option}: expected IP in URL for binding ({url})"),
                "listen on an address, and advertise the host name",
            );
        }
        urls
    }

    fn kubernetes(&mut self) -> Option<(Url, Url)> {
        let listen = self.secure_url("listen-kubernetes-url")?;
        if !listen.can_be_bound() {
            self.problem(
                format!("listen-kubernetes-url: expected IP in URL for binding ({listen})"),
                "listen on an address, and advertise the host name",
            );
        }
        let told = self.secure_url("advertise-kubernetes-url");
        let told = told.unwrap_or_else(|| listen.clone());
        if told.is_unspecified() {
            self.problem(
                format!("Kubernetes clients cannot connect to {told}"),
                "set --advertise-kubernetes-url to an address that they reach",
            );
        }
        Some((listen, told))
    }

    /// The file that an option names, which says something only where Kubernetes is served.
    fn of_kubernetes(&mut self, option: &'static str, is_served: bool) -> Option<PathBuf> {
        let text = self.settings.text(option);
        if text.is_empty() {
            return None;
        }
        if !is_served {
            self.problem(
                format!("{option}: Kubernetes clients are not served"),
                "set --listen-kubernetes-url, or leave it out",
            );
        }
        Some(PathBuf::from(text))
    }

    fn secure_url(&mut self, option: &'static str) -> Option<Url> {
        let text = self.settings.text(option);
        if text.is_empty() {
            return None;
        }
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(why) => {
                self.problems.push(Problem::new(format!("{option}: {why}")));
                return None;
            }
        };
        if self.settings.personality == Personality::Etcd {
            self.problem(
                format!("{option}: there is nothing of Kubernetes in `keelson etcd`"),
                "run `keelson server`",
            );
        }
        if !url.is_secure() {
            self.problem(
                format!("{option}: Kubernetes is served over TLS only, not at {url}"),
                "use https://",
            );
        }
        Some(url)
    }

    fn advertised(&mut self, option: &str, listen_option: &str, listened: &[Url]) -> Vec<Url> {
        let urls = match self.settings.urls(option) {
            [] => listened.to_vec(),
            given => given.to_vec(),
        };
        self.plain(option, &urls);
        if let Some(url) = urls.iter().find(|url| url.is_unspecified()) {
            let what = match self.settings.urls(option).is_empty() {
                true => format!(
                    "--{option} is required when --{listen_option} is {url}: nobody can connect to that address"
                ),
                false => format!("--{option} is {url}: nobody can connect to that address"),
            };
            self.problem(
                what,
                format!("set --{option} to an address that others reach"),
            );
        }
        urls
    }

    fn initial_cluster(&mut self, name: &str, peer_urls: &[Url]) -> Vec<(String, Vec<Url>)> {
        let text = self.settings.text("initial-cluster");
        if text.is_empty() {
            return vec![(name.to_owned(), peer_urls.to_vec())];
        }
        let mut cluster: Vec<(String, Vec<Url>)> = Vec::new();
        let mut seen = BTreeSet::new();
        for pair in text
            .split(',')
            .map(str::trim)
            .filter(|pair| !pair.is_empty())
        {
            let Some((member, url)) = pair
                .split_once('=')
                .filter(|(member, _)| !member.is_empty())
            else {
                self.problem(
                    format!("initial-cluster: {pair:?} has no name"),
                    "write it like a=http://host-a:2380,b=http://host-b:2380",
                );
                continue;
            };
            let url = match Url::parse(url) {
                Ok(url) => url,
                Err(why) => {
                    self.problems
                        .push(Problem::new(format!("initial-cluster: {why}")));
                    continue;
                }
            };
            self.plain("initial-cluster", std::slice::from_ref(&url));
            if !seen.insert(url.to_string()) {
                self.problem(
                    format!("initial-cluster: {url} occurs twice"),
                    "every member needs peer URLs of its own",
                );
            }
            match cluster.iter_mut().find(|(known, _)| known == member) {
                Some((_, urls)) => urls.push(url),
                None => cluster.push((member.to_owned(), vec![url])),
            }
        }
        cluster
    }

    /// This member is among the founders, under the URLs it advertises.
    fn founders(&mut self, name: &str, peer_urls: &[Url], cluster: &[(String, Vec<Url>)]) {
        let Some((_, listed)) = cluster.iter().find(|(member, _)| member == name) else {
            let names: Vec<&str> = cluster.iter().map(|(member, _)| member.as_str()).collect();
            return self.problem(
                format!("couldn't find local name \"{name}\" in the initial cluster configuration"),
                format!(
                    "set --name to one of {}, or add {name} to --initial-cluster",
                    names.join(", ")
                ),
            );
        };
        let same = |left: &[Url], right: &[Url]| left.iter().all(|url| right.contains(url));
        if !same(listed, peer_urls) || !same(peer_urls, listed) {
            self.problem(
                format!(
                    "--initial-cluster has {name}={} but --initial-advertise-peer-urls is {}",
                    join(listed),
                    join(peer_urls)
                ),
                "make the two the same",
            );
        }
    }

    fn timeouts(&mut self, heartbeat: Duration, election: Duration) {
        if heartbeat < Duration::from_millis(1) {
            self.problem(
                "heartbeat-interval must be at least 1ms".to_owned(),
                "100 is a good value",
            );
        }
        if election < heartbeat * 5 {
            self.problem(
                format!(
                    "--election-timeout[{}ms] should be at least as 5 times as --heartbeat-interval[{}ms]",
                    election.as_millis(),
                    heartbeat.as_millis()
                ),
                format!("set --election-timeout={} or more", (heartbeat * 5).as_millis()),
            );
        }
        if election > LONGEST_ELECTION_TIMEOUT {
            self.problem(
                format!(
                    "--election-timeout[{}ms] is too long, and should be set less than {}ms",
                    election.as_millis(),
                    LONGEST_ELECTION_TIMEOUT.as_millis()
                ),
                "a cluster waits that long for a new leader",
            );
        }
    }

    fn at_least(&mut self, option: &str, least: i64) -> i64 {
        let count = self.settings.count(option);
        if count < least {
            self.problem(
                format!("{option} must be at least {least}, not {count}"),
                "raise it",
            );
        }
        count.max(least)
    }

    fn request_bytes(&mut self) -> usize {
        let bytes = self.settings.bytes("max-request-bytes");
        if !(1..=MAX_REQUEST_BYTES).contains(&bytes) {
            self.problem(
                format!("max-request-bytes must be between 1 and 32MiB, not {bytes}"),
                "leave it out for etcd's 1.5 MiB",
            );
        }
        bytes.clamp(1, MAX_REQUEST_BYTES) as usize
    }

    fn auto_compaction(&mut self) -> AutoCompaction {
        let text = self.settings.text("auto-compaction-retention").to_owned();
        let by_revision = self.settings.text("auto-compaction-mode") == "revision";
        let parsed = match (by_revision, text.parse::<i64>()) {
            (_, Ok(0)) => Ok(AutoCompaction::Off),
            (true, Ok(count)) if count > 0 => Ok(AutoCompaction::Revisions(count)),
            (true, _) => Err(format!("{text:?} is not a number of revisions")),
            (false, Ok(hours)) if hours > 0 => {
                value::hours(&text, hours.unsigned_abs()).map(AutoCompaction::Periodic)
            }
            (false, _) if text.is_empty() => Ok(AutoCompaction::Off),
            (false, _) => value::duration(&text).map(|retention| match retention.is_zero() {
                true => AutoCompaction::Off,
                false => AutoCompaction::Periodic(retention),
            }),
        };
        parsed.unwrap_or_else(|why| {
            self.problem(
                format!("auto-compaction-retention: {why}"),
                "a duration like 1h with periodic, a number with revision",
            );
            AutoCompaction::Off
        })
    }
}

fn join(urls: &[Url]) -> String {
    urls.iter()
        .map(Url::to_string)
        .collect::<Vec<_>>()
        .join(",")
}
