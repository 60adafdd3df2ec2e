//! Nodes, with certificates of their own.

use super::objects::put;
use super::registry_over;
use super::world::{Answer, Client, Plan, World, now, until};
use crate::admission::{Chain, Stored};
use crate::authorize::{NodeGraph, Related};
use crate::http::KeptGraph;
use crate::identity::NODES;
use crate::pki;
use crate::registry::Registry;
use crate::resource::builtin;
use crate::storage::{Keys, Kv, MemoryKv, Txn, Write};
use serde_json::{Value, json};
use std::sync::Arc;

/// A server with admission over a store with two nodes, a namespace and its account.
struct Cluster {
    world: World,
    store: Arc<MemoryKv>,
    registry: Arc<Registry>,
    graph: KeptGraph,
}

impl Cluster {
    async fn new() -> Cluster {
        let store = Arc::new(MemoryKv::new());
        let chain = Chain::standard(Arc::new(Stored::new(store.clone())), Arc::new(rand::random));
        let registry = registry_over(store.clone());
        let registry = Arc::into_inner(registry)
            .unwrap()
            .with_admission(Arc::new(chain));
        let registry = Arc::new(registry);
        let graph = KeptGraph::default();
        let plan = Plan {
            registry: registry.clone(),
            graph: graph.clone(),
            ..Plan::default()
        };
        let ns = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns"}});
        put(&store, ("", "namespaces"), ns).await;
        for name in ["n1", "n2"] {
            let metadata = json!({"name": name, "uid": format!("uid-{name}")});
            let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata});
            put(&store, ("", "nodes"), node).await;
        }
        for name in ["s", "t"] {
            let metadata = json!({"name": name, "namespace": "ns"});
            let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata});
            put(&store, ("", "secrets"), secret).await;
        }
        Cluster {
            world: World::new(plan).await,
            store,
            registry,
            graph,
        }
    }

    fn keep(&self) {
        let (graph, registry) = (self.graph.clone(), self.registry.clone());
        tokio::spawn(async move { graph.keep(&registry, builtin()).await });
    }

    async fn pod(&self, name: &str, node: &str, secret: &str) {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "ns", "uid": format!("uid-{name}")},
            "spec": {
                "nodeName": node,
                "serviceAccountName": "default",
                "containers": [{
                    "name": "c",
                    "image": "i",
                    "imagePullPolicy": "Always",
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                }],
                "dnsPolicy": "ClusterFirst",
                "restartPolicy": "Always",
                "schedulerName": "default-scheduler",
                "securityContext": {},
                "terminationGracePeriodSeconds": 30,
                "volumes": [{"name": "v", "secret": {"secretName": secret, "defaultMode": 420}}],
            },
        });
        put(&self.store, ("", "pods"), pod).await;
    }

    async fn remove_pod(&self, name: &str) {
        let key = Keys::one(builtin().find("", "v1", "pods").unwrap(), "ns", name);
        let txn = Txn {
            writes: vec![Write::Delete { key }],
            ..Txn::default()
        };
        self.store.txn(txn).await.unwrap();
    }

    fn is_known(&self, name: &str) -> bool {
        let graph = &self.graph;
        let mut nodes = ["n1", "n2"].iter();
        nodes.any(|node| graph.is_related(node, Related::Pod, "ns", name))
    }

    fn node(&self, name: &str) -> Client {
        let client = pki::Client {
            user: format!("system:node:{name}"),
            group: NODES.to_owned(),
        };
        let shown = client.issue(&self.world.authority, now()).unwrap();
        self.world.client(Some(&shown))
    }
}

fn secret(name: &str) -> String {
    format!("/api/v1/namespaces/ns/secrets/{name}")
}

fn refused(answer: &Answer) -> String {
    let (code, _, message) = answer.failure();
    assert_eq!(code, 403, "{message}");
    message
}

const STRANGER: &str = "secrets \"t\" is forbidden: User \"system:node:n1\" cannot get resource \
    \"secrets\" in API group \"\" in the namespace \"ns\": \
    no relationship found between node 'n1' and this object";

