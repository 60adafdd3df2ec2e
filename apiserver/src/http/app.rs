//! What all requests share.

use super::audit::Audit;
use super::health::Check;
use super::inflight::Inflight;
use super::metrics::Metrics;
use super::served::Served;
use super::shared::SharedEvents;
use crate::authenticate::Authenticator;
use crate::authorize::Authorizer;
use crate::meter::Export;
use crate::registry::{Clock, Registry};
use crate::resource::Catalog;
use parking_lot::RwLock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What a server takes at once, and for how long.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at one time; more wait in the listener's queue.
    pub connections: usize,
    /// A client must have sent its first request in this time, and one of HTTP/1 the head of each; an idle one
    /// of HTTP/1 stays that long.
    pub head: Duration,
    /// Reading requests at one time. Watches do not count.
    pub reading: usize,
    /// Writing requests at one time.
    pub mutating: usize,
    /// How long a request may take, if it is no watch. Clients can ask for less.
    pub deadline: Duration,
    /// How long the pieces of a list may take altogether.
    pub list: Duration,
    /// A watch ends after this time up to twice this time, unless the client says when.
    pub watch: Duration,
    /// How long the buffer of a client that does not read its watch may be full.
    pub stall: Duration,
    /// For how long a server that will stop says that it is not ready before it takes nothing more.
    pub leave: Duration,
    /// How long requests that run may take when the server takes nothing more.
    pub drain: Duration,
}

impl Default for Limits {
    /// Upstream's numbers where it has them.
    fn default() -> Limits {
        let seconds = Duration::from_secs;
        Limits {
            connections: 16_384,
            head: seconds(120),
            reading: 400,
            mutating: 200,
            deadline: seconds(34),
            list: seconds(60),
            watch: seconds(1_800),
            stall: seconds(10),
            leave: seconds(0),
            drain: seconds(60),
        }
    }
}

/// What a server is made of.
pub struct Options {
    /// Where objects are.
    pub registry: Arc<Registry>,
    /// The time of the day.
    pub clock: Arc<dyn Clock>,
    /// What is served.
    pub catalog: Arc<Catalog>,
    /// Who asks.
    pub authenticator: Authenticator,
    /// Who may what. Also answers access reviews.
    pub authorizer: Arc<dyn Authorizer>,
    /// Where requests are written down.
    pub audit: Option<Audit>,
    /// What must be true of a server that is well, besides that it answers.
    pub checks: Vec<Check>,
    /// What other parts of the program have counted, for `/metrics`.
    pub exports: Vec<Export>,
    /// How much at once.
    pub limits: Limits,
    /// Where this server is reached, as `host:port`; clients are told.
    pub address: String,
}

/// How a server is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// It serves.
    Serving,
    /// It serves and will stop: it is not ready any more.
    Leaving,
    /// It takes nothing more; streams end.
    Closing,
}

pub(super) struct App {
    pub(super) registry: Arc<Registry>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) authenticator: Authenticator,
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) audit: Option<Audit>,
    pub(super) checks: Vec<Check>,
    exports: Vec<Export>,
    pub(super) limits: Limits,
    pub(super) address: String,
    pub(super) inflight: Inflight,
    pub(super) metrics: Metrics,
    /// Events of watches, as they were written last.
    pub(super) events: SharedEvents,
    pub(super) phase: watch::Sender<Phase>,
    served: RwLock<Arc<Served>>,
}

impl App {
    pub(super) fn new(options: Options) -> App {
        let limits = options.limits;
        App {
            inflight: Inflight::new(limits.reading, limits.mutating),
            limits,
            registry: options.registry,
            clock: options.clock,
            authenticator: options.authenticator,
            authorizer: options.authorizer,
            audit: options.audit,
            checks: options.checks,
            exports: options.exports,
            address: options.address,
            metrics: Metrics::default(),
            events: SharedEvents::default(),
            phase: watch::Sender::new(Phase::Serving),
            served: RwLock::new(Arc::new(Served::new(options.catalog))),
        }
    }

    /// What is served now.
    pub(super) fn served(&self) -> Arc<Served> {
        self.served.read().clone()
    }

    pub(super) fn serve_catalog(&self, catalog: Arc<Catalog>) {
        *self.served.write() = Arc::new(Served::new(catalog));
    }

    /// What has been counted, as `/metrics` shows it.
    pub(super) fn metrics_text(&self) -> String {
        self.metrics.to_text(&self.inflight, &self.exports)
    }

    /// Seconds since 1970.
    pub(super) fn now_s(&self) -> i64 {
        self.clock.now_us().div_euclid(1_000_000)
    }
}

/// Returns when the server has come to a phase.
pub(super) async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    if phase.wait_for(|now| *now >= wanted).await.is_err() {
        // Nobody can tell any more: the server is gone, and its tasks with it.
        std::future::pending::<()>().await;
    }
}
