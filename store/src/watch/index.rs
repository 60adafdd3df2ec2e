//! Which watchers want to hear of a key?

use super::intervals::{End, Intervals};
use super::slots::Slots;
use bytes::Bytes;
use std::collections::HashMap;

/// The number of a watcher in its hub.
pub(crate) type WatcherKey = u32;

/// What a watcher watches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Range {
    /// One key.
    Key(Bytes),
    /// Keys from the first, inclusive, to the end.
    Span(Bytes, End),
}

impl Range {
    /// Reads etcd's convention: no end is one key, end `"\0"` is everything from the key on, and an
    /// empty key means `"\0"`. `None` if nothing can be in the range.
    pub fn new(key: Bytes, range_end: Bytes) -> Option<Range> {
        let key = if key.is_empty() {
            Bytes::from_static(b"\0")
        } else {
            key
        };
        match &range_end[..] {
            b"" => Some(Range::Key(key)),
            b"\0" => Some(Range::Span(key, End::Unbounded)),
            end if &key[..] >= end => None,
            _ => Some(Range::Span(key, End::Key(range_end))),
        }
    }
}

/// Where a watcher stands in an index: needed to take it out again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    group: u32,
    position: u32,
}

/// Watchers of the same range are one group: ranges are few, watchers are many.
#[derive(Debug)]
struct Group {
    range: Range,
    members: Vec<WatcherKey>,
}

/// Watchers by range.
#[derive(Debug, Default)]
pub(crate) struct Index {
    groups: Slots<Group>,
    by_range: HashMap<Range, u32>,
    keys: HashMap<Bytes, u32>,
    spans: Intervals,
}

impl Index {
    pub fn insert(&mut self, range: &Range, watcher: WatcherKey) -> Place {
        let group = match self.by_range.get(range) {
            Some(group) => *group,
            None => self.open(range),
        };
        let members = &mut self.groups[group].members;
        members.push(watcher);
        let position = members.len() as u32 - 1;
        Place { group, position }
    }

    /// Takes out the watcher at `place`. Returns the watcher that stands there now, if one moved.
    #[must_use]
    pub fn remove(&mut self, place: Place) -> Option<WatcherKey> {
        let members = &mut self.groups[place.group].members;
        members.swap_remove(place.position as usize);
        let moved = members.get(place.position as usize).copied();
        if members.is_empty() {
            self.close(place.group);
        }
        moved
    }

    /// Appends every watcher whose range contains `key`, each once.
    pub fn matches(&self, key: &[u8], found: &mut Vec<WatcherKey>) {
        if let Some(group) = self.keys.get(key) {
            found.extend_from_slice(&self.groups[*group].members);
        }
        self.spans.containing(key, &mut |group| {
            found.extend_from_slice(&self.groups[group].members);
        });
    }

    fn open(&mut self, range: &Range) -> u32 {
        let group = self.groups.insert(Group {
            range: range.clone(),
            members: Vec::new(),
        });
        self.by_range.insert(range.clone(), group);
        match range {
            Range::Key(key) => {
                self.keys.insert(key.clone(), group);
            }
            Range::Span(start, end) => self.spans.insert(start.clone(), end.clone(), group),
        }
        group
    }

    fn close(&mut self, group: u32) {
        let Some(Group { range, .. }) = self.groups.remove(group) else {
            return;
        };
        self.by_range.remove(&range);
        match &range {
            Range::Key(key) => {
                self.keys.remove(key);
            }
            Range::Span(start, end) => self.spans.remove(start, end),
        }
    }
}
