//! A controller: keys that are looked at one by one until each is as it should be.

use super::client::Client;
use super::follow::Listener;
use super::manager::{Ended, Future, Loop};
use super::meter::QueueMeter;
use super::problem::Problem;
use super::queue::Queue;
use super::world::{Change, World};
use crate::objects::Key;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Pause at most before a key is looked at again that was decided on what had changed: the change is seen
/// soon, and two who run one loop by mistake get on.
const LONGEST_STALE: Duration = Duration::from_secs(1);

/// What a controller does, in three questions. Everything else is here: each key is looked at by one at a
/// time, again when something about it changes, again after a pause when it did not work out; and only
/// once the world shows what the last look at it has written.
pub trait Controller: Send + Sync + 'static {
    /// Its name: that of its claim and in logs.
    fn name(&self) -> &'static str;

    /// Who tells events, as users read it.
    fn reports_as(&self) -> &'static str {
        "kube-controller-manager"
    }

    /// How many keys are looked at at the same time.
    fn workers(&self) -> usize {
        8
    }

    /// Which keys a change is about. Called for every change of the cluster, so it must be quick.
    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted);

    /// All keys, when a term begins.
    fn all(&self, world: &World, wanted: &mut Wanted);

    /// Looks at one key and does what is to be done. What it writes through `client` takes effect only
    /// under the present claim; decide on the world as it is now, and let each write rest on what it was
    /// decided on.
    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>>;
}

/// When a key is looked at again, unless something about it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Not before.
    Settled,
    /// After this time.
    After(Duration),
}

/// Keys that want to be looked at, now or later.
#[derive(Debug, Default)]
pub struct Wanted(pub(super) Vec<(Key, Duration)>);

impl Wanted {
    /// The key is to be looked at.
    pub fn add(&mut self, key: Key) {
        self.0.push((key, Duration::ZERO));
    }

    /// The key is to be looked at after a time.
    pub fn add_after(&mut self, key: Key, delay: Duration) {
        self.0.push((key, delay));
    }

    /// What was asked for, for tests.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.0.iter().map(|(key, _)| key)
    }
}

/// A controller in one term.
pub(super) struct Controlled {
    controller: Arc<dyn Controller>,
    queue: Arc<Queue>,
}

impl Controlled {
    pub(super) fn new(controller: Arc<dyn Controller>, meter: Arc<QueueMeter>) -> Controlled {
        Controlled {
            controller,
            queue: Arc::new(Queue::metered(meter)),
        }
    }

    fn want(&self, wanted: Wanted) {
        for (key, delay) in wanted.0 {
            self.queue.add_after(key, delay);
        }
    }
}

impl Listener for Controlled {
    fn hear(&self, world: &World, change: &Change) {
        let mut wanted = Wanted::default();
        self.controller.concerns(world, change, &mut wanted);
        self.want(wanted);
    }
}

impl Loop for Controlled {
    fn name(&self) -> &'static str {
        self.controller.name()
    }

    fn begin(&self, world: &World) {
        let mut wanted = Wanted::default();
        self.controller.all(world, &mut wanted);
        self.want(wanted);
    }

    fn run(&self, client: Client) -> Future<'_, Ended> {
        Box::pin(async move {
            let client = client.reporting_as(self.controller.reports_as());
            let mut workers = JoinSet::new();
            for _ in 0..self.controller.workers() {
                let (controller, queue) = (self.controller.clone(), self.queue.clone());
                workers.spawn(work(controller, queue, client.clone()));
            }
            // The first that ends has been fenced, and so are all others.
            workers.join_next().await;
            Ended
        })
    }
}

async fn work(controller: Arc<dyn Controller>, queue: Arc<Queue>, client: Client) {
    loop {
        let key = queue.next().await;
        let outcome = look(&*controller, &client, &key).await;
        match outcome {
            Ok(Next::Settled) => queue.done(&key),
            Ok(Next::After(delay)) => {
                queue.done(&key);
                queue.add_after(key, delay);
            }
            Err(Problem::Fenced) => return,
            Err(problem) => {
                let failures = match problem {
                    Problem::Stale => queue.failed_within(&key, LONGEST_STALE),
                    _ => queue.failed(&key),
                };
                let name = controller.name();
                tracing::debug!(name, %key, failures, %problem, "a key is looked at again");
            }
        }
    }
}

/// One look at one key. Returns when the world shows what was written.
async fn look(controller: &dyn Controller, client: &Client, key: &Key) -> Result<Next, Problem> {
    let client = client.fresh().await?;
    let outcome = controller.reconcile(&client, key).await;
    if let Err(problem) = &outcome {
        client.take_note(problem).await?;
    }
    client.ground().shared.reached(client.written()).await;
    outcome
}
