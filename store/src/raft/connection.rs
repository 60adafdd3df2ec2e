//! A connection to one of the other members, and what every call over it says.

use super::met::Met;
use super::reach::{Fares, Reach};
use super::types::PeerNode;
use crate::metrics::{Metrics, PeerMetrics};
use crate::world;
use crate::{Error, MemberId};
use keelson_proto::peer::peer_client::PeerClient;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tonic::metadata::{MetadataKey, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Metadata: the cluster a call is meant for.
pub const CLUSTER_KEY: &str = "keelson-cluster";
/// Metadata: the member a call is meant for.
pub const TARGET_KEY: &str = "keelson-target";
/// Metadata: the member that calls.
pub const SOURCE_KEY: &str = "keelson-source";

/// Messages between members: a batch of entries, never a whole state.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// One member of this group, as a caller.
#[derive(Clone)]
pub struct Caller {
    /// The cluster.
    pub cluster_id: u64,
    /// The calling member.
    pub member_id: MemberId,
    /// Counts what goes out.
    pub metrics: Arc<Metrics>,
    /// The way to the others.
    pub way: world::Network,
    /// Who reads what is sent of a snapshot.
    pub lanes: world::Lanes,
    /// Set once a peer has answered that this member was removed from the group. A removed member
    /// is not sent the change that removes it, so this is how it learns.
    pub removed: Arc<tokio::sync::watch::Sender<bool>>,
    /// Those that have answered or called.
    pub met: Arc<Met>,
    /// Those that cannot be reached.
    pub reach: Arc<Reach>,
}

/// A connection to one member, made when first used and again after it broke.
pub struct Connection {
    caller: Caller,
    /// What is counted about it.
    pub counters: Arc<PeerMetrics>,
    fares: Arc<Fares>,
    target: MemberId,
    peer_urls: Vec<String>,
    channel: Mutex<Option<Channel>>,
}

/// Connects to a peer address over `way`.
///
/// # Errors
/// The address does not parse, or nobody answers in time.
pub async fn connect(
    way: &world::Network,
    peer_url: &str,
) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(peer_url.to_owned())?
        .tcp_nodelay(true)
        .connect_timeout(Duration::from_millis(500))
        .http2_keep_alive_interval(Duration::from_millis(500))
        .keep_alive_timeout(Duration::from_secs(1))
        .keep_alive_while_idle(true)
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(16 << 20);
    way.connect(endpoint).await
}

impl Connection {
    /// A connection to `target`, not yet made.
    pub fn new(caller: Caller, target: MemberId, node: &PeerNode) -> Connection {
        Connection {
            counters: caller.metrics.peer(target),
            fares: caller.reach.connection(target),
            caller,
            target,
            peer_urls: node.peer_urls.clone(),
            channel: Mutex::new(None),
        }
    }

    /// The other end.
    pub fn target(&self) -> MemberId {
        self.target
    }

    /// Who carries out what blocks here.
    pub fn lanes(&self) -> &world::Lanes {
        &self.caller.lanes
    }

    /// A client over the connection, which is made if it is not there. An error here means that
    /// nothing has been sent.
    ///
    /// # Errors
    /// Nobody answers at any of the member's addresses.
    pub async fn client(&self) -> Result<PeerClient<Channel>, Status> {
        let present = self.channel.lock().clone();
        if let Some(channel) = present {
            return Ok(client_over(channel));
        }
        let mut refused = Status::unavailable("the member has no peer address");
        for url in &self.peer_urls {
            match connect(&self.caller.way, url).await {
                Ok(channel) => {
                    *self.channel.lock() = Some(channel.clone());
                    return Ok(client_over(channel));
                }
                Err(error) => {
                    let reason = std::error::Error::source(&error)
                        .map_or_else(|| error.to_string(), ToString::to_string);
                    refused = Status::unavailable(format!("{url}: {reason}"));
                }
            }
        }
        self.counters.sent_failures.fetch_add(1, Ordering::Relaxed);
        Err(refused)
    }

    /// The target has answered: it has run. To be called before the answer is used.
    ///
    /// # Errors
    /// That cannot be noted.
    pub fn met(&self) -> Result<(), Status> {
        self.fares.answered();
        let noted = self.caller.met.meet(self.target);
        noted.map_err(|error| unnoted(self.target, &error))
    }

    /// There is no connection to the target.
    pub fn refused(&self, status: &Status) {
        self.fares.failed(status.message());
    }

    /// The target did not answer, or not as it should: the next call makes a new connection. It may have said that
    /// this member was removed; an address that now belongs to somebody else answers differently.
    pub fn failed(&self, status: &Status) {
        if Error::from_status(status) == Error::MemberNotFound {
            self.caller.removed.send_replace(true);
        }
        self.fares.failed(status.message());
        self.reset();
    }

    /// Forgets the connection, so that the next call makes a new one.
    pub fn reset(&self) {
        self.counters.sent_failures.fetch_add(1, Ordering::Relaxed);
        *self.channel.lock() = None;
    }

    /// Puts the names on a call.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let names = [
            (CLUSTER_KEY, self.caller.cluster_id),
            (TARGET_KEY, self.target),
            (SOURCE_KEY, self.caller.member_id),
        ];
        for (key, value) in names {
            request
                .metadata_mut()
                .insert(MetadataKey::from_static(key), MetadataValue::from(value));
        }
        request
    }
}

/// What is refused because `member` could not be noted as one that has run.
pub fn unnoted(member: MemberId, error: &io::Error) -> Status {
    Status::unavailable(format!(
        "that member {member:x} has run cannot be noted in the data directory: {error}"
    ))
}

fn client_over(channel: Channel) -> PeerClient<Channel> {
    PeerClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}
