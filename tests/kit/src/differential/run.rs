//! Performs a script on one server and writes down everything it said.

use super::generate::FUTURE;
use super::step::Step;
use crate::check::{Check, Failure};
use crate::client::Client;
use crate::request::{Revision, get, put, range, watch};
use crate::watching::WatchStream;
use keelson_proto::etcdserverpb::*;
use keelson_proto::mvccpb::Event;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;
use tonic::{Code, Status};

/// Falsifies the answer to a step.
pub type Plant = fn(&Step, &mut Reply);

/// Written to settle watches. It sorts behind all other keys of scripts but the odd ones.
const SENTINEL: &str = "~sentinel";
/// The watch on it that every stream has.
const SENTINEL_WATCH: i64 = 1_000_000;
/// Longest wait for a watch message that must come.
const PATIENCE: Duration = Duration::from_secs(15);

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To a range; chunks of a stream are merged.
    Range(RangeResponse),
    /// To a put.
    Put(PutResponse),
    /// To a deletion.
    Delete(DeleteRangeResponse),
    /// To a txn.
    Txn(TxnResponse),
    /// To a compaction.
    Compact(CompactionResponse),
    /// To a grant.
    Grant(LeaseGrantResponse),
    /// To a revoke.
    Revoke(LeaseRevokeResponse),
    /// To a renewal.
    KeepAlive(LeaseKeepAliveResponse),
    /// To a question about a lease.
    TimeToLive(LeaseTimeToLiveResponse),
    /// To the list of leases.
    Leases(LeaseLeasesResponse),
    /// To a question about the hash.
    HashKv(HashKvResponse),
    /// An error.
    Refused(Code, String),
    /// The step has no answer of its own.
    Nothing,
}

/// One thing a watch said.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// The watch exists, from after this revision on, or was refused for this reason.
    Created {
        /// The header's revision.
        revision: i64,
        /// Refused at once.
        canceled: bool,
        /// Why.
        reason: String,
    },
    /// An event.
    Event(Event),
    /// The events of one revision were not in one message.
    Split(i64),
    /// The watch ended.
    Canceled {
        /// Not zero: history was gone.
        compact_revision: i64,
        /// Why.
        reason: String,
    },
    /// What must come did not come in time.
    Silent,
    /// The stream broke.
    Broken(String),
}

/// Everything a server said.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// One answer per step.
    pub replies: Vec<Reply>,
    /// What each watch said, by stream, generation of the stream, and number.
    pub watches: BTreeMap<(usize, usize, i64), Vec<Item>>,
    /// The final state: past and present ranges, leases.
    pub end: Vec<Reply>,
}

/// Performs `steps` and reads the final state.
///
/// # Errors
///
/// Only for faults of the kit; whatever the server does is written down.
pub async fn run(client: &Client, steps: &[Step], plant: Option<Plant>) -> Check<Run> {
    let mut runner = Runner {
        client: client.clone(),
        now: client.revision().await?,
        compactions: BTreeSet::new(),
        streams: BTreeMap::new(),
        generations: BTreeMap::new(),
        run: Run::default(),
    };
    for step in steps {
        let step = step.at(runner.now);
        let mut reply = runner.perform(&step).await?;
        if let Some(plant) = plant {
            plant(&step, &mut reply);
        }
        runner.run.replies.push(reply);
    }
    runner.settle().await?;
    runner.final_state().await;
    Ok(runner.run)
}

struct Stream {
    generation: usize,
    connection: WatchStream,
    live: BTreeSet<i64>,
    /// Watches that ended because their history was gone. Etcd keeps their numbers until they are
    /// cancelled, and answers no progress request on the stream before that.
    outdated: BTreeSet<i64>,
    /// Last revision sent by each watch, to see one that is split.
    last: BTreeMap<i64, (i64, bool)>,
    broken: bool,
}

