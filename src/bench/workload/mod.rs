//! What the clients do, one workload per file.
//!
//! A [`Workload`] is shared by all threads and makes one [`Client`] per client. A client has one
//! request on the wire at a time; the load generator times it.

pub mod deliveries;
pub mod get;
pub mod keepalive;
pub mod put;
pub mod range;
pub mod txn;
pub mod watch;

use super::Setup;
use super::drive::{Done, Tally};
use super::wire::{Connection, Failure};
use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, RngCore, SeedableRng};
use std::sync::Arc;

/// Digits of a key's number.
const KEY_DIGITS: usize = 12;
/// Random bytes values are cut from.
const POOL_BYTES: usize = 4 << 20;

/// One kind of load.
pub trait Workload: Send + Sync + 'static {
    /// What makes the requests.
    type Client: Client;
    /// What clients share.
    type Connection: Send + Sync;

    /// The command line and what follows from it.
    fn setup(&self) -> Arc<Setup>;

    /// Opens the connection with this number, in the thread that drives it.
    fn connect(
        &self,
        number: usize,
    ) -> impl Future<Output = Result<Self::Connection, Failure>> + Send;

    /// Keys that must exist before the first request.
    fn prefill(&self) -> Option<Fill> {
        None
    }

    /// Called once per connection, in the thread that drives it, before its clients are made.
    fn attach(
        &self,
        _connection: &Self::Connection,
        _number: usize,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// Makes the client with this number.
    fn client(
        &self,
        connection: &Self::Connection,
        number: usize,
    ) -> impl Future<Output = Result<Self::Client, Failure>> + Send;

    /// Measuring begins: what was counted during the warm-up is forgotten.
    fn begin(&self) {}

    /// Measuring has ended; the clients stand still. Returns what was watched, if anything was.
    fn end(&self, _tally: &Tally) -> Option<Watched> {
        None
    }

    /// Every answered request without a conflict made exactly one revision.
    fn writes(&self) -> bool {
        false
    }
}

/// Makes requests, one after the other.
pub trait Client: Send + 'static {
    /// One request and its answer.
    fn once(&mut self) -> impl Future<Output = Result<Done, Failure>> + Send;
}

/// Keys 0 to `count` under the prefix.
pub struct Fill {
    /// How many.
    pub count: u64,
}

/// What watchers received.
pub struct Watched {
    /// Events that should have come.
    pub expected: u64,
    /// Events that came.
    pub delivered: u64,
    /// From just before the write was sent to the event's arrival, in nanoseconds.
    pub latency: hdrhistogram::Histogram<u64>,
    /// From the beginning to the last event, where that is what counts.
    pub took: Option<std::time::Duration>,
}

/// The connection with this number, to the endpoints in turn.
async fn open(setup: &Setup, number: usize) -> Result<Connection, Failure> {
    Connection::open(&setup.endpoints[number % setup.endpoints.len()]).await
}

/// Random values. Cut from one pool, so that making one costs nothing.
#[derive(Clone)]
pub struct Values {
    pool: Bytes,
    size: usize,
}

impl Values {
    /// Values of `size` bytes.
    pub fn new(size: usize, seed: u64) -> Values {
        let mut pool = vec![0; POOL_BYTES + size];
        SmallRng::seed_from_u64(seed).fill_bytes(&mut pool);
        Values {
            pool: Bytes::from(pool),
            size,
        }
    }

    /// Values of letters and digits, for what must be text.
    pub fn text(size: usize, seed: u64) -> Values {
        let letter = |byte: &u8| b"abcdefghijklmnopqrstuvwxyz012345"[usize::from(byte % 32)];
        let values = Values::new(size, seed);
        Values {
            pool: values.pool.iter().map(letter).collect::<Vec<_>>().into(),
            size,
        }
    }

    /// A value, almost certainly unlike all others.
    pub fn random(&self, random: &mut SmallRng) -> Bytes {
        let start = random.random_range(0..POOL_BYTES);
        self.pool.slice(start..start + self.size)
    }
}

/// The key with this number.
pub fn key(prefix: &str, number: u64) -> Bytes {
    Bytes::from(format!("{prefix}{number:0KEY_DIGITS$}"))
}

/// A client's own randomness.
pub fn random(setup: &Setup, client: usize) -> SmallRng {
    SmallRng::seed_from_u64(setup.options.seed.wrapping_add(client as u64 + 1))
}

/// A random key of the key space.
pub fn random_key(setup: &Setup, random: &mut SmallRng) -> Bytes {
    key(
        &setup.options.prefix,
        random.random_range(0..setup.options.key_space),
    )
}
