//! What all that manage Pods have in common: whose an object is, a Pod made from a template, how long a
//! Pod has served. Pure; nothing here reads the world or writes.
//!
//! Rules M4 (adopting and releasing) and M6 (names that are made up).

use crate::objects::{Condition, Meta, OwnerReference, Pod, condition};
use keelson_apiserver::canonical::Instant;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The longest name that an object has.
const NAME_MAX: usize = 253;

/// What an object is to one that would manage it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belonging {
    /// It is managed by the owner, and is as the owner selects.
    Owned,
    /// It is managed by the owner, which selects it no more: to be released.
    Strayed,
    /// Nobody manages it, and the owner selects it: to be adopted.
    Orphaned,
    /// It is none of the owner's business.
    Foreign,
}

/// What an object of the owner's namespace is to the owner, whose selector matches it or not (M4). An
/// owner that goes takes in nothing and lets nothing go; what goes itself is not taken in.
pub fn belonging(owner: &Meta, matches: bool, object: &Meta) -> Belonging {
    match object.controller() {
        Some(manager) if manager.uid != owner.uid => Belonging::Foreign,
        Some(_) if matches => Belonging::Owned,
        Some(_) if owner.is_deleting() => Belonging::Foreign,
        Some(_) => Belonging::Strayed,
        None if matches && !owner.is_deleting() && !object.is_deleting() => Belonging::Orphaned,
        None => Belonging::Foreign,
    }
}

/// The merge patch that makes `owner` (see [`Meta::owner_reference`]) the manager of an object. It takes
/// effect on this object in this state only. The write must rest on the revision of the owner, too, so
/// that nothing is adopted by one that is gone or going.
pub fn adoption(object: &Meta, owner: &Value) -> Value {
    let others = object.owner_references.iter().map(reference);
    let owners = others.chain(std::iter::once(owner.clone())).collect();
    owned_by(object, owners)
}

/// The merge patch that takes the owner of this uid away from an object. It takes effect on this object
/// in this state only.
pub fn release(object: &Meta, owner_uid: &str) -> Value {
    let others = object.owner_references.iter();
    let others = others.filter(|owner| owner.uid != owner_uid);
    owned_by(object, others.map(reference).collect())
}

fn owned_by(object: &Meta, owners: Vec<Value>) -> Value {
    json!({"metadata": {
        "uid": object.uid,
        "resourceVersion": object.revision.to_string(),
        "ownerReferences": owners,
    }})
}

/// An owner as it is stored.
fn reference(owner: &OwnerReference) -> Value {
    let mut stored = json!({
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
    });
    if let Some(is_controller) = owner.controller {
        stored["controller"] = is_controller.into();
    }
    if let Some(blocks) = owner.block_owner_deletion {
        stored["blockOwnerDeletion"] = blocks.into();
    }
    stored
}

/// A new Pod as a template has it, managed by `owner`, whose name it will begin with. `reference` is the
/// owner's ([`Meta::owner_reference`]). Callers may change it before they create it.
pub fn from_template(template: &Value, owner: &Meta, reference: Value) -> Value {
    let mut metadata = Map::new();
    for name in ["labels", "annotations", "finalizers"] {
        let copied = template.pointer(&format!("/metadata/{name}"));
        if let Some(copied) = copied.filter(|copied| !copied.is_null()) {
            metadata.insert(name.to_owned(), copied.clone());
        }
    }
    metadata.insert("namespace".to_owned(), owner.namespace.as_str().into());
    let base = name_base(&owner.name).into();
    metadata.insert("generateName".to_owned(), base);
    metadata.insert("ownerReferences".to_owned(), json!([reference]));
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": template.get("spec").cloned().unwrap_or_default(),
    })
}

/// What names of Pods begin with: the owner's name and a dash, if that is not too long.
pub fn name_base(owner: &str) -> String {
    match owner.len() < NAME_MAX {
        true => format!("{owner}-"),
        false => owner.to_owned(),
    }
}

/// Whether a Pod counts as available at a moment, which means that it has served for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It does not serve.
    Unready,
    /// It serves, and will be available after this time if it goes on.
    In(Duration),
    /// It is.
    Available,
}

/// See [`Availability`].
pub fn availability(pod: &Pod, min_ready_seconds: i32, now_us: i64) -> Availability {
    if !pod.is_ready() {
        return Availability::Unready;
    }
    let needed_us = i64::from(min_ready_seconds.max(0)) * 1_000_000;
    let left_us = match ready_since_us(pod) {
        _ if needed_us == 0 => 0,
        Some(since_us) => since_us.saturating_add(needed_us).saturating_sub(now_us),
        // Somebody says that it is ready and not since when: that never becomes long enough.
        None => return Availability::Unready,
    };
    match u64::try_from(left_us) {
        Ok(left_us @ 1..) => Availability::In(Duration::from_micros(left_us)),
        _ => Availability::Available,
    }
}

/// Since when a Pod serves, in microseconds since 1970; `None`: it does not, or nobody says.
pub fn ready_since_us(pod: &Pod) -> Option<i64> {
    let ready = condition(&pod.status.conditions, "Ready")?;
    let since = ready.last_transition_time.as_deref();
    since.filter(|_| ready.status == "True").and_then(micros)
}

/// A time as metadata has it, in microseconds since 1970. `None`: it is no time.
pub fn micros(time: &str) -> Option<i64> {
    let instant = Instant::parse(time).ok()?;
    let us = i64::from(instant.nanos / 1000);
    instant.seconds.checked_mul(1_000_000)?.checked_add(us)
}

/// A condition as it is stored: what is empty is left out. A merge patch replaces the whole list of
/// conditions, so whoever writes one writes them all.
pub fn stored_condition(condition: &Condition) -> Value {
    let mut stored = json!({"type": condition.r#type, "status": condition.status});
    let texts = [
        ("reason", Some(&condition.reason)),
        ("message", Some(&condition.message)),
        (
            "lastTransitionTime",
            condition.last_transition_time.as_ref(),
        ),
        ("lastHeartbeatTime", condition.last_heartbeat_time.as_ref()),
        ("lastUpdateTime", condition.last_update_time.as_ref()),
        ("lastProbeTime", condition.last_probe_time.as_ref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            stored[name] = text.as_str().into();
        }
    }
    if let Some(generation) = condition.observed_generation {
        stored["observedGeneration"] = generation.into();
    }
    stored
}

#[cfg(test)]
mod tests;
