//! What objects have to do with which nodes, kept current.
//!
//! Every member follows Pods, volumes and what is attached, and feeds the graph of the node authorizer
//! (`authorize/node`) with them. Most of what happens in a cluster happens to Pods, so they are looked into
//! only when somebody asks or when enough of them have changed ([`unread`]), and then no further than the graph
//! wants ([`pod`]).
//!
//! What may enter: objects of the four kinds. What never happens here: an answer to a request, a write.

mod pod;
mod unread;

use super::follow::{Told, follow};
use crate::authorize::{Graph, NodeGraph, Related};
use crate::registry::Registry;
use crate::resource::{Catalog, Resource};
use crate::storage::Object;
use futures::future::join_all;
use parking_lot::RwLock;
use pod::{Sketch, without_bulk};
use std::sync::Arc;
use unread::{Unread, place};

const KINDS: [(Related, [&str; 3]); 4] = [
    (Related::Pod, ["", "v1", "pods"]),
    (Related::PersistentVolume, ["", "v1", "persistentvolumes"]),
    (
        Related::VolumeAttachment,
        ["storage.k8s.io", "v1", "volumeattachments"],
    ),
    (
        Related::ResourceSlice,
        ["resource.k8s.io", "v1", "resourceslices"],
    ),
];

/// The graph of nodes as it stands in the registry. Nothing has to do with any node until all of it has
/// been read once; from then on it follows, and may be a moment behind: a node that asks for what a Pod
/// needs right after the Pod was bound may have to ask again. Copies are the same graph.
#[derive(Clone, Default)]
pub struct KeptGraph(Arc<RwLock<Kept>>);

#[derive(Default)]
struct Kept {
    graph: Graph,
    /// What the graph lacks.
    unread: Unread,
    is_listed: [bool; 4],
}

impl KeptGraph {
    /// Follows the four kinds for as long as it is polled. Failures are tried again without end; meanwhile
    /// the last state counts.
    pub async fn keep(&self, registry: &Registry, catalog: &Catalog) {
        let rows = KINDS.iter().enumerate().filter_map(|(index, (what, row))| {
            let [group, version, plural] = row;
            match catalog.find(group, version, plural) {
                Some(row) => Some((index, *what, Arc::new(row.clone()))),
                None => {
                    // There are none.
                    self.0.write().is_listed[index] = true;
                    None
                }
            }
        });
        join_all(rows.map(|(index, what, row)| self.follow(registry, index, what, row))).await;
    }

    /// Whether all has been read once.
    pub fn is_filled(&self) -> bool {
        self.0.read().is_filled()
    }

    async fn follow(
        &self,
        registry: &Registry,
        index: usize,
        what: Related,
        resource: Arc<Resource>,
    ) {
        let mut round = 0;
        let take = |told: Told<'_>| {
            let mut kept = self.0.write();
            match told {
                Told::Began => {
                    // What was told before does not count as told again.
                    kept.catch_up();
                    round = kept.graph.begin();
                }
                Told::Here(object) => kept.put(what, object),
                Told::Gone(object) => kept.remove(what, object),
                // The last that is known counts meanwhile, as it does for the policy.
                Told::Lost => {}
                Told::Complete => {
                    kept.catch_up();
                    kept.graph.complete(what, round);
                    kept.is_listed[index] = true;
                }
            }
        };
        follow(registry, resource, take).await;
    }
}

impl Kept {
    fn is_filled(&self) -> bool {
        self.is_listed.iter().all(|is_listed| *is_listed)
    }

    fn put(&mut self, what: Related, object: &Object) {
        if what == Related::Pod {
            self.unread.note(object);
            if self.unread.is_much() {
                self.catch_up();
            }
        } else if let Some(value) = object.value() {
            self.graph.put(what, &value);
        }
    }

    fn remove(&mut self, what: Related, object: &Object) {
        let place = place(object);
        if what == Related::Pod {
            self.unread.forget(&place);
        }
        self.graph.remove(what, &place.0, &place.1);
    }

    /// Reads what was told of Pods.
    fn catch_up(&mut self) {
        for pod in self.unread.take() {
            self.read(&pod);
        }
    }

    fn read(&mut self, object: &Object) {
        if let Some(pod) = Sketch::of(object) {
            let (namespace, name) = pod.place();
            if pod.node().is_empty() {
                // It is nobody's yet.
                return self.graph.remove(Related::Pod, namespace, name);
            }
            // Most changes of Pods are of their status, and change nothing here.
            let graph = &mut self.graph;
            if !pod.may_need_more() && graph.is_known(namespace, name, pod.uid(), pod.node()) {
                return;
            }
        }
        if let Some(value) = without_bulk(object) {
            self.graph.put(Related::Pod, &value);
        }
    }
}

impl NodeGraph for KeptGraph {
    fn is_related(&self, node: &str, what: Related, namespace: &str, name: &str) -> bool {
        let mut kept = self.0.read();
        if !kept.unread.is_empty() {
            drop(kept);
            self.0.write().catch_up();
            kept = self.0.read();
        }
        kept.is_filled() && kept.graph.is_related(node, what, namespace, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_has_to_do_with_a_node_before_all_kinds_have_been_read() {
        let kept = KeptGraph::default();
        let pod = json!({"metadata": {"name": "p"}, "spec": {"nodeName": "n"}});
        kept.0.write().put(Related::Pod, &Object::of(pod, 1));
        for index in 0..KINDS.len() {
            assert!(!kept.is_related("n", Related::Pod, "", "p"));
            kept.0.write().is_listed[index] = true;
        }
        assert!(kept.is_related("n", Related::Pod, "", "p"));
    }

    #[test]
    fn a_pod_is_followed_from_when_it_is_bound_until_another_one_has_its_name() {
        let kept = KeptGraph::default();
        kept.0.write().is_listed = [true; 4];
        let pod = |uid: &str, node: Option<&str>| {
            let mut pod = json!({
                "metadata": {"name": "p", "namespace": "ns", "uid": uid},
                "spec": {"serviceAccountName": "a \u{1}"},
            });
            if let Some(node) = node {
                pod["spec"]["nodeName"] = node.into();
            }
            kept.0.write().put(Related::Pod, &Object::of(pod, 1));
            ["n", "m"].map(|node| kept.is_related(node, Related::Pod, "ns", "p"))
        };
        assert_eq!(pod("u", None), [false, false]);
        assert_eq!(pod("u", Some("n")), [true, false]);
        assert_eq!(pod("u", Some("n")), [true, false]);
        assert_eq!(pod("v", None), [false, false]);
        assert_eq!(pod("v", Some("m")), [false, true]);
    }

    #[test]
    fn a_pod_that_gets_more_containers_needs_more_and_a_status_alone_changes_nothing() {
        let kept = KeptGraph::default();
        kept.0.write().is_listed = [true; 4];
        let mut pod = json!({
            "metadata": {"name": "p", "namespace": "ns", "uid": "u"},
            "spec": {"nodeName": "n", "serviceAccountName": "a"},
        });
        kept.0
            .write()
            .put(Related::Pod, &Object::of(pod.clone(), 1));
        let needs = |what, name: &str| kept.is_related("n", what, "ns", name);
        pod["status"] = json!({"phase": "Running"});
        kept.0
            .write()
            .put(Related::Pod, &Object::of(pod.clone(), 2));
        assert!(needs(Related::ServiceAccount, "a"));
        pod["spec"]["ephemeralContainers"] = json!([{"envFrom": [{"secretRef": {"name": "s"}}]}]);
        kept.0.write().put(Related::Pod, &Object::of(pod, 3));
        assert!(needs(Related::Secret, "s"));
    }
}
