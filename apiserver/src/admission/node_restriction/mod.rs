//! What a node may write: what is its own, so that one that is taken over harms no other.
//!
//! Whether a node may write to a kind at all is the authorizer's business; here it is which objects, and
//! what into them. A node changes its own Node, Lease, CSINode and ResourceSlices, the status of its own
//! Pods and of claims, and deletes and evicts its own Pods; it creates Pods only to show what it runs by
//! itself, and gets tokens only for Pods that run on it. It does not choose what is scheduled to it: taints
//! and most labels are not its own.
//!
//! Which audiences a token may be for is not looked at.

mod node;
mod pods;

use super::{AdmissionRequest, Admitted, Objects, Operation, Plugin, Which};
use crate::authorize::node::LEASE_NAMESPACE;
use crate::status::text::quote;
use crate::status::{Failure, GroupResource};
use crate::storage::Future;
use serde_json::Value;
use std::sync::Arc;

const PODS: Which = Which {
    group: "",
    version: "v1",
    plural: "pods",
};

/// See the file's first line.
pub struct NodeRestriction;

impl Plugin for NodeRestriction {
    fn name(&self) -> &'static str {
        "NodeRestriction"
    }

    fn handles(&self, request: &AdmissionRequest) -> bool {
        request.operation != Operation::Connect && request.user.node().is_some()
    }

    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest,
        objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            let asked = Asked {
                request,
                node: request.user.node().unwrap_or_default(),
                objects,
            };
            asked.check().await.map(|()| Admitted::default())
        })
    }
}

/// What a node asks for.
struct Asked<'a> {
    request: &'a AdmissionRequest,
    node: &'a str,
    objects: &'a dyn Objects,
}

impl Asked<'_> {
    async fn check(&self) -> Result<(), Failure> {
        if self.node.is_empty() {
            let user = quote(&self.request.user.name);
            return self.refuse(&format!("could not determine node from user {user}"));
        }
        let resource = &self.request.target.resource;
        match (resource.gvk.group.as_str(), resource.plural.as_str()) {
            ("", "pods") => self.pods().await,
            ("", "nodes") => self.own_node(),
            ("", "persistentvolumeclaims") => self.claim(),
            ("", "serviceaccounts") => self.token().await,
            ("coordination.k8s.io", "leases") => self.lease(),
            ("storage.k8s.io", "csinodes") => self.named_like_the_node(
                "can only access CSINode with the same name as the requesting node",
            ),
            ("resource.k8s.io", "resourceslices") => self.slice(),
            _ => Ok(()),
        }
    }

    /// 403.
    fn refuse(&self, why: &str) -> Result<(), Failure> {
        Err(self.request.forbidden(why))
    }

    /// The same, with the node in front.
    fn refuse_node(&self, why: &str) -> Result<(), Failure> {
        self.refuse(&format!("node {} {why}", quote(self.node)))
    }

    fn unexpected(&self) -> Result<(), Failure> {
        let operation = quote(self.operation());
        self.refuse(&format!("unexpected operation {operation}"))
    }

    fn operation(&self) -> &'static str {
        match self.request.operation {
            Operation::Create => "CREATE",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
            Operation::Connect => "CONNECT",
        }
    }

    fn object(&self) -> &Value {
        self.request.object.as_ref().unwrap_or(&Value::Null)
    }

    fn old(&self) -> &Value {
        self.request.old.as_ref().unwrap_or(&Value::Null)
    }

    /// A Pod as it is stored.
    async fn stored_pod(&self, name: &str) -> Result<Arc<Value>, Failure> {
        let namespace = &self.request.target.namespace;
        let found = self.objects.get(PODS, namespace, name).await?;
        let found = found.map(|found| found.object);
        found.ok_or_else(|| Failure::not_found(&GroupResource::new("", "pods"), name))
    }

    fn runs_here(&self, pod: &Value) -> bool {
        pod["spec"]["nodeName"] == self.node
    }

    fn named_like_the_node(&self, otherwise: &str) -> Result<(), Failure> {
        match self.request.shown_name() == self.node {
            true => Ok(()),
            false => self.refuse(otherwise),
        }
    }

    fn lease(&self) -> Result<(), Failure> {
        if self.request.target.namespace != LEASE_NAMESPACE {
            let namespace = quote(LEASE_NAMESPACE);
            return self.refuse(&format!(
                "can only access leases in the {namespace} system namespace"
            ));
        }
        self.named_like_the_node(
            "can only access node lease with the same name as the requesting node",
        )
    }

    fn slice(&self) -> Result<(), Failure> {
        let (what, is_own) = match self.request.operation {
            Operation::Create => ("create", self.runs_here(self.object())),
            Operation::Delete => ("delete", self.runs_here(self.old())),
            _ => (
                "update",
                self.runs_here(self.old()) && self.runs_here(self.object()),
            ),
        };
        match is_own {
            true => Ok(()),
            false => self.refuse(&format!(
                "can only {what} ResourceSlice with the same NodeName as the requesting node"
            )),
        }
    }

    /// How far a volume has grown is all that a node knows about a claim.
    fn claim(&self) -> Result<(), Failure> {
        if self.request.target.subresource != "status" {
            return self.refuse("may only update PVC status");
        }
        if self.request.operation != Operation::Update {
            return self.unexpected();
        }
        let rest = |claim: &Value| {
            let mut claim = claim.clone();
            let part = |claim: &mut Value, part: &str, fields: &[&str]| {
                if let Some(part) = claim.get_mut(part).and_then(Value::as_object_mut) {
                    fields.iter().for_each(|field| drop(part.remove(*field)));
                }
            };
            part(
                &mut claim,
                "metadata",
                &["resourceVersion", "managedFields"],
            );
            let grown = [
                "capacity",
                "conditions",
                "allocatedResources",
                "allocatedResourceStatuses",
            ];
            part(&mut claim, "status", &grown);
            claim
        };
        match rest(self.object()) == rest(self.old()) {
            true => Ok(()),
            false => self.refuse_node(
                "is not allowed to update fields other than status.capacity and status.conditions",
            ),
        }
    }

    /// A token is for a Pod that runs on the node, this very one.
    async fn token(&self) -> Result<(), Failure> {
        let request = self.request;
        if request.operation != Operation::Create || request.target.subresource != "token" {
            return Ok(());
        }
        let bound = &self.object()["spec"]["boundObjectRef"];
        let text = |field: &str| bound[field].as_str().unwrap_or_default();
        let (name, uid) = (text("name"), text("uid"));
        if text("apiVersion") != "v1" || text("kind") != "Pod" || name.is_empty() {
            return self.refuse("node requested token not bound to a pod");
        }
        if uid.is_empty() {
            return self.refuse("node requested token with a pod binding without a uid");
        }
        let pod = self.stored_pod(name).await?;
        if pod["metadata"]["uid"] != uid {
            return self.refuse(&format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. \
                 The object might have been deleted and then recreated"
            ));
        }
        match self.runs_here(&pod) {
            true => Ok(()),
            false => {
                self.refuse("node requested token bound to a pod scheduled on a different node")
            }
        }
    }
}
