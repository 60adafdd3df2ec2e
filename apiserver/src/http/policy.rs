//! The policy of the cluster, kept current.

use super::follow::{Told, follow};
use crate::authorize::{Attributes, Authorizer, Policy, PolicyKind, RBAC, UserRules, Verdict};
use crate::identity::User;
use crate::registry::Registry;
use crate::resource::{Catalog, Resource};
use futures::future::join_all;
use parking_lot::{Mutex, RwLock};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const KINDS: [PolicyKind; 4] = [
    PolicyKind::ClusterRole,
    PolicyKind::Role,
    PolicyKind::ClusterRoleBinding,
    PolicyKind::RoleBinding,
];
/// RBAC as it stands in the registry. Allows nothing until it has read all of it once; from then on it
/// follows. Copies are the same policy.
#[derive(Clone, Default)]
pub struct KeptPolicy {
    shown: Arc<RwLock<Option<Policy>>>,
    gathered: Arc<Mutex<Gathered>>,
}

/// What is known so far.
#[derive(Default)]
struct Gathered {
    policy: Policy,
    /// Namespace and name of each object, by kind.
    known: [BTreeSet<(String, String)>; 4],
    is_listed: [bool; 4],
    /// Whether changes of each kind come in.
    is_followed: [bool; 4],
}

impl KeptPolicy {
    /// Follows the four kinds of RBAC for as long as it is polled. Failures are tried again without
    /// end; meanwhile the last state counts.
    pub async fn keep(&self, registry: &Registry, catalog: &Catalog) {
        let rows = KINDS.iter().enumerate().filter_map(|(index, kind)| {
            let row = catalog.find(RBAC, "v1", kind.resource())?;
            Some((index, Arc::new(row.clone())))
        });
        join_all(rows.map(|(index, row)| self.follow(registry, index, row))).await;
    }

    /// Whether all has been read once.
    pub fn is_filled(&self) -> bool {
        self.shown.read().is_some()
    }

    /// Whether all has been read, and changes come in as far as is known.
    pub fn is_current(&self) -> bool {
        let gathered = self.gathered.lock();
        gathered.is_followed.iter().all(|is_followed| *is_followed)
    }

    async fn follow(&self, registry: &Registry, index: usize, resource: Arc<Resource>) {
        let mut listing = None;
        let take = |told: Told<'_>| match told {
            Told::Began => listing = Some(Vec::new()),
            Told::Here(object) => match (object.value(), &mut listing) {
                (None, _) => {}
                (Some(value), Some(listed)) => listed.push(value),
                (Some(value), None) => self.change(index, true, &value),
            },
            Told::Gone(object) => {
                if let Some(value) = object.value() {
                    self.change(index, false, &value);
                }
            }
            Told::Complete => self.replace(index, &listing.take().unwrap_or_default()),
            Told::Lost => self.gathered.lock().is_followed[index] = false,
        };
        follow(registry, resource, take).await;
    }

    /// Takes all objects of a kind for what there is.
    fn replace(&self, index: usize, objects: &[Value]) {
        let mut gathered = self.gathered.lock();
        let now: BTreeSet<_> = objects.iter().map(place).collect();
        let gone: Vec<_> = gathered.known[index].difference(&now).cloned().collect();
        for (namespace, name) in gone {
            let mut object = json!({
                "kind": kind_name(KINDS[index]),
                "metadata": {"name": name},
            });
            if !namespace.is_empty() {
                object["metadata"]["namespace"] = namespace.into();
            }
            report(gathered.policy.remove(&object));
        }
        for object in objects {
            report(gathered.policy.put(object));
        }
        gathered.known[index] = now;
        gathered.is_listed[index] = true;
        gathered.is_followed[index] = true;
        self.show(&gathered);
    }

    fn change(&self, index: usize, is_there: bool, object: &Value) {
        let mut gathered = self.gathered.lock();
        match is_there {
            true => {
                gathered.known[index].insert(place(object));
                report(gathered.policy.put(object));
            }
            false => {
                gathered.known[index].remove(&place(object));
                report(gathered.policy.remove(object));
            }
        }
        self.show(&gathered);
    }

    fn show(&self, gathered: &Gathered) {
        if gathered.is_listed.iter().all(|is_listed| *is_listed) {
            *self.shown.write() = Some(gathered.policy.clone());
        }
    }

    /// A policy that is known. Nothing follows it.
    #[cfg(test)]
    pub(super) fn of(policy: Policy) -> KeptPolicy {
        let kept = KeptPolicy::default();
        *kept.shown.write() = Some(policy);
        kept
    }

    /// The policy, once it has been read.
    pub(super) fn now(&self) -> Option<Policy> {
        self.shown.read().clone()
    }
}

impl Authorizer for KeptPolicy {
    fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        match self.now() {
            Some(policy) => policy.authorize(attributes),
            None => Verdict::none("RBAC: the policy has not been read yet"),
        }
    }

    fn rules_for(&self, user: &User, namespace: &str) -> UserRules {
        match self.now() {
            Some(policy) => policy.rules_for(user, namespace),
            None => UserRules {
                is_incomplete: true,
                errors: vec!["RBAC: the policy has not been read yet".to_owned()],
                ..UserRules::default()
            },
        }
    }
}

fn place(object: &Value) -> (String, String) {
    let text = |field: &str| {
        let text = object["metadata"][field].as_str();
        text.unwrap_or_default().to_owned()
    };
    (text("namespace"), text("name"))
}

fn kind_name(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::Role => "Role",
        PolicyKind::ClusterRole => "ClusterRole",
        PolicyKind::RoleBinding => "RoleBinding",
        PolicyKind::ClusterRoleBinding => "ClusterRoleBinding",
    }
}

/// An object that is none of the policy: it is left out.
fn report(taken: Result<(), crate::authorize::NotPolicy>) {
    if let Err(error) = taken {
        tracing::warn!(%error, "an object of the policy was left out");
    }
}
