//! Where a statement works: a namespace of its own on a cluster that others use too.

use super::client::{Answer, Client, Patch};
use super::objects;
use super::watch::Watch;
use crate::check::Check;
use serde_json::{Value, json};

/// A namespace that nobody else uses, and whom to ask.
#[derive(Clone)]
pub struct Place {
    /// The operator, at each member in turn.
    pub client: Client,
    /// The namespace's name.
    pub namespace: String,
    /// The store below, for statements about compaction.
    pub store: crate::client::Client,
}

impl Place {
    /// Makes the namespace.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn new(client: &Client, store: &crate::client::Client, name: &str) -> Check<Place> {
        let object = objects::namespace(name);
        client
            .post("/api/v1/namespaces", &object)
            .await?
            .with(201)?;
        Ok(Place {
            client: client.clone(),
            namespace: name.to_owned(),
            store: store.clone(),
        })
    }

    /// The collection of a resource of this namespace: `configmaps`, `apps/v1/deployments`.
    pub fn all(&self, resource: &str) -> String {
        let (version, resource) = resource.rsplit_once('/').unwrap_or(("", resource));
        let root = match version {
            "" => "/api/v1".to_owned(),
            version => format!("/apis/{version}"),
        };
        format!("{root}/namespaces/{}/{resource}", self.namespace)
    }

    /// One object of a resource.
    pub fn one(&self, resource: &str, name: &str) -> String {
        format!("{}/{name}", self.all(resource))
    }

    /// Creates, which must succeed; returns what is stored.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create(&self, resource: &str, object: &Value) -> Check<Value> {
        self.try_create(resource, object).await?.with(201)
    }

    /// # Errors
    /// When no answer came.
    pub async fn try_create(&self, resource: &str, object: &Value) -> Check<Answer> {
        self.client.post(&self.all(resource), object).await
    }

    /// A ConfigMap with one key.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn map(&self, name: &str) -> Check<Value> {
        self.create("configmaps", &objects::map(name, "1")).await
    }

    /// A Secret with the label `app=web`. Nothing in a cluster makes Secrets by itself.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn secret(&self, name: &str) -> Check<Value> {
        self.create("secrets", &objects::secret(name, "web")).await
    }

    /// Gives an object the label `app`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn label(&self, resource: &str, name: &str, app: &str) -> Check<Value> {
        let patch = json!({"metadata": {"labels": {"app": app}}});
        self.merge(resource, name, &patch).await
    }

    /// The stored object.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get(&self, resource: &str, name: &str) -> Check<Value> {
        self.try_get(resource, name).await?.with(200)
    }

    /// # Errors
    /// When no answer came.
    pub async fn try_get(&self, resource: &str, name: &str) -> Check<Answer> {
        self.client.get(&self.one(resource, name)).await
    }

    /// # Errors
    /// When no answer came.
    pub async fn try_put(&self, resource: &str, object: &Value) -> Check<Answer> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        self.client.put(&self.one(resource, name), object).await
    }

    /// Replaces, which must succeed.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn put(&self, resource: &str, object: &Value) -> Check<Value> {
        self.try_put(resource, object).await?.with(200)
    }

    /// A merge patch, which must succeed. `name` may have a subresource behind it.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn merge(&self, resource: &str, name: &str, patch: &Value) -> Check<Value> {
        self.patch(Patch::Merge, resource, name, patch)
            .await?
            .with(200)
    }

    /// # Errors
    /// When no answer came.
    pub async fn patch(
        &self,
        kind: Patch,
        resource: &str,
        name: &str,
        patch: &Value,
    ) -> Check<Answer> {
        self.client
            .patch(&self.one(resource, name), kind, patch)
            .await
    }

    /// Applies the fields of one manager.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn apply(&self, resource: &str, manager: &str, config: &Value) -> Check<Answer> {
        let name = config["metadata"]["name"].as_str().unwrap_or_default();
        let name = format!("{name}?fieldManager={manager}");
        self.patch(Patch::Apply, resource, &name, config).await
    }

    /// # Errors
    /// When no answer came.
    pub async fn delete(&self, resource: &str, name: &str, options: &Value) -> Check<Answer> {
        self.client.delete(&self.one(resource, name), options).await
    }

    /// Lists with a query.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn list(&self, resource: &str, query: &str) -> Check<Value> {
        self.try_list(resource, query).await?.with(200)
    }

    /// # Errors
    /// When no answer came.
    pub async fn try_list(&self, resource: &str, query: &str) -> Check<Answer> {
        self.client
            .get(&format!("{}?{query}", self.all(resource)))
            .await
    }

    /// Watches with a query.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn watch(&self, resource: &str, query: &str) -> Check<Watch> {
        self.client
            .watch(&format!("{}?{query}", self.all(resource)))
            .await
    }

    /// Waits until Pods can be made here: the account that they run as comes by itself.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn with_account(&self) -> Check {
        let query = "fieldSelector=metadata.name%3Ddefault";
        let mut watch = self.watch("serviceaccounts", query).await?;
        watch.expect("ADDED default").await.map(|_| ())
    }

    /// A Pod that no loop touches: it is bound to a node that is not there, or waits for nobody's scheduler.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn pod(&self, name: &str, node: &str) -> Check<Value> {
        let mut pod = objects::pod(name);
        if !node.is_empty() {
            pod["spec"]["nodeName"] = node.into();
        }
        self.create("pods", &pod).await
    }

    /// A node of which only the name matters, with a lease that nobody renews.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn node(&self, name: &str) -> Check<Value> {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
        self.client.post("/api/v1/nodes", &node).await?.with(201)
    }
}

/// The names of a list's items, in its order.
pub fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().into_iter().flatten();
    let names = items.map(|item| {
        item["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    });
    names.collect()
}
