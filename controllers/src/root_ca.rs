//! Every namespace has the certificate of the cluster's authority, by which Pods know the API server.
//!
//! Watches Namespaces and ConfigMaps. Owns the ConfigMap `kube-root-ca.crt` of each namespace. Writes
//! nothing else. It is settled when every namespace that is not going has that ConfigMap, with the
//! certificate and nothing beside it. Keys are namespaces.
//!
//! Rule A1 (upstream's `root-ca-certificate-publisher`).

use crate::objects::{ConfigMap, Key};
use crate::runtime::{Change, Client, Controller, Future, Kind, Next, Problem, Wanted, World};
use serde_json::{Value, json};

const NAME: &str = "kube-root-ca.crt";
const DESCRIPTION: &str = "kubernetes.io/description";
const DESCRIBED: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using \
internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed \
across distributions of Kubernetes clusters.";

/// See the module.
pub struct RootCa {
    pem: String,
}

impl RootCa {
    /// Publishes this certificate, which is PEM text.
    pub fn new(pem: impl Into<String>) -> RootCa {
        RootCa { pem: pem.into() }
    }

    /// What is to be done for a namespace.
    fn plan(&self, world: &World, namespace: &Key) -> Step {
        let is_there = world.namespaces.get(namespace).is_some_and(|namespace| {
            !namespace.metadata.is_deleting() && namespace.status.phase != "Terminating"
        });
        match world.config_maps.get(&Key::new(&namespace.name, NAME)) {
            _ if !is_there => Step::Nothing,
            None => Step::Create,
            Some(map) if self.is_right(map) => Step::Nothing,
            Some(map) => Step::Mend(map.metadata.revision),
        }
    }

    fn is_right(&self, map: &ConfigMap) -> bool {
        let described = map.metadata.annotations.get(DESCRIPTION);
        map.data.len == 1
            && map.data.ca_crt.as_deref() == Some(&self.pem)
            && described.is_some_and(|text| text == DESCRIBED)
    }

    fn object(&self, namespace: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": NAME,
                "namespace": namespace,
                "annotations": {DESCRIPTION: DESCRIBED},
            },
            "data": {"ca.crt": self.pem},
        })
    }

    /// Makes the ConfigMap right: what else is in it goes.
    async fn mend(&self, client: &Client, namespace: &str, revision: u64) -> Result<(), Problem> {
        let target = client.target(Kind::ConfigMap, &Key::new(namespace, NAME));
        let found = client.get_at(&target).await?;
        let wanted = self.object(namespace);
        let mut patch = json!({
            "metadata": {
                "resourceVersion": revision.to_string(),
                "annotations": wanted["metadata"]["annotations"],
            },
            "data": wanted["data"],
        });
        let others = found["data"].as_object().into_iter().flatten();
        for (name, _) in others.filter(|(name, _)| *name != "ca.crt") {
            patch["data"][name] = Value::Null;
        }
        client.patch_at(&target, &patch).await.map(drop)
    }
}

enum Step {
    Nothing,
    Create,
    /// The ConfigMap of this revision is not right.
    Mend(u64),
}

impl Controller for RootCa {
    fn name(&self) -> &'static str {
        "root-ca-certificate-publisher"
    }

    fn concerns(&self, _: &World, change: &Change, wanted: &mut Wanted) {
        let key = &change.reference.key;
        match change.kind {
            Some(Kind::Namespace) if change.after.is_some() => wanted.add(key.clone()),
            Some(Kind::ConfigMap) if &*key.name == NAME => {
                wanted.add(Key::cluster(&key.namespace));
            }
            _ => {}
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for namespace in world.namespaces.all() {
            wanted.add(namespace.metadata.key());
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let step = self.plan(&client.world(), key);
            let done = match step {
                Step::Nothing => Ok(()),
                Step::Mend(revision) => self.mend(client, &key.name, revision).await,
                Step::Create => {
                    let object = self.object(&key.name);
                    let created = client.create(Kind::ConfigMap, &key.name, &object).await;
                    created.map(drop)
                }
            };
            match done {
                // Somebody made it or took it away: the change brings the key again.
                Ok(()) | Err(Problem::Exists | Problem::Absent) => Ok(Next::Settled),
                Err(problem) => Err(problem),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Cluster;

    fn is_right(world: &World, namespace: &str) -> bool {
        let map = world.config_maps.get(&Key::new(namespace, NAME));
        map.is_some_and(|map| RootCa::new("PEM\n").is_right(map))
    }

    #[tokio::test(start_paused = true)]
    async fn a1_every_namespace_has_the_certificate_and_keeps_it() {
        let cluster = Cluster::new().await;
        cluster.lead(|manager| manager.with(RootCa::new("PEM\n")));
        cluster.namespace("late").await;
        for namespace in ["default", "kube-system", "late"] {
            let what = format!("{namespace} has the certificate");
            cluster
                .until(&what, |world| is_right(world, namespace))
                .await;
        }
        let key = "late/kube-root-ca.crt";
        let made = cluster
            .get(Kind::ConfigMap, key)
            .await
            .expect("it is there");
        assert_eq!(made["data"], json!({"ca.crt": "PEM\n"}));
        assert_eq!(made["metadata"]["annotations"][DESCRIPTION], DESCRIBED);
        for spoiled in [
            json!({"data": {"ca.crt": "mine"}}),
            json!({"data": {"other": "mine"}}),
            json!({"data": null}),
            json!({"metadata": {"annotations": null}}),
        ] {
            cluster.settle().await;
            let spoiling = cluster.kv.revision() + 1;
            cluster
                .patch(Kind::ConfigMap, key, "", spoiled.clone())
                .await;
            let what = format!("it is right again after {spoiled}");
            cluster
                .until(&what, |world| {
                    world.revision() > spoiling && is_right(world, "late")
                })
                .await;
        }
        cluster.settle().await;
        let deletion = cluster.kv.revision() + 1;
        cluster.delete(Kind::ConfigMap, key, None, None).await;
        cluster
            .until("it is there again", |world| {
                world.revision() > deletion && is_right(world, "late")
            })
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_right_is_not_written_again() {
        let cluster = Cluster::new().await;
        cluster.lead(|manager| manager.with(RootCa::new("PEM\n")));
        cluster
            .until("it is there", |world| is_right(world, "default"))
            .await;
        cluster.settle().await;
        let revision = cluster.kv.revision();
        let label = json!({"metadata": {"labels": {"a": "b"}}});
        cluster
            .patch(Kind::ConfigMap, "default/kube-root-ca.crt", "", label)
            .await;
        cluster.settle().await;
        assert_eq!(cluster.kv.revision(), revision + 1, "only the label");
    }
}