struct Runner {
    client: Client,
    now: i64,
    /// Revisions up to which history was dropped.
    compactions: BTreeSet<i64>,
    streams: BTreeMap<usize, Stream>,
    generations: BTreeMap<usize, usize>,
    run: Run,
}

/// Makes a [`Reply`] and keeps the revision of the store.
macro_rules! answered {
    ($runner:ident, $variant:ident, $call:expr) => {
        match $call.await {
            Ok(reply) => {
                $runner.now = $runner.now.max(reply.revision());
                Reply::$variant(reply)
            }
            Err(status) => refusal(&status),
        }
    };
}

fn refusal(status: &Status) -> Reply {
    Reply::Refused(status.code(), status.message().to_owned())
}

impl Runner {
    async fn perform(&mut self, step: &Step) -> Check<Reply> {
        let client = self.client.clone();
        Ok(match step.clone() {
            Step::Range(request) => answered!(self, Range, client.range(request)),
            Step::RangeStream(request) => answered!(self, Range, range_stream(&client, request)),
            Step::Put(request) => answered!(self, Put, client.put(request)),
            Step::Delete(request) => answered!(self, Delete, client.delete(request)),
            Step::Txn(request) => answered!(self, Txn, client.txn(request)),
            Step::Compact(request) => {
                self.settle().await?;
                let reply = answered!(self, Compact, client.compact_with(request));
                if matches!(reply, Reply::Compact(_)) {
                    self.compactions.insert(request.revision);
                }
                reply
            }
            Step::Grant(request) => answered!(self, Grant, client.grant(request)),
            Step::Revoke(request) => answered!(self, Revoke, client.revoke(request)),
            Step::KeepAlive(request) => answered!(self, KeepAlive, keep_alive(&client, request)),
            Step::TimeToLive(request) => answered!(self, TimeToLive, client.time_to_live(request)),
            Step::Leases => answered!(self, Leases, client.leases(LeaseLeasesRequest {})),
            // Etcd keeps the hashes that its last compactions found and answers with them, even below the compacted
            // revision, as soon as they are there; they name the compaction before.
            Step::HashKv(request) if self.compactions.contains(&request.revision) => Reply::Nothing,
            Step::HashKv(request) => answered!(self, HashKv, client.hash_kv(request)),
            Step::Watch { stream, request } => {
                self.watch(stream, request).await?;
                Reply::Nothing
            }
            Step::CancelWatch { stream, watch_id } => {
                self.settle().await?;
                self.cancel(stream, watch_id).await?;
                Reply::Nothing
            }
            Step::CloseStream { stream } => {
                self.settle().await?;
                self.streams.remove(&stream);
                Reply::Nothing
            }
            Step::Settle => {
                self.settle().await?;
                Reply::Nothing
            }
        })
    }

    fn compacted(&self) -> i64 {
        self.compactions.last().copied().unwrap_or(0)
    }

    async fn watch(&mut self, stream: usize, request: WatchCreateRequest) -> Check {
        if !self.streams.contains_key(&stream) {
            self.open(stream).await?;
        }
        let Some(open) = self.streams.get_mut(&stream).filter(|open| !open.broken) else {
            return Ok(());
        };
        let start = request.start_revision;
        open.connection.ask(request)?;
        let created = self.receive(stream, |message| message.created).await;
        let started = created.filter(|message| !message.canceled);
        if let Some(watch_id) = started.map(|message| message.watch_id)
            && (1..self.compacted()).contains(&start)
        {
            self.end_outdated(stream, watch_id).await?;
        }
        Ok(())
    }

    /// Waits until a watch on lost history says so, then cancels it.
    async fn end_outdated(&mut self, stream: usize, watch_id: i64) -> Check {
        self.receive(stream, |message| {
            message.canceled && message.watch_id == watch_id
        })
        .await;
        if let Some(open) = self.streams.get_mut(&stream).filter(|open| !open.broken) {
            open.outdated.insert(watch_id);
            open.connection.cancel(watch_id)?;
        }
        Ok(())
    }

