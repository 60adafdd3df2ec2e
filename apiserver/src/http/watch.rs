//! Watches: events, until the time is over or the client does not read.
//!
//! Nothing runs for a watch but the sending of its answer: when there is room for more, it takes the events
//! that are ready and writes them into one piece. What a client is behind with stays where it is kept anyway.

use super::answer::{meta_version, respond, table_options, wrong_form};
use super::app::{App, Phase, reached};
use super::body::{Body, BoxError};
use super::call::Call;
use super::connection::Peer;
use super::event::{Events, Shape};
use super::metrics::WatchLabels;
use super::resource::About;
use crate::registry::Event;
use crate::request::{Encoding, Form, Offer, WatchOptions};
use crate::status::{Failure, Reason};
use crate::storage::Stream;
use bytes::{Bytes, BytesMut};
use hyper::{Response, StatusCode};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use rand::Rng;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep_until};

/// Events that leave in one piece: so many, and so many bytes besides the last one.
const PIECE_EVENTS: usize = 64;
const PIECE_BYTES: usize = 32 * 1024;

type Incoming = Stream<Result<Event, Failure>>;

/// Answers a watch.
pub(super) async fn serve(call: &Call, about: About) -> Result<Response<Body>, Failure> {
    let (events, content_type) = events(call, &about)?;
    let mut options = WatchOptions::parse(&call.target.query, &about.named.name, true)?;
    let time = options.timeout.unwrap_or_else(|| {
        // Clients that came together shall not come back together.
        call.app
            .limits
            .watch
            .mul_f64(rand::rng().random_range(1.0..2.0))
    });
    options.timeout = Some(time);
    let until = Instant::now() + time;
    let stream = match call.app.registry.watch(&about.target, &options).await {
        Ok(stream) => stream,
        // Where it should begin is gone: this is told inside the stream.
        Err(failure) if failure.reason == Reason::Expired => {
            Box::pin(futures::stream::iter([Err(failure)]))
        }
        Err(failure) => return Err(failure),
    };
    let gvk = &about.row.resource.gvk;
    let labels = WatchLabels {
        group: gvk.group.clone(),
        version: gvk.version.clone(),
        resource: about.row.resource.plural.clone(),
    };
    let counter = call.app.metrics.watch_events.get_or_create(&labels).clone();
    let pump = Pump {
        app: call.app.clone(),
        peer: call.peer.clone(),
        events,
        counter,
        until,
    };
    Ok(respond(StatusCode::OK, content_type, pump.start(stream)))
}

/// How the client wants its events.
fn events(call: &Call, about: &About) -> Result<(Events, &'static str), Failure> {
    let offer = Offer {
        streams: true,
        ..about.offer()
    };
    let answer = call.negotiate(offer)?;
    let shape = match answer.form {
        Form::Table(version) => {
            let options = table_options(call, version)?;
            Shape::Table {
                row: about.row.clone(),
                version: options.version,
                include: options.include,
                has_columns: true,
            }
        }
        Form::Metadata(version) => Shape::Partial(meta_version(version)),
        Form::MetadataList(_) => return Err(wrong_form(&answer)),
        Form::Object | Form::Discovery(_) => Shape::Object,
    };
    let content_type = match answer.encoding {
        Encoding::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
        _ => "application/json",
    };
    let encoding = answer.encoding;
    Ok((Events { encoding, shape }, content_type))
}

/// Takes events from the registry and hands them to the connection.
pub(super) struct Pump {
    pub(super) app: Arc<App>,
    pub(super) peer: Arc<Peer>,
    pub(super) events: Events,
    pub(super) counter: Counter,
    pub(super) until: Instant,
}

impl Pump {
    /// The body is what the client gets of these events.
    pub(super) fn start(self, stream: Incoming) -> Body {
        let source = Arc::new(Source {
            stream: Mutex::new(State::Open(stream)),
            owed_since: Mutex::new(Some(Instant::now())),
        });
        let mut phase = self.app.phase.subscribe();
        Body::pieces(Box::pin(Pieces {
            until: Box::pin(sleep_until(self.until)),
            closing: Box::pin(async move { reached(&mut phase, Phase::Closing).await }),
            watchdog: tokio::spawn(watch_reader(self.app.clone(), self.peer, source.clone())),
            app: self.app,
            events: self.events,
            counter: self.counter,
            source,
        }))
    }
}

