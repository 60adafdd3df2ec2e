//! The connections of one front: HTTP/1 and HTTP/2 on one port, told apart by their first bytes.

use super::listen::{Accepted, Mailbox};
use super::opening::Opening;
use super::server::Serve;
use super::stream::{Stop, stopped};
use crate::limits::Limits;
use crate::metrics::FrontMetrics;
use crate::world::Wire;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinSet;

/// Bytes a client may send ahead on one stream: a request of the largest size without a pause.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Bytes a client may send ahead on all streams of a connection.
const CONNECTION_WINDOW_BYTES: u32 = 16 * 1024 * 1024;
/// Answers that one stream may have waiting for the socket.
const SEND_BUFFER_BYTES: usize = 1024 * 1024;
/// Requests that a client may give up before they were looked at. Clients with short deadlines do so
/// in bursts; a flood of it is an attack.
const PENDING_RESETS: usize = 1024;
/// Time a client may take to begin, and over the head of an HTTP/1 request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves the connections that arrive in `mailbox` until `stop` turns true, then lets running
/// requests finish for [`Limits::shutdown_grace`]. Run it inside the front's runtime.
pub async fn serve<S: Serve>(
    services: Arc<S>,
    counters: Arc<FrontMetrics>,
    limits: Arc<Limits>,
    mut mailbox: Mailbox,
    mut stop: Stop,
) {
    let builder = builder(&limits);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = mailbox.recv() => accepted,
        };
        let Some(accepted) = accepted else { break };
        connections.spawn(connection(
            accepted,
            builder.clone(),
            services.clone(),
            counters.clone(),
            stop.clone(),
        ));
    }
    let drained = async { while connections.join_next().await.is_some() {} };
    let drained = tokio::time::timeout(limits.shutdown_grace, drained).await;
    if drained.is_err() {
        tracing::info!(
            open = connections.len(),
            "closing connections that are still busy"
        );
        connections.shutdown().await;
    }
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_concurrent_streams(limits.max_concurrent_streams)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .keep_alive_interval(limits.grpc_keepalive_interval)
        .keep_alive_timeout(limits.grpc_keepalive_timeout);
    builder
}

/// One connection from its first byte to its last.
async fn connection<S: Serve>(
    accepted: Accepted,
    builder: auto::Builder<TokioExecutor>,
    services: Arc<S>,
    counters: Arc<FrontMetrics>,
    stop: Stop,
) {
    let Accepted {
        socket,
        peer,
        permit: _permit,
    } = accepted;
    let socket = match tokio::net::TcpStream::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, %peer, "a connection could not be taken over");
            return;
        }
    };
    if let Err(error) = speak(socket, builder, services, counters, stop).await {
        // Clients vanish; that is their business.
        tracing::debug!(error, %peer, "a connection ended early");
    }
}

/// Serves one simulated connection to its end.
pub async fn serve_wire<S: Serve>(
    wire: Wire,
    services: Arc<S>,
    counters: Arc<FrontMetrics>,
    limits: Arc<Limits>,
    stop: Stop,
) {
    let spoken = speak(wire, builder(&limits), services, counters, stop).await;
    if let Err(error) = spoken {
        tracing::debug!(error, "a connection ended early");
    }
}

/// Speaks HTTP over a socket, to its end.
async fn speak<S: Serve>(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    builder: auto::Builder<TokioExecutor>,
    services: Arc<S>,
    counters: Arc<FrontMetrics>,
    stop: Stop,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // Behind one count of its own, so that requests do not share the stopper's.
    let stopping = Arc::new(stop.clone());
    let service = service_fn(move |request| {
        let (services, stopping) = (services.clone(), stopping.clone());
        async move { Ok::<_, Infallible>(services.answer(request, &stopping).await) }
    });
    let opening = Opening::new(HEADER_TIMEOUT);
    let socket = TokioIo::new(Counted {
        socket,
        counters,
        opening,
    });
    let mut connection = pin!(builder.serve_connection(socket, service));
    tokio::select! {
        outcome = connection.as_mut() => outcome,
        _ = stopped(stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// Counts what goes over a socket, and gives up one that does not begin.
struct Counted<IO> {
    socket: IO,
    counters: Arc<FrontMetrics>,
    opening: Opening,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Counted<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.socket).poll_read(context, buffer);
        let bytes = buffer.filled().len() - before;
        self.counters.received(bytes);
        self.opening.received(bytes);
        match outcome {
            Poll::Pending => self.opening.poll_late(context).map(Err),
            outcome => outcome,
        }
    }
}

impl<IO> Counted<IO> {
    fn sent(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &outcome {
            self.counters.sent(*bytes);
        }
        outcome
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Counted<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write(context, buffer);
        self.sent(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(context, buffers);
        self.sent(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::http::Response;
    use tokio::io::AsyncWriteExt;
    use tonic::body::Body;

    /// Serves a connection whose client says `first` and then nothing, with so much time to begin.
    async fn serve_silent(first: &[u8], patience: Duration) -> Option<io::ErrorKind> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let mut client = tokio::net::TcpStream::connect(address)
            .await
            .expect("connected");
        client.write_all(first).await.expect("sent");
        let (socket, _) = listener.accept().await.expect("accepted");
        let socket = TokioIo::new(Counted {
            socket,
            counters: Arc::default(),
            opening: Opening::new(patience),
        });
        let answer = |_: ::http::Request<hyper::body::Incoming>| async {
            Ok::<_, Infallible>(Response::new(Body::empty()))
        };
        let builder = builder(&Limits::default());
        let outcome = builder.serve_connection(socket, service_fn(answer)).await;
        let error = outcome.expect_err("it is given up");
        error.downcast_ref::<io::Error>().map(io::Error::kind)
    }

    #[tokio::test]
    async fn a_client_that_stops_in_its_first_bytes_is_given_up() {
        for first in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n"] {
            let given_up = serve_silent(first, Duration::from_millis(50));
            let given_up = tokio::time::timeout(Duration::from_secs(60), given_up).await;
            let kind = given_up.expect("its time is over");
            assert_eq!(kind, Some(io::ErrorKind::TimedOut));
        }
    }
}
