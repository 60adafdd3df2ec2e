//! What an update may not touch, and when it counts as a new generation.

use super::create::{TEMPLATE_GENERATION, label_with_name, remember_storage_version};
use super::fields::{copy, is_set, member, members, metadata, set, text};
use super::{Context, Counts, Part, Strategy};
use crate::resource::Resource;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// What tells what an object is, and is not its content.
const HEAD: [&str; 3] = ["apiVersion", "kind", "metadata"];
/// Metadata that a write of a part of an object does not change.
const NOT_OF_A_PART: [&str; 4] = ["labels", "annotations", "finalizers", "ownerReferences"];
/// Conditions of a signing request that only its approval writes.
const DECISIONS: [&str; 2] = ["Approved", "Denied"];

/// Makes the metadata that only the server sets what it is in the stored object.
pub(in crate::registry) fn keep_system_fields(object: &mut Value, old: &Value) {
    let Some(old) = old.get("metadata") else {
        return;
    };
    let new = metadata(object);
    new.remove("selfLink");
    for name in ["generation", "creationTimestamp"] {
        set(new, name, old.get(name).cloned());
    }
    // What is not stored and set by the client is left for validation to refuse.
    if is_set(old, "/deletionTimestamp") {
        set(
            new,
            "deletionTimestamp",
            old.get("deletionTimestamp").cloned(),
        );
    }
    for name in ["uid", "deletionGracePeriodSeconds"] {
        let is_given = new.get(name).is_some_and(|given| !given.is_null());
        if !is_given {
            set(new, name, old.get(name).cloned());
        }
    }
}

/// Makes an updated object one whose stored state was `old`: what the write is not about is as it was.
pub(in crate::registry) fn prepare_update(
    strategy: &Strategy,
    resource: &Resource,
    part: Part,
    (object, old): (&mut Value, &Value),
    context: &Context<'_>,
) {
    match part {
        Part::Main if resource.subresource("status").is_some() => copy(object, old, "status"),
        Part::Finalize => copy(object, old, "status"),
        Part::Main | Part::Scale => {}
        Part::Status => {
            keep_all_but(object, old, "status");
            keep_metadata(object, old, strategy.status_keeps);
        }
        Part::Approval => {
            let conditions = object.pointer("/status/conditions").cloned();
            copy(object, old, "spec");
            copy(object, old, "status");
            set(members(member(object, "status")), "conditions", conditions);
        }
        Part::EphemeralContainers => keep_pod(object, old, ephemeral_containers),
        Part::Resize => keep_pod(object, old, resize),
    }
    if let Some(update) = strategy.update {
        update(part, object, old, context);
    }
    // A write of the status may change annotations, and nothing that is wanted.
    if part != Part::Status && is_new_generation(strategy.generation, object, old) {
        let before = old.pointer("/metadata/generation").and_then(Value::as_i64);
        let generation = before.unwrap_or_default().saturating_add(1);
        set(metadata(object), "generation", Some(generation.into()));
    }
}

/// Makes everything what it was, except one member and the metadata.
fn keep_all_but(object: &mut Value, old: &Value, name: &str) {
    let is_kept = |member: &str| member == name || HEAD.contains(&member);
    members(object).retain(|member, _| is_kept(member));
    for (member, value) in old.as_object().into_iter().flatten() {
        if !is_kept(member) {
            members(object).insert(member.clone(), value.clone());
        }
    }
}

fn keep_metadata(object: &mut Value, old: &Value, names: &[&str]) {
    let old = old.get("metadata");
    for name in names {
        let value = old.and_then(|old| old.get(*name)).cloned();
        set(metadata(object), name, value);
    }
}

/// Makes a Pod what it was, except what `change` takes over from the new spec to the old one.
fn keep_pod(object: &mut Value, old: &Value, change: fn(&Value, &mut Value) -> bool) {
    let mut spec = old.get("spec").cloned().unwrap_or_default();
    let new = object.get("spec").cloned().unwrap_or_default();
    if !change(&new, &mut spec) {
        // Nothing can be taken over: validation sees the new spec and says why.
        return;
    }
    *member(object, "spec") = spec;
    copy(object, old, "status");
    keep_metadata(object, old, &NOT_OF_A_PART);
}

fn ephemeral_containers(new: &Value, spec: &mut Value) -> bool {
    copy(spec, new, "ephemeralContainers");
    true
}

/// Takes over resources and resize policies. Containers may not come, go or change their places.
fn resize(new: &Value, spec: &mut Value) -> bool {
    ["containers", "initContainers"].iter().all(|list| {
        let none = Vec::new();
        let from = new.get(*list).and_then(Value::as_array).unwrap_or(&none);
        let mut nothing = Vec::new();
        let into = spec.get_mut(*list).and_then(Value::as_array_mut);
        let into = into.unwrap_or(&mut nothing);
        let is_same = from.len() == into.len()
            && from
                .iter()
                .zip(into.iter())
                .all(|(a, b)| a.get("name") == b.get("name"));
        for (from, into) in from.iter().zip(into).filter(|_| is_same) {
            copy(into, from, "resources");
            copy(into, from, "resizePolicy");
        }
        is_same
    })
}

