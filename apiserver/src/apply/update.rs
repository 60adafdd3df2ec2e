//! Every write that is not an apply.

use super::contest::Contest;
use super::kind::Request;
use super::managers::{Entry, Identity, Managers, is_reset, never_owned};
use super::path::Set;
use super::typed::blank;
use serde_json::Value;

/// Records who owns what after a create, an update or a patch. `live` is the stored object (none for a
/// create), `new` what shall be stored; returns `new` with its managed fields.
///
/// The manager owns what it changed, and takes it from everybody else; it keeps what it had. A list of
/// managers in `new` takes the place of the stored one, unless it is about a subresource; an absent,
/// empty or unreadable one does not. `[]` and `[{}]` forget all managers. An object that exists without
/// any managers stays without: its fields are attributed when it is applied to.
///
/// A write through a subresource that is an object of another kind, such as `scale`, is recorded here as
/// one of the object itself: `new` is that object, and the API version is its own.
pub fn update(request: &Request<'_>, live: Option<&Value>, mut new: Value) -> Value {
    let mut managers = managers_before(request, live, &new);
    if let Some(metadata) = new.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    let is_tracked = live.is_none() || !managers.entries.is_empty();
    if is_tracked {
        record(request, live, &new, &mut managers, request.manager);
    }
    managers.write_to(&mut new);
    if let Some(live) = live {
        super::managers::settle_times(live, &mut new);
    }
    new
}

/// The managers that the write starts from.
fn managers_before(request: &Request<'_>, live: Option<&Value>, new: &Value) -> Managers {
    let stored = || {
        live.and_then(|live| Managers::of(live).ok())
            .unwrap_or_default()
    };
    if !request.subresource.is_empty() {
        return stored();
    }
    if is_reset(new) {
        return Managers::default();
    }
    match Managers::of(new) {
        Ok(given) if !given.entries.is_empty() => given,
        _ => stored(),
    }
}

/// Attributes the difference between two objects to a manager, who updates. Without `live` everything
/// that `new` sets is different. An object whose version the table does not have is left alone.
pub(super) fn record(
    request: &Request<'_>,
    live: Option<&Value>,
    new: &Value,
    managers: &mut Managers,
    manager: &str,
) {
    let Some(typed) = request.kind.typed(request.api_version) else {
        return;
    };
    let created_from = match live {
        None => blank(typed),
        Some(_) => Value::Null,
    };
    let before = live.unwrap_or(&created_from);
    let Some(contest) = Contest::of(request, (before, new), managers, None) else {
        return;
    };
    contest.settle(managers, None);
    let changes = &contest.changes;
    let taken: Set = changes
        .modified
        .union(&changes.added)
        .recursive_difference(request.ignored);
    let taken = taken.difference(never_owned());
    if !taken.is_empty() {
        let identity = Identity::updater(manager, request.api_version, request.subresource);
        let had = managers.entries.remove(&identity).map(|entry| entry.fields);
        let entry = Entry {
            api_version: request.api_version.to_owned(),
            time: Some(request.now.to_owned()),
            fields: taken.union(&had.unwrap_or_default()),
        };
        managers.entries.insert(identity, entry);
    }
    managers.cap();
}
