//! RBAC: an index over roles and bindings.
//!
//! The index is split by namespace; the cluster's roles and bindings are one more part. Each part keeps
//! its roles' rules read, and its bindings by the users and groups that they name. A decision takes the
//! part of the cluster and that of the request's namespace, and in each looks up the user's name and
//! groups: its cost depends on how many bindings name *this* user, not on how many there are.
//!
//! A copy of a policy shares all parts with it. A change copies the part it is about if a copy still uses
//! it, and no other.

mod part;
#[cfg(test)]
mod tests;

use super::attributes::{Attributes, Decision, Target, Verdict};
use super::chain::{Authorizer, UserRules};
use super::rule::Rule;
use super::subject::text;
use crate::identity::User;
use crate::status::text::quote;
use part::{Grant, Part};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The four kinds of RBAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// Rules in a namespace.
    Role,
    /// Rules everywhere, or wherever a binding says.
    ClusterRole,
    /// Gives a role in a namespace.
    RoleBinding,
    /// Gives a role everywhere.
    ClusterRoleBinding,
}

/// An object that is none of RBAC's, or has no name: whoever feeds the policy has mixed up something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPolicy {
    /// What it says it is.
    pub kind: String,
    /// What it says it is called.
    pub name: String,
}

impl fmt::Display for NotPolicy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} {:?} is no role or binding", self.kind, self.name)
    }
}

impl std::error::Error for NotPolicy {}

/// What roles and bindings allow. See the essay of this file.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    cluster: Arc<Part>,
    namespaces: Arc<HashMap<String, Arc<Part>>>,
}

/// Who is meant: kind, namespace (empty for those of the cluster) and name.
type Place<'a> = (PolicyKind, &'a str, &'a str);

impl PolicyKind {
    /// The kind of this name.
    pub fn named(kind: &str) -> Option<PolicyKind> {
        Some(match kind {
            "Role" => PolicyKind::Role,
            "ClusterRole" => PolicyKind::ClusterRole,
            "RoleBinding" => PolicyKind::RoleBinding,
            "ClusterRoleBinding" => PolicyKind::ClusterRoleBinding,
            _ => return None,
        })
    }

    /// Whether its objects are in namespaces.
    pub fn is_namespaced(self) -> bool {
        matches!(self, PolicyKind::Role | PolicyKind::RoleBinding)
    }

    /// Its plural name in paths.
    pub fn resource(self) -> &'static str {
        match self {
            PolicyKind::Role => "roles",
            PolicyKind::ClusterRole => "clusterroles",
            PolicyKind::RoleBinding => "rolebindings",
            PolicyKind::ClusterRoleBinding => "clusterrolebindings",
        }
    }
}

