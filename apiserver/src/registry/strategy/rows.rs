//! The rows.

use super::{Counts, Dependents, Strategy, create, service, update};
use crate::resource::Resource;
use crate::schema::Gvk;

/// How most kinds are written.
const MOST: Strategy = Strategy {
    first_generation: 0,
    generation: Counts::Nothing,
    status_keeps: &[],
    returns_deleted: false,
    dependents: Dependents::Deleted,
    ttl_s: None,
    create: None,
    update: None,
};

/// Kinds with a generation that another spec raises.
const SPEC: Strategy = Strategy {
    first_generation: 1,
    generation: Counts::Spec,
    ..MOST
};

/// Kinds that are shown when they are deleted.
const SHOWN: Strategy = Strategy {
    returns_deleted: true,
    ..MOST
};

/// What a write of the status does not change where the status has its own writers.
const ALL_METADATA: &[&str] = &["labels", "annotations", "finalizers", "ownerReferences"];

/// How long events stay.
const EVENT_TTL_S: i64 = 3600;

static PLAIN: Strategy = MOST;
static WITH_SPEC: Strategy = SPEC;
static DELETED_SHOWN: Strategy = SHOWN;
static NAMESPACE: Strategy = Strategy {
    create: Some(create::namespace),
    update: Some(update::namespace),
    ..MOST
};
static EVENT: Strategy = Strategy {
    dependents: Dependents::None,
    ttl_s: Some(EVENT_TTL_S),
    ..MOST
};
static POD: Strategy = Strategy {
    returns_deleted: true,
    status_keeps: &["ownerReferences"],
    create: Some(create::pod),
    update: Some(update::pod),
    ..SPEC
};
static REPLICATION_CONTROLLER: Strategy = Strategy {
    dependents: Dependents::Orphaned,
    ..SPEC
};
static POD_TEMPLATE: Strategy = Strategy {
    first_generation: 1,
    generation: Counts::Content,
    ..SHOWN
};
static CLAIM: Strategy = Strategy {
    create: Some(create::claim),
    ..SHOWN
};
static VOLUME: Strategy = Strategy {
    create: Some(create::volume),
    update: Some(update::volume),
    ..SHOWN
};
static SERVICE: Strategy = Strategy {
    update: Some(service::update),
    ..SHOWN
};
static DEPLOYMENT: Strategy = Strategy {
    generation: Counts::SpecAndAnnotations,
    status_keeps: &["labels"],
    ..SPEC
};
static DAEMON_SET: Strategy = Strategy {
    create: Some(create::daemon_set),
    update: Some(update::daemon_set),
    ..SPEC
};
static JOB: Strategy = Strategy {
    dependents: Dependents::Orphaned,
    create: Some(create::job),
    ..SPEC
};
static SIGNING_REQUEST: Strategy = Strategy {
    create: Some(create::signing_request),
    update: Some(update::signing_request),
    ..MOST
};
static API_SERVICE: Strategy = Strategy {
    status_keeps: ALL_METADATA,
    create: Some(create::api_service),
    ..MOST
};
static CUSTOM_RESOURCE: Strategy = Strategy {
    status_keeps: ALL_METADATA,
    create: Some(create::custom_resource),
    update: Some(update::custom_resource),
    ..SPEC
};
static WEBHOOKS: Strategy = Strategy {
    generation: Counts::Content,
    ..SPEC
};
static ENDPOINT_SLICE: Strategy = Strategy {
    generation: Counts::ContentAndLabels,
    ..SPEC
};
static FLOW: Strategy = Strategy {
    status_keeps: ALL_METADATA,
    ..SPEC
};
static OWN_STATUS: Strategy = Strategy {
    status_keeps: ALL_METADATA,
    ..MOST
};
static OWN_STATUS_SHOWN: Strategy = Strategy {
    status_keeps: ALL_METADATA,
    ..SHOWN
};
static PRIORITY_CLASS: Strategy = Strategy {
    first_generation: 1,
    ..MOST
};
static CSI_DRIVER: Strategy = Strategy {
    generation: Counts::Spec,
    ..SHOWN
};
static DEVICES: Strategy = Strategy {
    returns_deleted: true,
    ..SPEC
};
static TAINT_RULE: Strategy = Strategy {
    returns_deleted: true,
    status_keeps: ALL_METADATA,
    ..SPEC
};

