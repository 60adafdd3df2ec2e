//! Every option of a member, once: its name, kind, default, standing and meaning.
//!
//! Names and units are etcd's. Where our default differs from etcd's, the help says so.

use Group::{Cluster, Limits, Logs, Member, Other, Security, Storage};
use Kind::{Bytes, Choice, Count, Duration, Flag, Milliseconds, Text, Urls};
use Standing::{Ignored, Missing, Works};

/// How the text of an option is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// True or false; as a flag `--name` alone means true.
    Flag,
    /// A whole number.
    Count,
    /// A number of milliseconds, or a duration with a unit.
    Milliseconds,
    /// A duration with a unit. In a file a bare number is nanoseconds, as etcd writes it.
    Duration,
    /// A number of bytes, or a size with a unit.
    Bytes,
    /// URLs with commas between them.
    Urls,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// What Keelson does with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has an effect.
    Works,
    /// Accepted so that an etcd command line runs unchanged; this is why it has nothing to act on.
    Ignored(&'static str),
    /// Its feature does not exist yet. Setting it to anything but the default is refused, because
    /// running without what was asked for could be unsafe.
    Missing(&'static str),
}

/// Headings of the help text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// This member.
    Member,
    /// The others.
    Cluster,
    /// State and log on disk.
    Storage,
    /// What one client may ask.
    Limits,
    /// Logs and metrics.
    Logs,
    /// TLS and users.
    Security,
    /// The rest.
    Other,
}

impl Group {
    /// In the order of the help text.
    pub const ALL: [Group; 7] = [Member, Cluster, Storage, Limits, Logs, Security, Other];

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Member => "Member",
            Cluster => "Cluster",
            Storage => "Storage",
            Limits => "Limits",
            Logs => "Logs and metrics",
            Security => "Security",
            Other => "Other",
        }
    }
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// Flag without dashes, and the key in a file.
    pub name: &'static str,
    /// How its text is read.
    pub kind: Kind,
    /// What it is if nobody sets it, as text.
    pub default: &'static str,
    /// Its heading.
    pub group: Group,
    /// What we do with it.
    pub standing: Standing,
    /// One sentence for help and `config explain`.
    pub help: &'static str,
}

impl Opt {
    /// `ETCD_DATA_DIR` for `data-dir`.
    pub fn variable(&self) -> String {
        format!("ETCD_{}", self.name.to_uppercase().replace('-', "_"))
    }
}

/// The option called `name`.
pub fn find(name: &str) -> Option<&'static Opt> {
    OPTIONS.iter().find(|option| option.name == name)
}

const fn row(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    group: Group,
    standing: Standing,
    help: &'static str,
) -> Opt {
    Opt {
        name,
        kind,
        default,
        group,
        standing,
        help,
    }
}

const TLS: Standing = Missing("TLS");
const AUTH: Standing = Missing("authentication");
const DISCOVERY: Standing = Missing("discovery");
const BBOLT: Standing = Ignored("it tunes bbolt, and the state lies in RocksDB");
const FILES: Standing =
    Ignored("log segments and snapshots are recycled by size, not by number of files");