/// The stored object as rules of updates shall see it: what a resize may change has changed already.
pub(in crate::registry) fn for_rules<'v>(
    part: Part,
    object: &Value,
    old: &'v Value,
) -> Cow<'v, Value> {
    let (Part::Resize, Some(spec)) = (part, object.get("spec")) else {
        return Cow::Borrowed(old);
    };
    let mut resized = old.clone();
    match resize(spec, member(&mut resized, "spec")) {
        true => Cow::Owned(resized),
        false => Cow::Borrowed(old),
    }
}

fn is_new_generation(counts: Counts, new: &Value, old: &Value) -> bool {
    let differs = |pointer: &str| new.pointer(pointer) != old.pointer(pointer);
    match counts {
        Counts::Nothing => false,
        Counts::Spec => differs("/spec"),
        Counts::SpecAndAnnotations => differs("/spec") || differs("/metadata/annotations"),
        Counts::Content => content(new) != content(old),
        Counts::ContentAndStatus => content(new) != content(old) || differs("/status"),
        Counts::ContentAndLabels => content(new) != content(old) || differs("/metadata/labels"),
    }
}

/// All members that are neither metadata nor status.
fn content(object: &Value) -> Vec<(&String, &Value)> {
    let members = object.as_object().into_iter().flatten();
    let is_content = |name: &str| name != "status" && !HEAD.contains(&name);
    members.filter(|(name, _)| is_content(name)).collect()
}

pub(super) fn namespace(part: Part, object: &mut Value, old: &Value, _: &Context<'_>) {
    if part == Part::Main {
        let finalizers = old.pointer("/spec/finalizers").cloned();
        set(members(member(object, "spec")), "finalizers", finalizers);
    }
    label_with_name(object);
}

pub(super) fn pod(part: Part, object: &mut Value, old: &Value, _: &Context<'_>) {
    if part == Part::Status && text(object, "/status/qosClass").is_empty() {
        let class = old.pointer("/status/qosClass").cloned();
        set(members(member(object, "status")), "qosClass", class);
    }
}

/// Another template is counted; the count is nobody else's to write.
pub(super) fn daemon_set(part: Part, object: &mut Value, old: &Value, _: &Context<'_>) {
    let annotations = old.pointer("/metadata/annotations");
    let before = annotations.and_then(|annotations| annotations[TEMPLATE_GENERATION].as_str());
    let before: i64 = before.and_then(|text| text.parse().ok()).unwrap_or(1);
    let template = |set: &Value| set.pointer("/spec/template").cloned();
    let is_new = part == Part::Main && template(object) != template(old);
    let number = before.saturating_add(i64::from(is_new)).to_string();
    let annotations = member(member(object, "metadata"), "annotations");
    *member(annotations, TEMPLATE_GENERATION) = number.into();
}

pub(super) fn volume(part: Part, object: &mut Value, old: &Value, context: &Context<'_>) {
    const TIME: &str = "lastPhaseTransitionTime";
    let time = "/status/lastPhaseTransitionTime";
    let has_moved = text(object, "/status/phase") != text(old, "/status/phase");
    if part == Part::Status && has_moved && object.pointer(time) == old.pointer(time) {
        let now = Some(context.now.into());
        set(members(member(object, "status")), TIME, now);
    }
}

pub(super) fn custom_resource(part: Part, object: &mut Value, _: &Value, _: &Context<'_>) {
    if part == Part::Main {
        remember_storage_version(object);
    }
}

/// Only the approval decides, only the status says what came of it, and nothing changes the request.
pub(super) fn signing_request(part: Part, object: &mut Value, old: &Value, context: &Context<'_>) {
    copy(object, old, "spec");
    if part == Part::Main {
        return;
    }
    let conditions = |of: &Value| {
        let list = of.pointer("/status/conditions").and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let is_decision = |condition: &Value| DECISIONS.contains(&text(condition, "/type"));
    let (before, mut now) = (conditions(old), conditions(object));
    if part == Part::Status {
        let decided = before.iter().filter(|one| is_decision(one)).cloned();
        now.retain(|one| !is_decision(one));
        now = decided.chain(now).collect();
    }
    for condition in &mut now {
        let since = before.iter().find(|one| {
            text(one, "/type") == text(condition, "/type")
                && text(one, "/status") == text(condition, "/status")
        });
        let since = since.and_then(|one| one.get("lastTransitionTime")).cloned();
        let condition = members(condition);
        fill(condition, "lastUpdateTime", || json!(context.now));
        fill(condition, "lastTransitionTime", || {
            since.unwrap_or_else(|| json!(context.now))
        });
    }
    let now = (!now.is_empty()).then_some(Value::Array(now));
    set(members(member(object, "status")), "conditions", now);
}

fn fill(members: &mut Map<String, Value>, name: &str, value: impl FnOnce() -> Value) {
    if members.get(name).is_none_or(Value::is_null) {
        members.insert(name.to_owned(), value());
    }
}
