//! Fan-out: many watches of one namespace, each a stream of its own, and clients that change its Pods.
//!
//! An update writes the time it was sent into an annotation, so a watch knows how long its event took. Every
//! watch must be told of every update.

use super::connection;
use super::find::{Behind, patch};
use super::target::Target;
use crate::bench::Setup;
use crate::bench::drive::{Done, Tally};
use crate::bench::wire::Failure;
use crate::bench::workload::deliveries::Deliveries;
use crate::bench::workload::{Client as Requests, Watched, Workload, random};
use crate::kube::client::{Client, Lines, PatchKind};
use rand::Rng;
use rand::rngs::SmallRng;
use std::sync::Arc;
use std::time::Duration;

/// Events of which none comes for so long, after the last update was answered, do not come.
const PATIENCE: Duration = Duration::from_secs(15);

/// The workload.
pub struct Watch {
    setup: Arc<Setup>,
    target: Arc<Target>,
    shared: Arc<Deliveries>,
}

impl Watch {
    /// The Pods are there. Watches are opened with the connections.
    pub fn new(setup: Arc<Setup>, target: Arc<Target>) -> Watch {
        Watch {
            setup,
            target,
            shared: Arc::default(),
        }
    }
}

impl Workload for Watch {
    type Client = Writer;
    type Connection = Arc<Client>;

    fn setup(&self) -> Arc<Setup> {
        self.setup.clone()
    }

    async fn connect(&self, number: usize) -> Result<Arc<Client>, Failure> {
        Ok(connection(&self.target, number))
    }

    /// Opens this connection's share of the watches.
    async fn attach(&self, connection: &Arc<Client>, number: usize) -> Result<(), Failure> {
        let options = &self.setup.options;
        let path = self.target.watch(&[]);
        for _ in (number..options.watchers).step_by(options.connections) {
            let lines = connection.lines(&path).await?;
            tokio::spawn(receive(lines, self.shared.clone()));
        }
        Ok(())
    }

    async fn client(&self, connection: &Arc<Client>, number: usize) -> Result<Writer, Failure> {
        let options = &self.setup.options;
        let (first, clients) = (number as u64, options.clients as u64);
        let own = (first..options.pods.objects).step_by(options.clients);
        let paths: Vec<String> = own.map(|number| self.target.path_of(number)).collect();
        match paths.is_empty() {
            true => Err(Failure(format!("{clients} clients need as many Pods"))),
            false => Ok(Writer {
                connection: connection.clone(),
                random: random(&self.setup, number),
                paths,
                shared: self.shared.clone(),
            }),
        }
    }

    fn begin(&self) {
        self.shared.begin();
    }

    fn end(&self, tally: &Tally) -> Option<Watched> {
        let expected = tally.operations * self.setup.options.watchers as u64;
        Some(self.shared.end(expected, PATIENCE))
    }
}

async fn receive(mut lines: Lines, shared: Arc<Deliveries>) {
    let mut sent = Behind::sent();
    while let Ok(Some(line)) = lines.next().await {
        let now = shared.now();
        if shared.is_over() {
            return;
        }
        shared.came(now, sent.time(&line).into_iter());
    }
}

/// One client, with Pods that only it changes.
pub struct Writer {
    connection: Arc<Client>,
    random: SmallRng,
    paths: Vec<String>,
    shared: Arc<Deliveries>,
}

impl Requests for Writer {
    async fn once(&mut self) -> Result<Done, Failure> {
        let path = &self.paths[self.random.random_range(0..self.paths.len())];
        let patch = patch(self.shared.now());
        let bytes = patch.len() as u64;
        let patched = self.connection.patch(path, PatchKind::Merge, patch.into());
        patched.await?;
        Ok(Done {
            bytes,
            conflict: false,
        })
    }
}
