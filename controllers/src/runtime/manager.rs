//! Runs the loops of a member while it leads.

use super::claim::Claim;
use super::client::{Client, Ground};
use super::controller::{Controlled, Controller};
use super::event::{Recorder, Scribe};
use super::follow::Listener;
use super::problem::Problem;
use super::world::World;
use futures::stream::{FuturesUnordered, StreamExt};
use keelson_apiserver::identity::{MASTERS, User};
use keelson_apiserver::registry::Caller;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// What loops return.
pub type Future<'a, T> = Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;

/// Pause before another attempt to claim while the store does not answer.
const AGAIN: Duration = Duration::from_millis(50);

/// A loop has ended: somebody else leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

/// What runs while a member leads: a controller, the scheduler. It is made anew for every term.
pub trait Loop: Listener + 'static {
    /// Its name: that of its claim and in logs.
    fn name(&self) -> &'static str;

    /// The program in whose name it writes.
    fn component(&self) -> &'static str {
        "kube-controller-manager"
    }

    /// The world as it is in the beginning. Every change after it is heard.
    fn begin(&self, world: &World);

    /// Runs until it is fenced.
    fn run(&self, client: Client) -> Future<'_, Ended>;
}

type Make = Box<dyn Fn() -> Arc<dyn Loop> + Send + Sync>;

/// See the module.
pub struct Manager {
    ground: Arc<Ground>,
    member: String,
    makes: Vec<Make>,
}

impl Manager {
    /// A manager without loops.
    pub fn new(ground: Arc<Ground>) -> Manager {
        Manager {
            ground,
            member: String::new(),
            makes: Vec::new(),
        }
    }

    /// What its loops share.
    pub fn ground(&self) -> &Arc<Ground> {
        &self.ground
    }

    /// The member that claims the loops.
    #[must_use]
    pub fn named(mut self, member: impl Into<String>) -> Manager {
        self.member = member.into();
        self
    }

    /// Adds a controller.
    #[must_use]
    pub fn with(self, controller: impl Controller) -> Manager {
        let controller: Arc<dyn Controller> = Arc::new(controller);
        let meter = self.ground.queues.queue(controller.name());
        self.with_loop(move || Arc::new(Controlled::new(controller.clone(), meter.clone())))
    }

    /// Adds a loop, which is made at the beginning of each term.
    #[must_use]
    pub fn with_loop(
        mut self,
        make: impl Fn() -> Arc<dyn Loop> + Send + Sync + 'static,
    ) -> Manager {
        self.makes.push(Box::new(make));
        self
    }

    /// Keeps the world as the store has it, for ever, whoever leads: so whoever comes to lead has it.
    pub async fn follow(&self) {
        let ground = &self.ground;
        ground
            .shared
            .follow(&ground.registry, &ground.catalog)
            .await;
    }

    /// Runs all loops under this fence, until somebody else leads. Dropping it stops them.
    /// [`Manager::follow`] must run beside it.
    pub async fn lead(&self, fence: u64) {
        let loops: Vec<Arc<dyn Loop>> = self.makes.iter().map(|make| make()).collect();
        let Some(clients) = self.claim(&loops, fence).await else {
            return;
        };
        let listeners = loops.iter().map(|one| {
            let listener: Arc<dyn Listener> = one.clone();
            listener
        });
        let _silence = Silence(&self.ground);
        self.ground.shared.listen(listeners.collect(), |world| {
            for one in &loops {
                one.begin(world);
            }
        });
        let (recorder, notes) = Recorder::new("kube-controller-manager");
        let mut running: FuturesUnordered<_> = loops
            .iter()
            .zip(clients)
            .map(|(one, (claim, caller))| {
                let recorder = recorder.named(one.component());
                one.run(Client::new(self.ground.clone(), claim, recorder, caller))
            })
            .collect();
        let events = caller(fence, "kube-controller-manager");
        let scribe = Scribe::new(&self.ground.registry, &self.ground.catalog, &events);
        let noting = async {
            match &scribe {
                Some(scribe) => notes.run(|note, known| scribe.write(note, known)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = running.next() => {}
            () = noting => {}
        }
    }

    /// Claims all loops, and waits for the world as of the last claim: whatever earlier leaders wrote is in
    /// it. `None`: somebody else leads.
    async fn claim(
        &self,
        loops: &[Arc<dyn Loop>],
        fence: u64,
    ) -> Option<Vec<(Arc<Claim>, Caller)>> {
        let mut claims = Vec::with_capacity(loops.len());
        let mut newest = 0;
        for one in loops {
            let caller = caller(fence, one.component());
            let mut claimant = caller.clone();
            claimant.user.name.clone_from(&self.member);
            let claim = loop {
                match Claim::new(&self.ground.registry, &claimant, one.name()).await {
                    Ok(claim) => break claim,
                    Err(problem @ Problem::Fenced) => {
                        self.ground.refused.note(&problem);
                        return None;
                    }
                    Err(problem) => {
                        tracing::debug!(name = one.name(), %problem, "a loop cannot start yet");
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            };
            newest = newest.max(claim.guard().mod_revision);
            claims.push((Arc::new(claim), caller));
        }
        self.ground.shared.reached(newest).await;
        Some(claims)
    }
}

struct Silence<'g>(&'g Ground);

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        self.0.shared.silence();
    }
}

fn caller(fence: u64, component: &'static str) -> Caller {
    Caller {
        fence,
        ..Caller::new(
            User::new(format!("system:{component}"), [MASTERS]),
            component,
        )
    }
}
