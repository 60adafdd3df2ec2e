//! What is wrong with an object that has the right shape: rules of its kind, and what an update may not
//! change.
//!
//! Texts and field paths are upstream's, its slips included: clients match on them. Errors come in the
//! order in which upstream finds them, as far as maps have an order. Metadata is checked the same way for
//! all kinds; kinds without a row have no rules of their own.
//!
//! A check takes a place ([`at::At`]), which is a value and the way to it, and adds to a list. Places cost
//! almost nothing until something is wrong.
//!
//! | file | what |
//! |---|---|
//! | `at` | a place in an object |
//! | `same` | whether two values mean the same, and where they differ |
//! | `format` | how certain texts must look |
//! | `ip` | addresses and blocks of them |
//! | `resources` | names and amounts of resources |
//! | `meta` | metadata |
//! | `pod` | Pods and their templates |
//! | `workload`, `stateful`, `job`, `job_policy`, `cron` | what makes Pods |
//! | `service`, `endpoints`, `slice`, `network`, `parent` | what leads to them |
//! | `warn` | what is let in and yet told |
//! | `config` | ConfigMaps, Secrets, namespaces, and small kinds |
//! | `definition`, `schema` | CustomResourceDefinitions, and what is structural |
//! | `node`, `claim`, `quota`, `scaling`, `rbac`, `event` | one or a few kinds each |
//!
//! What may enter: objects in stored form, with defaults. What never happens here: IO, a clock, a look at
//! other objects. What upstream's strategies make up before they validate (a Job's selector, a Service's
//! addresses) must be there already.
//!
//! Left out: Windows, annotations for seccomp and AppArmor, the kinds of `resource.k8s.io`,
//! `admissionregistration.k8s.io`, `certificates.k8s.io`, `flowcontrol.apiserver.k8s.io`, and most of what
//! is special about one kind of storage in PersistentVolumes.

mod at;
mod claim;
mod config;
mod cron;
mod definition;
mod endpoints;
mod event;
mod format;
mod ip;
mod job;
mod job_policy;
mod meta;
mod network;
mod node;
mod parent;
mod pod;
mod quota;
mod rbac;
mod resources;
mod same;
mod scaling;
mod schema;
mod service;
mod slice;
mod stateful;
#[cfg(test)]
mod tests;
pub(crate) mod warn;
mod workload;

use crate::names::Rule;
use crate::schema::Gvk;
use crate::status::FieldError;
use at::{At, Errors};
use meta::Naming;
use serde_json::Value;

/// What is wrong with a new object.
pub fn create(gvk: &Gvk, object: &Value) -> Vec<FieldError> {
    let kind = kind(gvk);
    let object = At::root(object);
    let mut errors = Errors::new();
    meta::create(&object, kind.naming, &mut errors);
    (kind.create)(&object, &mut errors);
    errors
}

/// What is wrong with an update of `old` to `new`.
pub fn update(gvk: &Gvk, new: &Value, old: &Value) -> Vec<FieldError> {
    let kind = kind(gvk);
    let (new, old) = (At::root(new), At::root(old));
    let mut errors = Errors::new();
    meta::update(&new, &old, &mut errors);
    (kind.update)(&new, &old, &mut errors);
    errors
}

/// What is wrong with an update of the status of `old` to that of `new`.
pub fn update_status(gvk: &Gvk, new: &Value, old: &Value) -> Vec<FieldError> {
    let (new, old) = (At::root(new), At::root(old));
    let mut errors = Errors::new();
    meta::update(&new, &old, &mut errors);
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => pod::status(&new, &old, &mut errors),
        ("", "Node") => node::update(&new, &old, &mut errors),
        ("", "Namespace") => config::namespace_status(&new, &mut errors),
        ("", "Service") => service::status(&new, &mut errors),
        ("", "ResourceQuota") => quota::quota_status(&new, &mut errors),
        ("", "PersistentVolumeClaim") => claim::status(&new, &mut errors),
        ("", "ReplicationController")
        | ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") => {
            workload::status(&new, &old, &mut errors);
        }
        _ => {}
    }
    errors
}

/// What is wrong with the addresses and families that a Service wants, before it gets any.
pub(crate) fn service_addresses(service: &Value) -> Vec<FieldError> {
    service::wanted(&At::root(service))
}

