//! Clients that ask a member for far too much, and that nobody records: they write no key, so nothing that they do is
//! part of what the store went through. Were anything of it carried out, judges would find a revision that nobody
//! made.
//!
//! Watches of everything from the first revision on that nobody ever reads from; ten thousand watches of keys that
//! nobody writes; leases that are granted and revoked, or left to end after a second; reads of everything; writes and transactions that are too large and must be
//! refused. They have a thread and a runtime of their own, and go with it.

use crate::history::{Node, Observation};
use crate::recorder::Recorder;
use keelson_kit::check::Check;
use keelson_kit::client::Client;
use keelson_proto::etcdserverpb as pb;
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::watch_client::WatchClient;
use keelson_proto::etcdserverpb::watch_request::RequestUnion;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Streaming};

/// Connections with watches, and watches on each.
const CONNECTIONS: usize = 10;
const WATCHES_EACH: usize = 30;
/// Streams with watches of keys that nobody writes, and watches on each.
const CROWDS: usize = 10;
const CROWD_EACH: usize = 1_000;
/// What a connection takes before somebody reads from it: the least that there is.
const WINDOW_BYTES: u32 = 65_535;
/// Who asks for leases, and for everything, at one time.
const LESSEES: usize = 4;
const READERS: usize = 2;
/// More than etcd and we take: 1.5 MiB, and 128 operations.
const TOO_LARGE_BYTES: usize = 1_600_000;
const TOO_MANY: usize = 200;
/// Longer is not waited for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// Between two requests of one client.
const REST: Duration = Duration::from_millis(5);
/// Between two reads of everything.
const LONG_REST: Duration = Duration::from_millis(30);
/// Between two looks at what the member uses.
const LOOK: Duration = Duration::from_millis(300);
/// So much must have come in for a flood.
const LEAST: [u64; 5] = [200, 5_000, 5, 3, 3];

/// What has been asked so far.
#[derive(Debug, Default)]
pub(super) struct Counts {
    watches: AtomicU64,
    crowd: AtomicU64,
    leases: AtomicU64,
    ranges: AtomicU64,
    refused: AtomicU64,
    carried_out: AtomicU64,
}

impl Counts {
    fn all(&self) -> [u64; 5] {
        let of_watches = [&self.watches, &self.crowd];
        let [watches, crowd] = of_watches.map(|one| one.load(Relaxed));
        let of_requests = [&self.leases, &self.ranges, &self.refused];
        let [leases, ranges, refused] = of_requests.map(|one| one.load(Relaxed));
        [watches, crowd, leases, ranges, refused]
    }

    /// Whether enough has come in.
    pub fn are_enough(&self) -> bool {
        self.all()
            .iter()
            .zip(LEAST)
            .all(|(count, least)| *count >= least)
    }

    /// In words.
    pub fn text(&self) -> String {
        let [watches, crowd, leases, ranges, refused] = self.all();
        let carried_out = self.carried_out.load(Relaxed);
        format!(
            "{watches} watches that nobody reads, {crowd} of what nobody writes, {leases} leases granted, {ranges} reads of everything, {refused} \
             requests refused as too large and {carried_out} carried out"
        )
    }
}

/// Whom the flood hits.
#[derive(Clone, Debug)]
pub(super) struct Victim {
    /// As in the history.
    pub node: Node,
    /// Its process.
    pub pid: u32,
    /// Where it listens to clients.
    pub url: String,
    /// Where its data are.
    pub data: PathBuf,
}

