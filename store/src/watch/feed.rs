//! Where the apply thread leaves events.

use super::batch::SharedBatch;
use super::counters::Counters;
use super::hub::Hub;
use super::mailbox::Mailbox;
use super::options::Options;
use super::source::Source;
use super::window::Window;
use crate::Revision;
use crate::event::EventBatch;
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A cheap clone of the way from apply to the watchers.
#[derive(Clone)]
pub struct Feed {
    shared: Arc<Shared>,
}

/// What every hub sees of the feed.
pub(crate) struct Shared {
    pub source: Arc<dyn Source>,
    pub options: Options,
    pub counters: Arc<Counters>,
    /// Locked for the moment it takes to append or to copy pointers.
    pub window: Mutex<Window>,
    mailboxes: RwLock<Vec<Arc<Mailbox>>>,
    stopping: AtomicBool,
}

impl Feed {
    /// A feed that goes on from the store's present revision: `publish` brings what follows it.
    pub fn new(source: Arc<dyn Source>, options: Options) -> Feed {
        let window = Window::new(options.window_bytes, source.revision());
        Feed {
            shared: Arc::new(Shared {
                source,
                options,
                counters: Arc::default(),
                window: Mutex::new(window),
                mailboxes: RwLock::default(),
                stopping: AtomicBool::new(false),
            }),
        }
    }

    /// Hands over the events of one apply run: after the store shows them to readers, before the
    /// writers get their replies. Never waits for a watcher.
    ///
    /// A batch that the feed already covers is ignored (a [`Feed::reset`] was quicker), and one
    /// that does not follow on the last acts as a reset. Watchers then read the stored history, so
    /// they see every event once in either case.
    pub fn publish(&self, batch: Arc<EventBatch>) {
        let evicted = {
            let mut window = self.shared.window.lock();
            if batch.revision <= window.published() {
                return;
            }
            let follows = window.published() + 1;
            match batch.events.first() {
                Some(first) if first.revision == follows => {
                    window.push(Arc::new(SharedBatch::new(batch)))
                }
                _ => window.reset(batch.revision),
            }
        };
        self.each_mailbox(Mailbox::published);
        drop(evicted);
    }

    /// The state was replaced (a snapshot was installed): every watcher catches up from its next
    /// revision in the new history, or is canceled if that is compacted there.
    pub fn reset(&self) {
        let revision = self.shared.source.revision();
        let evicted = {
            let mut window = self.shared.window.lock();
            let revision: Revision = revision.max(window.published());
            window.reset(revision)
        };
        self.each_mailbox(Mailbox::published);
        drop(evicted);
    }

    /// A hub for the calling front: its work runs in the tokio runtime of the caller, which should
    /// be the one that owns the front's connections.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn subscribe(&self) -> Hub {
        let hub = self.attach();
        hub.drive();
        hub
    }

    /// A hub that somebody else drives.
    pub(crate) fn attach(&self) -> Hub {
        let mailbox = Arc::new(Mailbox::default());
        if self.shared.stopping.load(Ordering::SeqCst) {
            mailbox.stop();
        }
        let mut mailboxes = self.shared.mailboxes.write();
        mailboxes.retain(|mailbox| !mailbox.closed.load(Ordering::SeqCst));
        mailboxes.push(mailbox.clone());
        Hub::new(self.shared.clone(), mailbox)
    }

    /// The member stops: every stream ends with [`crate::Error::Stopped`], new ones at once.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.each_mailbox(Mailbox::stop);
    }

    /// The numbers for the metrics.
    pub fn counters(&self) -> Arc<Counters> {
        self.shared.counters.clone()
    }

    fn each_mailbox(&self, tell: impl Fn(&Mailbox)) {
        for mailbox in self.shared.mailboxes.read().iter() {
            tell(mailbox);
        }
    }
}
