//! Takes commands from the fronts, batches them, and brings each batch to the leader.
//!
//! # What became of a command
//!
//! A command is answered by this member's own apply. Until then the proposer keeps it and knows one
//! of three things of the batch it went with:
//!
//! * *not appended*: goes into the next batch, to whoever leads then;
//! * *committed*: apply has answered or is about to;
//! * *unknown*: the leader, or the connection to it, was lost. The batch is bound to the term it was
//!   meant for (the leader refuses it in any other), and log order is leader order. So once an entry
//!   of a later leader is applied here, the lost batch is either applied too, and its commands are
//!   answered, or it never will be, and proposing its commands again is safe. Until then they wait
//!   *in limbo*. Nothing whose outcome is unknown is ever proposed twice.
//!
//! Commands wait for a leader as long as their requesters do. Everything here is bounded: the queue
//! by count and bytes, limbo and retries by what is pending.

use super::appender::{Appender, Outcome};
use super::applier::Progress;
use super::forward::Forwarder;
use super::front::Fronts;
use crate::faults::{Plant, planted};
use crate::{Error, MemberId};
use bytes::Bytes;
use keelson_proto::log;
use parking_lot::Mutex;
use prost::Message;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, mpsc, watch};

/// Batches of this member under way at once.
const BATCHES_UNDER_WAY: usize = 4;

/// A batch is closed at this many commands or bytes. A single command may be larger.
const BATCH_COMMANDS_MAX: usize = 1024;
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Commands and bytes that may wait for a batch; beyond, clients are told "too many requests".
const QUEUE_COMMANDS_MAX: usize = 16 * 1024;
const QUEUE_BYTES_MAX: usize = 256 << 20;

/// What a leader has refused is not proposed to it again before this.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);

/// Whom the group follows, as far as this member knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leadership {
    /// The leader's term.
    pub term: u64,
    /// The leader.
    pub member_id: MemberId,
}

impl Leadership {
    /// Waits until `member` leads. `None` when this member stops.
    pub async fn of(
        member: MemberId,
        leadership: &mut watch::Receiver<Option<Leadership>>,
    ) -> Option<Leadership> {
        let leads = leadership.wait_for(|now| now.is_some_and(|now| now.member_id == member));
        leads.await.ok().and_then(|now| *now)
    }
}

/// One command on its way.
#[derive(Clone)]
struct Item {
    request: u64,
    /// Encoded `keelsonlogpb.Command`.
    command: Bytes,
}

/// The way to the proposer, from any thread.
#[derive(Clone)]
pub struct Queue {
    sender: mpsc::Sender<Item>,
    bytes: Arc<AtomicUsize>,
}

impl Queue {
    /// Queues a command under a registered request id.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`]: nothing was queued. [`Error::Stopped`]: the member is stopping.
    pub fn push(&self, request: u64, command: Bytes) -> Result<(), Error> {
        let len = command.len();
        if self.bytes.fetch_add(len, Ordering::Relaxed) > QUEUE_BYTES_MAX {
            self.bytes.fetch_sub(len, Ordering::Relaxed);
            return Err(Error::TooManyRequests);
        }
        self.sender
            .try_send(Item { request, command })
            .map_err(|error| {
                self.bytes.fetch_sub(len, Ordering::Relaxed);
                match error {
                    mpsc::error::TrySendError::Full(_) => Error::TooManyRequests,
                    mpsc::error::TrySendError::Closed(_) => Error::Stopped,
                }
            })
    }
}

/// Makes the queue; the proposer itself starts later, when there is something to propose to.
pub fn queue() -> (Queue, QueueEnd) {
    let (sender, receiver) = mpsc::channel(QUEUE_COMMANDS_MAX);
    let bytes = Arc::new(AtomicUsize::new(0));
    let queue = Queue {
        sender,
        bytes: Arc::clone(&bytes),
    };
    (queue, QueueEnd { receiver, bytes })
}

