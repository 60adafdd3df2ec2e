//! Many objects.
//!
//! Without a limit they leave in pieces, one page after the other, and only pages are in memory. With a
//! limit, what the client needs to go on stands at the top of the answer, so all of it is read first; it
//! ends early if its objects are large, which the client sees as any other end of a page.

use super::failure;
use super::pages::{Page, Pages};
use super::source::{PATIENCE, Source, wanted};
use crate::registry::List;
use crate::request::{ContinueToken, ListOptions, ListRead};
use crate::status::Failure;
use crate::storage::{At, KvError, Object};
use bytes::Bytes;
use futures::stream;
use keelson_plants::{Plant, planted};
use std::num::NonZeroU64;
use tokio::time::{Instant, timeout_at};

/// How many bytes of objects a limited list has, about: with those it ends, whatever its limit.
const LIMITED_BYTES: usize = 16 << 20;

/// A list that is being read.
struct Reading {
    pages: Pages,
    /// Where it goes on, if it does so by a token.
    token: Option<ContinueToken>,
    /// When it must be done.
    deadline: Option<Instant>,
}

/// See [`crate::registry::Registry::list`].
pub(super) async fn list(source: Source, options: &ListOptions) -> Result<List, Failure> {
    let reading = Reading::new(source, options);
    match options.limit {
        Some(limit) => reading.limited(limit).await,
        None => reading.whole().await,
    }
}

impl Reading {
    fn new(source: Source, options: &ListOptions) -> Reading {
        let (at, token) = match &options.read {
            ListRead::Latest => (At::Latest, None),
            ListRead::Any => (At::Any, None),
            ListRead::NotOlderThan(_) if planted(Plant::ListOlderThanAsked) => (At::Any, None),
            ListRead::NotOlderThan(revision) => (At::NotBefore(*revision, PATIENCE), None),
            ListRead::Exactly(revision) => (At::Exactly(*revision), None),
            ListRead::Continue(token) if planted(Plant::ContinueTokenDrifts) => {
                (At::Latest, Some(token.clone()))
            }
            ListRead::Continue(token) => {
                let at = token.revision.map_or(At::Latest, At::Exactly);
                (at, Some(token.clone()))
            }
        };
        let start = token.as_ref().map_or("", |token| token.start.as_str());
        Reading {
            pages: Pages::new(source, start, at),
            token,
            deadline: options
                .timeout
                .and_then(|timeout| Instant::now().checked_add(timeout)),
        }
    }

    async fn next(&mut self, most: u64) -> Result<Option<Page>, Failure> {
        let at = self.pages.at();
        let page = self.pages.next(most);
        let page = match self.deadline {
            None => page.await,
            Some(deadline) => timeout_at(deadline, page)
                .await
                .map_err(|_| Failure::deadline_passed())?,
        };
        page.map_err(|error| self.failure(error, at))
    }

    fn failure(&self, error: KvError, at: At) -> Failure {
        failure::of_read(error, wanted(at), || match &self.token {
            Some(token) => {
                let fresh = ContinueToken {
                    revision: None,
                    ..token.clone()
                };
                Failure::continue_expired(Some(fresh.encode()))
            }
            None => Failure::list_expired(),
        })
    }

    async fn whole(mut self) -> Result<List, Failure> {
        let first = self.next(u64::MAX).await?;
        // From here on, the client has an answer that cannot be gone on with.
        self.token = None;
        let revision = first.as_ref().map_or(0, |page| page.revision);
        let pieces = stream::unfold(Some((self, first)), |state| async move {
            let (mut reading, mut page) = state?;
            loop {
                let next = match page.take() {
                    Some(page) => Ok(Some(page)),
                    None => reading.next(u64::MAX).await,
                };
                let items = match next {
                    Ok(Some(page)) => page.items,
                    Ok(None) => return None,
                    Err(failure) => return Some((Err(failure), None)),
                };
                let source = reading.pages.source();
                let selected = items.into_iter().filter_map(|item| source.select(item));
                let piece: Vec<Object> = selected.collect();
                if !piece.is_empty() {
                    return Some((Ok(piece), Some((reading, None))));
                }
            }
        });
        Ok(List {
            revision,
            continue_token: None,
            remaining: None,
            pieces: Box::pin(pieces),
        })
    }

    async fn limited(mut self, limit: NonZeroU64) -> Result<List, Failure> {
        let mut taken = Taken::default();
        let (mut revision, mut total) = (0, None);
        while taken.wants(limit) > 0 {
            let Some(page) = self.next(self.page_limit(taken.wants(limit))).await? else {
                break;
            };
            revision = page.revision;
            total.get_or_insert(page.count);
            taken.take(self.pages.source(), page, limit);
        }
        let source = self.pages.source();
        let left = total.unwrap_or_default().saturating_sub(taken.seen);
        let continue_token = match (left, source.keys.rest(&taken.last)) {
            (1.., Some(rest)) => Some(ContinueToken::after(rest, Some(revision)).encode()),
            (1.., None) => return Err(Failure::internal("a key of the store is no text")),
            (0, _) => None,
        };
        let remaining = (left > 0 && source.selection.is_everything()).then_some(left);
        let pieces = (!taken.objects.is_empty()).then_some(Ok(taken.objects));
        Ok(List {
            revision,
            continue_token,
            remaining,
            pieces: Box::pin(stream::iter(pieces)),
        })
    }

    /// How many objects a page needs so that `wanted` are selected. Those that a selector leaves out are
    /// read and do not count, so with one it is as many as fit.
    fn page_limit(&self, wanted: u64) -> u64 {
        match self.pages.source().selection.is_everything() {
            true => wanted,
            false => u64::MAX,
        }
    }
}

/// What has been taken for a limited list.
#[derive(Default)]
struct Taken {
    objects: Vec<Object>,
    bytes: usize,
    /// How many keys have been looked at.
    seen: u64,
    /// The last one of those.
    last: Bytes,
}

impl Taken {
    /// How many objects more are wanted.
    fn wants(&self, limit: NonZeroU64) -> u64 {
        match self.bytes >= LIMITED_BYTES {
            true => 0,
            false => limit.get() - self.objects.len() as u64,
        }
    }

    fn take(&mut self, source: &Source, page: Page, limit: NonZeroU64) {
        for item in page.items {
            if self.wants(limit) == 0 {
                return;
            }
            self.seen += 1;
            self.last = item.key.clone();
            if let Some(object) = source.select(item) {
                self.bytes += object.stored().len();
                self.objects.push(object);
            }
        }
    }
}
