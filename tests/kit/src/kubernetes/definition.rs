//! A kind of one's own: its definition, and where its objects are.

use super::client::Answer;
use super::place::Place;
use crate::check::Check;
use crate::wait::wait_for;
use serde_json::{Value, json};
use std::time::Duration;

/// Where definitions are.
pub const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// What is not so at once is so after at most this.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Kinds in a group that no other statement uses.
#[derive(Clone)]
pub struct Own {
    /// The group.
    pub group: String,
}

impl Own {
    /// The group of a place.
    pub fn of(place: &Place) -> Own {
        Own {
            group: format!("{}.example.io", place.namespace),
        }
    }

    /// The name of a definition.
    pub fn name(&self, plural: &str) -> String {
        format!("{plural}.{}", self.group)
    }

    /// A resource of version 1 as [`Place`] takes it.
    pub fn resource(&self, plural: &str) -> String {
        format!("{}/v1/{plural}", self.group)
    }

    /// The definition of a kind in one version, with this schema of its spec and any status. It has both
    /// subresources.
    pub fn definition(&self, plural: &str, kind: &str, spec: &Value) -> Value {
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": self.name(plural)},
            "spec": {"group": self.group, "scope": "Namespaced",
                "names": {"plural": plural, "kind": kind},
                "versions": [version("v1", true, spec)]}})
    }

    /// An object of version 1.
    pub fn object(&self, kind: &str, name: &str, spec: &Value) -> Value {
        json!({"apiVersion": format!("{}/v1", self.group), "kind": kind,
            "metadata": {"name": name}, "spec": spec})
    }
}

/// A version of a kind.
pub fn version(name: &str, is_stored: bool, spec: &Value) -> Value {
    let status = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({"name": name, "served": true, "storage": is_stored,
        "schema": {"openAPIV3Schema": {"type": "object",
            "properties": {"spec": spec, "status": status}}},
        "subresources": {"status": {}, "scale": {
            "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector"}}})
}

/// The state of a condition of a definition; `None`: it has no such condition.
pub fn condition<'d>(definition: &'d Value, kind: &str) -> Option<&'d Value> {
    let conditions = definition["status"]["conditions"].as_array()?;
    conditions.iter().find(|one| one["type"] == kind)
}

/// Whether a condition of a definition has this state.
pub fn is(definition: &Value, kind: &str, state: &str) -> bool {
    condition(definition, kind).is_some_and(|one| one["status"] == state)
}

/// Creates a definition.
///
/// # Errors
/// When no answer came.
pub async fn try_define(p: &Place, definition: &Value) -> Check<Answer> {
    p.client.post(DEFINITIONS, definition).await
}

/// Creates a definition and waits until some member says that it is established.
///
/// # Errors
/// When it is refused, or nobody says so.
pub async fn define(p: &Place, definition: &Value) -> Check<Value> {
    let made = try_define(p, definition).await?.with(201)?;
    let name = made["metadata"]["name"].as_str().unwrap_or_default();
    until(p, name, "it is established", |found| {
        is(found, "Established", "True")
    })
    .await
}

/// Waits until a definition is like this at some member.
///
/// # Errors
/// When it does not become so.
pub async fn until(
    p: &Place,
    name: &str,
    why: &str,
    is_so: impl Fn(&Value) -> bool,
) -> Check<Value> {
    let (path, is_so) = (format!("{DEFINITIONS}/{name}"), &is_so);
    wait_for(why, PATIENCE, || async {
        let found = p.client.get(&path).await.ok()?.with(200).ok()?;
        is_so(&found).then_some(found)
    })
    .await
}

/// Deletes a definition and waits until no member serves its resource any more.
///
/// # Errors
/// When it does not go.
pub async fn undefine(p: &Place, own: &Own, plural: &str) -> Check {
    let path = format!("{DEFINITIONS}/{}", own.name(plural));
    p.client.delete(&path, &json!({})).await?.with(200)?;
    let all = p.all(&own.resource(plural));
    for member in 0..p.client.members() {
        let client = &p.client.at(member);
        wait_for("a definition is gone", PATIENCE, || async {
            let codes = (client.get(&path).await.ok()?, client.get(&all).await.ok()?);
            (codes.0.code == 404 && codes.1.code == 404).then_some(())
        })
        .await?;
    }
    Ok(())
}
