//! One stream's ordered queue of responses, bounded in bytes.

use super::counters::{self, Counters};
use super::mailbox::Mailbox;
use super::options::Options;
use crate::Error;
use crate::faults::{Plant, failpoint, planted};
use keelson_proto::serving::WatchResponse;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

/// Distinct revisions in one response.
pub(crate) const REVISIONS_MAX: u32 = 1000;

/// A response and what it counts for.
#[derive(Debug, Default)]
pub(crate) struct Item {
    pub response: WatchResponse,
    /// Bytes of the encoded events.
    pub size: usize,
    /// What it adds to the queue's bytes. Events shared by several watchers of a stream are charged
    /// to the first, because their memory is shared too.
    pub charge: usize,
    /// Distinct revisions among the events.
    pub revisions: u32,
}

impl Item {
    /// Events that another response's events may join, or that may join others.
    fn is_whole(&self) -> bool {
        !self.response.events.is_empty() && !self.response.fragment
    }

    fn joins(&self, next: &Item, response_bytes: usize) -> bool {
        self.response.watch_id == next.response.watch_id
            && self.is_whole()
            && next.is_whole()
            && self.revisions > 0
            && next.revisions > 0
            && self.revisions + next.revisions <= REVISIONS_MAX
            && self.size + next.size <= response_bytes
            && !planted(Plant::RevisionSplit)
    }

    fn join(&mut self, next: Item) {
        self.response.events.extend(next.response.events);
        self.response.header = next.response.header;
        self.size += next.size;
        self.charge += next.charge;
        self.revisions += next.revisions;
    }
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    /// Responses without events among them.
    replies: usize,
    waker: Option<Waker>,
    /// Why the stream is over.
    end: Option<Error>,
}

/// The hub appends, the stream's reader takes.
#[derive(Debug)]
pub(crate) struct Outbound {
    stream: u32,
    mailbox: Arc<Mailbox>,
    counters: Arc<Counters>,
    bytes_max: usize,
    drained_bytes: usize,
    hub_bytes_max: usize,
    response_bytes: usize,
    /// Charged and not yet taken. Also what the hub is about to append.
    bytes: AtomicUsize,
    /// The hub wants to know when the queue has drained.
    blocked: AtomicBool,
    queue: Mutex<Queue>,
}

impl Outbound {
    pub fn new(
        stream: u32,
        mailbox: Arc<Mailbox>,
        counters: Arc<Counters>,
        options: &Options,
    ) -> Outbound {
        Outbound {
            stream,
            mailbox,
            counters,
            bytes_max: options.stream_queue_bytes,
            drained_bytes: options.drained_bytes(),
            hub_bytes_max: options.hub_queue_bytes,
            response_bytes: options.response_bytes,
            bytes: AtomicUsize::new(0),
            blocked: AtomicBool::new(false),
            queue: Mutex::new(Queue::default()),
        }
    }

    /// No more events for now. A stream with little waiting is never full, so what all streams of a
    /// hub hold together is bounded without the quick ones paying for the slow.
    pub fn is_full(&self) -> bool {
        let bytes = self.bytes.load(Ordering::SeqCst);
        let crowded = || self.mailbox.waiting_bytes.load(Ordering::Relaxed) >= self.hub_bytes_max;
        bytes >= self.bytes_max || (bytes > self.drained_bytes && crowded())
    }

    /// Asks for a word to the mailbox once the queue has drained.
    pub fn block(&self) {
        self.blocked.store(true, Ordering::SeqCst);
        self.tell_if_drained();
    }

    fn tell_if_drained(&self) {
        if self.bytes.load(Ordering::SeqCst) <= self.drained_bytes
            && self.blocked.swap(false, Ordering::SeqCst)
        {
            self.mailbox.stream_drained(self.stream);
        }
    }

    /// Counts bytes of an event that a later [`Outbound::push`] brings.
    pub fn charge(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
        self.mailbox
            .waiting_bytes
            .fetch_add(bytes, Ordering::Relaxed);
    }

    fn discharge(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
        self.mailbox
            .waiting_bytes
            .fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Appends a response whose charge is already counted. Joins it to the one before where that is
    /// still waiting and of the same watch: one message instead of two.
    pub fn push(&self, item: Item) {
        let events = item.response.events.len();
        let waker = {
            let mut queue = self.queue.lock();
            if queue.end.is_some() {
                self.discharge(item.charge);
                return;
            }
            counters::add(&self.counters.pending_events, events);
            if events == 0 {
                queue.replies += 1;
            }
            match queue.items.back_mut() {
                Some(last) if last.joins(&item, self.response_bytes) => last.join(item),
                _ => queue.items.push_back(item),
            }
            queue.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Responses without events that wait.
    pub fn replies(&self) -> usize {
        self.queue.lock().replies
    }

    /// The next response, or why there will be none.
    pub fn poll(&self, context: Option<&mut Context<'_>>) -> Poll<Result<WatchResponse, Error>> {
        let item = {
            let mut queue = self.queue.lock();
            if let Some(end) = &queue.end {
                return Poll::Ready(Err(end.clone()));
            }
            let Some(item) = queue.items.pop_front() else {
                if let Some(context) = context {
                    match &mut queue.waker {
                        Some(waker) => waker.clone_from(context.waker()),
                        waker => *waker = Some(context.waker().clone()),
                    }
                }
                return Poll::Pending;
            };
            if item.response.events.is_empty() {
                queue.replies -= 1;
            }
            item
        };
        let events = item.response.events.len();
        counters::subtract(&self.counters.pending_events, events);
        if item.charge > 0 {
            self.discharge(item.charge);
        }
        if self.blocked.load(Ordering::SeqCst) {
            self.tell_if_drained();
        }
        failpoint!("watch-before-send");
        Poll::Ready(Ok(item.response))
    }

    /// Whether [`Outbound::end`] was called.
    pub fn has_ended(&self) -> bool {
        self.queue.lock().end.is_some()
    }

    /// Ends the stream: what waits is dropped, the reader gets `error`. The first error stays.
    pub fn end(&self, error: Error) {
        let (items, waker) = {
            let mut queue = self.queue.lock();
            queue.end.get_or_insert(error);
            queue.replies = 0;
            (std::mem::take(&mut queue.items), queue.waker.take())
        };
        for item in items {
            let events = item.response.events.len();
            counters::subtract(&self.counters.pending_events, events);
            self.discharge(item.charge);
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
