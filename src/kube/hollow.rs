//! Hollow nodes of this process, talking to an API server like everybody else.
//!
//! What a node writes is written in its name: the process acts as `system:node:NAME` of `system:nodes`, one
//! request at a time, so that the server allows and refuses it what it would a kubelet. A certificate per
//! node would do the same and cost a connection per node, with its handshake and its buffers on both sides:
//! a thousand of them for what a few do. So whoever runs hollow nodes must have the right to act as others.

use super::client::{Acting, Client, Failure, PatchKind, Resource, Seen, Told, follow};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use keelson_apiserver::identity::{NODE_PREFIX, NODES};
use keelson_controllers::hollow::{Api, Ask, Call, Outcome, SeenNode, SeenPod, Told as Heard};
use keelson_controllers::runtime::{Future, Kind};
use serde_json::{Value, json};
use std::sync::Arc;

/// A cluster at the other end of a client.
pub struct Remote(pub Arc<Client>);

impl Seen for SeenPod {
    fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }
}

impl Seen for SeenNode {
    fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }
}

impl Api for Remote {
    fn call(&self, call: Call) -> Future<'_, Outcome> {
        Box::pin(async move { outcome(self.ask(&call).await) })
    }

    fn pods(&self) -> BoxStream<'static, Heard<SeenPod>> {
        // Pods without a node are nobody's yet.
        let bound = ("fieldSelector", "spec.nodeName!=".to_owned());
        self.heard(Kind::Pod, vec![bound])
    }

    fn nodes(&self) -> BoxStream<'static, Heard<SeenNode>> {
        self.heard(Kind::Node, Vec::new())
    }
}

impl Remote {
    async fn ask(&self, call: &Call) -> Result<Bytes, Failure> {
        let user = format!("{NODE_PREFIX}{}", call.node);
        let client = self.0.acting_as(Acting {
            user: &user,
            group: NODES,
        });
        let (resource, namespace) = (resource(call.kind), call.namespace.as_str());
        let path = |subresource: &str| resource.path(namespace, &call.name, subresource);
        match &call.ask {
            Ask::Create(object) => {
                client
                    .create(&resource.path(namespace, "", ""), text(object))
                    .await
            }
            Ask::Patch(patch) => {
                client
                    .patch(&path(""), PatchKind::Strategic, text(patch))
                    .await
            }
            Ask::PatchStatus(patch) => {
                client
                    .patch(&path("status"), PatchKind::Strategic, text(patch))
                    .await
            }
            Ask::Delete { uid } => {
                let options = json!({
                    "apiVersion": "v1",
                    "kind": "DeleteOptions",
                    "gracePeriodSeconds": 0,
                    "preconditions": {"uid": uid},
                });
                client.delete(&path(""), text(&options)).await
            }
        }
    }

    fn heard<T: Seen + 'static>(
        &self,
        kind: Kind,
        fields: Vec<(&'static str, String)>,
    ) -> BoxStream<'static, Heard<T>> {
        let path = resource(kind).path("", "", "");
        let told = follow::<T>(self.0.clone(), path, fields);
        told.map(|told| match told {
            Told::Began => Heard::Began,
            Told::Here(object) => Heard::Here(object),
            Told::Gone(object) => Heard::Gone(object),
            Told::Complete(revision) => Heard::Complete(revision.parse().unwrap_or(u64::MAX)),
        })
        .boxed()
    }
}

fn resource(kind: Kind) -> Resource {
    let (group, version, plural) = kind.resource();
    Resource {
        group,
        version,
        plural,
    }
}

fn text(value: &Value) -> Bytes {
    // A value has a text; written at once, not piece by piece through a formatter.
    serde_json::to_vec(value).unwrap_or_default().into()
}

