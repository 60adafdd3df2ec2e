//! What goes because its last applier wants it no more.

use super::kind::Request;
use super::managers::{Entry, Managers};
use super::path::Set;
use super::typed::{owned, remove, with_named};
use serde_json::Value;
use std::collections::BTreeMap;

/// A merged object without what the applier's last configuration named, its new one does not, and
/// nobody else owns. `managers` holds the applier with what it owns now. None if nothing can go, also
/// because the version of the last configuration is no longer served.
pub(super) fn prune(
    request: &Request<'_>,
    merged: &Value,
    managers: &Managers,
    last: &Entry,
    current: &Entry,
) -> Option<Value> {
    // Whatever is still named by the same applier stays: the usual case needs no search.
    let names_all = last.fields.is_subset(&current.fields);
    if last.api_version == current.api_version && names_all {
        return None;
    }
    dropped(request, merged, managers, last)
}

fn dropped(
    request: &Request<'_>,
    merged: &Value,
    managers: &Managers,
    last: &Entry,
) -> Option<Value> {
    let version = &last.api_version;
    let (typed, in_last) = request
        .kind
        .in_version(merged, request.api_version, version)?;
    let mut by_version: BTreeMap<&str, Set> = BTreeMap::new();
    for entry in managers.entries.values() {
        let set = by_version.entry(&entry.api_version).or_default();
        *set = set.union(&entry.fields);
    }
    let all = with_named(typed, owned(typed, &in_last));
    let last_fields = with_named(typed, last.fields.clone());
    // Everything goes with what the applier owned; what anybody owns comes back, with what is around.
    let mut kept = all.recursive_difference(&last_fields);
    if let Some(managed) = by_version.remove(version.as_str()) {
        kept = kept.union(&with_named(typed, managed));
    }
    let removed = all.difference(&kept);
    let left = match by_version.is_empty() {
        true => all.recursive_difference(&removed),
        false => {
            let mut pruned = in_last.clone().into_owned();
            remove(typed, &mut pruned, &removed);
            let pruned = put_back_owned(request, &in_last, pruned, version, by_version);
            with_named(typed, owned(typed, &pruned))
        }
    };
    // Only what the applier owned may go, not what happened to be under it.
    let gone = all.difference(&left).intersection(&last_fields);
    let mut result = in_last.into_owned();
    remove(typed, &mut result, &gone);
    match version == request.api_version {
        true => Some(result),
        false => (request.kind.convert)(&result, request.api_version),
    }
}

/// Puts back what managers own who speak other versions. `merged`, `pruned` and the result are in the
/// version in which the applier applied last.
fn put_back_owned(
    request: &Request<'_>,
    merged: &Value,
    mut pruned: Value,
    last_version: &str,
    by_version: BTreeMap<&str, Set>,
) -> Value {
    let kind = &request.kind;
    for (version, managed) in by_version {
        let merged = kind.in_version(merged, last_version, version);
        let left = kind.in_version(&pruned, last_version, version);
        let (Some((typed, merged)), Some((_, left))) = (merged, left) else {
            continue;
        };
        let all = with_named(typed, owned(typed, &merged));
        let left = with_named(typed, owned(typed, &left));
        let kept = left.union(&with_named(typed, managed));
        let mut result = merged.into_owned();
        remove(typed, &mut result, &all.difference(&kept));
        if let Some(converted) = (kind.convert)(&result, last_version) {
            pruned = converted;
        }
    }
    pruned
}
