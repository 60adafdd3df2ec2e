//! The port on which the other members reach this one.
//!
//! The sockets were bound by the caller, so that a taken port is told before anything is touched. What
//! is answered there is `service`'s; here are only the connections and their limits.

use super::super::connection::MESSAGE_BYTES_MAX;
use super::super::door::Door;
use super::super::handle::Handle;
use super::super::identity::StartError;
use super::super::loss::Loss;
use super::super::service::PeerService;
use super::assembly::Assembly;
use super::consensus::Consensus;
use super::data_error;
use crate::world::Network;
use futures::Stream;
use keelson_proto::peer::peer_server::PeerServer;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::transport::server::{Connected, TcpIncoming};

/// How often a peer's connection is tried, and how long it may take to answer.
const PEER_PING_INTERVAL: Duration = Duration::from_secs(5);
const PEER_PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves peers on every bound socket, or whoever comes over a simulated `network`, through `door`.
///
/// # Errors
/// [`StartError::Data`] if a socket cannot be used.
pub(super) fn serve(
    listeners: Vec<TcpListener>,
    network: &Network,
    door: &Door,
) -> Result<(), StartError> {
    let service = PeerServer::new(door.clone())
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    for listener in listeners {
        listener.set_nonblocking(true).map_err(data_error)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(data_error)?;
        // Without it an answer to a heartbeat may wait 40 ms for the acknowledgement of another.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        serve_incoming(incoming, service.clone());
    }
    if let Network::Simulated(wires) = network {
        serve_incoming(wires.incoming(), service);
    }
    Ok(())
}

/// Serves whoever comes in, on the present runtime.
fn serve_incoming<IO>(
    incoming: impl Stream<Item = std::io::Result<IO>> + Send + 'static,
    service: PeerServer<Door>,
) where
    IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let server = tonic::transport::Server::builder()
        // A caller that vanished without a word must not leave its streams here for ever.
        .http2_keepalive_interval(Some(PEER_PING_INTERVAL))
        .http2_keepalive_timeout(Some(PEER_PING_TIMEOUT))
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(16 << 20)
        .add_service(service)
        .serve_with_incoming(incoming);
    tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the peer port has stopped serving");
        }
    });
}

impl Assembly {
    /// What stands behind the door once this member takes part.
    pub(super) fn peer_service(&self, consensus: &Consensus, handle: &Handle) -> PeerService {
        PeerService {
            cluster_id: self.recovered.owner.cluster_id,
            member_id: self.recovered.owner.member_id,
            raft: consensus.raft.clone(),
            appender: consensus.appender.clone(),
            handle: handle.clone(),
            group: Arc::clone(&consensus.group),
            breaks: Loss {
                raft: consensus.raft.clone(),
                group: Arc::clone(&consensus.group),
                way: self.options.world.network.clone(),
            }
            .start(),
            members: Arc::clone(&consensus.members),
            met: Arc::clone(&consensus.caller.met),
            incoming: Arc::clone(&self.incoming),
            metrics: Arc::clone(&self.options.metrics),
        }
    }
}
