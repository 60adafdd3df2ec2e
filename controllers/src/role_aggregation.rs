//! ClusterRoles that are made of others have the rules of all that their selectors select.
//!
//! Watches ClusterRoles. Owns the rules of those with an `aggregationRule`, and writes nothing else. It is
//! settled when the rules of each are those of the roles it selects (CA1). Keys are roles that gather: a
//! change of any role is about all of them, for any may select it.

use crate::objects::Key;
use crate::runtime::{Change, Client, Controller, Future, Kind, Next, Problem, Wanted, World};
use keelson_apiserver::authorize::Rule;
use keelson_apiserver::authorize::aggregate::gathered;
use serde_json::{Value, json};

/// See the module.
pub struct RoleAggregation;

impl Controller for RoleAggregation {
    fn name(&self) -> &'static str {
        "clusterrole-aggregation"
    }

    fn workers(&self) -> usize {
        1
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        if change.kind == Some(Kind::ClusterRole) {
            self.all(world, wanted);
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for role in world.cluster_roles.all() {
            if role.aggregation_rule.is_some() {
                wanted.add(role.metadata.key());
            }
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let Some(patch) = plan(&client.world(), key) else {
                return Ok(Next::Settled);
            };
            client.patch(Kind::ClusterRole, key, &patch).await?;
            Ok(Next::Settled)
        })
    }
}

/// The patch that gives the role its rules; `None`: it has them, or gathers none.
fn plan(world: &World, key: &Key) -> Option<Value> {
    let role = world.cluster_roles.get(key)?;
    role.aggregation_rule.as_ref()?;
    let all: Vec<Value> = world
        .cluster_roles
        .all()
        .map(|role| role.to_value())
        .collect();
    // Validation lets no selector in that makes no sense.
    let rules = gathered(&role.to_value(), &all).ok()??;
    let present = Rule::list(&role.to_value());
    if rules == present {
        return None;
    }
    let rules: Vec<Value> = rules.iter().map(Rule::to_value).collect();
    Some(json!({
        "metadata": {"resourceVersion": role.metadata.revision.to_string()},
        "rules": rules,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Cluster;

    fn role(name: &str, label: &str, verb: &str) -> Value {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name, "labels": {label: "true"}},
            "rules": [{"verbs": [verb], "apiGroups": [""], "resources": ["pods"]}],
        })
    }

    fn verbs(world: &World, name: &str) -> Vec<String> {
        let role = world.cluster_roles.get(&Key::cluster(name));
        let rules = role
            .map(|role| Rule::list(&role.to_value()))
            .unwrap_or_default();
        rules.into_iter().flat_map(|rule| rule.verbs).collect()
    }

    #[tokio::test]
    async fn ca1_a_role_that_gathers_follows_those_it_gathers_from() {
        let cluster = Cluster::new().await;
        cluster.lead(|manager| manager.with(RoleAggregation));
        let mut whole = role("whole", "x", "own");
        whole["rules"] = json!([]);
        whole["aggregationRule"] =
            json!({"clusterRoleSelectors": [{"matchLabels": {"part": "true"}}]});
        cluster.create(Kind::ClusterRole, "", whole).await;
        cluster
            .create(Kind::ClusterRole, "", role("a", "part", "get"))
            .await;
        cluster
            .create(Kind::ClusterRole, "", role("b", "part", "list"))
            .await;
        cluster
            .create(Kind::ClusterRole, "", role("c", "other", "watch"))
            .await;
        cluster
            .until("both are gathered", |world| {
                verbs(world, "whole") == ["get", "list"]
            })
            .await;
        cluster.delete(Kind::ClusterRole, "a", None, None).await;
        cluster
            .until("one has gone", |world| verbs(world, "whole") == ["list"])
            .await;
        cluster.settle().await;
        assert_eq!(verbs(&cluster.ground.shared.read(), "whole"), ["list"]);
    }
}