fn outcome(answer: Result<Bytes, Failure>) -> Outcome {
    match answer {
        Ok(bytes) => Outcome::Done(bytes.into()),
        Err(failure) if failure.is_existing() => Outcome::Exists,
        Err(failure) if failure.is_passing() => Outcome::Trouble(failure.to_string()),
        Err(failure) => match failure.code() {
            404 => Outcome::Absent,
            409 => Outcome::Stale,
            _ => Outcome::Refused(failure.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::client::tests::world::{LONG, World, namespaces};
    use crate::kube::clock::SystemClock;
    use keelson_controllers::hollow::{Counts, Plan, run};
    use std::collections::BTreeMap;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    async fn until(what: &str, is: impl Fn() -> bool) {
        let coming = async {
            while !is() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let came = tokio::time::timeout(LONG, coming).await;
        assert!(came.is_ok(), "it does not come that {what}");
    }

    async fn pod(client: &Client, number: usize) {
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        let accounts = resource(Kind::ServiceAccount).path("default", "", "");
        let _ = client.create(&accounts, text(&account)).await;
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("p{number}")},
            "spec": {
                "nodeName": format!("hollow-{}", number % 20),
                "containers": [{"name": "a", "image": "a"}],
            },
        });
        let pods = resource(Kind::Pod).path("default", "", "");
        while let Err(failure) = client.create(&pods, text(&pod)).await {
            // A server that dies may have done it.
            if failure.is_existing() {
                break;
            }
            assert!(failure.is_passing(), "{failure}");
        }
    }

    /// How many Pods run.
    async fn running(client: &Client) -> usize {
        let pods = resource(Kind::Pod).path("", "", "");
        let listed: Value = serde_json::from_slice(&client.get(&pods).await.unwrap()).unwrap();
        let all = listed["items"].as_array().unwrap().iter();
        all.filter(|pod| pod["status"]["phase"] == "Running")
            .count()
    }

    #[tokio::test]
    async fn nodes_and_pods_go_on_when_one_of_two_servers_dies() {
        let mut world = World::new(2);
        let client = world.client(2);
        namespaces(&client).await;
        let counts = Arc::new(Counts::default());
        let plan = Plan {
            nodes: 20,
            delays: BTreeMap::from([("start".to_owned(), Duration::ZERO)]),
            ..Plan::default()
        };
        let remote = Arc::new(Remote(client.clone()));
        tokio::spawn(run(remote, Arc::new(SystemClock), plan, counts.clone()));
        until("all nodes are there", || {
            counts.nodes.load(Ordering::Relaxed) == 20
        })
        .await;
        for number in 0..40 {
            pod(&client, number).await;
        }
        world.servers[0].kill();
        for number in 40..80 {
            pod(&client, number).await;
        }
        // What the dead server answered last may be lost, so it is the cluster that is asked and not the fleet.
        let all_run = async {
            while running(&client).await != 80 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let came = tokio::time::timeout(LONG, all_run).await;
        assert!(came.is_ok(), "{} of 80 Pods run", running(&client).await);
    }

    #[tokio::test]
    async fn what_a_node_writes_is_written_in_its_name() {
        let world = World::new(1);
        let client = world.client(1);
        let remote = Remote(client);
        let ask = async |node: &str, name: &str, ask: Ask| {
            let call = Call {
                node: node.to_owned(),
                kind: Kind::Node,
                namespace: String::new(),
                name: name.to_owned(),
                ask,
            };
            remote.call(call).await
        };
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}});
        let made = ask("a", "a", Ask::Create(node)).await;
        assert!(matches!(made, Outcome::Done(_)), "{made:?}");
        let status = json!({"status": {"phase": "Running"}});
        let own = ask("a", "a", Ask::PatchStatus(status.clone())).await;
        assert!(matches!(own, Outcome::Done(_)), "{own:?}");
        let other = ask("b", "a", Ask::PatchStatus(status)).await;
        let Outcome::Refused(why) = other else {
            panic!("{other:?}");
        };
        let expected = "node \"b\" is not allowed to modify node \"a\"";
        assert!(why.contains(expected), "{why}");
    }
}
