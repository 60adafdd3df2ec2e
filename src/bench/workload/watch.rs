//! Fan-out: many watchers of one prefix, and clients that put under it.
//!
//! A value begins with the time it was sent, so a watcher knows how long its event took. Every
//! watcher must receive every put; what does not come within the patience below is missing.

use super::deliveries::Deliveries;
use super::put::PutClient;
use super::{Client, Tally, Watched, Workload, open};
use crate::bench::Setup;
use crate::bench::drive::Done;
use crate::bench::wire::{Call, Connection, Failure, Receiver, decode, frame};
use crate::cli::kv::prefix_end;
use bytes::{BufMut, Bytes, BytesMut};
use keelson_proto::etcdserverpb::watch_request::RequestUnion;
use keelson_proto::etcdserverpb::{WatchCreateRequest, WatchRequest, WatchResponse};
use std::sync::Arc;
use std::time::Duration;

/// Events of which none comes for so long, after the last put was answered, do not come.
const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of the time in a value.
const TIME_BYTES: usize = 8;

/// The workload.
pub struct Watch {
    setup: Arc<Setup>,
    shared: Arc<Deliveries>,
}

impl Watch {
    /// Watchers are opened with the connections.
    pub fn new(setup: Arc<Setup>) -> Watch {
        Watch {
            setup,
            shared: Arc::default(),
        }
    }
}

impl Workload for Watch {
    type Client = WriteClient;
    type Connection = Connection;

    fn setup(&self) -> Arc<Setup> {
        self.setup.clone()
    }

    async fn connect(&self, number: usize) -> Result<Connection, Failure> {
        open(&self.setup, number).await
    }

    /// Opens this connection's share of the streams, and on each its share of the watchers.
    async fn attach(&self, connection: &Connection, number: usize) -> Result<(), Failure> {
        let options = &self.setup.options;
        let call = connection.call("/etcdserverpb.Watch/Watch")?;
        let streams = options.streams.min(options.watchers);
        for stream in (number..streams).step_by(options.connections) {
            let watchers = (stream..options.watchers).step_by(streams).count();
            let receiver = subscribe(connection, &call, &options.prefix, watchers).await?;
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
        self.shared.begin();
    }

    fn end(&self, tally: &Tally) -> Option<Watched> {
        let expected = tally.operations * self.setup.options.watchers as u64;
        Some(self.shared.end(expected, PATIENCE))
    }

    fn writes(&self) -> bool {
        true
    }
}

/// One stream with `watchers` watches, all of them confirmed.
async fn subscribe(
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

async fn receive(mut stream: Opened, shared: Arc<Deliveries>) {
    while let Ok(message) = stream.receiver.next().await {
        let now = shared.now();
        let Ok(response) = decode::<WatchResponse>(message) else {
            return;
        };
        if shared.is_over() {
            return;
        }
        let values = response.events.iter().filter_map(|event| event.kv.as_ref());
        let times = values.filter_map(|kv| kv.value.first_chunk::<TIME_BYTES>());
        shared.came(now, times.map(|sent| u64::from_le_bytes(*sent)));
    }
}

/// One client that puts, with the time at the beginning of each value.
pub struct WriteClient {
    puts: PutClient,
    shared: Arc<Deliveries>,
}

impl Client for WriteClient {
    async fn once(&mut self) -> Result<Done, Failure> {
        let rest = self.puts.value();
        let mut value = BytesMut::with_capacity(rest.len());
        value.put_u64_le(self.shared.now());
        value.extend_from_slice(&rest[TIME_BYTES..]);
        let key = self.puts.key();
        self.puts.put(key, value.freeze()).await
    }
}
