//! A server as a member makes it, over a store in memory: the whole chain of admission, everybody's rights.

use super::cells::{Cell, JSON, OTHER, SHOP, cells};
use super::people::{Person, people};
use crate::admission::{Chain, Stored};
use crate::authenticate::{Authenticator, KeySet, ServiceTokens, SigningKey, StaticTokens};
use crate::authorize::{
    Authorizer, Masters, NodeAuthorizer, NodeGraph, Policy, RBAC, Related, Rule, Union, aggregate,
    bootstrap,
};
use crate::http::tests::Chance;
use crate::http::tests::lane::Lane;
use crate::http::tests::world::{ISSUER, Plan, SystemClock, World};
use crate::http::{HeldRights, KeptPolicy, Limits, RegistryObjects};
use crate::identity::{Anonymous, User};
use crate::registry::Registry;
use crate::resource::builtin;
use crate::storage::MemoryKv;
use futures::StreamExt;
use hyper::Method;
use serde_json::{Value, json};
use std::sync::Arc;

/// Everything that is called `mine` belongs to a pod of the node `n1`.
struct Mine;

impl NodeGraph for Mine {
    fn is_related(&self, node: &str, _what: Related, namespace: &str, name: &str) -> bool {
        node == "n1" && name == "mine" && matches!(namespace, SHOP | OTHER | "")
    }
}

pub struct Place {
    pub world: World,
    pub store: Arc<MemoryKv>,
    pub operator: Lane,
    /// What signs tokens here.
    pub keys: KeySet,
}

/// The roles of people: three in one namespace, one everywhere.
fn bindings() -> Vec<Value> {
    let given = [
        ("RoleBinding", "viewer", "view"),
        ("RoleBinding", "editor", "edit"),
        ("RoleBinding", "owner", "admin"),
        ("ClusterRoleBinding", "chief", "cluster-admin"),
    ];
    let bind = |(kind, user, role): (&str, &str, &str)| {
        let mut binding = json!({"kind": kind, "metadata": {"name": user},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "User", "apiGroup": RBAC, "name": user}]});
        if kind == "RoleBinding" {
            binding["metadata"]["namespace"] = SHOP.into();
        }
        binding
    };
    given.map(bind).to_vec()
}

/// What every cluster begins with, after a loop has gathered the rules of roles that are made of others:
/// `admin` is made of `edit`, and that of `view`.
fn gathered() -> Vec<Value> {
    let mut objects = bootstrap::objects().to_vec();
    for _ in 0..3 {
        let before = objects.clone();
        let roles = || before.iter().filter(|one| one["kind"] == "ClusterRole");
        for object in objects
            .iter_mut()
            .filter(|one| one["kind"] == "ClusterRole")
        {
            if let Some(rules) = aggregate::gathered(object, roles()).unwrap() {
                object["rules"] = rules.iter().map(Rule::to_value).collect();
            }
        }
    }
    objects
}

impl Place {
    pub async fn new() -> Place {
        Place::with(Limits::default()).await
    }

    pub async fn with(limits: Limits) -> Place {
        let store = Arc::new(MemoryKv::new());
        let objects = [gathered(), bindings()].concat();
        let policy = KeptPolicy::of(Policy::from_objects(&objects).unwrap());
        let node = NodeAuthorizer::new(Mine, bootstrap::node_rules());
        let chain: Vec<Box<dyn Authorizer>> =
            vec![Box::new(Masters), Box::new(node), Box::new(policy.clone())];
        let authorizer: Arc<dyn Authorizer> = Arc::new(Union::new(chain));
        let admission =
            Chain::standard(Arc::new(Stored::new(store.clone())), Arc::new(rand::random));
        let admission = HeldRights::new(policy, authorizer.clone(), admission);
        let registry = Registry::new(store.clone(), Arc::new(SystemClock), Arc::new(Chance));
        let registry = Arc::new(registry.with_admission(Arc::new(admission)));
        let (mut options, shelf, paper) = World::options(Plan {
            limits,
            registry: registry.clone(),
            ..Plan::default()
        });
        let keys = KeySet::new(SigningKey::generate().unwrap());
        let same = KeySet::from_pem(&keys.to_pem()).unwrap();
        let accounts = Arc::new(RegistryObjects::new(registry, builtin()));
        let service = ServiceTokens::new(same, ISSUER, Vec::new(), accounts);
        let mut tokens = StaticTokens::default();
        tokens.insert("somebody", User::new("somebody", ["devs"]));
        let anonymous = Anonymous::health_and_version();
        options.authenticator = Authenticator::new(tokens, Some(service), anonymous);
        options.authorizer = authorizer;
        let world = World::of((options, shelf, paper)).await;
        let operator = Lane::open(world.admin()).await;
        let place = Place {
            world,
            store,
            operator,
            keys,
        };
        place.furnish().await;
        place
    }

    /// Both documents of discovery: the core group and all others.
    pub async fn discovery(&self) -> Vec<Value> {
        let form = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let mut groups = Vec::new();
        for path in ["/api", "/apis"] {
            let headers = [("accept", form)];
            let told = self.operator.ask(&Method::GET, path, &headers, "").await;
            groups.extend(told.json()["items"].as_array().unwrap().clone());
        }
        groups
    }

