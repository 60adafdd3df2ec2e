//! One connection: the handshake, and the requests on it.

use super::app::{App, Phase, reached};
use super::cork::Cork;
use super::handle::handle;
use super::tls::Tls;
use crate::authenticate::{Certified, Refused};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// A client that does not finish the handshake is let go.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A client of HTTP/2 is asked whether it still lives so often, and must answer in the time below.
const PING_EVERY: Duration = Duration::from_secs(30);
const PONG_WITHIN: Duration = Duration::from_secs(15);
/// Requests at one time on one connection: informers watch over one.
const STREAMS: u32 = 1_000;
/// What is written and not sent yet, per connection or stream.
const SEND_BYTES: usize = 256 * 1024;
const HEADER_BYTES: u32 = 1 << 20;

/// Who is at the other end.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// What became of its certificate, if it showed one.
    pub(super) certificate: Option<Result<Certified, Refused>>,
    /// The connection carries one answer at a time.
    pub(super) is_http1: bool,
    kill: Notify,
}

impl Peer {
    pub(super) fn new(
        address: SocketAddr,
        certificate: Option<Result<Certified, Refused>>,
        is_http1: bool,
    ) -> Peer {
        Peer {
            address,
            certificate,
            is_http1,
            kill: Notify::new(),
        }
    }

    /// Ends the connection, whatever is still to be sent.
    pub(super) fn disconnect(&self) {
        self.kill.notify_one();
    }
}

/// Serves a connection until either side ends it.
pub(super) async fn serve(app: Arc<App>, tls: Arc<Tls>, stream: TcpStream, address: SocketAddr) {
    // Answers are written at once; only speed depends on it.
    drop(stream.set_nodelay(true));
    let handshake = timeout(HANDSHAKE, tls.acceptor().accept(stream)).await;
    let Ok(Ok(stream)) = handshake else {
        app.metrics.tls_handshake_errors.inc();
        return;
    };
    let session = stream.get_ref().1;
    let chain = session.peer_certificates();
    let certificate = chain.map(|chain| tls.clients().identify(chain, app.now_s()));
    let is_http1 = session.alpn_protocol() != Some(b"h2");
    let peer = Arc::new(Peer::new(address, certificate, is_http1));
    let builder = builder(app.limits.head, is_http1);
    let has_asked = Arc::new(AtomicBool::new(false));
    let service = {
        let (app, peer, has_asked) = (app.clone(), peer.clone(), has_asked.clone());
        service_fn(move |request: Request<Incoming>| {
            has_asked.store(true, Ordering::Relaxed);
            let (app, peer) = (app.clone(), peer.clone());
            async move { Ok::<_, Infallible>(handle(app, peer, request).await) }
        })
    };
    let cork = Cork::new(stream);
    let stream = TokioIo::new(cork.clone());
    let mut connection = pin!(builder.serve_connection(stream, service));
    let mut phase = app.phase.subscribe();
    let (mut is_closing, mut is_settled) = (false, false);
    // Neither version of the protocol minds a client that says nothing at all.
    let mut first = pin!(sleep(app.limits.head));
    loop {
        let turn = poll_fn(|context| {
            let over = connection.as_mut().poll(context).map(drop);
            match cork.send(context) {
                // A client that goes away is no error of ours.
                Poll::Ready(Err(_)) => Poll::Ready(()),
                _ => over,
            }
        });
        tokio::select! {
            () = turn => return,
            () = peer.kill.notified() => return,
            () = first.as_mut(), if !is_settled => {
                if !has_asked.load(Ordering::Relaxed) {
                    return;
                }
                is_settled = true;
            }
            () = reached(&mut phase, Phase::Closing), if !is_closing => {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// How both versions of HTTP are spoken. Which one was agreed upon with the keys.
fn builder(head: Duration, is_http1: bool) -> Builder<TokioExecutor> {
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = match is_http1 {
        true => builder.http1_only(),
        false => builder.http2_only(),
    };
    let mut http1 = builder.http1();
    http1.timer(TokioTimer::new()).header_read_timeout(head);
    http1.max_buf_size(SEND_BYTES);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new());
    http2.keep_alive_interval(PING_EVERY);
    http2.keep_alive_timeout(PONG_WITHIN);
    http2.max_concurrent_streams(STREAMS);
    http2.max_send_buf_size(SEND_BYTES);
    http2.max_header_list_size(HEADER_BYTES);
    builder
}
