//! What a change of a key means to somebody who sees selected objects only.

use super::source::Source;
use crate::registry::{Event, EventKind};
use crate::status::Failure;
use crate::storage::{Change, Changed, Object};

/// The event of a change; `None` if it does not show. An object that is no longer selected is deleted in
/// the eyes of this client: it gets the last state that was selected, with the revision of the change.
///
/// # Errors
/// 410 if the state before the change is needed and has been compacted.
pub(super) fn event(source: &Source, change: Change) -> Result<Option<Event>, Failure> {
    let Change {
        changed,
        now,
        before,
    } = change;
    let revision = now.mod_revision;
    let is_new = changed == Changed::Put && now.create_revision == revision;
    let made = |kind, object| Event { kind, object };
    if changed == Changed::Put && source.selection.is_everything() {
        let kind = match is_new {
            true => EventKind::Added,
            false => EventKind::Modified,
        };
        let object = source.admit(&now.key, Object::new(now.value, revision));
        return Ok(object.map(|object| made(kind, object)));
    }
    let was = match (is_new, before) {
        (true, _) => None,
        (false, Some(before)) => source.admit(&now.key, Object::new(before.value, revision)),
        (false, None) => return Err(Failure::watch_expired()),
    };
    let is = match changed {
        Changed::Put => source.admit(&now.key, Object::new(now.value, revision)),
        Changed::Deleted => None,
    };
    Ok(match (was, is) {
        (None, None) => None,
        (None, Some(object)) => Some(made(EventKind::Added, object)),
        (Some(_), Some(object)) => Some(made(EventKind::Modified, object)),
        (Some(object), None) => Some(made(EventKind::Deleted, object)),
    })
}
