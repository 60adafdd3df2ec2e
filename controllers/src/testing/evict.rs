//! Evictions, as those who drain nodes ask for them.

use super::{Cluster, body, named, options};
use crate::runtime::Kind;
use keelson_apiserver::status::Failure;
use serde_json::json;

impl Cluster {
    /// Evicts a Pod as a user.
    pub async fn evict(&self, key: &str) -> Result<(), Failure> {
        let key = named(key);
        let mut target = self.target(Kind::Pod, &key.namespace, &key.name);
        target.subresource = "eviction".to_owned();
        let eviction = body(&json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": *key.name, "namespace": *key.namespace},
        }));
        let (registry, options) = (&self.ground.registry, options());
        let evicted = registry.create(&self.caller, &target, &eviction, &options);
        evicted.await.map(drop)
    }
}
