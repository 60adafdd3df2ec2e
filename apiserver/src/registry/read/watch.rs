//! Changes as they happen.
//!
//! A watch is pulled by whoever sends it on. Nothing runs while nobody pulls, and what this room keeps of
//! a watch is one page of objects or one piece of the store's changes. A reader that stalls holds up
//! nobody: how long it may stall is up to whoever writes to it, and what waits for it is bounded where
//! changes are kept.

use super::changes;
use super::failure;
use super::pace::{Due, Pace};
use super::pages::{Page, Pages};
use super::source::{PATIENCE, Source, wanted};
use crate::registry::{Event, EventKind, Random};
use crate::request::{Freshness, WatchFrom, WatchOptions};
use crate::resource::Resource;
use crate::status::Failure;
use crate::storage::{At, Change, Changes, KeyValue, KvError, Object, Stream};
use futures::{StreamExt, stream};
use keelson_plants::{Plant, planted};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How often the store tells how far it is, for bookmarks.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

type Item = Result<Event, Failure>;

/// See [`crate::registry::Registry::watch`].
pub(super) async fn watch(
    source: Source,
    resource: Arc<Resource>,
    options: &WatchOptions,
    random: &dyn Random,
) -> Result<Stream<Item>, Failure> {
    let pace = Pace::new(options.timeout, options.allows_bookmarks, random);
    let mut watching = Watching {
        progress: options.allows_bookmarks.then_some(PROGRESS_EVERY),
        source,
        resource,
        pace,
        phase: Phase::Over,
    };
    match watching.begin(options.from).await {
        // It is moved for every event, and it is large.
        Ok(()) => Ok(Box::pin(stream::unfold(
            Box::new(watching),
            |mut watching| async move { watching.next().await.map(|item| (item, watching)) },
        ))),
        // The client asked for something that there was: it is told in the stream.
        Err(KvError::Compacted { .. }) => {
            let failure = Failure::watch_expired();
            Ok(Box::pin(stream::iter([Err(failure)])))
        }
        Err(error) => {
            let wanted = wanted(first_state(options.from));
            Err(failure::of_read(error, wanted, Failure::watch_expired))
        }
    }
}

/// The state that a watch begins with.
fn first_state(from: WatchFrom) -> At {
    let (WatchFrom::Existing { state, .. } | WatchFrom::Changes(state)) = from else {
        return At::Any;
    };
    match state {
        Freshness::Latest => At::Latest,
        Freshness::Any => At::Any,
        Freshness::NotOlderThan(revision) => At::NotBefore(revision, PATIENCE),
    }
}

/// A watch that goes on.
struct Watching {
    source: Source,
    resource: Arc<Resource>,
    pace: Pace,
    /// How often the store shall tell how far it is.
    progress: Option<Duration>,
    phase: Phase,
}

enum Phase {
    /// Objects that were there.
    Existing(Box<Existing>),
    /// What happens.
    Live(Live),
    /// Nothing more.
    Over,
}

struct Existing {
    pages: Pages,
    /// Read and not told yet.
    ready: std::vec::IntoIter<KeyValue>,
    /// Of which state they are.
    revision: u64,
    marks_end: bool,
}

struct Live {
    changes: Stream<Result<Changes, KvError>>,
    /// Come and not told yet.
    ready: std::vec::IntoIter<Change>,
    /// Every change up to this revision has come.
    upto: u64,
}

/// What a step brought.
enum Step {
    Event(Event),
    /// Nothing to tell; the next step may bring something.
    Nothing,
    /// Time for a bookmark of this revision.
    Bookmark(u64),
    /// What was there is told, and is the state of this revision.
    Told(u64),
    End,
    Failed(Failure),
}

impl Watching {
    /// Reads the first page, or opens the stream of changes.
    async fn begin(&mut self, from: WatchFrom) -> Result<(), KvError> {
        let at = first_state(from);
        match from {
            WatchFrom::Existing { marks_end, .. } => {
                let mut pages = Pages::new(self.source.clone(), "", at);
                let page = pages.next(u64::MAX).await?;
                let (revision, items) = page.map_or(
                    (0, Vec::new()),
                    |Page {
                         revision, items, ..
                     }| { (revision, items) },
                );
                self.phase = Phase::Existing(Box::new(Existing {
                    pages,
                    ready: items.into_iter(),
                    revision,
                    marks_end,
                }));
                Ok(())
            }
            WatchFrom::Changes(_) => {
                let revision = self.source.revision(at).await?;
                self.go_live(revision).await
            }
            WatchFrom::After(revision) => self.go_live(revision).await,
        }
    }

