//! What a new object of a kind gets or loses.

use super::fields::{is_set, member, members, set, text, texts};
use super::{Context, Strategy, is_core, qos};
use crate::resource::Resource;
use serde_json::{Value, json};

const NAME_LABEL: &str = "kubernetes.io/metadata.name";
const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";
const JOB_NAME: &str = "batch.kubernetes.io/job-name";

/// Makes an object that somebody sent a new one: without the status that only controllers know, of the
/// first generation, and with what its kind gets. The metadata must have been filled in.
pub(in crate::registry) fn prepare_create(
    strategy: &Strategy,
    resource: &Resource,
    object: &mut Value,
    context: &Context<'_>,
) {
    if strategy.first_generation > 0 {
        let generation = strategy.first_generation.into();
        set(
            super::fields::metadata(object),
            "generation",
            Some(generation),
        );
    }
    // A node brings its own status: it is the kubelet that creates it.
    if resource.subresource("status").is_some() && !is_core(&resource.stored, "Node") {
        members(object).remove("status");
    }
    if let Some(create) = strategy.create {
        create(object, context);
    }
}

pub(super) fn namespace(object: &mut Value, _: &Context<'_>) {
    *member(object, "status") = json!({"phase": "Active"});
    if !texts(object, "/spec/finalizers").contains(&"kubernetes") {
        let finalizers = member(member(object, "spec"), "finalizers");
        match finalizers {
            Value::Array(list) => list.push("kubernetes".into()),
            other => *other = json!(["kubernetes"]),
        }
    }
    label_with_name(object);
}

/// The label that selects a namespace by its name: nobody can take it away.
pub(super) fn label_with_name(object: &mut Value) {
    let name = text(object, "/metadata/name").to_owned();
    let labels = member(member(object, "metadata"), "labels");
    *member(labels, NAME_LABEL) = name.into();
}

pub(super) fn pod(object: &mut Value, context: &Context<'_>) {
    let mut status = json!({"phase": "Pending", "qosClass": qos::class(object)});
    let gates = object.pointer("/spec/schedulingGates");
    if gates
        .and_then(Value::as_array)
        .is_some_and(|gates| !gates.is_empty())
    {
        status["conditions"] = json!([{
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": null,
            "lastTransitionTime": context.now,
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
    }
    *member(object, "status") = status;
}

pub(super) fn claim(object: &mut Value, _: &Context<'_>) {
    *member(object, "status") = json!({"phase": "Pending"});
}

pub(super) fn volume(object: &mut Value, context: &Context<'_>) {
    *member(object, "status") = json!({
        "phase": "Pending",
        "lastPhaseTransitionTime": context.now,
    });
}

/// Unless the client brings its own selector, a Job selects its Pods by its uid.
pub(super) fn job(object: &mut Value, _: &Context<'_>) {
    if object.pointer("/spec/manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    let uid = text(object, "/metadata/uid").to_owned();
    let name = text(object, "/metadata/name").to_owned();
    let spec = member(object, "spec");
    let labels = member(member(member(spec, "template"), "metadata"), "labels");
    for (label, value) in [
        ("job-name", &name),
        (JOB_NAME, &name),
        ("controller-uid", &uid),
        (CONTROLLER_UID, &uid),
    ] {
        // What the client set is left for validation to refuse.
        let labels = members(labels);
        labels.entry(label).or_insert_with(|| value.as_str().into());
    }
    let selected = member(member(spec, "selector"), "matchLabels");
    let selected = members(selected).entry(CONTROLLER_UID);
    selected.or_insert_with(|| uid.into());
}

/// Who asks is what the request was authenticated as, whatever it says.
pub(super) fn signing_request(object: &mut Value, context: &Context<'_>) {
    let info = context.user.to_value();
    let spec = members(member(object, "spec"));
    for field in ["username", "uid", "groups", "extra"] {
        set(spec, field, info.get(field).cloned());
    }
}

/// Counts the templates of a DaemonSet. Upstream keeps the number of an early version of the kind here, and
/// Pods are labelled with it.
pub(super) const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// The first template.
pub(super) fn daemon_set(object: &mut Value, _: &Context<'_>) {
    let annotations = member(member(object, "metadata"), "annotations");
    *member(annotations, TEMPLATE_GENERATION) = "1".into();
}

/// What this server serves itself is there.
pub(super) fn api_service(object: &mut Value, context: &Context<'_>) {
    if is_set(object, "/spec/service") {
        return;
    }
    *member(object, "status") = json!({"conditions": [{
        "type": "Available",
        "status": "True",
        "lastTransitionTime": context.now,
        "reason": "Local",
        "message": "Local APIServices are always available",
    }]});
}

/// The version in which objects are stored is one in which there may be some.
pub(super) fn custom_resource(object: &mut Value, _: &Context<'_>) {
    remember_storage_version(object);
}

pub(super) fn remember_storage_version(object: &mut Value) {
    let versions = object.pointer("/spec/versions").and_then(Value::as_array);
    let stored = versions.into_iter().flatten().find(|version| {
        let is_stored = version.get("storage").and_then(Value::as_bool);
        is_stored.unwrap_or_default()
    });
    let Some(name) = stored.and_then(|version| version.get("name")?.as_str()) else {
        return;
    };
    if texts(object, "/status/storedVersions").contains(&name) {
        return;
    }
    let name = Value::from(name);
    match member(member(object, "status"), "storedVersions") {
        Value::Array(list) => list.push(name),
        other => *other = Value::Array(vec![name]),
    }
}
