//! Events as they were written last, for all watches that want the same bytes.
//!
//! What an event looks like follows from the object's stored bytes, its revision, what happened and the form
//! that is asked for, so these are the key: a watch that finds bytes here would have written the same ones.
//! Watches of one kind come by their events within a moment of each other, so a little room is enough. One
//! that is behind writes for itself.

use super::served::Row;
use crate::registry::{Event, EventKind};
use crate::request::Encoding;
use crate::table::{IncludeObject, MetaVersion};
use bytes::Bytes;
use parking_lot::Mutex;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Places. An event has one; another one with the same place takes it.
const PLACES: usize = 1024;
/// All is forgotten when the bytes that are held come to this.
const HELD_BYTES_MAX: usize = 4 << 20;
/// Larger events are not held.
const EVENT_BYTES_MAX: usize = HELD_BYTES_MAX / 2;

/// The form of an event.
#[derive(Clone)]
pub(super) struct Form {
    pub(super) encoding: Encoding,
    pub(super) shape: FormShape,
}

/// Of what there is in an event.
#[derive(Clone)]
pub(super) enum FormShape {
    /// The object.
    Object,
    /// Its metadata.
    Partial(MetaVersion),
    /// A row of a table without its columns, as of a second: some cells are ages.
    Row(Arc<Row>, MetaVersion, IncludeObject, i64),
}

impl PartialEq for Form {
    fn eq(&self, other: &Form) -> bool {
        let is_alike = match (&self.shape, &other.shape) {
            (FormShape::Object, FormShape::Object) => true,
            (FormShape::Partial(one), FormShape::Partial(other)) => one == other,
            (
                FormShape::Row(row, version, include, second),
                FormShape::Row(other, of_version, includes, at_second),
            ) => {
                Arc::ptr_eq(row, other)
                    && (version, include, second) == (of_version, includes, at_second)
            }
            _ => false,
        };
        is_alike && self.encoding == other.encoding
    }
}

struct Held {
    revision: u64,
    kind: EventKind,
    form: Form,
    stored: Bytes,
    written: Bytes,
}

impl Held {
    fn bytes(&self) -> usize {
        self.stored.len() + self.written.len()
    }

    fn is(&self, event: &Event, form: &Form) -> bool {
        self.revision == event.object.revision()
            && self.kind == event.kind
            && self.form == *form
            // Mostly the same bytes in the same place; else it takes a look at them.
            && self.stored == *event.object.stored()
    }
}

/// See the module.
pub(super) struct SharedEvents {
    inner: Mutex<Inner>,
}

struct Inner {
    places: Vec<Option<Held>>,
    bytes: usize,
}

impl Default for SharedEvents {
    fn default() -> SharedEvents {
        SharedEvents {
            inner: Mutex::new(Inner {
                places: (0..PLACES).map(|_| None).collect(),
                bytes: 0,
            }),
        }
    }
}

impl SharedEvents {
    /// The bytes of an event, if somebody has written it in this form a moment ago.
    pub(super) fn find(&self, event: &Event, form: &Form) -> Option<Bytes> {
        let inner = self.inner.lock();
        let held = inner.places[place(event, form)].as_ref();
        let held = held.filter(|held| held.is(event, form))?;
        Some(held.written.clone())
    }

    /// Keeps the bytes of an event for a while.
    pub(super) fn keep(&self, event: &Event, form: Form, written: Bytes) {
        let at = place(event, &form);
        let held = Held {
            revision: event.object.revision(),
            kind: event.kind,
            form,
            stored: event.object.stored().clone(),
            written,
        };
        let bytes = held.bytes();
        if bytes > EVENT_BYTES_MAX {
            return;
        }
        let mut inner = self.inner.lock();
        if inner.bytes + bytes > HELD_BYTES_MAX {
            inner.places.fill_with(|| None);
            inner.bytes = 0;
        }
        inner.bytes += bytes;
        if let Some(before) = inner.places[at].replace(held) {
            inner.bytes -= before.bytes();
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        let inner = self.inner.lock();
        let held = inner.places.iter().flatten();
        assert_eq!(held.clone().map(Held::bytes).sum::<usize>(), inner.bytes);
        (held.count(), inner.bytes)
    }
}

fn place(event: &Event, form: &Form) -> usize {
    let mut hasher = DefaultHasher::new();
    let shape = match &form.shape {
        FormShape::Object => 0,
        FormShape::Partial(_) => 1,
        FormShape::Row(..) => 2,
    };
    let key = (
        event.object.revision(),
        event.kind,
        event.object.stored().len(),
    );
    (key, shape, form.encoding == Encoding::Protobuf).hash(&mut hasher);
    hasher.finish() as usize % PLACES
}
