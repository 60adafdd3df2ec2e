//! What a node may do.
//!
//! A node reads what the pods bound to it need and nothing else of that sort: which objects these are is
//! told by a [`NodeGraph`], such as [`Graph`], which is fed object by object. It reads and writes its own Node, Lease and CSINode. Everything else is
//! uniform: the rules of the role `system:node`. What a node may write *into* an object is not decided
//! here but by admission.

mod graph;
pub(crate) mod needs;

use super::attributes::{Attributes, ResourceTarget, Target, Verdict};
use super::chain::{Authorizer, UserRules};
use super::rule::Rule;
use crate::identity::User;
use crate::selector::FieldSelector;
use crate::status::text::quote;
use std::sync::Arc;

pub use graph::Graph;

/// Where the leases of nodes are.
pub(crate) const LEASE_NAMESPACE: &str = "kube-node-lease";

/// What objects of a kind have to do with nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Related {
    /// A pod: bound to the node.
    Pod,
    /// A Secret: a pod of the node, or a volume of one, refers to it.
    Secret,
    /// A ConfigMap: a pod of the node refers to it.
    ConfigMap,
    /// A ServiceAccount: a pod of the node runs as it.
    ServiceAccount,
    /// A PersistentVolumeClaim: a pod of the node refers to it.
    PersistentVolumeClaim,
    /// A PersistentVolume: bound to such a claim.
    PersistentVolume,
    /// A ResourceClaim: a pod of the node refers to it.
    ResourceClaim,
    /// A VolumeAttachment: names the node.
    VolumeAttachment,
    /// A ResourceSlice: names the node.
    ResourceSlice,
}

/// Knows which objects have to do with which node.
pub trait NodeGraph: Send + Sync {
    /// Whether an object has to do with a node. `namespace` is empty for what is in none.
    fn is_related(&self, node: &str, what: Related, namespace: &str, name: &str) -> bool;
}

impl<G: NodeGraph + ?Sized> NodeGraph for Arc<G> {
    fn is_related(&self, node: &str, what: Related, namespace: &str, name: &str) -> bool {
        (**self).is_related(node, what, namespace, name)
    }
}

/// Decides for nodes, and has no opinion about anybody else.
pub struct NodeAuthorizer<G> {
    graph: G,
    rules: Vec<Rule>,
}

impl<G: NodeGraph> NodeAuthorizer<G> {
    /// `rules` are those of the role `system:node` (see [`bootstrap`](super::bootstrap)).
    pub fn new(graph: G, rules: Vec<Rule>) -> NodeAuthorizer<G> {
        NodeAuthorizer { graph, rules }
    }

    /// `None`: the uniform rules decide.
    fn special(&self, node: &str, verb: &str, target: &ResourceTarget<'_>) -> Option<Verdict> {
        use Related as R;
        let request = Request {
            node,
            verb,
            target,
            graph: &self.graph,
        };
        Some(match (target.group, target.resource) {
            ("", "secrets") => request.read_one(R::Secret),
            ("", "configmaps") => request.read_one(R::ConfigMap),
            ("", "persistentvolumeclaims") if target.subresource == "status" => {
                request.write_status(R::PersistentVolumeClaim)
            }
            ("", "persistentvolumeclaims") => request.get(R::PersistentVolumeClaim),
            ("", "persistentvolumes") => request.get(R::PersistentVolume),
            ("resource.k8s.io", "resourceclaims") => request.get(R::ResourceClaim),
            ("resource.k8s.io", "resourceslices") => request.slices(),
            ("storage.k8s.io", "volumeattachments") => request.get(R::VolumeAttachment),
            ("storage.k8s.io", "csinodes") => request.csi_node(),
            ("coordination.k8s.io", "leases") => request.lease(),
            ("", "serviceaccounts") => request.service_account(),
            ("", "nodes") => request.nodes(),
            ("", "pods") => request.pods(),
            // Behind a feature gate that is off.
            ("certificates.k8s.io", "podcertificaterequests") => Verdict::NO_OPINION,
            _ => return None,
        })
    }
}

impl<G: NodeGraph> Authorizer for NodeAuthorizer<G> {
    fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        let Some(node) = attributes.user.node() else {
            return Verdict::NO_OPINION;
        };
        if node.is_empty() {
            let user = quote(&attributes.user.name);
            return Verdict::none(format!("unknown node for user {user}"));
        }
        if let Target::Resource(target) = &attributes.target
            && let Some(verdict) = self.special(node, attributes.verb, target)
        {
            return verdict;
        }
        match self.rules.iter().any(|rule| rule.allows(attributes)) {
            true => Verdict::ALLOWED,
            false => Verdict::NO_OPINION,
        }
    }

    fn rules_for(&self, user: &User, _namespace: &str) -> UserRules {
        let is_node = user.node().is_some();
        let error = is_node.then_some("node authorizer does not support user rule resolution");
        UserRules {
            is_incomplete: is_node,
            errors: error.into_iter().map(str::to_owned).collect(),
            ..UserRules::default()
        }
    }
}

/// A node's request for one of the resources that are not uniform.
struct Request<'a> {
    node: &'a str,
    verb: &'a str,
    target: &'a ResourceTarget<'a>,
    graph: &'a dyn NodeGraph,
}

