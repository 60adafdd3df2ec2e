//! Watches: events, until the time is over or the client does not read.

use super::answer::{meta_version, respond, table_options, wrong_form};
use super::app::{App, Phase, reached};
use super::body::{Body, Pieces};
use super::call::Call;
use super::connection::Peer;
use super::event::{Events, Shape};
use super::metrics::WatchLabels;
use super::resource::About;
use crate::registry::Event;
use crate::request::{Encoding, Form, Offer, WatchOptions};
use crate::status::{Failure, Reason};
use crate::storage::Stream;
use bytes::Bytes;
use futures::StreamExt;
use hyper::{Response, StatusCode};
use prometheus_client::metrics::counter::Counter;
use rand::Rng;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until, timeout};

/// Events that wait for a client, and their bytes. Upstream keeps 10 to 1000 events.
const QUEUE_EVENTS: usize = 256;
const QUEUE_BYTES: u32 = 4 * 1024 * 1024;

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
        Form::Table(version) => Shape::Table {
            printer: Box::new(about.row.printer.clone()),
            options: table_options(call, version)?,
        },
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

/// An event that waits to be sent, and its room.
struct Waiting {
    bytes: Bytes,
    room: OwnedSemaphorePermit,
}

/// Takes events from the registry and hands them to the connection.
pub(super) struct Pump {
    pub(super) app: Arc<App>,
    pub(super) peer: Arc<Peer>,
    pub(super) events: Events,
    pub(super) counter: Counter,
    pub(super) until: Instant,
}

/// Where a pump leaves events, within a bound.
struct Outlet {
    sender: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
    is_broken: Arc<AtomicBool>,
}

impl Pump {
    /// Begins to take events. The body is what the client gets of them.
    pub(super) fn start(self, stream: Stream<Result<Event, Failure>>) -> Body {
        let (sender, receiver) = mpsc::channel(QUEUE_EVENTS);
        let is_broken = Arc::new(AtomicBool::new(false));
        let outlet = Outlet {
            sender,
            room: Arc::new(Semaphore::new(QUEUE_BYTES as usize)),
            is_broken: is_broken.clone(),
        };
        tokio::spawn(self.run(stream, outlet));
        Body::pieces(pieces(receiver, is_broken))
    }

    async fn run(mut self, mut stream: Stream<Result<Event, Failure>>, outlet: Outlet) {
        let mut phase = self.app.phase.subscribe();
        loop {
            let event = tokio::select! {
                event = stream.next() => event,
                () = sleep_until(self.until) => return,
                () = reached(&mut phase, Phase::Closing) => return,
                () = outlet.sender.closed() => return,
            };
            let (bytes, is_last) = match event {
                None => return,
                Some(Ok(event)) => match self.events.write(&event) {
                    Ok(bytes) => (bytes, false),
                    Err(failure) => (self.events.error(&failure), true),
                },
                Some(Err(failure)) => (self.events.error(&failure), true),
            };
            self.counter.inc();
            match timeout(self.app.limits.stall, outlet.send(bytes)).await {
                Ok(true) if !is_last => {}
                Ok(_) => return,
                Err(_) => return self.let_go(&outlet),
            }
        }
    }

    /// The client does not read. Other streams of its connection go on; this one breaks off when the
    /// client reads again.
    fn let_go(&self, outlet: &Outlet) {
        self.app.metrics.stalled_watches.inc();
        outlet.is_broken.store(true, Ordering::Release);
        if self.peer.is_http1 {
            self.peer.disconnect();
        }
    }
}

impl Outlet {
    /// Waits for room. `false`: the client is gone.
    async fn send(&self, bytes: Bytes) -> bool {
        let needs = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        // Larger than all room: it waits until it is alone.
        let room = self.room.clone().acquire_many_owned(needs.min(QUEUE_BYTES));
        match room.await {
            Ok(room) => self.sender.send(Waiting { bytes, room }).await.is_ok(),
            Err(_) => false,
        }
    }
}

fn pieces(receiver: mpsc::Receiver<Waiting>, is_broken: Arc<AtomicBool>) -> Pieces {
    let state = Some((receiver, is_broken));
    Box::pin(futures::stream::unfold(state, |state| async move {
        let (mut receiver, is_broken) = state?;
        match receiver.recv().await {
            Some(Waiting { bytes, room }) => {
                drop(room);
                Some((Ok(bytes), Some((receiver, is_broken))))
            }
            None if is_broken.load(Ordering::Acquire) => {
                Some((Err("the client did not read its watch".into()), None))
            }
            None => None,
        }
    }))
}
