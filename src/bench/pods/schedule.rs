//! Make Pods that the scheduler shall find nodes for, and see on one watch when it has.

use super::connection;
use super::create::Maker;
use super::find::Behind;
use super::target::Target;
use crate::bench::Setup;
use crate::bench::drive::{Done, Tally};
use crate::bench::wire::Failure;
use crate::bench::workload::deliveries::Deliveries;
use crate::bench::workload::{Client as Requests, Watched, Workload};
use crate::kube::client::{Client, Lines};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// If no Pod is bound for so long, the rest will not be.
const PATIENCE: Duration = Duration::from_secs(30);

/// The workload.
pub struct Schedule {
    setup: Arc<Setup>,
    target: Arc<Target>,
    next: Arc<AtomicU64>,
    pending: Arc<Pending>,
}

/// What the watch and the clients share.
struct Pending {
    bound: Deliveries,
    /// When the Pod with this number was sent, plus one; zero if that was not yet or it is bound.
    sent: Vec<AtomicU64>,
}

impl Schedule {
    /// The nodes are there. The watch is opened with the first connection.
    pub fn new(setup: Arc<Setup>, target: Arc<Target>) -> Schedule {
        let count = setup.options.pods.objects;
        let pending = Pending {
            bound: Deliveries::default(),
            sent: (0..count).map(|_| AtomicU64::new(0)).collect(),
        };
        Schedule {
            setup,
            target,
            next: Arc::default(),
            pending: Arc::new(pending),
        }
    }
}

impl Workload for Schedule {
    type Client = Asker;
    type Connection = Arc<Client>;

    fn setup(&self) -> Arc<Setup> {
        self.setup.clone()
    }

    async fn connect(&self, number: usize) -> Result<Arc<Client>, Failure> {
        Ok(connection(&self.target, number))
    }

    async fn attach(&self, connection: &Arc<Client>, number: usize) -> Result<(), Failure> {
        if number == 0 {
            // A Pod comes into view when it is bound, so its first event is the one that counts.
            let path = self.target.watch(&[("fieldSelector", "spec.nodeName!=")]);
            let lines = connection.lines(&path).await?;
            let number = Behind::number(&self.target.run);
            tokio::spawn(receive(lines, number, self.pending.clone()));
        }
        Ok(())
    }

    async fn client(&self, connection: &Arc<Client>, number: usize) -> Result<Asker, Failure> {
        let (setup, target) = (self.setup.clone(), self.target.clone());
        let next = self.next.clone();
        Ok(Asker {
            maker: Maker::new(setup, target, connection.clone(), number, next),
            pending: self.pending.clone(),
        })
    }

    fn begin(&self) {
        self.pending.bound.begin();
    }

    fn end(&self, tally: &Tally) -> Option<Watched> {
        let bound = &self.pending.bound;
        let watched = bound.end(tally.operations, PATIENCE);
        Some(Watched {
            took: Some(bound.took()),
            ..watched
        })
    }
}

async fn receive(mut lines: Lines, mut number: Behind, pending: Arc<Pending>) {
    while let Ok(Some(line)) = lines.next().await {
        let now = pending.bound.now();
        if pending.bound.is_over() {
            return;
        }
        let sent = number
            .pod(&line)
            .and_then(|number| pending.sent.get(number as usize))
            .map_or(0, |sent| sent.swap(0, Ordering::Relaxed));
        if sent > 0 {
            pending.bound.came(now, std::iter::once(sent - 1));
        }
    }
}

/// One client.
pub struct Asker {
    maker: Maker,
    pending: Arc<Pending>,
}

impl Requests for Asker {
    async fn once(&mut self) -> Result<Done, Failure> {
        let number = self.maker.number();
        if let Some(sent) = self.pending.sent.get(number as usize) {
            sent.store(self.pending.bound.now() + 1, Ordering::Relaxed);
        }
        self.maker.make(number).await
    }
}