impl Request<'_> {
    fn related(&self, what: Related) -> Verdict {
        let (namespace, name) = (self.target.namespace, self.target.name);
        if name.is_empty() {
            return Verdict::none("No Object name found");
        }
        match self.graph.is_related(self.node, what, namespace, name) {
            true => Verdict::ALLOWED,
            false => Verdict::none(format!(
                "no relationship found between node '{}' and this object",
                self.node
            )),
        }
    }

    fn get(&self, what: Related) -> Verdict {
        match (self.verb, self.target.subresource) {
            ("get", "") => self.related(what),
            ("get", _) => Verdict::none("cannot get subresource"),
            _ => Verdict::none("can only get individual resources of this type"),
        }
    }

    /// Reads, lists and watches, as long as they are for one object.
    fn read_one(&self, what: Related) -> Verdict {
        if !matches!(self.verb, "get" | "list" | "watch") {
            return Verdict::none("can only read resources of this type");
        }
        if !self.target.subresource.is_empty() {
            return Verdict::none("cannot read subresource");
        }
        match self.target.namespace.is_empty() {
            true => Verdict::none("can only read namespaced object of this type"),
            false => self.related(what),
        }
    }

    fn write_status(&self, what: Related) -> Verdict {
        match self.verb {
            "update" | "patch" => self.related(what),
            _ => Verdict::none("can only get/update/patch this type"),
        }
    }

    fn service_account(&self) -> Verdict {
        match (self.verb, self.target.subresource) {
            ("get", "") => self.read_one(Related::ServiceAccount),
            ("create", _) if self.target.name.is_empty() => {
                Verdict::none("can only create tokens for individual service accounts")
            }
            ("create", "token") => self.related(Related::ServiceAccount),
            ("create", _) => Verdict::none("can only create token subresource of serviceaccount"),
            _ => Verdict::none("can only create tokens for individual service accounts"),
        }
    }

    fn lease(&self) -> Verdict {
        if !is_own_verb(self.verb) {
            return Verdict::none("can only get, create, update, patch, or delete a node lease");
        }
        if self.target.namespace != LEASE_NAMESPACE {
            let namespace = quote(LEASE_NAMESPACE);
            return Verdict::none(format!(
                "can only access leases in the {namespace} system namespace"
            ));
        }
        self.own("can only access node lease with the same name as the requesting node")
    }

    fn csi_node(&self) -> Verdict {
        if !is_own_verb(self.verb) {
            return Verdict::none("can only get, create, update, patch, or delete a CSINode");
        }
        if !self.target.subresource.is_empty() {
            return Verdict::none("cannot authorize CSINode subresources");
        }
        self.own("can only access CSINode with the same name as the requesting node")
    }

    /// Something that is called like the node. The name is not known while it is created; admission
    /// looks at it then.
    fn own(&self, otherwise: &'static str) -> Verdict {
        match self.verb == "create" || self.target.name == self.node {
            true => Verdict::ALLOWED,
            false => Verdict::none(otherwise),
        }
    }

    fn slices(&self) -> Verdict {
        if !self.target.subresource.is_empty() {
            return Verdict::none("cannot authorize ResourceSlice subresources");
        }
        match self.verb {
            "create" => Verdict::ALLOWED,
            "get" | "update" | "patch" | "delete" => self.related(Related::ResourceSlice),
            "watch" | "list" | "deletecollection" => match self.selects("spec.nodeName") {
                true => Verdict::ALLOWED,
                false => Verdict::none(
                    "can only list/watch/deletecollection resourceslices with nodeName field selector",
                ),
            },
            _ => Verdict::none(
                "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection",
            ),
        }
    }

    fn nodes(&self) -> Verdict {
        let (node, name) = (self.node, self.target.name);
        match (self.target.subresource, self.verb) {
            ("", "create" | "update" | "patch") | ("status", "update" | "patch") => {
                Verdict::ALLOWED
            }
            ("", "get" | "list" | "watch") if name == node => Verdict::ALLOWED,
            ("", "get" | "list" | "watch") => Verdict::none(match name {
                "" => format!("node '{node}' cannot read all nodes, only its own Node object"),
                _ => format!("node '{node}' cannot read '{name}', only its own Node object"),
            }),
            _ => Verdict::NO_OPINION,
        }
    }

    fn pods(&self) -> Verdict {
        match (self.target.subresource, self.verb) {
            ("", "get") => self.get(Related::Pod),
            ("", "list" | "watch") if self.selects("spec.nodeName") => Verdict::ALLOWED,
            ("", "list" | "watch") if !self.target.name.is_empty() => self.related(Related::Pod),
            ("", "list" | "watch") => {
                Verdict::none("can only list/watch pods with spec.nodeName field selector")
            }
            // Its own mirror pods, their status, evictions: admission looks which pods.
            ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create") => {
                Verdict::ALLOWED
            }
            _ => Verdict::NO_OPINION,
        }
    }

    fn selects(&self, field: &str) -> bool {
        let terms = self.target.fields.map(FieldSelector::terms);
        let mut terms = terms.into_iter().flatten();
        terms.any(|term| term.is_equal && term.field == field && term.value == self.node)
    }
}

fn is_own_verb(verb: &str) -> bool {
    matches!(verb, "get" | "create" | "update" | "patch" | "delete")
}

#[cfg(test)]
mod tests;
