//! Objects as loops see them: the fields that decisions rest on, and nothing else.
//!
//! They are read from the stored bytes, never written: what a loop changes it says as a patch, so a field
//! that is not here is never lost. Parts that are only copied or compared (templates) stay JSON.
//!
//! | file | what |
//! |---|---|
//! | `meta` | metadata, keys, conditions |
//! | `pod`, `node`, `workload`, `network`, `budget`, `other` | the kinds |
//!
//! What may enter: a field that a decision rests on. What never happens here: a decision.

mod budget;
mod meta;
mod network;
mod node;
mod other;
mod pod;
mod workload;

pub use budget::{
    PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus, Selects,
};
pub use meta::{Condition, Key, Meta, OwnerReference, Partial, condition, is_true};
pub use network::{EndpointSlice, Endpoints, Service, ServicePort, ServiceSpec};
pub use node::{Lease, LeaseSpec, Node, NodeAddress, NodeImage, NodeSpec, NodeStatus, Taint};
pub use other::{
    ClusterRole, ConfigMap, ConfigMapData, ControllerRevision, Namespace, NamespaceSpec,
    NamespaceStatus, ResourceQuota, ResourceQuotaStatus,
};
pub use pod::{
    Container, ContainerPort, ContainerStatus, Pod, PodIp, PodSpec, PodStatus, Resources,
    Toleration,
};
pub use workload::{
    CronJob, CronJobSpec, CronJobStatus, DaemonSet, DaemonSetSpec, DaemonSetStatus, Deployment,
    DeploymentSpec, DeploymentStatus, Job, JobSpec, JobStatus, Replicas, ReplicasSpec,
    ReplicasStatus, Uncounted,
};
