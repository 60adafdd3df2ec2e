//! Nobody gives away what they do not hold.
//!
//! Whoever writes a role must hold all of its rules, and whoever writes a binding all rules of the role
//! that it gives, in the namespace in which it is written. There are ways around it: the group
//! `system:masters`, the verb `escalate` on the role, the verb `bind` on the role that is bound. A write
//! that changes only owners and finalizers is the garbage collector's and needs no rights.

use super::RBAC;
use super::attributes::{Attributes, ResourceTarget, Target};
use super::chain::Authorizer;
use super::cover::{compact, uncovered};
use super::policy::{Policy, PolicyKind, together};
use super::rule::{Rule, quoted};
use super::subject::text;
use crate::identity::{MASTERS, User};
use crate::status::text::quote;
use crate::status::{Failure, GroupResource};
use serde_json::Value;
use std::collections::BTreeSet;

/// Who writes, and what decides about it.
#[derive(Clone, Copy)]
pub struct Writer<'a> {
    /// Who.
    pub user: &'a User,
    /// Decides about `escalate` and `bind`: the whole chain.
    pub authorizer: &'a dyn Authorizer,
    /// Says what the user holds, and what a role gives.
    pub policy: &'a Policy,
}

/// A role or binding that is about to be written.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// Of the request; empty for what belongs to the cluster.
    pub namespace: &'a str,
    /// Of the request's path; empty when something is created.
    pub name: &'a str,
    /// What will be there.
    pub new: &'a Value,
    /// What is there, if something is.
    pub old: Option<&'a Value>,
}

/// Whether a role or binding may be written, as far as what it gives away goes. Anything else may.
///
/// # Errors
/// 403 with the rights that are missing. If the user may not bind the role unseen: 404 if it is not
/// there, 400 if what the binding refers to is no role.
pub fn check(writer: &Writer<'_>, write: &Write<'_>) -> Result<(), Failure> {
    let kind = PolicyKind::named(text(write.new, "kind"));
    let Some(kind) = kind.filter(|_| !writer.user.is_in(MASTERS)) else {
        return Ok(());
    };
    match kind {
        PolicyKind::Role | PolicyKind::ClusterRole => writer.check_role(kind, write),
        PolicyKind::RoleBinding | PolicyKind::ClusterRoleBinding => {
            writer.check_binding(kind, write)
        }
    }
}

/// Whether a user holds these rules in a namespace (empty: in the cluster).
///
/// # Errors
/// What people are told about the rights that are missing.
pub fn check_rules(
    policy: &Policy,
    user: &User,
    namespace: &str,
    wanted: &[Rule],
) -> Result<(), String> {
    let held = policy.rules_for(user, namespace);
    let missing = uncovered(&held.rules, wanted).map_err(|error| error.to_string())?;
    if missing.is_empty() {
        return Ok(());
    }
    let missing: BTreeSet<String> = compact(missing).iter().map(Rule::describe).collect();
    let missing: Vec<String> = missing.into_iter().collect();
    let mut message = format!(
        "user {} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        quote(&user.name),
        quoted(&user.groups),
        missing.join("\n")
    );
    if !held.errors.is_empty() {
        let errors = together(held.errors);
        message = format!("{message}; resolution errors: [{errors}]");
    }
    Err(message)
}

impl Writer<'_> {
    fn check_role(&self, kind: PolicyKind, write: &Write<'_>) -> Result<(), Failure> {
        let may_escalate = || {
            let target = role_target(kind.resource(), write.name, write.namespace);
            self.may("escalate", target)
        };
        if write.is_for_the_collector() || may_escalate() {
            return Ok(());
        }
        let forbidden = |why: String| write.forbidden(kind, &why);
        let check = |rules: &[Rule]| check_rules(self.policy, self.user, write.namespace, rules);
        check(&Rule::list(write.new)).map_err(forbidden)?;
        let is_cluster_role = kind == PolicyKind::ClusterRole;
        if is_cluster_role && (gathers(write.new) || write.old.is_some_and(gathers)) {
            // It can gather anything, and others can add to what it gathers.
            check(&everything()).map_err(|_| {
                forbidden(
                    "must have cluster-admin privileges to use the aggregationRule".to_owned(),
                )
            })?;
        }
        Ok(())
    }

    fn check_binding(&self, kind: PolicyKind, write: &Write<'_>) -> Result<(), Failure> {
        let reference = write.new.get("roleRef").unwrap_or(&Value::Null);
        let (role_kind, role) = (text(reference, "kind"), text(reference, "name"));
        let resource = PolicyKind::named(role_kind).map_or("", PolicyKind::resource);
        let may_bind = || {
            let group = text(reference, "apiGroup");
            let target = role_target(resource, role, write.namespace);
            let is_role = matches!(role_kind, "Role" | "ClusterRole");
            is_role && self.may("bind", ResourceTarget { group, ..target })
        };
        if write.is_for_the_collector() || may_bind() {
            return Ok(());
        }
        let rules = self.policy.referenced(role_kind, role, write.namespace);
        let rules = rules.map_err(|error| {
            let singular = resource.strip_suffix('s').unwrap_or(resource);
            match singular.is_empty() {
                true => Failure::bad_request(error),
                false => Failure::not_found(&GroupResource::new(RBAC, singular), role),
            }
        })?;
        check_rules(self.policy, self.user, write.namespace, &rules)
            .map_err(|why| write.forbidden(kind, &why))
    }

    fn may(&self, verb: &str, target: ResourceTarget<'_>) -> bool {
        let attributes = Attributes {
            user: self.user,
            verb,
            target: Target::Resource(target),
        };
        self.authorizer.authorize(&attributes).is_allowed()
    }
}

impl Write<'_> {
    fn forbidden(&self, kind: PolicyKind, why: &str) -> Failure {
        let metadata = self.new.get("metadata").unwrap_or(&Value::Null);
        let resource = GroupResource::new(RBAC, kind.resource());
        Failure::forbidden(&resource, text(metadata, "name"), why)
    }

    /// Whether nothing changes but what the garbage collector changes.
    fn is_for_the_collector(&self) -> bool {
        let Some(old) = self.old else {
            return false;
        };
        let essence = |object: &Value| {
            let mut object = object.clone();
            let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
            if let Some(metadata) = metadata {
                for field in ["ownerReferences", "finalizers", "selfLink", "managedFields"] {
                    metadata.remove(field);
                }
            }
            object
        };
        essence(self.new) == essence(old)
    }
}

fn role_target<'a>(resource: &'a str, name: &'a str, namespace: &'a str) -> ResourceTarget<'a> {
    ResourceTarget {
        group: RBAC,
        version: "*",
        resource,
        namespace,
        name,
        ..ResourceTarget::default()
    }
}

fn gathers(role: &Value) -> bool {
    let selectors = role.pointer("/aggregationRule/clusterRoleSelectors");
    let selectors = selectors.and_then(Value::as_array);
    selectors.is_some_and(|selectors| !selectors.is_empty())
}

fn everything() -> [Rule; 2] {
    let all = || vec!["*".to_owned()];
    let resources = Rule {
        verbs: all(),
        groups: all(),
        resources: all(),
        ..Rule::default()
    };
    let paths = Rule {
        verbs: all(),
        paths: all(),
        ..Rule::default()
    };
    [resources, paths]
}

#[cfg(test)]
mod tests;