    /// Follows what happens after a revision.
    async fn go_live(&mut self, revision: u64) -> Result<(), KvError> {
        let skipped = u64::from(planted(Plant::WatchSkipsFirst));
        let from = revision.saturating_add(1 + skipped);
        let changes = self.source.follow(from, self.progress).await?;
        self.phase = Phase::Live(Live {
            changes,
            ready: Vec::new().into_iter(),
            upto: revision,
        });
        Ok(())
    }

    /// The next item; a failure is the last one.
    async fn next(&mut self) -> Option<Item> {
        loop {
            if self.pace.has_ended() {
                return None;
            }
            let step = match &mut self.phase {
                Phase::Existing(existing) => existing.step(&self.source, &self.pace).await,
                Phase::Live(live) => live.step(&self.source, &mut self.pace).await,
                Phase::Over => return None,
            };
            match step {
                Step::Event(event) => return Some(Ok(event)),
                Step::Nothing => {}
                Step::Bookmark(revision) => {
                    self.pace.schedule(Instant::now());
                    return Some(Ok(self.bookmark(revision, false)));
                }
                Step::Told(revision) => {
                    if let Some(item) = self.turn_live(revision).await {
                        return Some(item);
                    }
                }
                Step::End => return None,
                Step::Failed(failure) => return Some(self.fail(failure)),
            }
        }
    }

    /// Goes from what was there to what happens. Returns the mark between them, if it is wanted.
    async fn turn_live(&mut self, revision: u64) -> Option<Item> {
        let marks_end = matches!(&self.phase, Phase::Existing(existing) if existing.marks_end);
        if let Err(error) = self.go_live(revision).await {
            let failure = failure::of_read(error, revision, Failure::watch_expired);
            return Some(self.fail(failure));
        }
        marks_end.then(|| Ok(self.bookmark(revision, true)))
    }

    fn fail(&mut self, failure: Failure) -> Item {
        self.phase = Phase::Over;
        Err(failure)
    }

    /// An event that says how far the watch is.
    fn bookmark(&self, revision: u64, ends_initial: bool) -> Event {
        let metadata = match ends_initial {
            true => json!({"annotations": {"k8s.io/initial-events-end": "true"}}),
            false => json!({}),
        };
        let object = json!({
            "apiVersion": self.resource.api_version(),
            "kind": self.resource.gvk.kind,
            "metadata": metadata,
        });
        Event {
            kind: EventKind::Bookmark { ends_initial },
            object: Object::of(object, revision),
        }
    }
}

impl Existing {
    async fn step(&mut self, source: &Source, pace: &Pace) -> Step {
        if let Some(item) = self.ready.next() {
            return match source.select(item) {
                Some(object) => Step::Event(Event {
                    kind: EventKind::Added,
                    object,
                }),
                None => Step::Nothing,
            };
        }
        match timeout_at(pace.deadline, self.pages.next(u64::MAX)).await {
            Err(_) => Step::End,
            Ok(Ok(Some(page))) => {
                self.ready = page.items.into_iter();
                Step::Nothing
            }
            Ok(Ok(None)) => Step::Told(self.revision),
            Ok(Err(error)) => Step::Failed(failure::of_read(
                error,
                self.revision,
                Failure::watch_expired,
            )),
        }
    }
}

impl Live {
    async fn step(&mut self, source: &Source, pace: &mut Pace) -> Step {
        if let Some(change) = self.ready.next() {
            return match changes::event(source, change) {
                Ok(Some(event)) => Step::Event(event),
                Ok(None) => Step::Nothing,
                Err(failure) => Step::Failed(failure),
            };
        }
        // Everything that came has been told, so a bookmark can say how far that was.
        let come = tokio::select! {
            biased;
            due = pace.due() => return match due {
                Due::End => Step::End,
                Due::Bookmark if planted(Plant::BookmarkTooHigh) => Step::Bookmark(self.upto + 1),
                Due::Bookmark => Step::Bookmark(self.upto),
            },
            come = self.changes.next() => come,
        };
        match come {
            None => Step::End,
            Some(Ok(changes)) => {
                // A store that lies behind what the client knows already does not lead it back.
                self.upto = self.upto.max(changes.revision);
                self.ready = changes.changes.into_iter();
                Step::Nothing
            }
            Some(Err(error)) => {
                Step::Failed(failure::of_read(error, self.upto, Failure::watch_expired))
            }
        }
    }
}