    pub async fn post(&self, path: &str, object: &Value) -> Value {
        let body = object.to_string();
        let headers = [("content-type", JSON)];
        let answer = self.operator.ask(&Method::POST, path, &headers, body).await;
        assert_eq!(answer.code, 201, "{answer:?}");
        answer.json()
    }

    /// Namespaces, and in them one object of each kind that can be made of what is known here.
    async fn furnish(&self) {
        for name in [SHOP, OTHER] {
            let space =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            self.post("/api/v1/namespaces", &space).await;
            for account in ["default", "mine", "there", "gone"] {
                let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
                    "metadata": {"name": account}});
                let path = format!("/api/v1/namespaces/{name}/serviceaccounts");
                self.post(&path, &account).await;
            }
        }
        let all = cells(&self.discovery().await, "there");
        let makes =
            |cell: &&Cell| cell.verb == "create" && cell.subresource.is_empty() && cell.is_served;
        for cell in all.iter().filter(makes) {
            for name in ["there", "mine"] {
                let mut object: Value = serde_json::from_slice(&cell.body).unwrap();
                object["metadata"]["name"] = name.into();
                let headers = [("content-type", JSON)];
                let body = object.to_string();
                let made = self
                    .operator
                    .ask(&cell.method, &cell.path, &headers, body)
                    .await;
                assert!(made.code < 500, "{}: {made:?}", cell.path);
            }
        }
    }

    pub async fn people(&self) -> Vec<Person> {
        people(self).await
    }

    /// How many of the writes would be done for the operator.
    pub async fn would_write(&self, cells: &[Cell]) -> usize {
        let asked = cells
            .iter()
            .filter(|cell| cell.writes())
            .map(|cell| async move {
                let headers = [("content-type", cell.content_type)];
                let path = cell.dry_path();
                let asking = self
                    .operator
                    .ask(&cell.method, &path, &headers, cell.body.clone());
                matches!(asking.await.code, 200 | 201)
            });
        let asked = futures::stream::iter(asked).buffer_unordered(super::AT_ONCE);
        asked.filter(|did| std::future::ready(*did)).count().await
    }
}

/// What an object of its kind cannot be without.
pub fn fill(object: &mut Value) {
    let pod = json!({"containers": [{"name": "main", "image": "app:1"}]});
    let labels = json!({"labels": {"app": "a"}});
    let template = json!({"metadata": labels, "spec": pod});
    let selector = json!({"matchLabels": {"app": "a"}});
    let mut once = template.clone();
    once["spec"]["restartPolicy"] = "Never".into();
    let claim =
        json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    let role = json!({"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"});
    let (field, value) = match object["kind"].as_str().unwrap() {
        "Pod" => ("spec", pod),
        "Deployment" | "ReplicaSet" | "DaemonSet" => {
            ("spec", json!({"selector": selector, "template": template}))
        }
        "StatefulSet" => (
            "spec",
            json!({"selector": selector, "template": template, "serviceName": "a"}),
        ),
        "ReplicationController" => (
            "spec",
            json!({"selector": {"app": "a"}, "template": template}),
        ),
        "PodTemplate" => ("template", template),
        "Job" => ("spec", json!({"template": once})),
        "CronJob" => {
            let job = json!({"spec": {"template": once}});
            ("spec", json!({"schedule": "0 0 * * *", "jobTemplate": job}))
        }
        "Service" => (
            "spec",
            json!({"clusterIP": "None", "ports": [{"port": 80}]}),
        ),
        "PersistentVolumeClaim" => ("spec", claim),
        "PersistentVolume" => (
            "spec",
            json!({"capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}),
        ),
        "EndpointSlice" => ("addressType", "IPv4".into()),
        "HorizontalPodAutoscaler" => (
            "spec",
            json!({"maxReplicas": 2,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "there"}}),
        ),
        "PodDisruptionBudget" => ("spec", json!({"selector": selector, "minAvailable": 1})),
        "NetworkPolicy" => ("spec", json!({"podSelector": {}})),
        "Ingress" => (
            "spec",
            json!({"defaultBackend": {"service": {"name": "a", "port": {"number": 80}}}}),
        ),
        "IngressClass" => ("spec", json!({"controller": "a.io/b"})),
        "RoleBinding" | "ClusterRoleBinding" => ("roleRef", role),
        "PriorityClass" => ("value", 5.into()),
        "StorageClass" => ("provisioner", "a.io/b".into()),
        "RuntimeClass" => ("handler", "a".into()),
        "CSINode" => ("spec", json!({"drivers": []})),
        "VolumeAttachment" => (
            "spec",
            json!({"attacher": "a.io", "nodeName": "n1",
            "source": {"persistentVolumeName": "a"}}),
        ),
        "ControllerRevision" => ("revision", 1.into()),
        "Scale" => ("spec", json!({"replicas": 1})),
        "Binding" => ("target", json!({"kind": "Node", "name": "n1"})),
        "TokenReview" => ("spec", json!({"token": "a"})),
        "SelfSubjectAccessReview" => (
            "spec",
            json!({"nonResourceAttributes": {"verb": "get", "path": "/"}}),
        ),
        "SubjectAccessReview" => (
            "spec",
            json!({"user": "a",
            "nonResourceAttributes": {"verb": "get", "path": "/"}}),
        ),
        "SelfSubjectRulesReview" => ("spec", json!({"namespace": SHOP})),
        _ => return,
    };
    object[field] = value;
}