/// The proposer's end of the queue.
pub struct QueueEnd {
    receiver: mpsc::Receiver<Item>,
    bytes: Arc<AtomicUsize>,
}

/// See the module's essay.
pub struct Proposer {
    origin: MemberId,
    incarnation: u64,
    fronts: Arc<Fronts>,
    appender: Appender,
    forwarder: Forwarder,
    progress: Arc<Progress>,
    leadership: watch::Receiver<Option<Leadership>>,
    again: Mutex<VecDeque<Item>>,
    limbo: Mutex<Vec<(Leadership, Vec<Item>)>>,
    wake: Notify,
    limbo_wake: Notify,
}

/// What a proposer is made of.
pub struct Parts {
    /// This member.
    pub origin: MemberId,
    /// This run of it.
    pub incarnation: u64,
    /// Where requests wait.
    pub fronts: Arc<Fronts>,
    /// The log, while this member leads.
    pub appender: Appender,
    /// The leader, otherwise.
    pub forwarder: Forwarder,
    /// What has been applied.
    pub progress: Arc<Progress>,
    /// Who leads.
    pub leadership: watch::Receiver<Option<Leadership>>,
}

impl Proposer {
    /// Starts the proposer on the present runtime.
    pub fn start(parts: Parts, queue: QueueEnd) {
        let proposer = Arc::new(Proposer {
            origin: parts.origin,
            incarnation: parts.incarnation,
            fronts: parts.fronts,
            appender: parts.appender,
            forwarder: parts.forwarder,
            progress: parts.progress,
            leadership: parts.leadership,
            again: Mutex::default(),
            limbo: Mutex::default(),
            wake: Notify::new(),
            limbo_wake: Notify::new(),
        });
        tokio::spawn(Arc::clone(&proposer).settle_limbo());
        tokio::spawn(proposer.run(queue));
    }

    async fn run(self: Arc<Self>, mut queue: QueueEnd) {
        let under_way = Arc::new(Semaphore::new(BATCHES_UNDER_WAY));
        let mut leadership = self.leadership.clone();
        loop {
            let Ok(permit) = Arc::clone(&under_way).acquire_owned().await else {
                return;
            };
            let mut items = Vec::new();
            if !self.collect(&mut queue, &mut items).await {
                return;
            }
            // Looked up last: whoever led before an idle hour may be long gone.
            let Ok(leader) = leadership
                .wait_for(Option::is_some)
                .await
                .map(|leader| *leader)
            else {
                return;
            };
            let Some(leader) = leader else {
                self.again.lock().extend(items);
                continue;
            };
            // Who gave up while waiting is not proposed any more: nobody would hear the answer.
            items.retain(|item| self.fronts.is_pending(item.request));
            if items.is_empty() {
                continue;
            }
            let batch = self.encode(&items);
            let this = Arc::clone(&self);
            tokio::spawn(async move {
                let outcome = this.bring(leader, batch).await;
                drop(permit);
                this.conclude(leader, items, outcome);
            });
        }
    }

    /// Takes everything that waits, up to a batch. False when the member stops.
    async fn collect(&self, queue: &mut QueueEnd, items: &mut Vec<Item>) -> bool {
        loop {
            {
                let mut again = self.again.lock();
                while items.len() < BATCH_COMMANDS_MAX
                    && let Some(item) = again.pop_front()
                {
                    items.push(item);
                }
            }
            let mut bytes: usize = items.iter().map(|item| item.command.len()).sum();
            while items.len() < BATCH_COMMANDS_MAX && bytes < BATCH_BYTES_MAX {
                match queue.receiver.try_recv() {
                    Ok(item) => {
                        bytes += item.command.len();
                        queue.bytes.fetch_sub(item.command.len(), Ordering::Relaxed);
                        items.push(item);
                    }
                    Err(mpsc::error::TryRecvError::Empty) => break,
                    Err(mpsc::error::TryRecvError::Disconnected) => return !items.is_empty(),
                }
            }
            if !items.is_empty() {
                return true;
            }
            tokio::select! {
                item = queue.receiver.recv() => match item {
                    Some(item) => {
                        queue.bytes.fetch_sub(item.command.len(), Ordering::Relaxed);
                        items.push(item);
                    }
                    None => return false,
                },
                () = self.wake.notified() => {}
            }
        }
    }

