//! Objects that want Pods: their templates stay as they are stored, since they are copied, compared and
//! never looked into but for labels.

use super::meta::{Condition, Meta};
use serde::Deserialize;
use serde_json::Value;

/// A ReplicaSet or a ReplicationController: a number of equal Pods.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Replicas {
    /// Its metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: ReplicasSpec,
    /// What is.
    pub status: ReplicasStatus,
}

/// How many Pods, and which.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicasSpec {
    /// How many; `None` is 1.
    pub replicas: Option<i32>,
    /// How long a Pod must be ready until it counts as available.
    pub min_ready_seconds: i32,
    /// Which Pods: a label selector, or a map of labels for a ReplicationController.
    pub selector: Value,
    /// What they look like.
    pub template: Value,
}

/// How many Pods there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicasStatus {
    /// Of all.
    pub replicas: i32,
    /// Of those that have all labels of the template.
    pub fully_labeled_replicas: i32,
    /// Of those that serve.
    pub ready_replicas: i32,
    /// Of those that have served long enough.
    pub available_replicas: i32,
    /// Of those that are going; `None` if nobody counted.
    pub terminating_replicas: Option<i32>,
    /// The generation that this is about.
    pub observed_generation: i64,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// A Deployment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Deployment {
    /// Its metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: DeploymentSpec,
    /// What is.
    pub status: DeploymentStatus,
}

/// What is wanted of a Deployment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentSpec {
    /// How many Pods; `None` is 1.
    pub replicas: Option<i32>,
    /// Which Pods.
    pub selector: Value,
    /// What they look like.
    pub template: Value,
    /// How old ones are replaced, as it is stored.
    pub strategy: Value,
    /// How long a Pod must be ready until it counts as available.
    pub min_ready_seconds: i32,
    /// How many old templates are kept; `None` is 10.
    pub revision_history_limit: Option<i32>,
    /// Templates are not rolled out.
    pub paused: bool,
    /// How long a rollout may make no progress; `None` is 600.
    pub progress_deadline_seconds: Option<i32>,
}

/// What a Deployment is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentStatus {
    /// The generation that this is about.
    pub observed_generation: i64,
    /// Pods of all templates.
    pub replicas: i32,
    /// Pods of the present template.
    pub updated_replicas: i32,
    /// Pods that serve.
    pub ready_replicas: i32,
    /// Pods that have served long enough.
    pub available_replicas: i32,
    /// Pods that are missing.
    pub unavailable_replicas: i32,
    /// Pods that are going; `None` if nobody counted.
    pub terminating_replicas: Option<i32>,
    /// How often a name was taken.
    pub collision_count: Option<i32>,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// A DaemonSet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DaemonSet {
    /// Its metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: DaemonSetSpec,
    /// What is.
    pub status: DaemonSetStatus,
}

/// What a DaemonSet is, in nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetStatus {
    /// The generation that this is about.
    pub observed_generation: i64,
    /// Those that should run one.
    pub desired_number_scheduled: i32,
    /// Those of them that do.
    pub current_number_scheduled: i32,
    /// Those that run one and should not.
    pub number_misscheduled: i32,
    /// Those whose Pod serves.
    pub number_ready: i32,
    /// Those whose Pod is of the present template.
    pub updated_number_scheduled: i32,
    /// Those whose Pod has served long enough.
    pub number_available: i32,
    /// Those that should run one whose Pod has not.
    pub number_unavailable: i32,
    /// How often a name was taken.
    pub collision_count: Option<i32>,
}

/// What is wanted of a DaemonSet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetSpec {
    /// Which Pods.
    pub selector: Value,
    /// What they look like.
    pub template: Value,
    /// How old ones are replaced, as it is stored.
    pub update_strategy: Value,
    /// How long a Pod must be ready until it counts as available.
    pub min_ready_seconds: i32,
    /// How many old templates are kept; `None` is 10.
    pub revision_history_limit: Option<i32>,
}

/// A Job.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Its metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: JobSpec,
    /// What is.
    pub status: JobStatus,
}

/// What is wanted of a Job.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobSpec {
    /// How many Pods at once; `None` is 1.
    pub parallelism: Option<i32>,
    /// How many Pods must succeed.
    pub completions: Option<i32>,
    /// `NonIndexed`, which is meant if it is empty, or `Indexed`.
    pub completion_mode: String,
    /// How many Pods may fail; `None` is 6.
    pub backoff_limit: Option<i32>,
    /// How many may fail of each index.
    pub backoff_limit_per_index: Option<i32>,
    /// How many indexes may fail.
    pub max_failed_indexes: Option<i32>,
    /// How long it may run.
    pub active_deadline_seconds: Option<i64>,
    /// How long it stays when it is over.
    pub ttl_seconds_after_finished: Option<i32>,
    /// It does not run.
    pub suspend: bool,
    /// Which Pods.
    pub selector: Value,
    /// What they look like.
    pub template: Value,
    /// What a failure means, as it is stored.
    pub pod_failure_policy: Option<Value>,
    /// When it counts as a success, as it is stored.
    pub success_policy: Option<Value>,
    /// When a Pod is replaced.
    pub pod_replacement_policy: Option<String>,
    /// Who takes care of it; `None`: we.
    pub managed_by: Option<String>,
}

/// What a Job is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobStatus {
    /// Its conditions.
    pub conditions: Vec<Condition>,
    /// Since when it runs: RFC 3339.
    pub start_time: Option<String>,
    /// Since when it is complete: RFC 3339.
    pub completion_time: Option<String>,
    /// Pods that run.
    pub active: i32,
    /// Pods that have succeeded.
    pub succeeded: i32,
    /// Pods that have failed.
    pub failed: i32,
    /// Pods that serve.
    pub ready: Option<i32>,
    /// Pods that are going.
    pub terminating: Option<i32>,
    /// Indexes that have succeeded, as `0-3,7`.
    pub completed_indexes: String,
    /// Indexes that have failed, as `0-3,7`.
    pub failed_indexes: Option<String>,
    /// Pods that have ended and are not counted yet.
    pub uncounted_terminated_pods: Option<Uncounted>,
}

/// Pods of a Job that have ended and are not in its counters yet, by uid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Uncounted {
    /// Those that succeeded.
    pub succeeded: Vec<String>,
    /// Those that failed.
    pub failed: Vec<String>,
}

/// A CronJob: Jobs at certain times.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CronJob {
    /// Its metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: CronJobSpec,
    /// What is.
    pub status: CronJobStatus,
}

/// What is wanted of a CronJob.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CronJobSpec {
    /// When, in five fields or one word.
    pub schedule: String,
    /// The time zone of the schedule; `None`: UTC.
    pub time_zone: Option<String>,
    /// How late a Job may start; `None`: however late.
    pub starting_deadline_seconds: Option<i64>,
    /// `Allow`, `Forbid` or `Replace`.
    pub concurrency_policy: String,
    /// Nothing is started.
    pub suspend: bool,
    /// What the Jobs look like, as it is stored.
    pub job_template: Value,
    /// How many Jobs that succeeded are kept; `None` is 3.
    pub successful_jobs_history_limit: Option<i32>,
    /// How many Jobs that failed are kept; `None` is 1.
    pub failed_jobs_history_limit: Option<i32>,
}

/// What a CronJob is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CronJobStatus {
    /// Jobs that run, as references.
    pub active: Vec<Value>,
    /// The time for which a Job was last started: RFC 3339.
    pub last_schedule_time: Option<String>,
    /// When a Job was last complete: RFC 3339.
    pub last_successful_time: Option<String>,
}
