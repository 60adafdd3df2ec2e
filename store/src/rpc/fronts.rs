//! The fronts' threads: each a single-threaded runtime with its own share of the connections.

use super::connection::{serve, serve_wire};
use super::front::Shared;
use super::header::Headers;
use super::listen::Dealer;
use super::watch::{Anybody, HeaderSource, Leadership, WatchService};
use super::{Front, Services};
use crate::Revision;
use crate::raft::Handle;
use crate::world::Wire;
use futures::StreamExt;
use futures::stream::BoxStream;
use keelson_proto::etcdserverpb::ResponseHeader;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use tokio::sync::watch;

/// Running fronts. [`Fronts::stop`] ends them.
pub struct Fronts {
    stop: watch::Sender<bool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

struct MemberHeaders {
    headers: Headers,
    handle: Handle,
}

impl HeaderSource for MemberHeaders {
    fn header(&self, revision: Revision) -> ResponseHeader {
        self.headers.at(self.handle.term(), revision)
    }
}

impl Fronts {
    /// Serves clients on `listeners` with `count` fronts, numbered from zero.
    ///
    /// # Errors
    /// The system has no threads or no runtime to give.
    pub fn start(shared: &Shared, count: usize, listeners: Vec<TcpListener>) -> io::Result<Fronts> {
        let (stop, _) = watch::channel(false);
        let (dealer, mailboxes) = Dealer::new(count, shared.limits.max_connections);
        let mut fronts = Fronts {
            stop,
            threads: Vec::new(),
        };
        let mut listeners = Some(listeners);
        for (number, mailbox) in mailboxes.into_iter().enumerate() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let shared = shared.clone();
            let stop = fronts.stop.subscribe();
            // The first front accepts for all of them.
            let accepting = listeners.take().unwrap_or_default();
            let dealer = dealer.clone();
            let thread = std::thread::Builder::new()
                .name(format!("front-{number}"))
                .spawn(move || {
                    runtime.block_on(async move {
                        for listener in accepting {
                            tokio::spawn(accept(dealer.clone(), listener, stop.clone()));
                        }
                        drop(dealer);
                        let front = Front::new(&shared, number);
                        tokio::spawn(front.handle().dispatch());
                        let services = Arc::new(Services::new(Arc::clone(&front), watches(&front)));
                        let counters = Arc::clone(front.counters());
                        serve(
                            services,
                            counters,
                            Arc::clone(&shared.limits),
                            mailbox,
                            stop,
                        )
                        .await;
                    });
                    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
                })?;
            fronts.threads.push(thread);
        }
        Ok(fronts)
    }

    /// Takes no more connections, lets running requests finish within the bound of
    /// [`crate::limits::Limits::shutdown_grace`], and returns when all fronts are down.
    pub fn stop(self) {
        self.stop.send_replace(true);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::warn!("a front ended by a panic");
            }
        }
    }
}

/// Serves clients on the present runtime, as the front with this number, with the connections that come
/// in: for simulations. Ends with the runtime.
pub async fn serve_here(
    shared: &Shared,
    number: usize,
    mut incoming: BoxStream<'static, io::Result<Wire>>,
) {
    // Simulated members are not stopped in order.
    let (_running, stop) = watch::channel(false);
    let front = Front::new(shared, number);
    tokio::spawn(front.handle().dispatch());
    let services = Arc::new(Services::new(Arc::clone(&front), watches(&front)));
    while let Some(wire) = incoming.next().await {
        let Ok(wire) = wire else { continue };
        tokio::spawn(serve_wire(
            wire,
            Arc::clone(&services),
            Arc::clone(front.counters()),
            Arc::clone(&shared.limits),
            stop.clone(),
        ));
    }
}

async fn accept(dealer: Dealer, listener: TcpListener, stop: watch::Receiver<bool>) {
    if let Err(error) = dealer.accept(listener, stop).await {
        tracing::error!(%error, "a client port has stopped accepting");
    }
}

pub(super) fn watches(front: &Arc<Front>) -> WatchService {
    let handle = front.handle().clone();
    let leadership = Leadership {
        has_leader: handle.watch_has_leader(),
        election_timeout: handle.election_timeout(),
    };
    let headers = MemberHeaders {
        headers: Headers::new(&handle),
        handle,
    };
    WatchService::new(
        front.hub().clone(),
        Arc::new(headers),
        Arc::new(Anybody),
        leadership,
    )
}
