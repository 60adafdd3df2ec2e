//! The server: from a listener to connections, until it is told to stop.

use super::app::{App, Options, Phase};
use super::connection;
use super::tls::Tls;
use crate::resource::Catalog;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

/// After a failure to take a connection (no descriptors left, mostly).
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Serves requests. See the module's essay.
pub struct Server {
    app: Arc<App>,
    tls: Arc<Tls>,
}

impl Server {
    /// A server that does not serve yet.
    pub fn new(options: Options, tls: Tls) -> Server {
        Server {
            app: Arc::new(App::new(options)),
            tls: Arc::new(tls),
        }
    }

    /// Its TLS, to renew the certificate.
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Serves these resources from now on.
    pub fn serve_catalog(&self, catalog: Arc<Catalog>) {
        self.app.serve_catalog(catalog);
    }

    /// What the server has counted, as `/metrics` shows it.
    pub fn metrics(&self) -> String {
        self.app.metrics_text()
    }

    /// Serves until `stop` returns. Then it says for a while that it is not ready and still serves, then
    /// takes no more connections, ends streams, lets requests finish within a bound, and returns. It can
    /// serve again only with a new server.
    pub async fn serve(&self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        self.accept(&listener, &mut connections, stop).await;
        self.app.phase.send_replace(Phase::Leaving);
        let leave = sleep(self.app.limits.leave);
        self.accept(&listener, &mut connections, leave).await;
        drop(listener);
        self.app.phase.send_replace(Phase::Closing);
        let end = Instant::now() + self.app.limits.drain;
        while let Ok(Some(_)) = timeout_at(end, connections.join_next()).await {}
        connections.shutdown().await;
    }

    async fn accept(
        &self,
        listener: &TcpListener,
        connections: &mut JoinSet<()>,
        until: impl Future<Output = ()>,
    ) {
        let mut until = pin!(until);
        let most = self.app.limits.connections;
        let room = Arc::new(Semaphore::new(most.saturating_sub(connections.len())));
        loop {
            let accept = async {
                // The semaphore is never closed; if it were, there would be no bound.
                let permit = room.clone().acquire_owned().await.ok();
                (permit, listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                biased;
                () = until.as_mut() => return,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = accept => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    let (app, tls) = (self.app.clone(), self.tls.clone());
                    connections.spawn(async move {
                        let _permit = permit;
                        connection::serve(app, tls, stream, address).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }
}
