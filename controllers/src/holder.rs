//! Shows who runs the control loops, for tools that look at Leases. Nothing depends on them: who leads is
//! decided by the log, and these say so afterwards.
//!
//! Watches and owns the Leases `kube-controller-manager` and `kube-scheduler` in `kube-system`, and is
//! settled when both name this member and were renewed a moment ago.

use crate::objects::{Key, LeaseSpec};
use crate::runtime::{
    Change, Client, Controller, Future, Kind, Next, Problem, Wanted, World, micros,
};
use keelson_apiserver::canonical::Instant;
use serde_json::{Value, json};
use std::time::Duration;

const NAMESPACE: &str = "kube-system";
const NAMES: [&str; 2] = ["kube-controller-manager", "kube-scheduler"];
/// What upstream's electors say.
const DURATION_S: i64 = 15;
/// So often they are renewed.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// See the module.
pub struct Holder {
    identity: String,
}

impl Holder {
    /// `identity`: the name of this member.
    pub fn new(identity: impl Into<String>) -> Holder {
        Holder {
            identity: identity.into(),
        }
    }
}

impl Controller for Holder {
    fn name(&self) -> &'static str {
        "leader-lease"
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        let key = &change.reference.key;
        if change.kind == Some(Kind::Namespace) && &*key.name == NAMESPACE {
            self.all(world, wanted);
        }
        let is_ours = change.kind == Some(Kind::Lease)
            && &*key.namespace == NAMESPACE
            && NAMES.contains(&&*key.name);
        // Deleted by somebody; our own writes come again by themselves.
        if is_ours && change.after.is_none() {
            wanted.add(key.clone());
        }
    }

    fn all(&self, _: &World, wanted: &mut Wanted) {
        for name in NAMES {
            wanted.add(Key::new(NAMESPACE, name));
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let now_us = client.now_us();
            let (lease, has_namespace) = {
                let world = client.world();
                let lease = world.leases.get(key).cloned();
                (
                    lease,
                    world.namespaces.get(&Key::cluster(NAMESPACE)).is_some(),
                )
            };
            let Some(lease) = lease else {
                if !has_namespace {
                    // In the first moments of a cluster. It is heard of when it comes.
                    return Ok(Next::Settled);
                }
                let object = json!({
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    "metadata": {"name": *key.name, "namespace": NAMESPACE},
                    "spec": plan(&self.identity, None, now_us),
                });
                client.create(Kind::Lease, NAMESPACE, &object).await?;
                return Ok(Next::After(RENEW_EVERY));
            };
            if !is_fresh(&self.identity, &lease.spec, now_us) {
                let patch = json!({"spec": plan(&self.identity, Some(&lease.spec), now_us)});
                client.patch(Kind::Lease, key, &patch).await?;
            }
            Ok(Next::After(RENEW_EVERY))
        })
    }
}

fn is_fresh(identity: &str, spec: &LeaseSpec, now_us: i64) -> bool {
    let renewed = spec.renew_time.as_deref();
    let renewed = renewed.and_then(|text| Instant::parse_micro(text).ok());
    let age_s = renewed.map_or(i64::MAX, |at| now_us.div_euclid(1_000_000) - at.seconds);
    spec.holder_identity == identity && (0..RENEW_EVERY.as_secs().cast_signed()).contains(&age_s)
}

/// The fields to write: all of them when the holder changes, otherwise the time.
fn plan(identity: &str, before: Option<&LeaseSpec>, now_us: i64) -> Value {
    let now = micros(now_us);
    match before {
        Some(before) if before.holder_identity == identity => json!({"renewTime": now}),
        before => json!({
            "holderIdentity": identity,
            "leaseDurationSeconds": DURATION_S,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": before.map_or(0, |before| before.lease_transitions + 1),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Cluster;

    const LEASE: &str = "kube-system/kube-scheduler";

    #[tokio::test(start_paused = true)]
    async fn the_lease_is_there_as_soon_as_its_namespace_is() {
        let cluster = Cluster::empty();
        cluster.lead(|manager| manager.with(Holder::new("one")));
        cluster.settle().await;
        let before = tokio::time::Instant::now();
        cluster.namespace(NAMESPACE).await;
        cluster
            .until("the lease is there", |world| {
                world
                    .leases
                    .get(&Key::new(NAMESPACE, "kube-scheduler"))
                    .is_some()
            })
            .await;
        assert!(
            before.elapsed() < Duration::from_millis(500),
            "it waits for nothing else"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_lease_names_who_leads_and_counts_changes() {
        let cluster = Cluster::new().await;
        cluster.lead(|manager| manager.with(Holder::new("one")));
        let holder = |world: &World| {
            let lease = world.leases.get(&Key::new(NAMESPACE, "kube-scheduler"));
            lease.map(|lease| {
                (
                    lease.spec.holder_identity.clone(),
                    lease.spec.lease_transitions,
                )
            })
        };
        let is =
            |world: &World, name: &str, changes| holder(world) == Some((name.to_owned(), changes));
        cluster
            .until("it is taken", |world| is(world, "one", 0))
            .await;
        let taken = cluster.get(Kind::Lease, LEASE).await.expect("a lease");
        cluster.advance(Duration::from_secs(6)).await;
        cluster
            .until("it is renewed", |world| {
                let lease = world.leases.get(&Key::new(NAMESPACE, "kube-scheduler"));
                let renewed = lease.and_then(|lease| lease.spec.renew_time.clone());
                renewed.as_deref() != taken["spec"]["renewTime"].as_str()
            })
            .await;
        let renewed = cluster.get(Kind::Lease, LEASE).await.expect("a lease");
        assert_eq!(renewed["spec"]["acquireTime"], taken["spec"]["acquireTime"]);
        cluster.lead(|manager| manager.with(Holder::new("two")));
        cluster
            .until("it is taken over", |world| is(world, "two", 1))
            .await;
    }
}
