//! The watches of a [`MemoryKv`](super::MemoryKv).

use super::super::kv::{Changes, KvError, Stream, Watch};
use super::Shared;
use super::history::among;
use bytes::Bytes;
use futures::stream;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Where changes are handed over, and why the watch ended if it did.
pub struct Watcher {
    key: Bytes,
    end: Option<Bytes>,
    from: u64,
    sender: mpsc::Sender<Changes>,
    ended: Ended,
}

/// Why a watch ended. It is told after everything that was handed over before.
type Ended = Arc<Mutex<Option<KvError>>>;

impl Watcher {
    /// Hands over a revision. False if the watch is over.
    pub fn tell(&self, changes: &Changes) -> bool {
        if changes.revision < self.from {
            return !self.sender.is_closed();
        }
        let Some(mine) = among(changes, &self.key, self.end.as_ref()) else {
            return !self.sender.is_closed();
        };
        match self.sender.try_send(mine) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.end(KvError::Unavailable("the watch fell behind".into()));
                false
            }
        }
    }

    /// Notes why it ends. Dropping the watcher is what ends it.
    pub fn end(&self, why: KvError) {
        *super::lock(&self.ended) = Some(why);
    }

    /// Whether somebody still listens.
    pub fn is_alive(&self) -> bool {
        !self.sender.is_closed()
    }
}

/// What a stream has in hand.
struct Following {
    shared: Arc<Shared>,
    backlog: VecDeque<Changes>,
    receiver: mpsc::Receiver<Changes>,
    ended: Ended,
    progress: Option<Interval>,
    over: bool,
}

/// A stream over `backlog` and what is told from now on, and the end that tells it.
pub fn follow(
    shared: &Arc<Shared>,
    watch: Watch,
    backlog: Vec<Changes>,
    buffer: usize,
) -> (Watcher, Stream<Result<Changes, KvError>>) {
    let (sender, receiver) = mpsc::channel(buffer);
    let ended = Ended::default();
    let following = Following {
        shared: shared.clone(),
        backlog: backlog.into(),
        receiver,
        ended: ended.clone(),
        progress: watch.progress_every.map(|every| {
            let mut ticks = interval_at(Instant::now() + every, every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        }),
        over: false,
    };
    let watcher = Watcher {
        key: watch.key,
        end: watch.end,
        from: watch.from,
        sender,
        ended,
    };
    let stream = stream::unfold(following, |mut following| async move {
        let item = following.next().await?;
        Some((item, following))
    });
    (watcher, Box::pin(stream))
}

impl Following {
    async fn next(&mut self) -> Option<Result<Changes, KvError>> {
        if self.over {
            return None;
        }
        if let Some(changes) = self.backlog.pop_front() {
            return Some(Ok(changes));
        }
        loop {
            let Some(progress) = &mut self.progress else {
                let changes = self.receiver.recv().await;
                return self.told(changes);
            };
            tokio::select! {
                biased;
                changes = self.receiver.recv() => {
                    progress.reset();
                    return self.told(changes);
                }
                _ = progress.tick() => {
                    if let Some(changes) = self.how_far() {
                        return Some(Ok(changes));
                    }
                }
            }
        }
    }

    fn told(&mut self, changes: Option<Changes>) -> Option<Result<Changes, KvError>> {
        match changes {
            Some(changes) => Some(Ok(changes)),
            None => {
                self.over = true;
                super::lock(&self.ended).take().map(Err)
            }
        }
    }

    /// Progress, if nothing is on its way.
    fn how_far(&self) -> Option<Changes> {
        // Changes are handed over under this lock: none can slip in between.
        let state = super::lock(&self.shared.state);
        self.receiver.is_empty().then(|| Changes {
            revision: state.history.revision(),
            changes: Vec::new(),
        })
    }
}