#[tokio::test]
async fn a_node_reads_what_its_pods_need_once_it_is_known_and_as_long_as_they_are_there() {
    let cluster = Cluster::new().await;
    cluster.pod("p", "n1", "s").await;
    let n1 = cluster.node("n1");
    assert_eq!(n1.get("/api/v1/nodes/n1").await.code, 200);
    assert_eq!(n1.get("/api/v1/nodes/n2").await.code, 403);
    // Nothing has been read yet.
    assert_eq!(n1.get(&secret("s")).await.code, 403);
    cluster.keep();
    until("it is read", || cluster.graph.is_filled()).await;
    assert_eq!(n1.get(&secret("s")).await.code, 200);
    assert_eq!(refused(&n1.get(&secret("t")).await), STRANGER);
    assert_eq!(cluster.node("n2").get(&secret("s")).await.code, 403);
    let pods = |node: &str| format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{node}");
    let listed = n1.get(&pods("n1")).await;
    assert_eq!(listed.code, 200);
    assert_eq!(listed.json()["items"][0]["metadata"]["name"], "p");
    assert_eq!(n1.get(&pods("n2")).await.code, 403);
    // A Pod that comes brings rights, and takes them when it goes.
    cluster.pod("q", "n1", "t").await;
    until("it is followed", || cluster.is_known("q")).await;
    assert_eq!(n1.get(&secret("t")).await.code, 200);
    cluster.remove_pod("q").await;
    until("it is followed", || !cluster.is_known("q")).await;
    assert_eq!(refused(&n1.get(&secret("t")).await), STRANGER);
}

#[tokio::test]
async fn a_pod_that_comes_again_under_its_name_on_another_node_is_that_nodes() {
    let cluster = Cluster::new().await;
    cluster.pod("p", "n1", "s").await;
    cluster.keep();
    until("it is read", || cluster.graph.is_filled()).await;
    cluster.remove_pod("p").await;
    cluster.pod("p", "n2", "s").await;
    let is = |node: &str| cluster.graph.is_related(node, Related::Secret, "ns", "s");
    until("it is followed", || is("n2")).await;
    assert!(!is("n1"));
}

#[tokio::test]
async fn a_node_writes_its_own_status_and_no_others_and_gets_tokens_for_its_own_pods() {
    let cluster = Cluster::new().await;
    cluster.pod("p", "n1", "s").await;
    cluster.pod("q", "n2", "t").await;
    cluster.keep();
    until("it is read", || cluster.graph.is_filled()).await;
    let n1 = cluster.node("n1");
    let merge = [("content-type", "application/merge-patch+json")];
    let patch = async |path: &str, patch: Value| {
        let method = hyper::Method::PATCH;
        n1.send(method, path, &merge, patch.to_string()).await
    };
    let ready = json!({"status": {"phase": "Running"}});
    let pod = |name: &str| format!("/api/v1/namespaces/ns/pods/{name}/status");
    let own = patch(&pod("p"), ready.clone()).await;
    assert_eq!(own.code, 200, "{own:?}");
    assert_eq!(
        refused(&patch(&pod("q"), ready).await),
        "pods \"q\" is forbidden: node \"n1\" can only update pod status for pods with spec.nodeName \
         set to itself"
    );
    let label = json!({"metadata": {"labels": {"node-restriction.kubernetes.io/a": "b"}}});
    assert_eq!(
        refused(&patch("/api/v1/nodes/n1", label).await),
        "nodes \"n1\" is forbidden: is not allowed to modify labels: node-restriction.kubernetes.io/a"
    );
    let token = async |pod: &str| {
        let bound =
            json!({"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": format!("uid-{pod}")});
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"boundObjectRef": bound},
        });
        let path = "/api/v1/namespaces/ns/serviceaccounts/default/token";
        n1.post(path, &request).await
    };
    // Nobody has the account on this shelf: it was let through.
    assert_eq!(token("p").await.code, 404);
    assert_eq!(
        refused(&token("q").await),
        "serviceaccounts \"default\" is forbidden: node requested token bound to a pod scheduled on a \
         different node"
    );
}
