//! The loop: changes in, decisions, bindings out.

use super::cycle::Chance;
use super::group;
use super::inbox::{Heard, Inbox};
use super::meter::{Attempt, Meter};
use super::pod::NAME;
use super::state::{State, Verdict};
use super::write::{self, Outcome};
use crate::runtime::{Change, Client, Ended, Future, Listener, Loop, Problem, World};
use parking_lot::Mutex;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

/// Writes that are on their way at once. More would only wait in the store's queue.
const WRITES_MAX: usize = 256;
/// How long decisions are made in a row until others of this thread have their turn.
const SLICE: Duration = Duration::from_millis(2);
/// Pause before the next attempt while the store does not answer.
const AGAIN: Duration = Duration::from_millis(50);

/// See the room's essay.
pub struct Scheduler {
    inbox: Inbox,
    state: Mutex<State>,
    meter: Arc<Meter>,
}

impl Default for Scheduler {
    fn default() -> Scheduler {
        Scheduler::new(Box::new(|bound| rand::random_range(0..bound)))
    }
}

impl Scheduler {
    /// A scheduler that lets `chance` decide between equals.
    pub fn new(chance: Chance) -> Scheduler {
        Scheduler {
            inbox: Inbox::default(),
            state: Mutex::new(State::new(chance, Instant::now())),
            meter: Arc::default(),
        }
    }

    /// The same, counted there.
    #[must_use]
    pub fn metered(mut self, meter: Arc<Meter>) -> Scheduler {
        self.meter = meter;
        self
    }

    /// Takes in what was heard. Returns when there is a Pod to decide on, if nothing happens until then.
    fn due(&self) -> Option<Instant> {
        let mut state = self.state.lock();
        let now = Instant::now();
        for heard in self.inbox.take() {
            state.hear(heard, now);
        }
        let has_next = state.queue.has_next(now);
        self.meter.waiting(state.queue.waiting());
        match has_next {
            true => Some(now),
            false => state.queue.due(),
        }
    }

    /// Decides on Pods whose turn it is, for a while. Returns when to look again if nothing happens:
    /// `Some(now)` if there may be more.
    fn turn(&self, client: &Client, writes: &mut JoinSet<Outcome>) -> Option<Instant> {
        let began = Instant::now();
        let mut state = self.state.lock();
        loop {
            let now = Instant::now();
            for heard in self.inbox.take() {
                state.hear(heard, now);
            }
            if writes.len() >= WRITES_MAX {
                return None;
            }
            let Some(pod) = state.next(now) else {
                return state.queue.due();
            };
            let group = group::of(&client.world(), &pod.pod);
            let client = client.clone();
            let tried = state.queue.tried(&pod.key);
            match state.decide(&pod, group.as_ref(), now) {
                Verdict::Bind(node) => {
                    let meter = self.meter.clone();
                    writes.spawn(async move {
                        let outcome = write::bind(client, pod, node).await;
                        count_binding(&meter, &outcome, now, tried);
                        outcome
                    })
                }
                Verdict::Wait(text, push_out) => {
                    self.meter.tried(Attempt::Unschedulable, now.elapsed());
                    writes.spawn(write::say(client, pod, text, push_out))
                }
            };
            if now - began > SLICE {
                return Some(now);
            }
        }
    }

    /// Takes in what became of a write. `true`: somebody else leads.
    fn settle(&self, joined: Result<Outcome, JoinError>) -> bool {
        match joined {
            Ok(Outcome::Fenced) => return true,
            Ok(Outcome::Unbound(pod)) => {
                let mut state = self.state.lock();
                let now = Instant::now();
                // What the world shows now counts: it may have been bound after all.
                for heard in self.inbox.take() {
                    state.hear(heard, now);
                }
                state.take_back(&pod, now);
            }
            Ok(Outcome::Again(pod)) => self.state.lock().queue.again(&pod, Instant::now()),
            Ok(Outcome::Bound | Outcome::Said) => {}
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
        false
    }
}

/// An attempt that found a node at `began` is over. `tried`: how many there were, and when the first one was.
fn count_binding(meter: &Meter, outcome: &Outcome, began: Instant, tried: Option<(u32, Instant)>) {
    match outcome {
        Outcome::Bound => {
            meter.tried(Attempt::Scheduled, began.elapsed());
            let (attempts, first) = tried.unwrap_or((1, began));
            meter.bound(attempts, first.elapsed());
        }
        Outcome::Unbound(_) => meter.tried(Attempt::Error, began.elapsed()),
        // Whoever leads now counts its own.
        Outcome::Fenced | Outcome::Said | Outcome::Again(_) => {}
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        // Its term is over: nobody waits for this one any more.
        self.meter.waiting([0; 4]);
    }
}

impl Listener for Scheduler {
    fn hear(&self, _: &World, change: &Change) {
        if let Some(heard) = Heard::of(change) {
            self.inbox.push(heard);
        }
    }
}

impl Loop for Scheduler {
    fn name(&self) -> &'static str {
        NAME
    }

    fn component(&self) -> &'static str {
        NAME
    }

    fn begin(&self, world: &World) {
        for namespace in world.namespaces.all() {
            let meta = &namespace.metadata;
            let heard = Heard::Namespace(meta.name.clone(), Some(meta.labels.clone()));
            self.inbox.push(heard);
        }
        let nodes = world.nodes.all().cloned();
        for node in nodes {
            self.inbox.push(Heard::Node(None, Some(node)));
        }
        for pod in world.pods.all().cloned() {
            self.inbox.push(Heard::Pod(None, Some(pod)));
        }
    }

    fn run(&self, client: Client) -> Future<'_, Ended> {
        Box::pin(async move {
            let mut writes = JoinSet::new();
            loop {
                // Two that run at the same time claim in turns. What is decided under a claim rests on all
                // that was bound before it, so both together set no more aside than there is.
                // Whoever has nothing to decide claims nothing, so that others can write what they decided.
                let mut due = self.due();
                if writes.len() < WRITES_MAX && due.is_some_and(|due| due <= Instant::now()) {
                    due = match client.fresh().await {
                        Ok(client) => self.turn(&client, &mut writes),
                        Err(Problem::Fenced) => return Ended,
                        // The store does not answer: nothing could be bound now.
                        Err(_) => Some(Instant::now() + AGAIN),
                    };
                } else if writes.len() >= WRITES_MAX {
                    due = None;
                }
                while let Some(joined) = writes.try_join_next() {
                    if self.settle(joined) {
                        return Ended;
                    }
                }
                if due.is_some_and(|due| due <= Instant::now()) {
                    tokio::task::yield_now().await;
                    continue;
                }
                let rest = async {
                    match due {
                        Some(due) => tokio::time::sleep_until(due).await,
                        None => pending().await,
                    }
                };
                tokio::select! {
                    () = self.inbox.wait() => {}
                    Some(joined) = writes.join_next() => {
                        if self.settle(joined) {
                            return Ended;
                        }
                    }
                    () = rest => {}
                }
            }
        })
    }
}
