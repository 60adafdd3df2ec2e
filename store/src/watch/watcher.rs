//! One watch: what it wants and where it stands.

use super::index::{Place, Range, WatcherKey};
use super::outbound::{Item, REVISIONS_MAX};
use crate::Revision;
use bytes::Bytes;
use keelson_proto::etcdserverpb::watch_create_request::FilterType;
use keelson_proto::etcdserverpb::{ResponseHeader, WatchCreateRequest};
use keelson_proto::serving::WatchResponse;

/// Number of a stream in its hub.
pub(crate) type StreamKey = u32;

/// Where a watcher stands. Its *next* revision is the first whose events it has not been given.
///
/// ```text
///            next <= processed              its stream is full
/// create ──────────────────────► Unsynced ───────────────────────► Lagging
///    │                            │    ▲  ◄───────────────────────  ▲
///    │ next > processed           │    │       the stream drained   │
///    ▼          next > processed  │    │                            │
///  Synced ◄───────────────────────┘    │                            │
///    │ └── the hub fell out of the window, or the state was replaced│
///    └──── its stream is full ──────────────────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// In the live index: gets each event at or above `from` as the hub processes it. Its next
    /// revision is `from` or the hub's next one, whichever is higher.
    Synced {
        /// The first revision of interest; above the hub's for a watch on the future.
        from: Revision,
    },
    /// In the index of those that catch up, from `next`.
    Unsynced {
        /// The next revision.
        next: Revision,
    },
    /// In no index: gets nothing until its stream's queue has drained.
    Lagging {
        /// The next revision.
        next: Revision,
    },
}

/// What a client asked for beside a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    pub puts: bool,
    pub deletes: bool,
    pub previous: bool,
    pub fragment: bool,
    pub progress: bool,
}

impl Wants {
    pub fn new(request: &WatchCreateRequest) -> Wants {
        let filters = |filter: FilterType| request.filters.contains(&(filter as i32));
        Wants {
            puts: !filters(FilterType::Noput),
            deletes: !filters(FilterType::Nodelete),
            previous: request.prev_kv,
            fragment: request.fragment,
            progress: request.progress_notify,
        }
    }
}

/// Events given to a watcher in this turn, about to become one response.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    events: Vec<Bytes>,
    size: usize,
    charge: usize,
    revisions: u32,
    /// The last event's revision; zero if there is none.
    pub last: Revision,
}

impl Pending {
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether a response should end before an event of `revision` joins.
    pub fn is_complete_before(&self, revision: Revision, size: usize, size_max: usize) -> bool {
        let more = revision != self.last && !self.events.is_empty();
        more && (self.revisions == REVISIONS_MAX || self.size + size > size_max)
    }

    pub fn push(&mut self, revision: Revision, event: Bytes, charge: usize) {
        if revision != self.last {
            self.last = revision;
            self.revisions += 1;
        }
        self.size += event.len() + FRAMING_BYTES;
        self.charge += charge;
        self.events.push(event);
    }
}

/// Around an event in a response: tag and length.
const FRAMING_BYTES: usize = 6;

#[derive(Debug)]
pub(crate) struct Watcher {
    pub stream: StreamKey,
    pub id: i64,
    pub range: Range,
    pub wants: Wants,
    pub state: State,
    /// Where it is in the index its state names.
    pub place: Place,
    /// No progress is reported before the hub has processed this revision: the start that the client
    /// named, or the revision of the created reply. A watch on revision S hears nothing of S - 1,
    /// although it would do no harm: clients hopping between members take it for a step back.
    pub reach: Revision,
    /// `reach` was processed.
    pub reached: bool,
    /// No event was sent since progress was last due.
    pub quiet: bool,
    pub pending: Pending,
}

impl Watcher {
    /// The first revision this watcher takes events of, given that they come in order.
    pub fn floor(&self) -> Revision {
        match self.state {
            State::Synced { from } => from,
            State::Unsynced { next } | State::Lagging { next } => next,
        }
    }

    /// Hands over what is pending as responses: one, or fragments if the client allows them and the
    /// size asks for it. `revision` goes into the header.
    pub fn seal(&mut self, revision: Revision, size_max: usize, emit: &mut dyn FnMut(Item)) {
        let pending = std::mem::take(&mut self.pending);
        self.quiet = false;
        let mut item = Item {
            response: WatchResponse {
                header: Some(header(revision)),
                watch_id: self.id,
                ..WatchResponse::default()
            },
            size: pending.size,
            charge: pending.charge,
            revisions: pending.revisions,
        };
        if !self.wants.fragment || pending.size <= size_max {
            item.response.events = pending.events;
            emit(item);
            return;
        }
        // Fragments count no revisions: nothing joins them.
        let charge = pending.charge / pending.events.len();
        let mut rest = pending.charge % pending.events.len();
        let mut fragment = || Item {
            response: item.response.clone(),
            charge: std::mem::take(&mut rest),
            ..Item::default()
        };
        let mut current = fragment();
        for event in pending.events {
            let size = event.len() + FRAMING_BYTES;
            if current.size + size > size_max && !current.response.events.is_empty() {
                current.response.fragment = true;
                emit(std::mem::replace(&mut current, fragment()));
            }
            current.size += size;
            current.charge += charge;
            current.response.events.push(event);
        }
        emit(current);
    }
}

/// A header as the store knows it: the rest is filled in where the member is known.
pub(crate) fn header(revision: Revision) -> ResponseHeader {
    ResponseHeader {
        revision,
        ..ResponseHeader::default()
    }
}

/// Watchers by revision, newest additions last. Removal is lazy: an entry whose watcher has moved on
/// is skipped when its revision is taken.
pub(crate) type ByRevision = std::collections::BTreeMap<Revision, Vec<WatcherKey>>;