    async fn open(&mut self, stream: usize) -> Check {
        let generation = self.generations.entry(stream).or_default();
        *generation += 1;
        let connection = WatchStream::open(&self.client);
        connection.ask(WatchCreateRequest {
            watch_id: SENTINEL_WATCH,
            ..watch(SENTINEL)
        })?;
        let open = Stream {
            generation: *generation,
            connection,
            live: BTreeSet::new(),
            outdated: BTreeSet::new(),
            last: BTreeMap::new(),
            broken: false,
        };
        self.streams.insert(stream, open);
        self.receive(stream, |message| message.created).await;
        Ok(())
    }

    async fn cancel(&mut self, stream: usize, watch_id: i64) -> Check {
        let Some(open) = self.streams.get_mut(&stream).filter(|open| !open.broken) else {
            return Ok(());
        };
        open.connection.cancel(watch_id)?;
        if open.live.contains(&watch_id) {
            self.receive(stream, |message| {
                message.canceled && message.watch_id == watch_id
            })
            .await;
        }
        Ok(())
    }

    /// Writes so many revisions that every watch has reached its start, then waits until each stream
    /// says that all its watches are up to date.
    async fn settle(&mut self) -> Check {
        if self.streams.is_empty() {
            return Ok(());
        }
        for _ in 0..FUTURE {
            if let Ok(reply) = self.client.put(put(SENTINEL, "settle")).await {
                self.now = self.now.max(reply.revision());
            }
        }
        let now = self.now;
        let streams: Vec<_> = self.streams.keys().copied().collect();
        for stream in streams {
            self.ask_progress(stream, now).await?;
        }
        Ok(())
    }

    async fn ask_progress(&mut self, stream: usize, now: i64) -> Check {
        let end = Instant::now() + PATIENCE;
        loop {
            let Some(open) = self.streams.get_mut(&stream).filter(|open| !open.broken) else {
                return Ok(());
            };
            open.connection.progress()?;
            let pause = Duration::from_millis(30);
            while let Some(open) = self.streams.get_mut(&stream).filter(|open| !open.broken) {
                let message = match open.connection.next_within(pause).await {
                    Ok(None) => break,
                    Ok(Some(message)) => message,
                    Err(failure) => {
                        self.broken(stream, &failure);
                        return Ok(());
                    }
                };
                let up_to_date =
                    message.watch_id == -1 && !message.created && message.revision() >= now;
                self.note(stream, message);
                if up_to_date {
                    return Ok(());
                }
            }
            if Instant::now() > end {
                self.silent(stream);
                return Ok(());
            }
        }
    }

    /// Takes messages until the one that is waited for, and returns that.
    async fn receive(
        &mut self,
        stream: usize,
        wanted: impl Fn(&WatchResponse) -> bool,
    ) -> Option<WatchResponse> {
        loop {
            let streams = &mut self.streams;
            let open = streams.get_mut(&stream).filter(|open| !open.broken)?;
            match open.connection.next_within(PATIENCE).await {
                Ok(Some(message)) => {
                    self.note(stream, message.clone());
                    if wanted(&message) {
                        return Some(message);
                    }
                }
                Ok(None) => {
                    self.silent(stream);
                    return None;
                }
                Err(failure) => {
                    self.broken(stream, &failure);
                    return None;
                }
            }
        }
    }

    fn silent(&mut self, stream: usize) {
        self.item(stream, -2, Item::Silent);
        if let Some(open) = self.streams.get_mut(&stream) {
            // Waiting again for what does not come would take for ever.
            open.broken = true;
        }
    }

    fn broken(&mut self, stream: usize, failure: &Failure) {
        self.item(stream, -2, Item::Broken(failure.to_string()));
        if let Some(open) = self.streams.get_mut(&stream) {
            open.broken = true;
        }
    }

