//! Which slices are made, changed, deleted, so that few are.
//!
//! Whoever follows slices pays for every one that changes. So endpoints stay where they are; gaps are left
//! when some go; new ones are put first into slices that change anyway, then into one that has room for
//! all of them, then into new ones.

use super::wanted::{Group, Wanted, identity, key_of};
use super::write::{self, Shape};
use crate::backends::{Family, LAST_CHANGE};
use crate::objects::{EndpointSlice, Key, Service};
use crate::runtime::Deletion;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many endpoints a slice has at most. Upstream's number.
pub(super) const SLICE_MAX: usize = 100;

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Objects that are made.
    pub(super) create: Vec<Value>,
    /// Patches of objects.
    pub(super) change: Vec<(Key, Value)>,
    /// Objects that go.
    pub(super) delete: Vec<(Key, Gone)>,
}

/// The state of an object that goes.
#[derive(Debug)]
pub(super) struct Gone {
    uid: String,
    revision: u64,
}

impl Gone {
    pub(super) fn as_deletion(&self) -> Deletion<'_> {
        Deletion {
            uid: Some(&self.uid),
            revision: Some(self.revision),
            ..Deletion::default()
        }
    }
}

impl Plan {
    pub(super) fn is_empty(&self) -> bool {
        self.create.is_empty() && self.change.is_empty() && self.delete.is_empty()
    }

    /// All slices go.
    pub(super) fn nothing_left(own: &[&Arc<EndpointSlice>]) -> Plan {
        let mut plan = Plan::default();
        own.iter().for_each(|slice| plan.drop_slice(slice));
        plan
    }

    fn drop_slice(&mut self, slice: &EndpointSlice) {
        let gone = Gone {
            uid: slice.metadata.uid.clone(),
            revision: slice.metadata.revision,
        };
        self.delete.push((slice.metadata.key(), gone));
    }
}

/// A slice as it shall be.
struct Draft<'s> {
    /// What it is now. `None`: it is new.
    slice: Option<&'s EndpointSlice>,
    endpoints: Vec<Value>,
    has_changed: bool,
}

/// What is to be done so that these slices of a Service become what is wanted.
pub(super) fn plan(service: &Service, wanted: &Wanted, own: &[&Arc<EndpointSlice>]) -> Plan {
    let known = own
        .iter()
        .filter_map(|slice| slice.metadata.annotations.get(LAST_CHANGE))
        .max();
    let since = wanted.since(service, known.map(String::as_str));
    let shape = Shape::of(service, since);
    let mut plan = Plan::default();
    let mut left: BTreeMap<(&str, String), Vec<&EndpointSlice>> = BTreeMap::new();
    for slice in own {
        let key = (slice.address_type.as_str(), key_of(&slice.ports));
        match slice.metadata.is_controlled_by(&service.metadata.uid) {
            true => left.entry(key).or_default().push(slice),
            // It is of a Service of that name that was there before.
            false => plan.drop_slice(slice),
        }
    }
    for (family, groups) in &wanted.families {
        let nothing = Group::default();
        let groups: Vec<(String, &Group)> = match groups.is_empty() {
            true => vec![(String::new(), &nothing)],
            false => groups
                .iter()
                .map(|(key, group)| (key.clone(), group))
                .collect(),
        };
        for (key, group) in groups {
            let slices = left.remove(&(family.name(), key)).unwrap_or_default();
            let drafts = place(group, &slices);
            write_down(&mut plan, (&shape, *family, group), drafts);
        }
    }
    for slice in left.into_values().flatten() {
        plan.drop_slice(slice);
    }
    plan
}

/// Puts endpoints into slices. Empty drafts are slices that are not needed any more, but for one if
/// nothing is wanted.
fn place<'s>(group: &Group, slices: &[&'s EndpointSlice]) -> Vec<Draft<'s>> {
    let mut missing = group.endpoints.clone();
    let mut drafts: Vec<Draft<'s>> = slices
        .iter()
        .map(|slice| {
            let kept = slice.endpoints.iter();
            let kept = kept.filter_map(|endpoint| missing.remove(&identity(endpoint)));
            let endpoints: Vec<Value> = kept.collect();
            Draft {
                has_changed: endpoints != slice.endpoints,
                slice: Some(slice),
                endpoints,
            }
        })
        .collect();
    let mut missing: Vec<Value> = missing.into_values().rev().collect();
    fill_changed(&mut drafts, &mut missing);
    while !missing.is_empty() {
        let fitting = drafts
            .iter_mut()
            .filter(|draft| draft.endpoints.len() + missing.len() <= SLICE_MAX)
            .filter(|draft| !draft.endpoints.is_empty())
            .max_by_key(|draft| draft.endpoints.len());
        match fitting {
            Some(draft) => {
                draft.has_changed = true;
                draft.fill(&mut missing);
            }
            None => {
                let mut draft = Draft {
                    slice: None,
                    endpoints: Vec::new(),
                    has_changed: true,
                };
                draft.fill(&mut missing);
                drafts.push(draft);
            }
        }
    }
    if drafts.is_empty() {
        drafts.push(Draft {
            slice: None,
            endpoints: Vec::new(),
            has_changed: true,
        });
    }
    drafts
}

/// Those that change anyway take what they can, the fullest first.
fn fill_changed(drafts: &mut [Draft<'_>], missing: &mut Vec<Value>) {
    let mut changed: Vec<&mut Draft<'_>> = drafts
        .iter_mut()
        .filter(|draft| draft.has_changed || draft.endpoints.is_empty())
        .collect();
    changed.sort_by_key(|draft| std::cmp::Reverse(draft.endpoints.len()));
    for draft in changed {
        if !missing.is_empty() && draft.endpoints.len() < SLICE_MAX {
            draft.has_changed = true;
            draft.fill(missing);
        }
    }
}

impl Draft<'_> {
    fn fill(&mut self, missing: &mut Vec<Value>) {
        while self.endpoints.len() < SLICE_MAX
            && let Some(endpoint) = missing.pop()
        {
            self.endpoints.push(endpoint);
        }
    }
}

fn write_down(plan: &mut Plan, what: (&Shape, Family, &Group), drafts: Vec<Draft<'_>>) {
    let (shape, family, group) = what;
    let is_wanted = |draft: &Draft<'_>| !draft.endpoints.is_empty();
    let mut needs_empty = group.endpoints.is_empty();
    for draft in drafts {
        let stays = is_wanted(&draft) || std::mem::take(&mut needs_empty);
        match draft.slice {
            Some(slice) if !stays => plan.drop_slice(slice),
            Some(slice) => {
                if let Some(patch) = write::patch(shape, slice, draft.endpoints, draft.has_changed)
                {
                    plan.change.push((slice.metadata.key(), patch));
                }
            }
            None => {
                let slice = write::new(shape, family, &group.ports, draft.endpoints);
                plan.create.push(slice);
            }
        }
    }
}
