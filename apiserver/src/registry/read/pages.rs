//! Walking over keys, page by page, all as of one revision.

use super::source::{Source, read};
use crate::storage::{At, KeyValue, KvError, Range};
use bytes::Bytes;

/// How many bytes of values a page should have.
pub(super) const PAGE_BYTES: usize = 1 << 20;
/// How many objects a page has at most: what a page can come to if a few small objects are followed by
/// large ones only.
const PAGE_OBJECTS: usize = 256;
/// How many objects the first page has, before anything is known of their size.
const FIRST_PAGE_OBJECTS: usize = 32;
/// How much more objects a page may have than the one before it.
const GROWTH: usize = 4;

/// Pages that are still to be read.
pub(super) struct Pages {
    source: Source,
    next: Bytes,
    end: Option<Bytes>,
    /// Of the first page as asked for; of all others, the revision of the first.
    at: At,
    objects: usize,
    is_over: bool,
}

/// A page.
pub(super) struct Page {
    /// As of which it was read; that of the first page.
    pub(super) revision: u64,
    /// In the order of keys.
    pub(super) items: Vec<KeyValue>,
    /// How many keys there are from the first one of this page on.
    pub(super) count: u64,
}

impl Pages {
    /// The pages of a source from the key with `start` behind its prefix on.
    pub(super) fn new(source: Source, start: &str, at: At) -> Pages {
        let (first, end) = source.range();
        let next = first.clone().max(source.keys.at(start));
        // The only key may lie before the one where reading begins.
        let is_past = end.is_none() && next != first;
        Pages {
            source,
            end: end.or_else(|| is_past.then(|| next.clone())),
            next,
            at,
            objects: FIRST_PAGE_OBJECTS,
            is_over: false,
        }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Which state the next page is read from.
    pub(super) fn at(&self) -> At {
        self.at
    }

    /// The next page, with at most so many objects. `None`: there are no more. The first page is always
    /// there, maybe empty.
    pub(super) async fn next(&mut self, most: u64) -> Result<Option<Page>, KvError> {
        if self.is_over {
            return Ok(None);
        }
        if let At::Exactly(_) = self.at {
            // A store at hand never waits, and others want to run, too.
            tokio::task::yield_now().await;
        }
        let limit = usize::try_from(most).map_or(self.objects, |most| most.clamp(1, self.objects));
        let range = Range {
            key: self.next.clone(),
            end: self.end.clone(),
            at: self.at,
            limit,
            keys_only: false,
        };
        let ranged = read(self.source.kv.as_ref(), range).await?;
        let page = Page {
            revision: match self.at {
                At::Exactly(revision) => revision,
                _ => ranged.revision,
            },
            count: ranged.count.max(ranged.keys.len() as u64),
            items: ranged.keys,
        };
        self.at = At::Exactly(page.revision);
        self.advance(&page);
        Ok(Some(page))
    }

    fn advance(&mut self, page: &Page) {
        let Some(last) = page.items.last() else {
            self.is_over = true;
            return;
        };
        self.is_over = page.count <= page.items.len() as u64;
        // Nothing lies between a key and itself with a zero byte behind it.
        self.next = [last.key.as_ref(), b"\0".as_slice()].concat().into();
        let bytes: usize = page.items.iter().map(|item| item.value.len()).sum();
        let average = bytes / page.items.len() + 1;
        let fits = (PAGE_BYTES / average).clamp(1, PAGE_OBJECTS);
        self.objects = fits.min(self.objects * GROWTH);
    }
}