    fn item(&mut self, stream: usize, watch_id: i64, item: Item) {
        let generation = self.streams.get(&stream).map_or(0, |open| open.generation);
        let key = (stream, generation, watch_id);
        self.run.watches.entry(key).or_default().push(item);
    }

    fn note(&mut self, stream: usize, message: WatchResponse) {
        let id = message.watch_id;
        let revision = message.revision();
        let Some(open) = self
            .streams
            .get_mut(&stream)
            .filter(|_| id != SENTINEL_WATCH)
        else {
            return;
        };
        let mut split = None;
        if let (Some(first), Some(last)) = (message.events.first(), message.events.last()) {
            let of = |event: &Event| event.kv.as_ref().map_or(0, |kv| kv.mod_revision);
            let before = open.last.insert(id, (of(last), message.fragment));
            split = before.filter(|(last, fragment)| *last == of(first) && !fragment);
        }
        if message.created && !message.canceled {
            open.live.insert(id);
            open.outdated.remove(&id);
            // A number that is used again begins anew.
            open.last.remove(&id);
        } else if message.canceled && !message.created {
            let known = open.live.remove(&id);
            if !known && open.outdated.contains(&id) {
                return;
            }
        }
        if let Some((revision, _)) = split {
            self.item(stream, id, Item::Split(revision));
        }
        if message.created {
            let created = Item::Created {
                revision,
                canceled: message.canceled,
                reason: message.cancel_reason.clone(),
            };
            self.item(stream, id, created);
        } else if message.canceled {
            let canceled = Item::Canceled {
                compact_revision: message.compact_revision,
                reason: message.cancel_reason.clone(),
            };
            self.item(stream, id, canceled);
        }
        for event in message.events {
            self.item(stream, id, Item::Event(event));
        }
    }

    /// The whole store at the present and at up to two hundred revisions before it, and all leases.
    async fn final_state(&mut self) {
        let client = self.client.clone();
        for back in 0..200 {
            let request = RangeRequest {
                revision: self.now - back,
                ..range("\0", "\0")
            };
            let reply = answered!(self, Range, client.range(request));
            let beyond = matches!(reply, Reply::Refused(..));
            self.run.end.push(reply);
            if beyond {
                break;
            }
        }
        let reply = answered!(self, Leases, client.leases(LeaseLeasesRequest {}));
        let leases = match &reply {
            Reply::Leases(reply) => reply.leases.iter().map(|lease| lease.id).collect(),
            _ => Vec::new(),
        };
        self.run.end.push(reply);
        let mut leases: Vec<i64> = leases;
        leases.sort_unstable();
        for id in leases {
            let request = LeaseTimeToLiveRequest { id, keys: true };
            let reply = answered!(self, TimeToLive, client.time_to_live(request));
            self.run.end.push(reply);
        }
        let reply = answered!(self, Range, client.range(get("the end")));
        self.run.end.push(reply);
    }
}

async fn keep_alive(
    client: &Client,
    request: LeaseKeepAliveRequest,
) -> Result<LeaseKeepAliveResponse, Status> {
    let requests = tokio_stream::iter([request]);
    let mut stream = client
        .lease()
        .lease_keep_alive(requests)
        .await?
        .into_inner();
    let missing = || Status::unknown("the stream ended without an answer");
    stream.message().await?.ok_or_else(missing)
}

/// All chunks as one answer.
async fn range_stream(client: &Client, request: RangeRequest) -> Result<RangeResponse, Status> {
    let mut stream = client.kv().range_stream(request).await?.into_inner();
    let mut whole = RangeResponse::default();
    while let Some(message) = stream.message().await? {
        let part = message.range_response.unwrap_or_default();
        whole.kvs.extend(part.kvs);
        whole.header = part.header.or(whole.header);
        whole.more |= part.more;
        whole.count += part.count;
    }
    Ok(whole)
}
