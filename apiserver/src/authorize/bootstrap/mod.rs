//! The roles and bindings that every cluster begins with.
//!
//! They stand in `policy.txt`, a file of facts that people can read. [`objects`] makes objects of them,
//! all with the label `kubernetes.io/bootstrapping=rbac-defaults` and the annotation
//! `rbac.authorization.kubernetes.io/autoupdate=true`. When a server starts, it compares each with what
//! is stored and writes what [`reconcile`] says: what is missing is added, what somebody added stays,
//! and whoever sets the annotation to `false` is left alone.
//!
//! What may enter: the text, stored objects. What never happens here: a read, a write, a retry.

mod load;
mod reconcile;
#[cfg(test)]
mod tests;

pub use load::{LoadError, load};
pub use reconcile::{Step, reconcile};

use super::rule::Rule;
use serde_json::Value;
use std::sync::LazyLock;

const POLICY: &str = include_str!("policy.txt");

static OBJECTS: LazyLock<Vec<Value>> =
    LazyLock::new(|| load(POLICY).expect("the checked-in policy loads: a test does it"));

/// All of them: cluster roles and their bindings, then roles in namespaces and theirs.
pub fn objects() -> &'static [Value] {
    &OBJECTS
}

/// The rules of `system:node`, for the node authorizer.
pub fn node_rules() -> Vec<Rule> {
    let is_it = |object: &&Value| {
        object["kind"] == "ClusterRole" && object["metadata"]["name"] == "system:node"
    };
    objects()
        .iter()
        .find(is_it)
        .map(Rule::list)
        .unwrap_or_default()
}
