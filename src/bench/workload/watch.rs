//! Fan-out: many watchers of one prefix, and clients that put under it.
//!
//! A value begins with the time it was sent, so a watcher knows how long its event took. Every
//! watcher must receive every put; what does not come within the patience below is missing.

use super::put::PutClient;
use super::{Client, Tally, Watched, Workload};
use crate::bench::Setup;
use crate::bench::drive::{Done, histogram};
use crate::bench::wire::{Call, Connection, Failure, Receiver, decode, frame};
use crate::cli::kv::prefix_end;
use bytes::{BufMut, Bytes, BytesMut};
use hdrhistogram::Histogram;
use keelson_proto::etcdserverpb::watch_request::RequestUnion;
use keelson_proto::etcdserverpb::{WatchCreateRequest, WatchRequest, WatchResponse};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the last events may take after the last put was answered.
const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of the time in a value.
const TIME_BYTES: usize = 8;

/// The workload.
pub struct Watch {
    setup: Arc<Setup>,
    shared: Arc<Shared>,
}

/// What all watchers record.
struct Shared {
    origin: Instant,
    /// Puts sent before this moment belong to the warm-up; nanoseconds since `origin`.
    begun_ns: AtomicU64,
    delivered: AtomicU64,
    latency: Mutex<Histogram<u64>>,
    is_over: AtomicBool,
}

impl Watch {
    /// Watchers are opened with the connections.
    pub fn new(setup: Arc<Setup>) -> Watch {
        let shared = Shared {
            origin: Instant::now(),
            begun_ns: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            latency: Mutex::new(histogram()),
            is_over: AtomicBool::new(false),
        };
        Watch {
            setup,
            shared: Arc::new(shared),
        }
    }
}

impl Workload for Watch {
    type Client = WriteClient;

    fn setup(&self) -> Arc<Setup> {
        self.setup.clone()
    }

    /// Opens this connection's share of the streams, and on each its share of the watchers.
    async fn attach(&self, connection: &Connection, number: usize) -> Result<(), Failure> {
        let options = &self.setup.options;
        let call = connection.call("/etcdserverpb.Watch/Watch")?;
        let streams = options.streams.min(options.watchers);
        for stream in (number..streams).step_by(options.connections) {
            let watchers = (stream..options.watchers).step_by(streams).count();
            let receiver = open(connection, &call, &options.prefix, watchers).await?;
            tokio::spawn(receive(receiver, self.shared.clone()));
        }
        Ok(())
    }

    async fn client(&self, connection: &Connection, number: usize) -> Result<WriteClient, Failure> {
        Ok(WriteClient {
            puts: PutClient::new(&self.setup, connection, number)?,
            shared: self.shared.clone(),
        })
    }

    fn begin(&self) {
        // Under the lock that receivers count under, so that no event of the warm-up slips in.
        let mut latency = self
            .shared
            .latency
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = self.shared.origin.elapsed().as_nanos() as u64;
        self.shared.begun_ns.store(now, Ordering::Relaxed);
        self.shared.delivered.store(0, Ordering::Relaxed);
        latency.reset();
    }

    fn end(&self, tally: &Tally) -> Option<Watched> {
        let expected = tally.operations * self.setup.options.watchers as u64;
        let deadline = Instant::now() + PATIENCE;
        // The threads that receive go on by themselves.
        while self.shared.delivered.load(Ordering::Relaxed) < expected && Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.shared.is_over.store(true, Ordering::Relaxed);
        let latency = self
            .shared
            .latency
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Some(Watched {
            expected,
            delivered: self.shared.delivered.load(Ordering::Relaxed),
            latency,
        })
    }

    fn writes(&self) -> bool {
        true
    }
}

/// One stream with `watchers` watches, all of them confirmed.
async fn open(
    connection: &Connection,
    call: &Call,
    prefix: &str,
    watchers: usize,
) -> Result<Opened, Failure> {
    let create = frame(&WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(WatchCreateRequest {
            key: Bytes::from(prefix.to_owned().into_bytes()),
            range_end: prefix_end(prefix.as_bytes()),
            ..WatchCreateRequest::default()
        })),
    });
    let (mut send, mut receiver) = connection.stream(call, create.clone()).await?;
    for _ in 1..watchers {
        send.send_data(create.clone(), false)?;
    }
    let mut created = 0;
    while created < watchers {
        let response: WatchResponse = decode(receiver.next().await?)?;
        if response.canceled {
            return Err(Failure(format!(
                "a watch was refused: {}",
                response.cancel_reason
            )));
        }
        created += usize::from(response.created);
    }
    Ok(Opened {
        _send: send,
        receiver,
    })
}

/// The sending side is kept: closing it would end the watches.
struct Opened {
    _send: h2::SendStream<Bytes>,
    receiver: Receiver,
}

async fn receive(mut stream: Opened, shared: Arc<Shared>) {
    while let Ok(message) = stream.receiver.next().await {
        let now = shared.origin.elapsed().as_nanos() as u64;
        let Ok(response) = decode::<WatchResponse>(message) else {
            return;
        };
        if shared.is_over.load(Ordering::Relaxed) {
            return;
        }
        let mut count = 0;
        let mut latency = shared
            .latency
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let begun = shared.begun_ns.load(Ordering::Relaxed);
        for kv in response.events.iter().filter_map(|event| event.kv.as_ref()) {
            let Some(sent) = kv.value.first_chunk::<TIME_BYTES>() else {
                continue;
            };
            let sent = u64::from_le_bytes(*sent);
            if sent >= begun {
                latency.saturating_record(now.saturating_sub(sent));
                count += 1;
            }
        }
        shared.delivered.fetch_add(count, Ordering::Relaxed);
    }
}

/// One client that puts, with the time at the beginning of each value.
pub struct WriteClient {
    puts: PutClient,
    shared: Arc<Shared>,
}

impl Client for WriteClient {
    async fn once(&mut self) -> Result<Done, Failure> {
        let rest = self.puts.value();
        let mut value = BytesMut::with_capacity(rest.len());
        value.put_u64_le(self.shared.origin.elapsed().as_nanos() as u64);
        value.extend_from_slice(&rest[TIME_BYTES..]);
        let key = self.puts.key();
        self.puts.put(key, value.freeze()).await
    }
}
