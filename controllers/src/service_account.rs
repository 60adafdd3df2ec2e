//! Every namespace has an account called `default`, which Pods that name none run as.
//!
//! Watches Namespaces and ServiceAccounts. Owns the account `default` of each namespace. Writes nothing
//! else. It is settled when every namespace that is not going has that account. Keys are namespaces.
//!
//! Rule A1: (`controllers` of upstream: `serviceaccount`).

use crate::objects::Key;
use crate::runtime::{Change, Client, Controller, Future, Kind, Next, Problem, Wanted, World};
use serde_json::json;

const DEFAULT: &str = "default";

/// See the module.
pub struct ServiceAccounts;

impl Controller for ServiceAccounts {
    fn name(&self) -> &'static str {
        "serviceaccount"
    }

    fn concerns(&self, _: &World, change: &Change, wanted: &mut Wanted) {
        let key = &change.reference.key;
        match change.kind {
            Some(Kind::Namespace) if change.after.is_some() => wanted.add(key.clone()),
            Some(Kind::ServiceAccount) if &*key.name == DEFAULT && change.after.is_none() => {
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
            if is_settled(&client.world(), key) {
                return Ok(Next::Settled);
            }
            let account = json!({
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": DEFAULT, "namespace": *key.name},
            });
            match client
                .create(Kind::ServiceAccount, &key.name, &account)
                .await
            {
                // Somebody made it: it is there, and that is all that counts.
                Ok(_) | Err(Problem::Exists) => Ok(Next::Settled),
                Err(problem) => Err(problem),
            }
        })
    }
}

/// The namespace is gone or going, or has its account.
fn is_settled(world: &World, namespace: &Key) -> bool {
    let is_there = world.namespaces.get(namespace).is_some_and(|namespace| {
        !namespace.metadata.is_deleting() && namespace.status.phase != "Terminating"
    });
    let account = Key::new(&namespace.name, DEFAULT);
    !is_there || world.service_accounts.get(&account).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Cluster;

    fn has_account(world: &World, namespace: &str) -> bool {
        world
            .service_accounts
            .get(&Key::new(namespace, DEFAULT))
            .is_some()
    }

    #[tokio::test]
    async fn a1_every_namespace_has_its_account_again_and_again() {
        let cluster = Cluster::new().await;
        cluster.lead(|manager| manager.with(ServiceAccounts));
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}});
        cluster.create(Kind::Namespace, "", namespace).await;
        cluster
            .until("the account is made", |world| has_account(world, "a"))
            .await;
        let first = cluster.get(Kind::ServiceAccount, "a/default").await;
        cluster
            .delete(Kind::ServiceAccount, "a/default", None, None)
            .await;
        let uid = |account: Option<serde_json::Value>| {
            account.and_then(|account| Some(account["metadata"]["uid"].as_str()?.to_owned()))
        };
        let first = uid(first).expect("a uid");
        cluster
            .until("another account is made", |world| {
                let account = world.service_accounts.get(&Key::new("a", DEFAULT));
                account.is_some_and(|account| account.metadata.uid != first)
            })
            .await;
    }

    #[tokio::test]
    async fn two_who_run_it_make_one_account_and_one_of_them_is_told() {
        let cluster = Cluster::new().await;
        for _ in 0..2 {
            cluster.lead(|manager| manager.with(ServiceAccounts));
        }
        for number in 0..20 {
            let name = format!("n{number}");
            let namespace =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            cluster.create(Kind::Namespace, "", namespace).await;
        }
        cluster
            .until("all accounts are made", |world| {
                (0..20).all(|number| has_account(world, &format!("n{number}")))
            })
            .await;
    }
}
