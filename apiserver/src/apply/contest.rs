//! Who loses fields to a write.

use super::kind::Request;
use super::managers::{Identity, Managers};
use super::path::Set;
use super::typed::{Comparison, compare};
use serde_json::Value;
use std::collections::HashMap;

/// What a write changes, and what that takes from those who own fields.
pub(super) struct Contest {
    /// In the request's version.
    pub changes: Comparison,
    /// Fields that get another value, by their owner. Sorted by owner.
    pub losses: Vec<(Identity, Set)>,
    /// Fields that are gone, by API version.
    gone: HashMap<String, Set>,
    /// Whose fields are named in a version that is no longer served.
    outdated: Vec<Identity>,
}

/// Changes as the owners in one version see them.
struct Seen {
    /// Changed or added.
    set: Set,
    removed: Set,
}

impl Seen {
    fn of(changes: Comparison, ignored: &Set) -> Self {
        let changes = changes.without(ignored);
        Self {
            set: changes.modified.union(&changes.added),
            removed: changes.removed,
        }
    }
}

impl Contest {
    /// Compares the object before and after the write, in the version of each owner but `writer`. None
    /// if the request's own version is not in the table.
    pub fn of(
        request: &Request<'_>,
        (before, after): (&Value, &Value),
        managers: &Managers,
        writer: Option<&Identity>,
    ) -> Option<Self> {
        let changes = compare(request.kind.typed(request.api_version)?, before, after);
        let mut versions: HashMap<&str, Option<Seen>> = HashMap::new();
        let (mut losses, mut outdated) = (Vec::new(), Vec::new());
        for (owner, entry) in &managers.entries {
            if Some(owner) == writer {
                continue;
            }
            let seen = versions.entry(&entry.api_version).or_insert_with(|| {
                if entry.api_version == request.api_version {
                    return Some(Seen::of(changes.clone(), request.ignored));
                }
                let convert = |object| {
                    request
                        .kind
                        .in_version(object, request.api_version, &entry.api_version)
                };
                let ((typed, before), (_, after)) = (convert(before)?, convert(after)?);
                Some(Seen::of(compare(typed, &before, &after), request.ignored))
            });
            let Some(seen) = seen else {
                outdated.push(owner.clone());
                continue;
            };
            let lost = entry.fields.intersection(&seen.set);
            if !lost.is_empty() {
                losses.push((owner.clone(), lost));
            }
        }
        let gone = versions.into_iter().filter_map(|(version, seen)| {
            let removed = seen?.removed;
            (!removed.is_empty()).then(|| (version.to_owned(), removed))
        });
        let gone = gone.collect();
        Some(Self {
            changes,
            losses,
            gone,
            outdated,
        })
    }

    /// Takes from everybody but `writer` what they lose. Who owns nothing any more is no manager.
    pub fn settle(&self, managers: &mut Managers, writer: Option<&Identity>) {
        for owner in &self.outdated {
            managers.entries.remove(owner);
        }
        for (owner, lost) in &self.losses {
            if let Some(entry) = managers.entries.get_mut(owner) {
                entry.fields = entry.fields.difference(lost);
            }
        }
        for (owner, entry) in &mut managers.entries {
            if Some(owner) != writer
                && let Some(gone) = self.gone.get(&entry.api_version)
            {
                entry.fields = entry.fields.difference(gone);
            }
        }
        managers.entries.retain(|_, entry| !entry.fields.is_empty());
    }
}
