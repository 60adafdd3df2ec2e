//! `componentstatuses`: whether the parts of the control plane do their work. Nothing of it is stored; it
//! is looked up when somebody asks.
//!
//! The loops are healthy if somebody has renewed the Lease that shows it; the store is, if it has just
//! answered a read that misses nothing.

use super::{List, Registry, Target};
use crate::canonical::Instant;
use crate::status::{Failure, GroupResource};
use crate::storage::{At, Keys, Object, Range};
use futures::stream;
use serde_json::{Value, json};

const PLURAL: &str = "componentstatuses";
/// The part, and the Lease that shows it. In the order in which they are listed.
const LOOPS: [(&str, &str); 2] = [
    ("controller-manager", "kube-controller-manager"),
    ("scheduler", "kube-scheduler"),
];
const STORE: &str = "etcd-0";

/// Whether the target is about them.
pub(super) fn are_meant(target: &Target) -> bool {
    target.resource.gvk.group.is_empty() && target.resource.plural == PLURAL
}

impl Registry {
    /// All parts.
    pub(super) async fn components(&self) -> List {
        let mut objects = Vec::with_capacity(LOOPS.len() + 1);
        let (store, revision) = match self.leader_lease("kube-scheduler").await {
            Ok((_, revision)) => (Ok("ok".to_owned()), revision),
            Err(why) => (Err(why), 0),
        };
        for (name, lease) in LOOPS {
            objects.push(object(name, self.loop_health(lease).await));
        }
        objects.insert(1, object(STORE, store));
        List {
            revision,
            continue_token: None,
            remaining: None,
            pieces: Box::pin(stream::iter([Ok(objects)])),
        }
    }

    /// One part.
    ///
    /// # Errors
    /// 404 if there is no such part.
    pub(super) async fn component(&self, name: &str) -> Result<Object, Failure> {
        if name == STORE {
            let health = self.leader_lease("kube-scheduler").await;
            return Ok(object(name, health.map(|_| "ok".to_owned())));
        }
        let Some((_, lease)) = LOOPS.iter().find(|(known, _)| *known == name) else {
            return Err(Failure::not_found(&GroupResource::new("", PLURAL), name));
        };
        Ok(object(name, self.loop_health(lease).await))
    }

    async fn loop_health(&self, lease: &str) -> Result<String, String> {
        let (lease, _) = self.leader_lease(lease).await?;
        let spec = lease.as_ref().map(|lease| &lease["spec"]);
        let renewed = spec.and_then(|spec| spec["renewTime"].as_str());
        let renewed = renewed.and_then(|text| Instant::parse_micro(text).ok());
        let lasts_s = spec.and_then(|spec| spec["leaseDurationSeconds"].as_i64());
        let now_s = self.clock.now_us().div_euclid(1_000_000);
        match (renewed, lasts_s) {
            (Some(at), Some(lasts_s)) if now_s - at.seconds <= lasts_s => Ok("ok".to_owned()),
            (Some(_), _) => Err("nobody has shown for a while that it runs".to_owned()),
            _ => Err("nobody has shown yet that it runs".to_owned()),
        }
    }

    /// The Lease of this name in `kube-system`, and the revision as of which it was read.
    async fn leader_lease(&self, name: &str) -> Result<(Option<Value>, u64), String> {
        let leases = crate::resource::builtin().find("coordination.k8s.io", "v1", "leases");
        let leases = leases.ok_or("leases are not served")?;
        let range = Range {
            key: Keys::one(leases, "kube-system", name),
            end: None,
            at: At::Latest,
            limit: 1,
            keys_only: false,
        };
        let found = self.kv.range(range).await;
        let found = found.map_err(|error| format!("{error:?}"))?;
        let lease = found.keys.into_iter().next();
        let value = lease.and_then(|lease| Object::new(lease.value, lease.mod_revision).value());
        Ok((value, found.revision))
    }
}

fn object(name: &str, health: Result<String, String>) -> Object {
    let condition = match health {
        Ok(message) => json!({"type": "Healthy", "status": "True", "message": message}),
        Err(error) => json!({
            "type": "Healthy", "status": "False", "message": error, "error": error,
        }),
    };
    let value = json!({
        "apiVersion": "v1",
        "kind": "ComponentStatus",
        "metadata": {"name": name},
        "conditions": [condition],
    });
    Object::of(value, 0)
}
