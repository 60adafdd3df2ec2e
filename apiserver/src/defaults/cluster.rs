//! Everything that is about the cluster rather than about what runs in it.

use super::rule::{
    Constant::*, Step, Step::*, absent, empty, is_empty, object, object_or_new, take_over, text,
};
use serde_json::{Map, Value};

pub(super) const NAMESPACE: &[Step] = &[Do(name_label), empty("status.phase", Text("Active"))];

pub(super) const NODE: &[Step] = &[
    At("status", &[Do(allocatable)]),
    Milli("status.capacity"),
    Milli("status.allocatable"),
];

pub(super) const SECRET: &[Step] = &[empty("type", Text("Opaque"))];

pub(super) const RESOURCE_QUOTA: &[Step] = &[
    Milli("spec.hard"),
    Milli("status.hard"),
    Milli("status.used"),
];

pub(super) const LIMIT_RANGE: &[Step] = &[At(
    "spec.limits[]",
    &[
        Do(limits),
        Milli("max"),
        Milli("min"),
        Milli("default"),
        Milli("defaultRequest"),
        Milli("maxLimitRequestRatio"),
    ],
)];

pub(super) const PRIORITY_CLASS: &[Step] =
    &[absent("preemptionPolicy", Text("PreemptLowerPriority"))];

const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) const ROLE_BINDING: &[Step] = &[
    empty("roleRef.apiGroup", Text(RBAC)),
    At("subjects[]", &[Do(subject)]),
];

pub(super) const VALIDATING_WEBHOOKS: &[Step] = &[At("webhooks[]", WEBHOOK)];

pub(super) const MUTATING_WEBHOOKS: &[Step] = &[
    At("webhooks[]", WEBHOOK),
    absent("webhooks[].reinvocationPolicy", Text("Never")),
];

const WEBHOOK: &[Step] = &[
    absent("failurePolicy", Text("Fail")),
    absent("matchPolicy", Text("Equivalent")),
    absent("namespaceSelector", Object),
    absent("objectSelector", Object),
    absent("sideEffects", Text("Unknown")),
    absent("timeoutSeconds", Int(10)),
    empty("admissionReviewVersions", List("v1")),
    absent("rules[].scope", Text("*")),
    absent("clientConfig.service.port", Int(443)),
];

pub(super) const ADMISSION_POLICY: &[Step] = &[
    absent("spec.failurePolicy", Text("Fail")),
    At("spec.matchConstraints", MATCH_RESOURCES),
];

pub(super) const ADMISSION_BINDING: &[Step] = &[At("spec.matchResources", MATCH_RESOURCES)];

const MATCH_RESOURCES: &[Step] = &[
    absent("matchPolicy", Text("Equivalent")),
    absent("namespaceSelector", Object),
    absent("objectSelector", Object),
    absent("resourceRules[].scope", Text("*")),
    absent("excludeResourceRules[].scope", Text("*")),
];

pub(super) const API_SERVICE: &[Step] = &[absent("spec.service.port", Int(443))];

pub(super) const CUSTOM_RESOURCE: &[Step] = &[
    At("spec.names", &[Do(names)]),
    absent("spec.conversion", Object),
    empty("spec.conversion.strategy", Text("None")),
    absent(
        "spec.conversion.webhook.clientConfig.service.port",
        Int(443),
    ),
];

pub(super) const FLOW_SCHEMA: &[Step] = &[empty("spec.matchingPrecedence", Int(1000))];

pub(super) const PRIORITY_LEVEL: &[Step] = &[
    absent("spec.exempt.nominalConcurrencyShares", Int(0)),
    absent("spec.exempt.lendablePercent", Int(0)),
    absent("spec.limited.nominalConcurrencyShares", Int(30)),
    absent("spec.limited.lendablePercent", Int(0)),
    empty("spec.limited.limitResponse.queuing.queues", Int(64)),
    empty("spec.limited.limitResponse.queuing.handSize", Int(8)),
    empty(
        "spec.limited.limitResponse.queuing.queueLengthLimit",
        Int(50),
    ),
];

pub(super) const TOKEN_REQUEST: &[Step] = &[absent("spec.expirationSeconds", Int(3600))];

/// Selectors find a namespace by its name.
fn name_label(namespace: &mut Map<String, Value>) {
    let Some(metadata) = object(namespace, "metadata") else {
        return;
    };
    let name = text(metadata, "name").to_owned();
    if !name.is_empty()
        && let Some(labels) = object_or_new(metadata, "labels")
    {
        labels.insert("kubernetes.io/metadata.name".to_owned(), Value::from(name));
    }
}

/// A node that does not say what it keeps for itself keeps nothing.
fn allocatable(status: &mut Map<String, Value>) {
    if is_empty(status, "allocatable") {
        take_over(status, "allocatable", "capacity");
    }
}

/// A container's limit is the highest allowed, its request its limit, or the least allowed.
fn limits(item: &mut Map<String, Value>) {
    if text(item, "type") == "Container" {
        take_over(item, "default", "max");
        take_over(item, "defaultRequest", "default");
        take_over(item, "defaultRequest", "min");
    }
}

/// People and groups of people are this group's; service accounts are nobody's.
fn subject(subject: &mut Map<String, Value>) {
    if ["User", "Group"].contains(&text(subject, "kind")) && is_empty(subject, "apiGroup") {
        subject.insert("apiGroup".to_owned(), Value::from(RBAC));
    }
}

/// Names that follow from the kind's.
fn names(names: &mut Map<String, Value>) {
    let kind = text(names, "kind").to_owned();
    if kind.is_empty() {
        return;
    }
    for (field, name) in [
        ("singular", kind.to_lowercase()),
        ("listKind", format!("{kind}List")),
    ] {
        if is_empty(names, field) {
            names.insert(field.to_owned(), Value::from(name));
        }
    }
}
