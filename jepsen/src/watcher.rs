//! A stream with one watch, written down as it comes, taken up again where it broke.

use crate::history::*;
use crate::recorder::Recorder;
use crate::wire;
use keelson_kit::check::Check;
use keelson_kit::client::Client;
use keelson_kit::watching::WatchStream;
use keelson_proto::etcdserverpb::WatchResponse;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep};

/// Between two looks at whether the run is over.
const LOOK: Duration = Duration::from_millis(100);
/// Before a broken stream is opened again.
const REST: Duration = Duration::from_millis(300);
/// A stream that says nothing at all for so long is given up: its member may be gone without a word. Progress
/// is asked for long before.
const SILENCE: Duration = Duration::from_secs(8);
/// A member that is not heard for so long may be gone for good: its watches go to the next one in any case.
const GONE: Duration = Duration::from_secs(12);
/// How often progress is asked for.
const PROGRESS: Duration = Duration::from_secs(2);

/// When a watch ends.
#[derive(Clone, Debug)]
pub struct Until {
    /// The revision that must be reached before it may end, once the run knows it; zero until then.
    pub revision: Receiver<i64>,
    /// Then it must reach the newest revision that anybody was told of, too, however late that was.
    pub newest: bool,
    /// After this time it ends in any case, if set.
    pub closes: Option<Instant>,
    /// Tells others how far it has come.
    pub reached: Arc<AtomicI64>,
}

impl Until {
    /// When a revision is reached, or a time is over if one is given.
    pub fn reached(revision: Receiver<i64>, closes: Option<Instant>) -> Until {
        Until {
            revision,
            newest: false,
            closes,
            reached: Arc::default(),
        }
    }

    /// If everything that must be seen was seen.
    fn is_reached(&self, recorder: &Recorder, reached: i64) -> bool {
        self.reached.fetch_max(reached, Relaxed);
        let told = *self.revision.borrow();
        told > 0 && reached >= told && (!self.newest || reached >= recorder.newest())
    }

    fn is_late(&self) -> bool {
        self.closes.is_some_and(|closes| Instant::now() >= closes)
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// As wanted.
    Closed,
    /// The stream broke.
    Broken,
    /// The server ended it: what it wanted is compacted.
    Compacted(i64),
}

/// What a watch has seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// The revision from which it goes on.
    next: i64,
    /// Everything up to here has come.
    reached: i64,
    /// When something came last.
    heard: Instant,
}

/// Watches until it may end, over as many streams as it takes. With `hop`, each stream goes to the next member; without,
/// only when a member is not heard for long.
///
/// # Errors
///
/// Only for a malformed URL.
pub async fn watch(
    recorder: &Recorder,
    endpoints: &[String],
    mut open: WatchOpen,
    hop: bool,
    until: Until,
) -> Check {
    let mut seen = Seen {
        next: open.start_revision,
        reached: 0,
        heard: Instant::now(),
    };
    loop {
        open.watch = recorder.number();
        open.stream = recorder.number();
        let place = usize::from(open.node) - 1;
        let client = Client::new(&endpoints[place..=place])?;
        match one(recorder, &client, &open, &mut seen, &until).await {
            Ended::Closed => return Ok(()),
            Ended::Broken => {
                open.resumes = (seen.next > 0).then_some(open.watch);
                open.start_revision = seen.next;
            }
            // What is gone is gone: a new watch, which resumes nothing.
            Ended::Compacted(revision) => {
                open.resumes = None;
                open.start_revision = revision;
                seen = Seen {
                    next: revision,
                    reached: 0,
                    heard: seen.heard,
                };
            }
        }
        if hop || seen.heard.elapsed() > GONE {
            seen.heard = Instant::now();
            open.node = (open.node as usize % endpoints.len()) as Node + 1;
        }
        if until.is_late() {
            return Ok(());
        }
        sleep(REST).await;
    }
}

async fn one(
    recorder: &Recorder,
    client: &Client,
    open: &WatchOpen,
    seen: &mut Seen,
    until: &Until,
) -> Ended {
    let watch = open.watch;
    let broken = |error: String| {
        recorder.watch(WatchRecord::Broken { watch, error });
        Ended::Broken
    };
    recorder.watch(WatchRecord::Open(open.clone()));
    let mut stream = WatchStream::open(client);
    if let Err(failure) = stream.ask(wire::watch(open)) {
        return broken(failure.to_string());
    }
    let (mut heard, mut asked) = (Instant::now(), Instant::now());
    loop {
        let message = match stream.next_within(LOOK).await {
            Ok(message) => message,
            Err(failure) => return broken(failure.to_string()),
        };
        if let Some(message) = message {
            heard = Instant::now();
            seen.heard = heard;
            if let Some(ended) = take(recorder, open, seen, &message) {
                return ended;
            }
        }
        if until.is_reached(recorder, seen.reached) || until.is_late() {
            recorder.watch(WatchRecord::Closed { watch });
            return Ended::Closed;
        }
        if heard.elapsed() > SILENCE {
            return broken("silence".to_owned());
        }
        if asked.elapsed() > PROGRESS {
            asked = Instant::now();
            if let Err(failure) = stream.progress() {
                return broken(failure.to_string());
            }
        }
    }
}

/// Writes one message down. Returns how the watch ended, if it did.
fn take(
    recorder: &Recorder,
    open: &WatchOpen,
    seen: &mut Seen,
    message: &WatchResponse,
) -> Option<Ended> {
    let watch = open.watch;
    let revision = message.header.as_ref().map_or(0, |header| header.revision);
    if message.canceled {
        recorder.watch(WatchRecord::Canceled {
            watch,
            compact_revision: message.compact_revision,
            reason: message.cancel_reason.clone(),
        });
        return Some(match message.compact_revision {
            0 => Ended::Broken,
            revision => Ended::Compacted(revision),
        });
    }
    if message.created {
        recorder.watch(WatchRecord::Created { watch, revision });
        if seen.next == 0 {
            seen.next = revision + 1;
        }
        return None;
    }
    if let Some(last) = message.events.last() {
        let last = last.kv.as_ref().map_or(0, |kv| kv.mod_revision);
        recorder.watch(WatchRecord::Events {
            watch,
            revision,
            events: message.events.iter().map(wire::event).collect(),
            fragment: message.fragment,
        });
        if !message.fragment {
            (seen.next, seen.reached) = (last + 1, seen.reached.max(last));
        }
        return None;
    }
    seen.next = seen.next.max(revision + 1);
    seen.reached = seen.reached.max(revision);
    recorder.watch(match message.watch_id {
        -1 => WatchRecord::StreamProgress {
            stream: open.stream,
            revision,
        },
        _ => WatchRecord::Progress { watch, revision },
    });
    None
}