/// The clients. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Flood {
    /// What they have asked for.
    pub counts: Arc<Counts>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// Begins. From here on the member's resources are part of the history.
    ///
    /// # Errors
    ///
    /// For a malformed URL, or when there can be no thread.
    pub fn start(victim: Victim, recorder: Recorder) -> Check<Flood> {
        observe(&victim, &recorder);
        let (counts, is_over) = (Arc::<Counts>::default(), Arc::<AtomicBool>::default());
        let clients = Clients {
            client: Client::new(std::slice::from_ref(&victim.url))?,
            endpoint: Endpoint::from_shared(victim.url.clone())?
                .connect_timeout(ANSWER)
                .initial_stream_window_size(WINDOW_BYTES)
                .initial_connection_window_size(WINDOW_BYTES),
            counts: Arc::clone(&counts),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let over = Arc::clone(&is_over);
        let thread = std::thread::Builder::new().name("flood".to_owned());
        let thread = thread.spawn(move || {
            runtime.block_on(async {
                clients.start();
                while !over.load(Relaxed) {
                    sleep(LOOK).await;
                    observe(&victim, &recorder);
                }
            });
            // Whoever still waits for something is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Flood {
            counts,
            is_over,
            thread: Some(thread),
        })
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // It panicked, or has ended.
            let _ = thread.join();
        }
    }
}

#[derive(Clone)]
struct Clients {
    client: Client,
    endpoint: Endpoint,
    counts: Arc<Counts>,
}

impl Clients {
    fn start(self) {
        for _ in 0..CONNECTIONS {
            tokio::spawn(self.clone().watch());
        }
        for _ in 0..CROWDS {
            tokio::spawn(self.clone().crowd());
        }
        for number in 0..LESSEES {
            tokio::spawn(self.clone().lease(number));
        }
        for _ in 0..READERS {
            tokio::spawn(self.clone().read());
        }
        tokio::spawn(self.ask_too_much());
    }

    /// Opens watches of everything on one connection and never reads from them.
    async fn watch(self) {
        let channel = self.endpoint.connect_lazy();
        let mut held = Vec::new();
        while held.len() < WATCHES_EACH {
            let start_revision = (held.len() % 2) as i64;
            let create = pb::WatchCreateRequest {
                key: vec![0].into(),
                range_end: vec![0].into(),
                start_revision,
                prev_kv: true,
                ..pb::WatchCreateRequest::default()
            };
            match timeout(ANSWER, open(channel.clone(), vec![create])).await {
                Ok(Some(stream)) => {
                    held.push(stream);
                    self.counts.watches.fetch_add(1, Relaxed);
                }
                _ => sleep(LONG_REST).await,
            }
        }
        std::future::pending::<()>().await;
    }

    /// Opens watches of single keys on one stream and waits for events, which never come.
    async fn crowd(self) {
        loop {
            let keys = (0..CROWD_EACH).map(|number| format!("flood/nobody-{number}"));
            let creates = keys.map(|key| pb::WatchCreateRequest {
                key: key.into(),
                ..pb::WatchCreateRequest::default()
            });
            let stream = open(self.endpoint.connect_lazy(), creates.collect());
            if let Ok(Some(mut answers)) = timeout(ANSWER, stream).await {
                while let Ok(Some(answer)) = answers.message().await {
                    self.counts
                        .crowd
                        .fetch_add(u64::from(answer.created), Relaxed);
                }
            }
            // The member has ended.
            sleep(LONG_REST).await;
        }
    }

    /// Two of three leases are given back, the third is left alone.
    async fn lease(self, number: usize) {
        for round in number.. {
            let grant = self.client.grant(pb::LeaseGrantRequest { id: 0, ttl: 1 });
            if let Ok(Ok(granted)) = timeout(ANSWER, grant).await {
                self.counts.leases.fetch_add(1, Relaxed);
                if round % 3 > 0 {
                    let id = granted.id;
                    // What is not given back ends by itself.
                    let revoke = self.client.revoke(pb::LeaseRevokeRequest { id });
                    let _ = timeout(ANSWER, revoke).await;
                }
            }
            sleep(REST).await;
        }
    }

    async fn read(self) {
        for round in 0_u64.. {
            let everything = pb::RangeRequest {
                serializable: round % 2 == 0,
                ..everything()
            };
            if let Ok(Ok(_)) = timeout(ANSWER, self.client.range(everything)).await {
                self.counts.ranges.fetch_add(1, Relaxed);
            }
            sleep(LONG_REST).await;
        }
    }