const CUSTOM_STRATEGY: Strategy = Strategy {
    first_generation: 1,
    generation: Counts::Content,
    status_keeps: ALL_METADATA,
    ..MOST
};
/// Custom resources with a status of its own.
static CUSTOM: Strategy = CUSTOM_STRATEGY;
/// Custom resources whose status is a field like others.
static CUSTOM_WHOLE: Strategy = Strategy {
    generation: Counts::ContentAndStatus,
    ..CUSTOM_STRATEGY
};

/// How objects of a resource are written.
pub(in crate::registry) fn of_resource(resource: &Resource) -> &'static Strategy {
    match (&resource.custom, resource.subresource("status")) {
        (None, _) => of(&resource.stored),
        (Some(_), Some(_)) => &CUSTOM,
        (Some(_), None) => &CUSTOM_WHOLE,
    }
}

/// How a kind is written. The version does not matter.
pub(in crate::registry) fn of(gvk: &Gvk) -> &'static Strategy {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", kind) => core(kind),
        ("apps", "Deployment") => &DEPLOYMENT,
        ("apps", "ReplicaSet" | "StatefulSet") => &WITH_SPEC,
        ("apps", "DaemonSet") => &DAEMON_SET,
        ("batch", "Job") => &JOB,
        ("batch", "CronJob") => &WITH_SPEC,
        ("policy", "PodDisruptionBudget") => &WITH_SPEC,
        ("networking.k8s.io", "Ingress" | "IngressClass" | "NetworkPolicy") => &WITH_SPEC,
        ("events.k8s.io", "Event") => &EVENT,
        ("discovery.k8s.io", "EndpointSlice") => &ENDPOINT_SLICE,
        ("flowcontrol.apiserver.k8s.io", _) => &FLOW,
        ("apiregistration.k8s.io", "APIService") => &API_SERVICE,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => &CUSTOM_RESOURCE,
        ("certificates.k8s.io", "CertificateSigningRequest") => &SIGNING_REQUEST,
        ("certificates.k8s.io", "PodCertificateRequest") => &OWN_STATUS,
        ("admissionregistration.k8s.io", kind) => match kind.ends_with("WebhookConfiguration") {
            true => &WEBHOOKS,
            false => &WITH_SPEC,
        },
        ("scheduling.k8s.io", "PriorityClass") => &PRIORITY_CLASS,
        ("storage.k8s.io", "CSIDriver") => &CSI_DRIVER,
        ("storage.k8s.io", "VolumeAttachment") => &OWN_STATUS_SHOWN,
        ("storage.k8s.io", "StorageClass" | "CSINode" | "VolumeAttributesClass") => &DELETED_SHOWN,
        ("resource.k8s.io", "ResourceClaim") => &OWN_STATUS_SHOWN,
        ("resource.k8s.io", "ResourceClaimTemplate") => &DELETED_SHOWN,
        ("resource.k8s.io", "DeviceClass" | "ResourceSlice") => &DEVICES,
        ("resource.k8s.io", "DeviceTaintRule") => &TAINT_RULE,
        ("storagemigration.k8s.io", _) => &OWN_STATUS,
        ("internal.apiserver.k8s.io", _) => &OWN_STATUS,
        _ => &PLAIN,
    }
}

fn core(kind: &str) -> &'static Strategy {
    match kind {
        "Namespace" => &NAMESPACE,
        "Event" => &EVENT,
        "Pod" => &POD,
        "ReplicationController" => &REPLICATION_CONTROLLER,
        "PodTemplate" => &POD_TEMPLATE,
        "PersistentVolumeClaim" => &CLAIM,
        "PersistentVolume" => &VOLUME,
        "Service" => &SERVICE,
        "ResourceQuota" | "ServiceAccount" => &DELETED_SHOWN,
        _ => &PLAIN,
    }
}