    fn encode(&self, items: &[Item]) -> Bytes {
        log::Batch {
            origin: self.origin,
            incarnation: self.incarnation,
            requests: items.iter().map(|item| item.request).collect(),
            commands: items.iter().map(|item| item.command.clone()).collect(),
        }
        .encode_to_vec()
        .into()
    }

    /// Brings a batch to `leader`. Does not wait for one that has been replaced: it may be paused or
    /// cut off, and its connection silent for long, while its successor takes commands.
    async fn bring(&self, leader: Leadership, batch: Bytes) -> Outcome {
        let brought = async {
            if leader.member_id == self.origin {
                self.appender.submit(batch, leader.term).await
            } else {
                self.forwarder.send(leader, batch).await
            }
        };
        let mut leadership = self.leadership.clone();
        let replaced = leadership.wait_for(|now| now.is_some_and(|now| now > leader));
        tokio::select! {
            biased;
            outcome = brought => outcome,
            _ = replaced => Outcome::Unknown,
        }
    }

    fn conclude(self: &Arc<Self>, leader: Leadership, items: Vec<Item>, outcome: Outcome) {
        match outcome {
            Outcome::Committed => {}
            Outcome::NotAppended => self.retry_later(leader, items),
            Outcome::Unknown if planted(Plant::UnknownProposedAgain) => {
                self.retry_later(leader, items);
            }
            Outcome::Unknown => {
                self.limbo.lock().push((leader, items));
                self.limbo_wake.notify_one();
            }
            Outcome::TooMany => {
                let refused = items
                    .into_iter()
                    .map(|item| (item.request, Err(Error::TooManyRequests)));
                self.fronts.deliver(refused.collect());
            }
        }
    }

    /// Proposes the commands again, at once if there is another leader by now, otherwise when there
    /// is one or after a moment: a leader that refuses may be about to stop leading. Until then they
    /// wait out of sight: while other batches are under way, `again` is looked at without a wake.
    fn retry_later(self: &Arc<Self>, leader: Leadership, items: Vec<Item>) {
        if *self.leadership.borrow() != Some(leader) {
            return self.propose_again(items);
        }
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let mut leadership = this.leadership.clone();
            let changed = leadership.wait_for(|now| *now != Some(leader));
            let _ = tokio::time::timeout(REFUSED_PAUSE, changed).await;
            this.propose_again(items);
        });
    }

    fn propose_again(&self, items: Vec<Item>) {
        self.again.lock().extend(items);
        self.wake.notify_one();
    }

    /// Takes commands out of limbo once a later leader's entry has been applied here.
    async fn settle_limbo(self: Arc<Self>) {
        let mut applied = self.progress.watch_applied();
        loop {
            self.limbo_wake.notified().await;
            while !self.limbo.lock().is_empty() {
                let now = applied.borrow_and_update().applied.map(|id| Leadership {
                    term: id.term,
                    member_id: id.node_id,
                });
                self.release(now);
                if self.limbo.lock().is_empty() {
                    break;
                }
                if applied.changed().await.is_err() {
                    return;
                }
            }
        }
    }

    fn release(&self, applied: Option<Leadership>) {
        let mut settled = Vec::new();
        self.limbo.lock().retain_mut(|(leader, items)| {
            let over = applied.is_some_and(|applied| applied > *leader);
            if over {
                settled.append(items);
            } else {
                items.retain(|item| self.fronts.is_pending(item.request));
            }
            !over && !items.is_empty()
        });
        settled.retain(|item| self.fronts.is_pending(item.request));
        if !settled.is_empty() {
            self.propose_again(settled);
        }
    }
}

#[cfg(test)]
mod tests;
