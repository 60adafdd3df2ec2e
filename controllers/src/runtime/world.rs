//! The whole cluster as of one revision, in memory.

use super::graph::{self, Graph};
use super::store::{Kept, Store};
use crate::objects::{
    ClusterRole, ConfigMap, ControllerRevision, CronJob, DaemonSet, Deployment, EndpointSlice,
    Endpoints, Job, Key, Lease, Meta, Namespace, Node, Partial, Pod, PodDisruptionBudget, Replicas,
    ResourceQuota, Service,
};
use keelson_apiserver::registry::Sighting;
use keelson_apiserver::resource::Resource;
use serde::de::DeserializeOwned;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Writes down the kinds once: the enum, the entries, the stores.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $store:ident: $type:ty, $group:literal, $version:literal, $plural:literal;)*) => {
        /// A kind whose objects the world keeps.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Kind] = &[$(Kind::$kind,)*];

            /// Group, version and resource.
            pub fn resource(self) -> (&'static str, &'static str, &'static str) {
                match self {
                    $(Kind::$kind => ($group, $version, $plural),)*
                }
            }

            /// As `kind` has it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => stringify!($kind),)*
                }
            }
        }

        /// An object of any kind.
        #[derive(Clone, Debug)]
        pub enum Entry {
            $($(#[$doc])* $kind(Arc<$type>),)*
            /// Of a kind of which only the metadata is looked at.
            Other(Arc<Meta>),
        }

        impl Entry {
            /// Its metadata.
            pub fn meta(&self) -> &Meta {
                match self {
                    $(Entry::$kind(object) => &object.metadata,)*
                    Entry::Other(meta) => meta,
                }
            }
        }

        $(impl Entry {
            /// The object, if it is of this kind.
            pub fn $store(&self) -> Option<&Arc<$type>> {
                match self {
                    Entry::$kind(object) => Some(object),
                    _ => None,
                }
            }
        })*

        /// See the module. Stores are found by their fields.
        #[derive(Debug, Default)]
        pub struct World {
            $($(#[$doc])* pub $store: Store<$type>,)*
            /// Who owns whom, over all kinds.
            pub graph: Graph,
            revision: u64,
            on_nodes: HashMap<Box<str>, BTreeSet<Key>>,
        }

        impl World {
            fn entry(kind: Option<Kind>, sighting: &Sighting) -> Option<Entry> {
                match kind {
                    $(Some(Kind::$kind) => {
                        let mut object: $type = parsed(sighting)?;
                        object.metadata.revision = sighting.revision;
                        if Kind::$kind == Kind::Pod {
                            shed(&mut object.metadata);
                        }
                        Some(Entry::$kind(Arc::new(object)))
                    })*
                    None => {
                        let mut partial: Partial = parsed(sighting)?;
                        partial.metadata.revision = sighting.revision;
                        Some(Entry::Other(Arc::new(partial.metadata)))
                    }
                }
            }

            fn put(&mut self, key: &Key, entry: &Entry) -> Option<Entry> {
                match entry {
                    $(Entry::$kind(object) => {
                        self.$store.put(key, object.clone()).map(Entry::$kind)
                    })*
                    Entry::Other(_) => None,
                }
            }

            fn take(&mut self, kind: Option<Kind>, key: &Key) -> Option<Entry> {
                match kind {
                    $(Some(Kind::$kind) => self.$store.remove(key).map(Entry::$kind),)*
                    None => None,
                }
            }

            /// The present metadata of an object of a kind that is kept.
            pub fn meta(&self, kind: Kind, key: &Key) -> Option<&Meta> {
                match kind {
                    $(Kind::$kind => self.$store.get(key).map(|object| &object.metadata),)*
                }
            }
        }
    };
}

kinds! {
    /// Pods.
    Pod, pods: Pod, "", "v1", "pods";
    /// Nodes.
    Node, nodes: Node, "", "v1", "nodes";
    /// Namespaces.
    Namespace, namespaces: Namespace, "", "v1", "namespaces";
    /// ConfigMaps.
    ConfigMap, config_maps: ConfigMap, "", "v1", "configmaps";
    /// Accounts; only their metadata.
    ServiceAccount, service_accounts: Partial, "", "v1", "serviceaccounts";
    /// Services.
    Service, services: Service, "", "v1", "services";
    /// Endpoints.
    Endpoints, endpoints: Endpoints, "", "v1", "endpoints";
    /// Endpoint slices.
    EndpointSlice, endpoint_slices: EndpointSlice, "discovery.k8s.io", "v1", "endpointslices";
    /// ReplicationControllers.
    ReplicationController, replication_controllers: Replicas, "", "v1", "replicationcontrollers";
    /// ReplicaSets.
    ReplicaSet, replica_sets: Replicas, "apps", "v1", "replicasets";
    /// Deployments.
    Deployment, deployments: Deployment, "apps", "v1", "deployments";
    /// DaemonSets.
    DaemonSet, daemon_sets: DaemonSet, "apps", "v1", "daemonsets";
    /// Old templates.
    ControllerRevision, controller_revisions: ControllerRevision, "apps", "v1", "controllerrevisions";
    /// Jobs.
    Job, jobs: Job, "batch", "v1", "jobs";
    /// Quotas.
    ResourceQuota, resource_quotas: ResourceQuota, "", "v1", "resourcequotas";
    /// CronJobs.
    CronJob, cron_jobs: CronJob, "batch", "v1", "cronjobs";
    /// Roles that are in no namespace.
    ClusterRole, cluster_roles: ClusterRole, "rbac.authorization.k8s.io", "v1", "clusterroles";
    /// Disruption budgets.
    PodDisruptionBudget, pod_disruption_budgets: PodDisruptionBudget, "policy", "v1", "poddisruptionbudgets";
    /// Leases.
    Lease, leases: Lease, "coordination.k8s.io", "v1", "leases";
}

impl Kept for Pod {
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

macro_rules! kept {
    ($($type:ty),*) => {
        $(impl Kept for $type {
            fn meta(&self) -> &Meta {
                &self.metadata
            }
        })*
    };
}

kept!(
    ClusterRole,
    Node,
    Namespace,
    ConfigMap,
    Partial,
    Service,
    Endpoints,
    EndpointSlice,
    Replicas,
    Deployment,
    DaemonSet,
    ControllerRevision,
    Job,
    PodDisruptionBudget,
    ResourceQuota,
    CronJob,
    Lease
);

/// Which object of which resource.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The resource.
    pub resource: Arc<Resource>,
    /// The object.
    pub key: Key,
}

/// What became of one object.
#[derive(Debug)]
pub struct Change {
    /// Its kind, if the world keeps it.
    pub kind: Option<Kind>,
    /// Which object.
    pub reference: Reference,
    /// As it was; `None`: it was not there. For kinds that are not kept always `None`.
    pub before: Option<Entry>,
    /// As it is; `None`: it is gone.
    pub after: Option<Entry>,
    /// What the graph knew of it before, of whatever kind it is.
    pub was: Option<graph::Node>,
}

impl Change {
    /// What it was and what it is, as far as it was and is there.
    pub fn states(&self) -> impl Iterator<Item = &Entry> {
        self.before.iter().chain(self.after.iter())
    }
}

impl World {
    /// The revision that it shows.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Pods that are bound to a node, in the order of keys.
    pub fn pods_on<'w>(&'w self, node: &str) -> impl Iterator<Item = &'w Arc<Pod>> {
        let keys = self.on_nodes.get(node).into_iter().flatten();
        keys.filter_map(|key| self.pods.get(key))
    }

    /// Takes in what was seen. `None`: it was known.
    pub(super) fn see(&mut self, sighting: &Sighting, kind: Option<Kind>) -> Option<Change> {
        let key = Key::new(&sighting.namespace, &sighting.name);
        let reference = Reference {
            resource: sighting.resource.clone(),
            key,
        };
        let key = &reference.key;
        let after = match sighting.object {
            Some(_) => World::entry(kind, sighting),
            None => None,
        };
        if let (Some(kind), Some(after)) = (kind, &after)
            && let Some(known) = self.meta(kind, key)
            && known.revision >= after.meta().revision
        {
            return None;
        }
        let before = match &after {
            Some(entry) => self.put(key, entry),
            None => self.take(kind, key),
        };
        let was = self.graph.see(&reference, after.as_ref().map(Entry::meta));
        let change = Change {
            kind,
            reference,
            before,
            after,
            was,
        };
        self.index_node(&change);
        Some(change)
    }

    /// Everything up to this revision has been seen.
    pub(super) fn reach(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }

    fn index_node(&mut self, change: &Change) {
        if change.kind != Some(Kind::Pod) {
            return;
        }
        let node = |entry: &Option<Entry>| {
            let pod = entry.as_ref().and_then(Entry::pods);
            pod.map(|pod| pod.spec.node_name.clone())
                .filter(|name| !name.is_empty())
        };
        let (before, after) = (node(&change.before), node(&change.after));
        if before == after {
            return;
        }
        let key = &change.reference.key;
        if let Some(before) = before
            && let Some(keys) = self.on_nodes.get_mut(before.as_str())
        {
            keys.remove(key);
            if keys.is_empty() {
                self.on_nodes.remove(before.as_str());
            }
        }
        if let Some(after) = after {
            let keys = self.on_nodes.entry(after.into()).or_default();
            keys.insert(key.clone());
        }
    }
}

/// Longest annotation of a Pod that is kept, in bytes. What loops look at are numbers.
const ANNOTATION_MAX: usize = 64;

/// Forgets long annotations. There are many Pods, and others write whole documents there.
fn shed(pod: &mut Meta) {
    let annotations = &mut pod.annotations;
    annotations.retain(|_, value| value.len() <= ANNOTATION_MAX);
}

/// The object that was seen. What does not parse is told, and then as if it were not there: no loop can
/// do anything with it.
fn parsed<T: DeserializeOwned>(sighting: &Sighting) -> Option<T> {
    let object = sighting.object.as_ref()?;
    match serde_json::from_slice(object.stored()) {
        Ok(object) => Some(object),
        Err(error) => {
            tracing::warn!(
                resource = sighting.resource.plural,
                namespace = sighting.namespace,
                name = sighting.name,
                %error,
                "an object cannot be read and is left alone"
            );
            None
        }
    }
}
