//! What an object gets that its author left out.
//!
//! Most defaults are rows: a path, and the constant that stands there if nothing does. What depends on
//! other fields (pull policies, requests from limits, strategies) are small functions between the rows.
//! Both are in the order in which they must run, per kind.
//!
//! What enters: an object in the form that `decode` leaves it in, and its kind. What never happens here:
//! stored objects, the clock, validation. A default that needs to know more than the object (cluster
//! addresses, priority classes, service accounts, finalizers) is not set here but by whoever knows it.
//! What does not have the shape that a rule expects is left alone: it is for validation to complain.
//!
//! Left out on purpose, and so without defaults: resources of a whole Pod computed from its containers
//! (`spec.resources`), and the kinds of `resource.k8s.io`.

mod autoscaling;
mod cluster;
mod image;
mod pod;
mod rule;
mod service;
mod storage;
mod workload;

#[cfg(test)]
mod tests;

use crate::schema::Gvk;
use rule::{Step, run};
use serde_json::Value;

/// Sets defaults in an object of this kind. A second time changes nothing.
pub fn apply(gvk: &Gvk, object: &mut Value) {
    let id = (gvk.group.as_str(), gvk.version.as_str(), gvk.kind.as_str());
    run(steps(id), object);
}

/// What is done to each kind. Kinds that are not here have no defaults.
fn steps(id: (&str, &str, &str)) -> &'static [Step] {
    match id {
        ("", "v1", kind) => match kind {
            "Pod" => pod::POD,
            "PodTemplate" => pod::TEMPLATE,
            "ReplicationController" => workload::REPLICATION_CONTROLLER,
            "Service" => service::SERVICE,
            "Endpoints" => service::ENDPOINTS,
            "Namespace" => cluster::NAMESPACE,
            "Node" => cluster::NODE,
            "Secret" => cluster::SECRET,
            "LimitRange" => cluster::LIMIT_RANGE,
            "ResourceQuota" => cluster::RESOURCE_QUOTA,
            "PersistentVolume" => storage::VOLUME,
            "PersistentVolumeClaim" => storage::CLAIM,
            _ => &[],
        },
        ("apps", "v1", kind) => match kind {
            "Deployment" => workload::DEPLOYMENT,
            "ReplicaSet" => workload::REPLICA_SET,
            "DaemonSet" => workload::DAEMON_SET,
            "StatefulSet" => workload::STATEFUL_SET,
            _ => &[],
        },
        ("batch", "v1", "Job") => workload::JOB,
        ("batch", "v1", "CronJob") => workload::CRON_JOB,
        ("autoscaling", "v1", "HorizontalPodAutoscaler") => autoscaling::V1,
        ("autoscaling", "v2", "HorizontalPodAutoscaler") => autoscaling::V2,
        ("networking.k8s.io", "v1", "NetworkPolicy") => service::NETWORK_POLICY,
        ("networking.k8s.io", "v1", "IngressClass") => service::INGRESS_CLASS,
        ("discovery.k8s.io", "v1", "EndpointSlice") => service::ENDPOINT_SLICE,
        ("storage.k8s.io", "v1", "StorageClass") => storage::CLASS,
        ("storage.k8s.io", "v1", "CSIDriver") => storage::CSI_DRIVER,
        ("scheduling.k8s.io", "v1", "PriorityClass") => cluster::PRIORITY_CLASS,
        ("rbac.authorization.k8s.io", "v1", "RoleBinding" | "ClusterRoleBinding") => {
            cluster::ROLE_BINDING
        }
        ("admissionregistration.k8s.io", "v1", kind) => match kind {
            "ValidatingWebhookConfiguration" => cluster::VALIDATING_WEBHOOKS,
            "MutatingWebhookConfiguration" => cluster::MUTATING_WEBHOOKS,
            "ValidatingAdmissionPolicy" => cluster::ADMISSION_POLICY,
            "ValidatingAdmissionPolicyBinding" => cluster::ADMISSION_BINDING,
            _ => &[],
        },
        ("apiregistration.k8s.io", "v1", "APIService") => cluster::API_SERVICE,
        ("apiextensions.k8s.io", "v1", "CustomResourceDefinition") => cluster::CUSTOM_RESOURCE,
        ("flowcontrol.apiserver.k8s.io", "v1", "FlowSchema") => cluster::FLOW_SCHEMA,
        ("flowcontrol.apiserver.k8s.io", "v1", "PriorityLevelConfiguration") => {
            cluster::PRIORITY_LEVEL
        }
        ("authentication.k8s.io", "v1", "TokenRequest") => cluster::TOKEN_REQUEST,
        _ => &[],
    }
}
