//! Pods of a node.

use super::Asked;
use crate::admission::{Operation, Which};
use crate::authorize::Related;
use crate::authorize::node::needs::{MIRROR, of_pod};
use crate::status::text::quote;
use crate::status::{Failure, GroupResource};
use serde_json::{Value, json};

const NODES: Which = Which {
    group: "",
    version: "v1",
    plural: "nodes",
};

impl Asked<'_> {
    pub(super) async fn pods(&self) -> Result<(), Failure> {
        match (
            self.request.target.subresource.as_str(),
            self.request.operation,
        ) {
            ("", Operation::Create) => self.new_pod().await,
            ("", Operation::Delete) => match self.runs_here(self.old()) {
                true => Ok(()),
                false => self.refuse_node("can only delete pods with spec.nodeName set to itself"),
            },
            ("", _) => self.refuse(&format!(
                "unexpected operation {}, node {} can only create and delete mirror pods",
                quote(self.operation()),
                quote(self.node)
            )),
            ("status", Operation::Update) => self.status(),
            ("eviction", Operation::Create) => self.eviction().await,
            ("status" | "eviction", _) => self.unexpected(),
            (other, _) => self.refuse(&format!(
                "unexpected pod subresource {}, only 'status' and 'eviction' are allowed",
                quote(other)
            )),
        }
    }

    fn status(&self) -> Result<(), Failure> {
        let (old, new) = (self.old(), self.object());
        if !self.runs_here(old) {
            return self.refuse_node(
                "can only update pod status for pods with spec.nodeName set to itself",
            );
        }
        let differs = |part: &str, field: &str| {
            let filled = |pod: &Value| {
                let value = &pod[part][field];
                let is_empty = value.as_object().is_some_and(serde_json::Map::is_empty)
                    || value.as_array().is_some_and(Vec::is_empty);
                if is_empty { Value::Null } else { value.clone() }
            };
            filled(old) != filled(new)
        };
        if differs("metadata", "labels") {
            return self.refuse_node("cannot update labels through pod status");
        }
        // By these a node would say itself which claims it may read. The word is upstream's.
        if differs("status", "resourceClaimStatuses") {
            return self.refuse_node("cannot update resource claim statues");
        }
        if differs("status", "extendedResourceClaimStatus") {
            return self.refuse_node("cannot update extended resource claim status");
        }
        Ok(())
    }

    async fn eviction(&self) -> Result<(), Failure> {
        let pod = self.stored_pod(self.request.shown_name()).await?;
        match self.runs_here(&pod) {
            true => Ok(()),
            // Here upstream does not quote the node.
            false => self.refuse(&format!(
                "node {} can only evict pods with spec.nodeName set to itself",
                self.node
            )),
        }
    }

    /// A node shows what it runs from files of its own, and nothing in it may give it rights.
    async fn new_pod(&self) -> Result<(), Failure> {
        let pod = self.object();
        if pod["metadata"]["annotations"].get(MIRROR).is_none() {
            return self.refuse(&format!(
                "pod does not have {} annotation, node {} can only create mirror pods",
                quote(MIRROR),
                quote(self.node)
            ));
        }
        if !self.runs_here(pod) {
            return self.refuse_node("can only create pods with spec.nodeName set to itself");
        }
        self.owner(pod).await?;
        for (what, _) in of_pod(pod) {
            let what = match what {
                Related::ServiceAccount => "a service account",
                Related::Secret => "secrets",
                Related::ConfigMap => "configmaps",
                Related::PersistentVolumeClaim => "persistentvolumeclaims",
                Related::ResourceClaim => "resourceclaims",
                _ => continue,
            };
            return self.refuse_node(&format!("can not create pods that reference {what}"));
        }
        let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
        let mut sources = volumes.flat_map(|volume| {
            volume["projected"]["sources"]
                .as_array()
                .into_iter()
                .flatten()
        });
        match sources.any(|source| source.get("clusterTrustBundle").is_some()) {
            true => self.refuse_node("can not create pods that reference clustertrustbundles"),
            false => Ok(()),
        }
    }

    /// The Pod goes with its node: the node, and nothing else, owns it.
    async fn owner(&self, pod: &Value) -> Result<(), Failure> {
        let owners = pod["metadata"]["ownerReferences"].as_array();
        let owner = match owners.map_or(&[][..], Vec::as_slice) {
            [] => &Value::Null,
            [owner] => owner,
            _ => {
                return self.refuse_node(
                    "can only create pods with a single owner reference set to itself",
                );
            }
        };
        let is_node = owner["apiVersion"] == "v1" && owner["kind"] == "Node";
        if !is_node || owner["name"] != self.node {
            return self.refuse_node("can only create pods with an owner reference set to itself");
        }
        if owner["controller"] != json!(true) {
            return self.refuse_node(
                "can only create pods with a controller owner reference set to itself",
            );
        }
        if owner["blockOwnerDeletion"] == json!(true) {
            return self.refuse_node("must not set blockOwnerDeletion on an owner reference");
        }
        let found = self.objects.get(NODES, "", self.node).await?;
        let Some(found) = found else {
            return Err(Failure::not_found(
                &GroupResource::new("", "nodes"),
                self.node,
            ));
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (said, is) = (text(&owner["uid"]), text(&found.object["metadata"]["uid"]));
        match said == is {
            true => Ok(()),
            false => self.refuse(&format!(
                "node {} UID mismatch: expected {said} got {is}",
                self.node
            )),
        }
    }
}
