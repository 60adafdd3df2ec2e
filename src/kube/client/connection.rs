//! One connection to one server, over which any number of requests go at one time.

use super::config::{Config, Server};
use super::pulse::{Listening, Pulse};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The server is asked whether it still lives so often, and must answer in the time below. A server that
/// works on a thousand requests may be seconds late; one whose process ends is noticed at once, because its
/// connections break. Of one that is silent for less than that see `pulse`.
const PING_EVERY: Duration = Duration::from_millis(500);
const PONG_WITHIN: Duration = Duration::from_secs(5);
/// What may be on its way to us per answer and altogether. Watches must not wait for each other.
const ANSWER_BYTES: u32 = 1 << 20;
const ALL_BYTES: u32 = 16 << 20;

/// Sends requests over a connection.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    /// Whether anything comes back.
    pub(super) pulse: Pulse,
}

/// Connects. The connection lives on a task of this runtime until either side ends it.
///
/// # Errors
/// One sentence; nothing has been asked.
pub(super) async fn open(config: &Config, server: &Server) -> Result<Connection, String> {
    let at = (server.host.as_str(), server.port);
    let stream = TcpStream::connect(at)
        .await
        .map_err(|error| error.to_string())?;
    stream
        .set_nodelay(true)
        .map_err(|error| error.to_string())?;
    let pulse = Pulse::new();
    let stream = Listening {
        stream,
        pulse: pulse.clone(),
    };
    let connector = TlsConnector::from(config.tls.clone());
    let stream = connector.connect(server.name.clone(), stream).await;
    let stream = stream.map_err(|error| error.to_string())?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err("the server does not speak HTTP/2".to_owned());
    }
    let (sender, connection) = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WITHIN)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(ANSWER_BYTES)
        .initial_connection_window_size(ALL_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to an API server broke");
        }
    });
    Ok(Connection { sender, pulse })
}