impl Policy {
    /// The policy of these objects.
    ///
    /// # Errors
    /// At the first that is no role or binding.
    pub fn from_objects<'v>(
        objects: impl IntoIterator<Item = &'v Value>,
    ) -> Result<Policy, NotPolicy> {
        let mut policy = Policy::default();
        for object in objects {
            policy.put(object)?;
        }
        Ok(policy)
    }

    /// Takes an object that is new or has changed.
    ///
    /// # Errors
    /// If it is no role or binding; then nothing has changed.
    pub fn put(&mut self, object: &Value) -> Result<(), NotPolicy> {
        let (kind, namespace, name) = place(object)?;
        let part = self.part_mut(namespace);
        match kind {
            PolicyKind::Role | PolicyKind::ClusterRole => part.put_role(name, Rule::list(object)),
            PolicyKind::RoleBinding | PolicyKind::ClusterRoleBinding => {
                part.put_binding(name, namespace, object);
            }
        }
        Ok(())
    }

    /// Drops an object that is gone. It may be gone already.
    ///
    /// # Errors
    /// If it is no role or binding; then nothing has changed.
    pub fn remove(&mut self, object: &Value) -> Result<(), NotPolicy> {
        let (kind, namespace, name) = place(object)?;
        let part = self.part_mut(namespace);
        match kind {
            PolicyKind::Role | PolicyKind::ClusterRole => part.remove_role(name),
            PolicyKind::RoleBinding | PolicyKind::ClusterRoleBinding => part.remove_binding(name),
        }
        if part.is_empty() && !namespace.is_empty() {
            Arc::make_mut(&mut self.namespaces).remove(namespace);
        }
        Ok(())
    }

    /// The rules of the role that a binding in `namespace` (empty: of the cluster) refers to.
    ///
    /// # Errors
    /// A sentence for people if there is no such role.
    pub fn referenced(
        &self,
        kind: &str,
        name: &str,
        namespace: &str,
    ) -> Result<Arc<[Rule]>, String> {
        let (part, noun) = match kind {
            "ClusterRole" => (Some(&*self.cluster), "clusterrole"),
            // Not in the cluster's part: what lies there are ClusterRoles.
            "Role" => (self.namespaces.get(namespace).map(Arc::as_ref), "role"),
            _ => {
                let kind = quote(kind);
                return Err(format!("unsupported role reference kind: {kind}"));
            }
        };
        let rules = part.and_then(|part| part.role(name));
        let missing = || format!("{noun}.{} {} not found", super::RBAC, quote(name));
        rules.cloned().ok_or_else(missing)
    }

    fn part_mut(&mut self, namespace: &str) -> &mut Part {
        if namespace.is_empty() {
            return Arc::make_mut(&mut self.cluster);
        }
        let namespaces = Arc::make_mut(&mut self.namespaces);
        Arc::make_mut(namespaces.entry(namespace.to_owned()).or_default())
    }

    /// The cluster and the namespace, those that there are.
    fn parts<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (&'a str, &'a Part)> {
        let inner = (!namespace.is_empty())
            .then(|| self.namespaces.get(namespace))
            .flatten();
        let inner = inner.map(|part| (namespace, &**part));
        std::iter::once(("", &*self.cluster)).chain(inner)
    }

    fn rules_of(&self, grant: &Grant, namespace: &str) -> Result<Arc<[Rule]>, String> {
        self.referenced(&grant.role_kind, &grant.role, namespace)
    }
}

impl Authorizer for Policy {
    fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        let namespace = match &attributes.target {
            Target::Resource(target) => target.namespace,
            Target::Path(_) => "",
        };
        let mut errors = Vec::new();
        for (namespace, part) in self.parts(namespace) {
            for grant in part.grants(attributes.user) {
                match self.rules_of(grant, namespace) {
                    Ok(rules) if rules.iter().any(|rule| rule.allows(attributes)) => {
                        return Verdict {
                            decision: Decision::Allow,
                            reason: Some(grant.reason.clone()),
                        };
                    }
                    Ok(_) => {}
                    Err(error) => errors.push(error),
                }
            }
        }
        match errors.is_empty() {
            true => Verdict::NO_OPINION,
            false => Verdict::none(format!("RBAC: {}", together(errors))),
        }
    }

    fn rules_for(&self, user: &User, namespace: &str) -> UserRules {
        let mut found = UserRules::default();
        for (namespace, part) in self.parts(namespace) {
            let mut grants: Vec<&Grant> = part.grants(user).collect();
            grants.sort_by(|a, b| a.binding.cmp(&b.binding));
            grants.dedup_by(|a, b| a.binding == b.binding);
            for grant in grants {
                match self.rules_of(grant, namespace) {
                    Ok(rules) => found.rules.extend(rules.iter().cloned()),
                    Err(error) => found.errors.push(error),
                }
            }
        }
        found
    }
}

/// Several errors in one text, each once: alone as it is, or `[a, b]`.
pub(super) fn together(mut errors: Vec<String>) -> String {
    errors.sort();
    errors.dedup();
    match errors.as_slice() {
        [only] => only.clone(),
        _ => format!("[{}]", errors.join(", ")),
    }
}

fn place(object: &Value) -> Result<Place<'_>, NotPolicy> {
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    let (name, namespace) = (text(metadata, "name"), text(metadata, "namespace"));
    let kind = PolicyKind::named(text(object, "kind"));
    match kind {
        Some(kind) if !name.is_empty() && kind.is_namespaced() != namespace.is_empty() => {
            Ok((kind, namespace, name))
        }
        _ => Err(NotPolicy {
            kind: text(object, "kind").to_owned(),
            name: name.to_owned(),
        }),
    }
}