/// What is checked of a new object.
type Create = fn(&At<'_>, &mut Errors);
/// What is checked of an object that changes.
type Update = fn(&At<'_>, &At<'_>, &mut Errors);

struct Kind {
    naming: Naming,
    create: Create,
    update: Update,
}

fn nothing(_: &At<'_>, _: &mut Errors) {}

fn unchecked(_: &At<'_>, _: &At<'_>, _: &mut Errors) {}

const fn kind_of(rule: Rule, namespaced: Option<bool>, create: Create, update: Update) -> Kind {
    let naming = Naming {
        rule,
        is_namespaced: namespaced,
    };
    Kind {
        naming,
        create,
        update,
    }
}

/// A kind in namespaces.
const fn local(create: Create, update: Update) -> Kind {
    kind_of(Rule::DnsSubdomain, Some(true), create, update)
}

/// A kind in none.
const fn global(create: Create, update: Update) -> Kind {
    kind_of(Rule::DnsSubdomain, Some(false), create, update)
}

/// The rules of a kind, in whatever version.
fn kind(gvk: &Gvk) -> Kind {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", kind) => core(kind),
        ("apps", kind) => apps(kind),
        ("rbac.authorization.k8s.io", kind) => roles(kind),
        ("batch", "Job") => local(job::create, job::update),
        ("batch", "CronJob") => local(cron::create, cron::update),
        ("autoscaling", "HorizontalPodAutoscaler") => local(scaling::create, scaling::update),
        ("policy", "PodDisruptionBudget") => local(scaling::budget, |new, _, errors| {
            scaling::budget(new, errors)
        }),
        ("networking.k8s.io", "Ingress") => local(network::create, |new, _, errors| {
            network::check(new, errors)
        }),
        ("networking.k8s.io", "IngressClass") => global(network::class, |new, old, errors| {
            network::class_update(new, old, errors);
            network::class(new, errors);
        }),
        ("networking.k8s.io", "NetworkPolicy") => local(network::policy, |new, _, errors| {
            network::policy(new, errors)
        }),
        ("networking.k8s.io", "IPAddress") => kind_of(
            Rule::PathSegment,
            Some(false),
            parent::check,
            parent::update,
        ),
        ("discovery.k8s.io", "EndpointSlice") => local(slice::check, |new, old, errors| {
            slice::check(new, errors);
            slice::update(new, old, errors);
        }),
        ("scheduling.k8s.io", "PriorityClass") => {
            global(config::priority_class, config::priority_class_update)
        }
        ("coordination.k8s.io", "Lease") => {
            local(config::lease, |new, _, errors| config::lease(new, errors))
        }
        ("node.k8s.io", "RuntimeClass") => {
            global(config::runtime_class, config::runtime_class_update)
        }
        ("certificates.k8s.io", "CertificateSigningRequest" | "ClusterTrustBundle")
        | ("apiregistration.k8s.io" | "internal.apiserver.k8s.io", _) => {
            kind_of(Rule::PathSegment, None, nothing, unchecked)
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            global(definition::create, definition::update)
        }
        ("storage.k8s.io", "StorageClass") => global(claim::class, claim::class_update),
        _ => kind_of(Rule::DnsSubdomain, None, nothing, unchecked),
    }
}

fn core(kind: &str) -> Kind {
    match kind {
        "Pod" => local(pod::create, pod::update),
        "PodTemplate" => local(pod::pod_template, |new, _, errors| {
            pod::pod_template(new, errors);
        }),
        "ReplicationController" => local(workload::replication_controller, |new, _, errors| {
            workload::replication_controller(new, errors);
        }),
        "Service" => kind_of(
            Rule::Dns1035Label,
            Some(true),
            service::check,
            |new, old, errors| {
                service::update(new, old, errors);
                service::check(new, errors);
            },
        ),
        "Endpoints" => local(endpoints::check, |new, _, errors| {
            endpoints::check(new, errors);
        }),
        "ConfigMap" => local(config::config_map, |new, old, errors| {
            config::sealed(new, old, errors);
            config::config_map(new, errors);
        }),
        "Secret" => local(config::secret, |new, old, errors| {
            config::secret_update(new, old, errors);
            config::secret(new, errors);
        }),
        "ServiceAccount" => local(nothing, unchecked),
        "Namespace" => kind_of(
            Rule::DnsLabel,
            Some(false),
            config::namespace,
            |new, _, errors| config::name_label(new, errors),
        ),
        "Node" => global(node::create, node::update),
        "LimitRange" => local(quota::limit_range, |new, _, errors| {
            quota::limit_range(new, errors);
        }),
        "ResourceQuota" => local(quota::quota, |new, old, errors| {
            quota::quota(new, errors);
            quota::quota_update(new, old, errors);
        }),
        "PersistentVolumeClaim" => local(claim::create, claim::update),
        "PersistentVolume" => global(claim::volume, |new, _, errors| claim::volume(new, errors)),
        // Called like what they are about, and more.
        "Event" => kind_of(
            Rule::PathSegment,
            Some(true),
            event::check,
            |new, _, errors| {
                event::check(new, errors);
            },
        ),
        _ => kind_of(Rule::DnsSubdomain, None, nothing, unchecked),
    }
}

fn apps(kind: &str) -> Kind {
    match kind {
        "Deployment" => local(workload::deployment, |new, old, errors| {
            workload::deployment(new, errors);
            workload::selector_unchanged(new, old, errors);
        }),
        "ReplicaSet" => local(workload::replica_set, |new, old, errors| {
            workload::replica_set(new, errors);
            workload::selector_unchanged(new, old, errors);
        }),
        "DaemonSet" => local(workload::daemon_set, |new, old, errors| {
            workload::daemon_set(new, errors);
            workload::selector_unchanged(new, old, errors);
        }),
        "StatefulSet" => kind_of(
            stateful::NAMES,
            Some(true),
            stateful::check,
            |new, old, errors| {
                stateful::check(new, errors);
                stateful::update(new, old, errors);
            },
        ),
        "ControllerRevision" => local(workload::revision, |new, old, errors| {
            workload::revision(new, errors);
            workload::revision_unchanged(new, old, errors);
        }),
        _ => kind_of(Rule::DnsSubdomain, None, nothing, unchecked),
    }
}

fn roles(kind: &str) -> Kind {
    fn named(namespaced: bool, create: Create, update: Update) -> Kind {
        kind_of(Rule::PathSegment, Some(namespaced), create, update)
    }
    match kind {
        "Role" => named(true, rbac::role, |new, _, errors| rbac::role(new, errors)),
        "ClusterRole" => named(false, rbac::cluster_role, |new, _, errors| {
            rbac::cluster_role(new, errors);
        }),
        "RoleBinding" => named(true, rbac::binding, |new, old, errors| {
            rbac::binding(new, errors);
            rbac::binding_update(new, old, errors);
        }),
        "ClusterRoleBinding" => named(false, rbac::cluster_binding, |new, old, errors| {
            rbac::cluster_binding(new, errors);
            rbac::binding_update(new, old, errors);
        }),
        _ => kind_of(Rule::DnsSubdomain, None, nothing, unchecked),
    }
}