/// All options, by heading.
#[rustfmt::skip]
pub const OPTIONS: &[Opt] = &[
    row("name", Text, "default", Member, Works, "Name of this member, unique in the cluster."),
    row("data-dir", Text, "", Member, Works, "Directory of log and state; created 0700. Empty: the name with .etcd (or .keelson) behind it."),
    row("wal-dir", Text, "", Member, Missing("a separate log directory"), "Directory of the log alone."),
    row("listen-client-urls", Urls, "http://localhost:2379", Member, Works, "Where clients are served."),
    row("listen-peer-urls", Urls, "http://localhost:2380", Member, Works, "Where the other members are served."),
    row("listen-client-http-urls", Urls, "", Member, Missing("a separate port for HTTP"), "Moves plain HTTP off the client port."),
    row("listen-kubernetes-url", Text, "", Member, Works, "Where Kubernetes clients are served, such as https://0.0.0.0:6443. Empty: nowhere. Not an option of etcd."),
    row("advertise-kubernetes-url", Text, "", Member, Works, "How Kubernetes clients reach this member. Empty: as listened. Not an option of etcd."),
    row("kubernetes-token-auth-file", Text, "", Member, Works, "Tokens of Kubernetes clients, one a line: token,user,uid,\"group1,group2\". Read at the start. Empty: none. Not an option of etcd."),
    row("kubernetes-audit-log-path", Text, "", Member, Works, "File to which each request of a Kubernetes client adds a line of JSON: who did what. -: standard output. Empty: none. Not an option of etcd."),
    row("heartbeat-interval", Milliseconds, "100", Member, Works, "Time between two heartbeats of the leader, in milliseconds."),
    row("election-timeout", Milliseconds, "1000", Member, Works, "Time within which the members elect when their leader falls silent, in milliseconds. A follower stands after eight tenths to the whole of it without a word."),
    row("initial-election-tick-advance", Flag, "true", Member, Ignored("there are no election ticks to skip: timeouts are real time"), "Start the first election sooner."),
    row("snapshot-count", Count, "10000", Member, Works, "Entries applied between two snapshots of the state, after which the log may be cut."),
    row("snapshot-catchup-entries", Count, "5000", Member, Works, "Entries kept in the log behind a snapshot for followers that lag."),
    row("raft-read-timeout", Duration, "5s", Member, Ignored("peer streams time out by heartbeat"), "Read timeout of a peer connection."),
    row("raft-write-timeout", Duration, "5s", Member, Ignored("peer streams time out by heartbeat"), "Write timeout of a peer connection."),
    row("socket-reuse-port", Flag, "false", Member, Ignored("ports are never shared between members"), "Set SO_REUSEPORT on listeners."),
    row("socket-reuse-address", Flag, "false", Member, Ignored("listeners always set SO_REUSEADDR"), "Set SO_REUSEADDR on listeners."),
    row("memory-mlock", Flag, "false", Member, Ignored("state is not mapped into memory"), "Lock memory."),

    row("initial-advertise-peer-urls", Urls, "", Cluster, Works, "How the other members reach this one. Empty: as listened."),
    row("advertise-client-urls", Urls, "", Cluster, Works, "How clients reach this member. Empty: as listened."),
    row("initial-cluster", Text, "", Cluster, Works, "Members at the start: a=http://host:2380,b=... Empty: this member alone."),
    row("initial-cluster-state", Choice(&["new", "existing"]), "new", Cluster, Works, "Start a new cluster, or join an existing one."),
    row("initial-cluster-token", Text, "etcd-cluster", Cluster, Works, "Part of the cluster's id, so that two clusters on the same hosts never mix."),
    row("strict-reconfig-check", Flag, "true", Cluster, Works, "Refuse membership changes that would lose the quorum."),
    row("pre-vote", Flag, "true", Cluster, Ignored("members always ask before they start an election"), "Ask before an election."),
    row("max-learners", Count, "1", Cluster, Works, "Members that may be learners at the same time."),
    row("force-new-cluster", Flag, "false", Cluster, Missing("starting over from one member's data"), "Make this member the only one."),
    row("discovery", Text, "", Cluster, DISCOVERY, "URL of a discovery service."),
    row("discovery-token", Text, "", Cluster, DISCOVERY, "Token at the discovery service."),
    row("discovery-endpoints", Text, "", Cluster, DISCOVERY, "Endpoints of the discovery service."),
    row("discovery-proxy", Text, "", Cluster, DISCOVERY, "Proxy to the discovery service."),
    row("discovery-fallback", Choice(&["exit", "proxy"]), "exit", Cluster, Ignored("there is no discovery"), "What to do when discovery fails."),
    row("discovery-srv", Text, "", Cluster, DISCOVERY, "DNS domain to find the cluster in."),
    row("discovery-srv-name", Text, "", Cluster, DISCOVERY, "Suffix of the DNS service name."),

    row("quota-backend-bytes", Bytes, "0", Storage, Works, "Size of the state at which writes are refused. 0: 2 GiB; negative: no quota."),
    row("disk-reserve-bytes", Bytes, "0", Storage, Works, "Free space on disk below which writes are refused (NOSPACE). 0: a hundredth of the disk, 256 MiB to 1 GiB. Not an option of etcd."),
    row("record-cache-bytes", Bytes, "268435456", Storage, Works, "Memory for the newest records, so that they are not read from files; 0 for none. Not an option of etcd."),
    row("auto-compaction-mode", Choice(&["periodic", "revision"]), "periodic", Storage, Works, "Whether auto-compaction-retention counts time or revisions."),
    row("auto-compaction-retention", Text, "0", Storage, Works, "History to keep: a duration (a bare number is hours) or a number of revisions; 0 keeps all."),
    row("compaction-batch-limit", Count, "1000", Storage, Ignored("compaction gives up history where files are rewritten anyway"), "Revisions compacted at a time."),
    row("compaction-sleep-interval", Duration, "10ms", Storage, Ignored("compaction gives up history where files are rewritten anyway"), "Pause between two batches."),
    row("unsafe-no-fsync", Flag, "false", Storage, Works, "Do not wait for the disk. A power cut loses acknowledged writes: for measurements only."),
    row("unsafe-memory-state", Flag, "false", Storage, Works, "Keep the state in memory. A stop loses it: for tests only."),
    row("max-snapshots", Count, "5", Storage, FILES, "Snapshot files to keep."),
    row("max-wals", Count, "5", Storage, FILES, "Log files to keep."),
    row("backend-bbolt-freelist-type", Text, "map", Storage, BBOLT, "Free list of bbolt."),
    row("backend-batch-interval", Duration, "0", Storage, BBOLT, "Longest time before bbolt commits."),
    row("backend-batch-limit", Count, "0", Storage, BBOLT, "Most operations before bbolt commits."),
    row("bootstrap-defrag-threshold-megabytes", Count, "0", Storage, BBOLT, "Free space that makes a start defragment."),
    row("corrupt-check-time", Duration, "0", Storage, Missing("periodic comparison of members"), "Time between two comparisons of the members' data."),
    row("compact-hash-check-time", Duration, "1m", Storage, Ignored("CompactHashCheck is off"), "Time between two comparisons at compacted revisions."),

    row("max-txn-ops", Count, "128", Limits, Works, "Operations in one transaction."),
    row("max-request-bytes", Bytes, "1572864", Limits, Works, "Bytes of one request."),
    row("max-concurrent-streams", Count, "4294967295", Limits, Works, "gRPC streams on one connection."),
    row("grpc-keepalive-min-time", Duration, "5s", Limits, Ignored("clients may ping as often as they like"), "Shortest time between two pings of a client."),
    row("grpc-keepalive-interval", Duration, "2h", Limits, Works, "Time between two pings of the server; 0 for none."),
    row("grpc-keepalive-timeout", Duration, "20s", Limits, Works, "Time to wait for the answer to a ping."),
    row("watch-progress-notify-interval", Duration, "10m", Limits, Works, "Time between two progress notifications of an idle watch."),

    row("log-level", Choice(&["debug", "info", "warn", "error", "dpanic", "panic", "fatal"]), "info", Logs, Works, "Least severe line that is logged."),
    row("log-format", Choice(&["", "json", "console"]), "", Logs, Works, "How lines look. Empty: console on a terminal, json elsewhere and under the name etcd."),
    row("log-outputs", Text, "default", Logs, Works, "Where lines go, with commas: default, stderr, stdout or paths of files."),
    row("logger", Choice(&["zap", "capnslog"]), "zap", Logs, Ignored("there is one logger"), "Logging library."),
    row("enable-log-rotation", Flag, "false", Logs, Missing("rotation of log files"), "Rotate log files."),
    row("log-rotation-config-json", Text, "", Logs, Ignored("log files are not rotated"), "Settings of log rotation."),
    row("log-package-levels", Text, "", Logs, Ignored("KEELSON_LOG sets levels by module"), "Levels by package."),
    row("debug", Flag, "false", Logs, Ignored("use log-level"), "Old name of --log-level=debug."),
    row("listen-metrics-urls", Urls, "", Logs, Works, "More places to serve /metrics, /health, /livez and /readyz."),
    row("metrics", Choice(&["basic", "extensive"]), "basic", Logs, Ignored("all metrics are always there"), "How much to measure."),
    row("enable-pprof", Flag, "false", Logs, Ignored("there is no Go runtime to profile"), "Serve /debug/pprof."),
    row("warning-apply-duration", Duration, "100ms", Logs, Ignored("slow applying is seen in the metrics only"), "Log a warning when applying takes longer."),
    row("warning-unary-request-duration", Duration, "300ms", Logs, Ignored("slow requests are seen in the metrics only"), "Log a warning when a request takes longer."),
    row("enable-distributed-tracing", Flag, "false", Logs, Missing("distributed tracing"), "Send traces."),
    row("distributed-tracing-address", Text, "localhost:4317", Logs, Ignored("there is no distributed tracing"), "Where traces go."),
    row("distributed-tracing-service-name", Text, "etcd", Logs, Ignored("there is no distributed tracing"), "Name in traces."),
    row("distributed-tracing-instance-id", Text, "", Logs, Ignored("there is no distributed tracing"), "Instance in traces."),
    row("distributed-tracing-sampling-rate", Count, "0", Logs, Ignored("there is no distributed tracing"), "Share of traced requests, per million."),

    row("cert-file", Text, "", Security, TLS, "Certificate of the client port."),
    row("key-file", Text, "", Security, TLS, "Key of the client port."),
    row("client-cert-auth", Flag, "false", Security, TLS, "Ask clients for a certificate."),
    row("client-cert-file", Text, "", Security, TLS, "Certificate shown as a client."),
    row("client-key-file", Text, "", Security, TLS, "Key used as a client."),
    row("client-crl-file", Text, "", Security, TLS, "Revoked client certificates."),
    row("client-cert-allowed-hostname", Text, "", Security, TLS, "Host name a client's certificate must have."),
    row("trusted-ca-file", Text, "", Security, TLS, "Who signs clients' certificates."),
    row("auto-tls", Flag, "false", Security, TLS, "Client port with a certificate made at the start."),
    row("peer-cert-file", Text, "", Security, TLS, "Certificate of the peer port."),
    row("peer-key-file", Text, "", Security, TLS, "Key of the peer port."),
    row("peer-client-cert-auth", Flag, "false", Security, TLS, "Ask peers for a certificate."),
    row("peer-client-cert-file", Text, "", Security, TLS, "Certificate shown to peers."),
    row("peer-client-key-file", Text, "", Security, TLS, "Key used towards peers."),
    row("peer-trusted-ca-file", Text, "", Security, TLS, "Who signs peers' certificates."),
    row("peer-auto-tls", Flag, "false", Security, TLS, "Peer port with a certificate made at the start."),
    row("peer-crl-file", Text, "", Security, TLS, "Revoked peer certificates."),
    row("peer-cert-allowed-cn", Text, "", Security, TLS, "Common name a peer's certificate must have."),
    row("peer-cert-allowed-hostname", Text, "", Security, TLS, "Host name a peer's certificate must have."),
    row("peer-skip-client-san-verification", Flag, "false", Security, TLS, "Do not check names in a peer's certificate."),
    row("self-signed-cert-validity", Count, "1", Security, Ignored("there is no TLS yet"), "Years a certificate made at the start is valid."),
    row("cipher-suites", Text, "", Security, TLS, "TLS cipher suites."),
    row("tls-min-version", Text, "", Security, TLS, "Oldest TLS version."),
    row("tls-max-version", Text, "", Security, TLS, "Newest TLS version."),
    row("cors", Text, "*", Security, Missing("cross-origin checks"), "Origins that browsers may call from."),
    row("host-whitelist", Text, "*", Security, Missing("host name checks"), "Host names that HTTP clients may ask for."),
    row("auth-token", Text, "simple", Security, AUTH, "Kind of the tokens users get."),
    row("auth-token-ttl", Count, "300", Security, Ignored("there is no authentication yet"), "Seconds a token is valid."),
    row("bcrypt-cost", Count, "10", Security, Ignored("there is no authentication yet"), "Cost of hashing a password."),

    row("enable-grpc-gateway", Flag, "true", Other, Ignored("the JSON gateway is not built yet"), "Serve the API as JSON over HTTP."),
    row("enable-v2", Flag, "false", Other, Missing("the v2 API"), "Serve the v2 API."),
    row("feature-gates", Text, "", Other, Ignored("none of etcd's gates has a counterpart"), "Switches of unfinished features."),
    row("downgrade-check-time", Duration, "5s", Other, Ignored("there is no older format to go back to"), "Time between two looks at a downgrade."),
    row("unsafe-loops-everywhere", Flag, "false", Other, Works, "Run the control loops on every member, whoever leads, and in a term that has ended until a write is refused: for tests only. Not an option of etcd."),
    row("v2-deprecation", Text, "write-only", Other, Ignored("there is no v2 store"), "Phase of removing the v2 store."),
    row("enable-lease-checkpoint", Flag, "false", Other, Ignored("what a lease has left is always kept across leaders"), "Keep what a lease has left across leaders."),
];
