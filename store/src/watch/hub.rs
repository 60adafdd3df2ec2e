//! One front runtime's watchers, and the task that serves them.

use super::feed;
use super::mailbox::Mailbox;
use super::state::HubState;
use super::stream::Stream;
use crate::Error;
use parking_lot::Mutex;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use tokio::time::Instant;

/// A cheap clone of the way to one front's watchers. Its work stops when the last clone and the
/// last [`Stream`] are gone.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

/// A [`Hub`] that does not keep it running.
#[derive(Clone)]
pub struct WeakHub {
    inner: Weak<Inner>,
}

/// The lock is only ever taken for a bounded amount of work, and never across an await. All takers
/// normally run on the front's one thread, so it is not contended.
pub(crate) struct Inner {
    pub state: Mutex<HubState>,
    pub mailbox: Arc<Mailbox>,
}

/// What to do after a step.
pub(crate) enum Step {
    /// There is more to do: let others have the thread, then go on.
    More,
    /// Wait for a wake, or until the date.
    Wait(Option<Instant>),
}

impl Inner {
    pub fn step(&self, now: Instant) -> Step {
        let mut state = self.state.lock();
        if self.mailbox.stopping.load(Ordering::SeqCst) {
            state.end_streams(false, Error::Stopped);
            return Step::Wait(None);
        }
        match state.turn() {
            true => {
                state.tick(now);
                Step::More
            }
            false => Step::Wait(state.tick(now)),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

impl Hub {
    pub(crate) fn new(feed: Arc<feed::Shared>, mailbox: Arc<Mailbox>) -> Hub {
        Hub {
            inner: Arc::new(Inner {
                state: Mutex::new(HubState::new(feed, mailbox.clone())),
                mailbox,
            }),
        }
    }

    /// A new stream without watches. Dropping it removes its watches.
    pub fn open_stream(&self) -> Stream {
        let (key, outbound) = self.inner.state.lock().open();
        if self.inner.mailbox.stopping.load(Ordering::SeqCst) {
            outbound.end(Error::Stopped);
        }
        Stream::new(self.inner.clone(), key, outbound)
    }

    /// Ends the streams that require a leader, with [`Error::NoLeader`].
    pub fn end_leaderless(&self) {
        let mut state = self.inner.state.lock();
        state.end_streams(true, Error::NoLeader);
    }

    /// The same hub, without keeping it running.
    pub fn downgrade(&self) -> WeakHub {
        WeakHub {
            inner: Arc::downgrade(&self.inner),
        }
    }

    /// Starts the hub's task in the present runtime.
    pub(crate) fn drive(&self) {
        let (inner, mailbox) = (Arc::downgrade(&self.inner), self.inner.mailbox.clone());
        tokio::spawn(drive(inner, mailbox));
    }

    #[cfg(test)]
    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }
}

impl WeakHub {
    /// The hub, if it still runs.
    pub fn upgrade(&self) -> Option<Hub> {
        self.inner.upgrade().map(|inner| Hub { inner })
    }
}

async fn drive(inner: Weak<Inner>, mailbox: Arc<Mailbox>) {
    loop {
        let step = match inner.upgrade() {
            Some(inner) => inner.step(Instant::now()),
            None => return,
        };
        match step {
            Step::More => tokio::task::yield_now().await,
            Step::Wait(None) => mailbox.woken().await,
            Step::Wait(Some(due)) => {
                tokio::select! {
                    () = mailbox.woken() => {}
                    () = tokio::time::sleep_until(due) => {}
                }
            }
        }
    }
}
