//! Requests about objects, through the registry, over a store in memory.

use super::registry_over;
use super::world::{Client, LONG, Plan, World, until};
use crate::authorize::{Attributes, Authorizer, RBAC, Target};
use crate::http::{KeptPolicy, Limits, write_policy};
use crate::identity::User;
use crate::registry::Registry;
use crate::resource::builtin;
use crate::storage::{Call, Fault, Keys, Kv, KvError, MemoryKv, Object, Txn, Write};
use hyper::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Puts an object into a store as it would lie there.
pub(super) async fn put(store: &MemoryKv, (group, plural): (&str, &str), object: Value) {
    let resource = builtin().find(group, "v1", plural).unwrap();
    let text = |field: &str| {
        object["metadata"][field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let key = Keys::one(resource, &text("namespace"), &text("name"));
    let value = Object::of(object, 0).stored().clone();
    let write = Write::Put {
        key,
        value,
        lease: 0,
    };
    let txn = Txn {
        writes: vec![write],
        ..Txn::default()
    };
    store.txn(txn).await.unwrap();
}

async fn put_map(store: &MemoryKv, name: &str, text: &str) {
    let metadata = json!({"name": name, "namespace": "default", "uid": name});
    let object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": text}});
    put(store, ("", "configmaps"), object).await;
}

async fn world(limits: Limits) -> (World, Arc<MemoryKv>) {
    let store = Arc::new(MemoryKv::new());
    let plan = Plan {
        registry: registry_over(store.clone()),
        limits,
        ..Plan::default()
    };
    (World::new(plan).await, store)
}

/// A watch as it is read by a client: line by line.
struct Lines(BufReader<tokio_rustls::client::TlsStream<tokio::net::TcpStream>>);

impl Lines {
    async fn open(client: &Client, path: &str, headers: &str) -> Lines {
        let mut stream = client.connect("http/1.1").await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: kubernetes\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut lines = Lines(BufReader::new(stream));
        assert!(lines.line().await.contains("200 OK"));
        lines
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(LONG, self.0.read_line(&mut line))
            .await
            .unwrap()
            .unwrap();
        line
    }

    /// The next event; `None` at the end.
    async fn event(&mut self) -> Option<Value> {
        loop {
            let line = self.line().await;
            if line.starts_with('{') {
                return Some(serde_json::from_str(&line).unwrap());
            }
            // The last chunk of an answer.
            if line == "0\r\n" || line.is_empty() {
                return None;
            }
        }
    }
}

#[tokio::test]
async fn an_object_is_shown_in_each_form_that_can_be_had() {
    let (world, store) = world(Limits::default()).await;
    let admin = world.admin();
    put_map(&store, "a", "v").await;
    let path = format!("{MAPS}/a");
    let created = admin.get(&path).await.json();
    assert_eq!(created["data"]["k"], "v");
    assert_eq!(
        admin.get(&format!("{MAPS}/b")).await.failure().2,
        "configmaps \"b\" not found"
    );
    let get = async |path: &str, accept: &str| admin.get_with(path, &[("accept", accept)]).await;
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    assert_eq!(get(&path, table).await.json()["kind"], "Table");
    let listed = get(MAPS, table).await.json();
    assert_eq!(listed["rows"][0]["cells"][0], "a");
    let partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let shown = get(&path, partial).await.json();
    assert_eq!(shown["metadata"], created["metadata"]);
    assert_eq!(shown.get("data"), None);
    assert_eq!(get(MAPS, partial).await.failure().0, 406);
    let yaml = get(&path, "application/yaml").await;
    let yaml: Value = serde_yaml_ng::from_str(yaml.text()).unwrap();
    assert_eq!(yaml, created);
    for path in [path.as_str(), MAPS] {
        let protobuf = get(path, "application/vnd.kubernetes.protobuf").await;
        assert!(protobuf.bytes.starts_with(b"k8s\0"), "{path}");
        let pretty = admin.get(&format!("{path}?pretty=true")).await;
        assert!(pretty.text().starts_with("{\n  \""), "{path}");
        assert_eq!(pretty.json(), admin.get(path).await.json());
    }
}

#[tokio::test]
async fn statements_6_and_9_a_watch_begins_with_what_is_there_and_has_no_bookmarks_unasked() {
    let (world, store) = world(Limits::default()).await;
    let admin = world.admin();
    put_map(&store, "b", "v").await;
    put_map(&store, "a", "v").await;
    let path = format!("{MAPS}?watch=1&timeoutSeconds=1");
    let mut lines = Lines::open(&admin, &path, "").await;
    let mut told = Vec::new();
    while let Some(event) = lines.event().await {
        told.push((
            event["type"].clone(),
            event["object"]["metadata"]["name"].clone(),
        ));
    }
    let added = |name: &str| (Value::from("ADDED"), Value::from(name));
    assert_eq!(told, [added("a"), added("b")]);
}

#[tokio::test]
async fn statement_10_initial_events_end_with_one_bookmark() {
    let (world, store) = world(Limits::default()).await;
    let admin = world.admin();
    put_map(&store, "a", "v").await;
    let created = admin.get(&format!("{MAPS}/a")).await.json();
    let query = "watch=1&sendInitialEvents=true&allowWatchBookmarks=true\
                 &resourceVersionMatch=NotOlderThan&timeoutSeconds=30";
    let mut lines = Lines::open(&admin, &format!("{MAPS}?{query}"), "").await;
    assert_eq!(lines.event().await.unwrap()["type"], "ADDED");
    let mark = lines.event().await.unwrap();
    assert_eq!(mark["type"], "BOOKMARK");
    let metadata = &mark["object"]["metadata"];
    assert_eq!(metadata["annotations"]["k8s.io/initial-events-end"], "true");
    let revision = |metadata: &Value| -> u64 {
        metadata["resourceVersion"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    };
    assert!(revision(metadata) >= revision(&created["metadata"]));
    put_map(&store, "b", "v").await;
    let event = lines.event().await.unwrap();
    assert_eq!(
        (
            event["type"].as_str(),
            event["object"]["metadata"]["name"].as_str()
        ),
        (Some("ADDED"), Some("b"))
    );
}

#[tokio::test]
async fn a_watch_ends_when_the_server_stops() {
    let (mut world, store) = world(Limits::default()).await;
    let admin = world.admin();
    let mut lines = Lines::open(&admin, &format!("{MAPS}?watch=1"), "").await;
    put_map(&store, "a", "v").await;
    assert_eq!(lines.event().await.unwrap()["type"], "ADDED");
    world.stop();
    assert_eq!(lines.event().await, None);
    world.stopped().await;
}

#[tokio::test]
async fn statement_15_a_stalled_reader_is_disconnected_and_delays_nobody() {
    let limits = Limits {
        stall: Duration::from_millis(200),
        ..Limits::default()
    };
    let (world, store) = world(limits).await;
    let admin = world.admin();
    let path = format!("{MAPS}?watch=1");
    let mut stalled = Lines::open(&admin, &path, "").await;
    let mut reader = Lines::open(&admin, &path, "").await;
    let large = "x".repeat(900_000);
    let mut sent = 0;
    let is_let_go = |world: &World| {
        world
            .server
            .metrics()
            .contains("terminated_watchers_total 1")
    };
    while !is_let_go(&world) {
        assert!(sent < 200, "nobody was let go");
        let name = format!("m{sent}");
        put_map(&store, &name, &large).await;
        sent += 1;
        assert_eq!(
            reader.event().await.unwrap()["object"]["metadata"]["name"],
            name
        );
    }
    let mut rest = Vec::new();
    // What was on the way comes; then the connection breaks, without the end of an answer.
    drop(
        timeout(LONG, stalled.0.read_to_end(&mut rest))
            .await
            .unwrap(),
    );
    assert!(!rest.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn the_policy_is_followed_and_allows_nothing_before_it_is_read() {
    let store = Arc::new(MemoryKv::new());
    let registry = registry_over(store.clone());
    let kept = KeptPolicy::default();
    let user = User::new("jane", ["system:authenticated"]);
    let is_allowed = || {
        let attributes = Attributes {
            user: &user,
            verb: "get",
            target: Target::Path("/x"),
        };
        kept.authorize(&attributes).is_allowed()
    };
    let role = json!({"kind": "ClusterRole", "metadata": {"name": "r"}, "rules": [
        {"verbs": ["get"], "nonResourceURLs": ["/x"]},
    ]});
    put(&store, (RBAC, "clusterroles"), role).await;
    assert!(!kept.is_filled() && !is_allowed());
    tokio::spawn({
        let kept = kept.clone();
        async move { kept.keep(&registry, builtin()).await }
    });
    until("it is read", || kept.is_filled()).await;
    assert!(!is_allowed());
    let binding = json!({"kind": "ClusterRoleBinding", "metadata": {"name": "b"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "r"},
        "subjects": [{"kind": "User", "name": "jane", "apiGroup": RBAC}]});
    put(&store, (RBAC, "clusterrolebindings"), binding).await;
    until("it is followed", is_allowed).await;
    let key = Keys::one(builtin().find(RBAC, "v1", "clusterroles").unwrap(), "", "r");
    let txn = Txn {
        writes: vec![Write::Delete { key }],
        ..Txn::default()
    };
    store.txn(txn).await.unwrap();
    until("a deletion is followed", || !is_allowed()).await;
    assert!(kept.is_current());
    // Watches end, and the kinds cannot be read anew at once.
    let away = || KvError::Unavailable("a bad day".to_owned());
    for _ in 0..4 {
        store.fail_next(Call::Range, Fault::Before(away()));
    }
    store.break_watches(away());
    until("it is known that nothing is followed", || {
        !kept.is_current()
    })
    .await;
    assert!(kept.is_filled(), "the last state counts");
    until("it is followed again", || kept.is_current()).await;
}

#[tokio::test]
async fn an_object_is_created_read_changed_listed_and_deleted() {
    let (world, _store) = world(Limits::default()).await;
    let admin = world.admin();
    let new = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}});
    let created = admin.post(MAPS, &new).await;
    assert_eq!(created.code, 201, "{created:?}");
    let created = created.json();
    assert_eq!(admin.post(MAPS, &new).await.failure().0, 409);
    let path = format!("{MAPS}/a");
    assert_eq!(admin.get(&path).await.json(), created);
    let mut changed = created.clone();
    changed["data"]["k"] = "w".into();
    let updated = admin
        .send(Method::PUT, &path, &[], changed.to_string())
        .await;
    assert_eq!(updated.code, 200, "{updated:?}");
    let old = admin
        .send(Method::PUT, &path, &[], created.to_string())
        .await;
    assert_eq!(old.failure().0, 409);
    let merge = [("content-type", "application/merge-patch+json")];
    let patch = json!({"data": {"k": "x"}}).to_string();
    let patched = admin.send(Method::PATCH, &path, &merge, patch).await;
    assert_eq!(patched.json()["data"]["k"], "x");
    let list = admin.get(MAPS).await.json();
    assert_eq!(list["kind"], "ConfigMapList");
    assert_eq!(list["items"][0]["data"]["k"], "x");
    let deleted = admin.send(Method::DELETE, &path, &[], "").await;
    assert_eq!(
        (deleted.code, deleted.json()["status"].clone()),
        (200, "Success".into())
    );
    assert_eq!(
        admin.get(&path).await.failure().2,
        "configmaps \"a\" not found"
    );
    assert_eq!(admin.post(MAPS, &json!({"kind": 5})).await.failure().0, 400);
}

#[tokio::test]
async fn what_should_not_be_used_any_more_is_told_in_a_header() {
    let (world, _store) = world(Limits::default()).await;
    let admin = world.admin();
    let old =
        "299 - \"v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\"";
    let listed = admin.get("/api/v1/namespaces/default/endpoints").await;
    assert_eq!((listed.code, listed.header("warning")), (200, old));
    let listed = admin.get("/api/v1/componentstatuses").await;
    let old = "299 - \"v1 ComponentStatus is deprecated in v1.19+\"";
    assert_eq!((listed.code, listed.header("warning")), (200, old));
    assert_eq!(admin.get(MAPS).await.header("warning"), "");
    let new = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {
                    "nodeSelector": {"beta.kubernetes.io/os": "linux"},
                    "containers": [{"name": "c", "image": "i"}],
                },
            },
        },
    });
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let created = admin.post(deployments, &new).await;
    let told = "299 - \"spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; \
                use \\\"kubernetes.io/os\\\" instead\"";
    assert_eq!((created.code, created.header("warning")), (201, told));
    let patch = async |patch: Value| {
        let merge = [("content-type", "application/merge-patch+json")];
        let path = format!("{deployments}/d");
        let patch = patch.to_string();
        admin.send(Method::PATCH, &path, &merge, patch).await
    };
    let scaled = patch(json!({"spec": {"replicas": 2}})).await;
    assert_eq!((scaled.code, scaled.header("warning")), (200, told));
    let labelled = patch(json!({"metadata": {"labels": {"a": "b"}}})).await;
    assert_eq!((labelled.code, labelled.header("warning")), (200, ""));
}

#[tokio::test]
async fn the_policy_is_written_once_and_followed() {
    let registry = super::registry();
    let catalog = Arc::new(builtin().clone());
    let kept = KeptPolicy::default();
    tokio::spawn({
        let (kept, registry, catalog) = (kept.clone(), registry.clone(), catalog.clone());
        async move { kept.keep(&registry, &catalog).await }
    });
    let write = |registry: Arc<Registry>| {
        let catalog = catalog.clone();
        async move { write_policy(&registry, &catalog).await }
    };
    let both = tokio::join!(write(registry.clone()), write(registry.clone()));
    both.0.unwrap();
    both.1.unwrap();
    let user = User::new("jane", ["system:authenticated"]);
    let attributes = Attributes {
        user: &user,
        verb: "get",
        target: Target::Path("/api"),
    };
    until("the policy is followed", || {
        kept.authorize(&attributes).is_allowed()
    })
    .await;
    assert!(kept.is_filled());
    write(registry.clone()).await.unwrap();
}