/// Where the events of a watch come from, and how its reader does.
struct Source {
    stream: Mutex<State>,
    /// Since when there has been a piece that could not be sent; `None` while the client has got everything.
    owed_since: Mutex<Option<Instant>>,
}

enum State {
    Open(Incoming),
    /// It has ended, and so does the answer.
    Over,
    /// The client did not read. The answer breaks off when it does.
    Broken,
}

/// Lets a client go that does not read: what is kept for it is given up. Other streams of its connection go on;
/// this one breaks off when the client reads again.
async fn watch_reader(app: Arc<App>, peer: Arc<Peer>, source: Arc<Source>) {
    let stall = app.limits.stall;
    loop {
        let owed_since = *source.owed_since.lock();
        let now = Instant::now();
        let until = owed_since.unwrap_or(now) + stall;
        if until <= now {
            break;
        }
        sleep_until(until).await;
    }
    *source.stream.lock() = State::Broken;
    app.metrics.stalled_watches.inc();
    if peer.is_http1 {
        peer.disconnect();
    }
}

/// The pieces of the answer. They are asked for when the one before has been sent.
struct Pieces {
    app: Arc<App>,
    events: Events,
    counter: Counter,
    source: Arc<Source>,
    until: Pin<Box<Sleep>>,
    closing: Pin<Box<dyn Future<Output = ()> + Send>>,
    watchdog: JoinHandle<()>,
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.watchdog.abort();
    }
}

impl Pieces {
    /// What is ready, within bounds.
    fn piece(&mut self, state: &mut State, context: &mut Context<'_>) -> Piece {
        let mut piece = Piece::default();
        while piece.events < PIECE_EVENTS && piece.length() < PIECE_BYTES {
            let State::Open(stream) = state else {
                break;
            };
            let written = match stream.as_mut().poll_next(context) {
                Poll::Pending => break,
                Poll::Ready(None) => {
                    *state = State::Over;
                    break;
                }
                Poll::Ready(Some(event)) => {
                    event.and_then(|event| self.events.write(&self.app, &event))
                }
            };
            match written {
                Ok(bytes) => piece.add(bytes),
                Err(failure) => {
                    piece.add(self.events.error(&failure));
                    *state = State::Over;
                }
            }
        }
        piece
    }

    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        self.until.as_mut().poll(context).is_ready()
            || self.closing.as_mut().poll(context).is_ready()
    }
}

impl futures::Stream for Pieces {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let source = this.source.clone();
        let mut state = source.stream.lock();
        if matches!(*state, State::Open(_)) && this.is_over(context) {
            *state = State::Over;
        }
        if let State::Broken = *state {
            *state = State::Over;
            let why = "the client did not read its watch";
            return Poll::Ready(Some(Err(why.into())));
        }
        let piece = this.piece(&mut state, context);
        let is_owed = piece.events > 0;
        *source.owed_since.lock() = is_owed.then(Instant::now);
        this.counter.inc_by(piece.events as u64);
        match (is_owed, &*state) {
            (true, _) => Poll::Ready(Some(Ok(piece.into_bytes()))),
            (false, State::Open(_)) => Poll::Pending,
            (false, _) => Poll::Ready(None),
        }
    }
}

/// Events that leave together. One alone is not copied.
#[derive(Default)]
struct Piece {
    events: usize,
    first: Bytes,
    all: BytesMut,
}

impl Piece {
    fn length(&self) -> usize {
        self.all.len().max(self.first.len())
    }

    fn add(&mut self, bytes: Bytes) {
        self.events += 1;
        if self.events == 1 {
            self.first = bytes;
            return;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&self.first);
        }
        self.all.extend_from_slice(&bytes);
    }

    fn into_bytes(self) -> Bytes {
        match self.all.is_empty() {
            true => self.first,
            false => self.all.freeze(),
        }
    }
}
