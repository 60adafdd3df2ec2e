//! The roles and bindings of one namespace, or those of the cluster.

use super::super::rule::Rule;
use super::super::subject::{Subject, describe, text};
use crate::identity::User;
use crate::status::text::quote;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A role that a binding gives to one subject.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) binding: Arc<str>,
    pub(super) role_kind: Arc<str>,
    pub(super) role: Arc<str>,
    /// What is said when it allows something.
    pub(super) reason: Arc<str>,
}

/// Grants by the names of their bindings: one binding gives to one subject once.
type Grants = BTreeMap<Arc<str>, Grant>;

#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    roles: HashMap<Arc<str>, Arc<[Rule]>>,
    /// The subjects of each binding, to find its grants when it changes.
    bindings: HashMap<Arc<str>, Arc<[Subject]>>,
    users: HashMap<String, Grants>,
    groups: HashMap<String, Grants>,
}

impl Part {
    pub(super) fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.bindings.is_empty()
    }

    pub(super) fn role(&self, name: &str) -> Option<&Arc<[Rule]>> {
        self.roles.get(name)
    }

    pub(super) fn put_role(&mut self, name: &str, rules: Vec<Rule>) {
        self.roles.insert(name.into(), rules.into());
    }

    pub(super) fn remove_role(&mut self, name: &str) {
        self.roles.remove(name);
    }

    /// `namespace` is the binding's, empty for one of the cluster.
    pub(super) fn put_binding(&mut self, name: &str, namespace: &str, object: &Value) {
        self.remove_binding(name);
        let reference = object.get("roleRef").unwrap_or(&Value::Null);
        let (role_kind, role) = (text(reference, "kind"), text(reference, "name"));
        let binding = match namespace.is_empty() {
            true => format!("ClusterRoleBinding {}", quote(name)),
            false => format!("RoleBinding {}", quote(&format!("{name}/{namespace}"))),
        };
        let name: Arc<str> = name.into();
        let (role_kind_shared, role_shared): (Arc<str>, Arc<str>) = (role_kind.into(), role.into());
        let role = quote(role);
        let subjects = object.get("subjects").and_then(Value::as_array);
        let mut named = Vec::new();
        for value in subjects.into_iter().flatten() {
            let Some(subject) = Subject::from_value(value, namespace) else {
                continue;
            };
            let to = describe(value, namespace);
            let grant = Grant {
                binding: name.clone(),
                role_kind: role_kind_shared.clone(),
                role: role_shared.clone(),
                reason: format!("RBAC: allowed by {binding} of {role_kind} {role} to {to}").into(),
            };
            let grants = self.grants_mut(&subject);
            grants.entry(name.clone()).or_insert(grant);
            named.push(subject);
        }
        self.bindings.insert(name, named.into());
    }

    pub(super) fn remove_binding(&mut self, name: &str) {
        let Some(subjects) = self.bindings.remove(name) else {
            return;
        };
        for subject in subjects.iter() {
            let grants = self.grants_mut(subject);
            grants.remove(name);
            if grants.is_empty() {
                match subject {
                    Subject::User(user) => self.users.remove(user),
                    Subject::Group(group) => self.groups.remove(group),
                };
            }
        }
    }

    /// What bindings give to a user. One that names the user in several ways comes several times.
    pub(super) fn grants<'a>(&'a self, user: &'a User) -> impl Iterator<Item = &'a Grant> {
        let own = self.users.get(&user.name);
        let groups = user
            .groups
            .iter()
            .filter_map(|group| self.groups.get(group));
        own.into_iter().chain(groups).flat_map(BTreeMap::values)
    }

    fn grants_mut(&mut self, subject: &Subject) -> &mut Grants {
        match subject {
            Subject::User(name) => self.users.entry(name.clone()).or_default(),
            Subject::Group(name) => self.groups.entry(name.clone()).or_default(),
        }
    }
}