    async fn ask_too_much(self) {
        let large = pb::PutRequest {
            value: vec![b'x'; TOO_LARGE_BYTES].into(),
            ..never()
        };
        let operation = pb::RequestOp {
            request: Some(Request::RequestPut(never())),
        };
        let many = pb::TxnRequest {
            success: vec![operation; TOO_MANY],
            ..pb::TxnRequest::default()
        };
        loop {
            let answer = timeout(ANSWER, self.client.put(large.clone())).await;
            self.count(answer.map(|one| one.map(drop)));
            sleep(LONG_REST).await;
            let answer = timeout(ANSWER, self.client.txn(many.clone())).await;
            self.count(answer.map(|one| one.map(drop)));
            sleep(LONG_REST).await;
        }
    }

    fn count<E>(&self, answer: Result<Result<(), tonic::Status>, E>) {
        const REFUSED: [Code; 3] = [
            Code::InvalidArgument,
            Code::ResourceExhausted,
            Code::OutOfRange,
        ];
        match answer {
            Ok(Ok(())) => drop(self.counts.carried_out.fetch_add(1, Relaxed)),
            Ok(Err(status)) if REFUSED.contains(&status.code()) => {
                self.counts.refused.fetch_add(1, Relaxed);
            }
            // Nobody knows, or nobody answered.
            _ => {}
        }
    }
}

/// Every key.
fn everything() -> pb::RangeRequest {
    pb::RangeRequest {
        key: vec![0].into(),
        range_end: vec![0].into(),
        ..pb::RangeRequest::default()
    }
}

/// A write that is always part of something that is too large.
fn never() -> pb::PutRequest {
    pb::PutRequest {
        key: "flood/never".into(),
        ..pb::PutRequest::default()
    }
}

/// A stream with watches.
async fn open(
    channel: Channel,
    creates: Vec<pb::WatchCreateRequest>,
) -> Option<Streaming<pb::WatchResponse>> {
    let requests = creates.into_iter().map(|create| pb::WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(create)),
    });
    // The request stream stays open: its end would be the end of both.
    let requests =
        tokio_stream::StreamExt::chain(tokio_stream::iter(requests), tokio_stream::pending());
    let reply = WatchClient::new(channel).watch(requests).await;
    reply.ok().map(tonic::Response::into_inner)
}

/// Writes down what a member uses; nothing when it is not there.
fn observe(victim: &Victim, recorder: &Recorder) {
    let Some(rss_bytes) = resident(victim.pid) else {
        return;
    };
    recorder.observe(Observation::Resources {
        node: victim.node,
        rss_bytes,
        files: crate::limits::open_files(victim.pid).unwrap_or(0),
        disk_bytes: size(&victim.data),
    });
}

/// Bytes of memory of a process.
fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

/// Bytes of all files below a directory. What goes away meanwhile does not count.
fn size(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(one) if one.is_dir() => size(&entry.path()),
        Ok(one) => one.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_only_when_everything_of_it_has_come_in() {
        let counts = Counts::default();
        counts.watches.store(300, Relaxed);
        counts.crowd.store(10_000, Relaxed);
        counts.leases.store(300, Relaxed);
        counts.ranges.store(300, Relaxed);
        assert!(!counts.are_enough());
        counts.refused.store(3, Relaxed);
        assert!(counts.are_enough());
        assert!(counts.text().contains("3 requests refused"));
    }

    #[test]
    fn memory_and_disk_are_measured() {
        assert!(resident(std::process::id()).unwrap() > 1 << 20);
        assert_eq!(resident(u32::MAX), None);
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join("below")).unwrap();
        std::fs::write(scratch.path().join("below/file"), [0; 1000]).unwrap();
        std::fs::write(scratch.path().join("file"), [0; 10]).unwrap();
        assert!(size(scratch.path()) >= 1010);
    }
}
