//! Connections between simulated hosts.

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use hyper_util::rt::TokioIo;
use keelson_store::world::{Wire, Wires};
use std::io;
use tonic::transport::{Channel, Endpoint, Error, Uri};
use turmoil::net::{TcpListener, TcpStream};

/// Where clients reach a member.
pub const CLIENT_PORT: u16 = 2379;
/// Where peers reach it.
pub const PEER_PORT: u16 = 2380;

/// The network of one member.
pub struct Simulated;

impl Wires for Simulated {
    fn connect(&self, endpoint: Endpoint) -> BoxFuture<'static, Result<Channel, Error>> {
        Box::pin(connect(endpoint))
    }

    fn incoming(&self) -> BoxStream<'static, io::Result<Wire>> {
        incoming(PEER_PORT)
    }
}

/// Connects from the host on which this runs.
pub async fn connect(endpoint: Endpoint) -> Result<Channel, Error> {
    let connector = tower::service_fn(|uri: Uri| async move {
        let host = uri.host().unwrap_or_default().to_owned();
        let port = uri.port_u16().unwrap_or_default();
        let socket = TcpStream::connect((host, port)).await?;
        Ok::<_, io::Error>(TokioIo::new(socket))
    });
    endpoint.connect_with_connector(connector).await
}

/// Those who connect to a port of the host on which this runs.
pub fn incoming(port: u16) -> BoxStream<'static, io::Result<Wire>> {
    stream::unfold(None, move |listener: Option<TcpListener>| async move {
        let listener = match listener {
            Some(listener) => listener,
            None => match TcpListener::bind(("0.0.0.0", port)).await {
                Ok(listener) => listener,
                Err(error) => return Some((Err(error), None)),
            },
        };
        let accepted = listener.accept().await;
        Some((
            accepted.map(|(socket, _)| Wire::new(socket)),
            Some(listener),
        ))
    })
    .boxed()
}
