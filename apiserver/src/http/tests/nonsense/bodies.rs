//! Wrong bodies, to everything that takes one.

use super::shapes::{self, Dice, doubled, spoiled, wrapped};
use super::{is_sound, text, wire};
use crate::http::tests::everybody::place::Place;
use crate::http::tests::world::Answer;
use crate::resource::{Scope, builtin};
use crate::schema::Gvk;
use hyper::Method;
use serde_json::{Value, json};

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// Objects of all sorts, as the tests of tables have them.
const SAMPLES: [&str; 11] = [
    include_str!("../../../table/tests/apps.jsonl"),
    include_str!("../../../table/tests/autoscaling.jsonl"),
    include_str!("../../../table/tests/batch.jsonl"),
    include_str!("../../../table/tests/config.jsonl"),
    include_str!("../../../table/tests/events.jsonl"),
    include_str!("../../../table/tests/networking.jsonl"),
    include_str!("../../../table/tests/nodes.jsonl"),
    include_str!("../../../table/tests/others.jsonl"),
    include_str!("../../../table/tests/pods.jsonl"),
    include_str!("../../../table/tests/services.jsonl"),
    include_str!("../../../table/tests/storage.jsonl"),
];

/// A server, and what has gone wrong so far.
struct Trial {
    place: Place,
    wrong: Vec<String>,
    /// Answers below 300, and all.
    taken: usize,
    asked: usize,
}

impl Trial {
    async fn new() -> Trial {
        Trial {
            place: Place::new().await,
            wrong: Vec::new(),
            taken: 0,
            asked: 0,
        }
    }

    /// Sends one, and looks at the answer and at the store.
    async fn send(&mut self, method: &Method, path: &str, media: &str, body: &[u8]) -> Answer {
        let before = self.place.store.revision();
        let headers = [("content-type", media)];
        let operator = &self.place.operator;
        let answer = operator.ask(method, path, &headers, body.to_vec()).await;
        let moved = self.place.store.revision() - before;
        let is_refused = answer.code >= 400;
        let checked = is_sound(&answer).and_then(|()| match (is_refused, moved) {
            (true, 0) | (false, 0 | 1) => Ok(()),
            (is_refused, moved) => Err(format!("refused: {is_refused}, and wrote {moved} times")),
        });
        if let Err(why) = checked {
            let shown = String::from_utf8_lossy(&body[..body.len().min(600)]);
            self.wrong
                .push(format!("{method} {path} {media}: {why}\n    {shown}"));
        }
        self.asked += 1;
        self.taken += usize::from(answer.code < 300);
        answer
    }

    fn end(self) {
        let shown: Vec<&str> = self.wrong.iter().take(12).map(String::as_str).collect();
        assert!(
            self.wrong.is_empty(),
            "{} answers:\n{}",
            self.wrong.len(),
            shown.join("\n")
        );
    }
}

/// Samples, and where they are made.
fn samples() -> Vec<(String, Value)> {
    let lines = SAMPLES.iter().flat_map(|file| file.lines());
    let objects = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let placed = objects.filter_map(|mut object| {
        let api_version = object["apiVersion"].as_str()?;
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let gvk = Gvk {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: object["kind"].as_str()?.to_owned(),
        };
        let resource = builtin().of_kind(&gvk)?;
        let root = match group {
            "" => format!("/api/{version}"),
            group => format!("/apis/{group}/{version}"),
        };
        let plural = &resource.plural;
        let path = match resource.scope {
            Scope::Cluster => format!("{root}/{plural}"),
            Scope::Namespaced => {
                object["metadata"]["namespace"] = "shop".into();
                format!("{root}/namespaces/shop/{plural}")
            }
        };
        Some((path, object))
    });
    placed.collect()
}

#[tokio::test]
async fn objects_with_wrong_parts_are_refused_or_taken_whole() {
    let (mut trial, mut dice) = (Trial::new().await, Dice::new(7));
    let samples = samples();
    assert!(samples.len() > 150, "{}", samples.len());
    for (number, (path, mut sample)) in samples.into_iter().enumerate() {
        sample["metadata"]["name"] = format!("n{number}").into();
        let text = sample.to_string().into_bytes();
        let message = wire::message(&sample);
        for object in spoiled(&sample, 2, &mut dice) {
            let body = object.to_string().into_bytes();
            trial.send(&Method::POST, &path, JSON, &body).await;
        }
        for body in shapes::scratched(&text, 1, &mut dice) {
            trial.send(&Method::POST, &path, JSON, &body).await;
        }
        for body in shapes::scratched(&text, 1, &mut dice) {
            trial.send(&Method::POST, &path, YAML, &body).await;
        }
        for body in wire::scratched(&message, 2, &mut dice) {
            trial.send(&Method::POST, &path, PROTOBUF, &body).await;
        }
        trial
            .send(&Method::POST, &path, JSON, &doubled(&sample))
            .await;
        trial.send(&Method::POST, &path, PROTOBUF, &message).await;
    }
    // Nonsense that is made of what would be refused anyhow shows little.
    let taken = trial.taken;
    assert!(taken > 100, "{taken} of {}", trial.asked);
    trial.end();
}

/// What takes a body: how, where, and a good one.
fn doors() -> Vec<(Method, String, Value)> {
    let shop = |rest: &str| format!("/api/v1/namespaces/shop/{rest}");
    let named = |api_version: &str, kind: &str| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "there"}});
    let with = |mut object: Value, field: &str, value: Value| {
        object[field] = value;
        object
    };
    let containers = json!({"containers": [{"name": "main", "image": "app:1"}]});
    let apps = "/apis/apps/v1/namespaces/shop/deployments/there";
    let review = |name: &str| format!("/apis/authorization.k8s.io/v1/{name}");
    let access = json!({"user": "a", "groups": ["b"], "resourceAttributes": {"verb": "get", "resource": "pods",
        "namespace": "shop", "labelSelector": {"rawSelector": "a=b"}, "fieldSelector": {"requirements": [
            {"key": "a", "operator": "In", "values": ["b"]}]}}});
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "dryRun": ["All"],
        "preconditions": {"uid": "x", "resourceVersion": "1"}, "propagationPolicy": "Orphan"});
    let bound = json!({"audiences": ["a"], "expirationSeconds": 3_600,
        "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "there"}});
    vec![
        (
            Method::POST,
            shop("configmaps"),
            with(named("v1", "ConfigMap"), "data", json!({"a": "b"})),
        ),
        (
            Method::PUT,
            shop("configmaps/there"),
            with(named("v1", "ConfigMap"), "data", json!({"a": "b"})),
        ),
        (
            Method::PUT,
            shop("pods/there"),
            with(named("v1", "Pod"), "spec", containers),
        ),
        (
            Method::PUT,
            shop("pods/there/status"),
            with(
                named("v1", "Pod"),
                "status",
                json!({"phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}], "podIPs": [{"ip": "10.0.0.1"}]}),
            ),
        ),
        (
            Method::POST,
            shop("pods/there/binding"),
            with(
                named("v1", "Binding"),
                "target",
                json!({"kind": "Node", "name": "n1"}),
            ),
        ),
        (
            Method::POST,
            shop("bindings"),
            with(
                named("v1", "Binding"),
                "target",
                json!({"kind": "Node", "name": "n1"}),
            ),
        ),
        (
            Method::POST,
            shop("pods/there/eviction"),
            with(
                named("policy/v1", "Eviction"),
                "deleteOptions",
                options.clone(),
            ),
        ),
        (
            Method::POST,
            shop("serviceaccounts/there/token"),
            with(
                named("authentication.k8s.io/v1", "TokenRequest"),
                "spec",
                bound,
            ),
        ),
        (
            Method::PUT,
            format!("{apps}/scale"),
            with(
                named("autoscaling/v1", "Scale"),
                "spec",
                json!({"replicas": 1}),
            ),
        ),
        (
            Method::PUT,
            format!("{apps}/status"),
            with(
                named("apps/v1", "Deployment"),
                "status",
                json!({"replicas": 1}),
            ),
        ),
        (
            Method::PUT,
            "/api/v1/namespaces/other/finalize".to_owned(),
            json!({"apiVersion": "v1",
            "kind": "Namespace", "metadata": {"name": "other"}, "spec": {"finalizers": ["kubernetes"]}}),
        ),
        (Method::DELETE, shop("configmaps/mine"), options.clone()),
        (Method::DELETE, shop("secrets?labelSelector=none"), options),
        (
            Method::POST,
            review("subjectaccessreviews"),
            with(
                named("authorization.k8s.io/v1", "SubjectAccessReview"),
                "spec",
                access.clone(),
            ),
        ),
        (
            Method::POST,
            review("selfsubjectaccessreviews"),
            with(
                named("authorization.k8s.io/v1", "SelfSubjectAccessReview"),
                "spec",
                access,
            ),
        ),
        (
            Method::POST,
            review("selfsubjectrulesreviews"),
            with(
                named("authorization.k8s.io/v1", "SelfSubjectRulesReview"),
                "spec",
                json!({"namespace": "shop"}),
            ),
        ),
        (
            Method::POST,
            "/apis/authentication.k8s.io/v1/tokenreviews".to_owned(),
            with(
                named("authentication.k8s.io/v1", "TokenReview"),
                "spec",
                json!({"token": "x", "audiences": ["y"]}),
            ),
        ),
    ]
}

#[tokio::test]
async fn texts_that_are_no_objects_are_refused_at_every_door() {
    let mut trial = Trial::new().await;
    for (number, (method, path, _)) in doors().into_iter().enumerate() {
        for body in text::broken().iter().skip(number % 2).step_by(2) {
            trial.send(&method, &path, JSON, body).await;
        }
        // All of them come to some door.
        for body in text::yaml().iter().skip(number % 4).step_by(4) {
            trial.send(&method, &path, YAML, body).await;
        }
        for body in wire::broken() {
            trial.send(&method, &path, PROTOBUF, &body).await;
        }
    }
    trial.end();
}

#[tokio::test]
async fn doors_of_every_sort_take_their_own_bodies_and_refuse_wrong_parts() {
    let (mut trial, mut dice) = (Trial::new().await, Dice::new(11));
    for (method, path, good) in doors() {
        for object in spoiled(&good, 25, &mut dice) {
            let body = object.to_string().into_bytes();
            trial.send(&method, &path, JSON, &body).await;
        }
        for body in wire::scratched(&wire::message(&good), 8, &mut dice) {
            trial.send(&method, &path, PROTOBUF, &body).await;
        }
        trial.send(&method, &path, JSON, &doubled(&good)).await;
        let deep = wrapped(&good, "spec", 119).to_string().into_bytes();
        trial.send(&method, &path, JSON, &deep).await;
    }
    trial.end();
}

#[tokio::test]
async fn bodies_that_are_too_much_are_refused() {
    let mut trial = Trial::new().await;
    let configmaps = "/api/v1/namespaces/shop/configmaps";
    let one = format!("{configmaps}/there");
    let asks = [
        (Method::POST, configmaps, JSON),
        (Method::POST, configmaps, YAML),
        (Method::PATCH, one.as_str(), MERGE),
        (Method::PATCH, one.as_str(), STRATEGIC),
        (Method::PATCH, one.as_str(), APPLY),
    ];
    for (method, path, media) in asks {
        let path = match media {
            APPLY => format!("{path}?fieldManager=me&force=true"),
            _ => path.to_owned(),
        };
        for body in text::huge() {
            let answer = trial.send(&method, &path, media, &body).await;
            let is_whole = body.len() > 3 * 1024 * 1024;
            assert_eq!(
                answer.code == 413 && is_whole,
                is_whole,
                "{path} {media}: {answer:?}"
            );
        }
    }
    let taken = trial.taken;
    assert!(taken <= 10, "{taken} of {}", trial.asked);
    trial.end();
}

#[tokio::test]
async fn patches_that_ask_for_what_cannot_be_change_nothing() {
    let (mut trial, mut dice) = (Trial::new().await, Dice::new(13));
    for path in [
        "/api/v1/namespaces/shop/configmaps/there",
        "/api/v1/namespaces/shop/pods/there",
        "/api/v1/namespaces/shop/pods/there/status",
        "/api/v1/namespaces/shop/pods/there/ephemeralcontainers",
        "/api/v1/namespaces/shop/pods/there/resize",
        "/apis/apps/v1/namespaces/shop/deployments/there",
        "/apis/apps/v1/namespaces/shop/deployments/there/scale",
        "/api/v1/namespaces/shop/services/there",
        "/api/v1/nodes/there",
        "/api/v1/namespaces/shop/configmaps/none",
    ] {
        let good = trial.place.operator.ask(&Method::GET, path, &[], "").await;
        let good: Value = serde_json::from_slice(&good.bytes).unwrap();
        let mut patches: Vec<(&str, Vec<u8>)> = Vec::new();
        let text = |value: &Value| value.to_string().into_bytes();
        patches.extend(
            shapes::json_patches()
                .iter()
                .map(|patch| (JSON_PATCH, text(patch))),
        );
        for patch in shapes::directives() {
            patches.extend([MERGE, STRATEGIC, APPLY].map(|media| (media, text(&patch))));
        }
        for patch in spoiled(&good, 12, &mut dice) {
            patches.extend([MERGE, STRATEGIC].map(|media| (media, text(&patch))));
            let mut own = patch;
            if let Some(metadata) = own["metadata"].as_object_mut() {
                metadata.remove("managedFields");
            }
            patches.push((APPLY, text(&own)));
        }
        for body in text::broken().into_iter().step_by(3) {
            patches
                .extend([JSON_PATCH, MERGE, STRATEGIC, APPLY].map(|media| (media, body.clone())));
        }
        patches.extend(
            text::yaml()
                .into_iter()
                .step_by(2)
                .map(|body| (APPLY, body)),
        );
        for (media, body) in patches {
            let path = match media {
                APPLY => format!("{path}?fieldManager=me&force=true"),
                _ => path.to_owned(),
            };
            trial.send(&Method::PATCH, &path, media, &body).await;
        }
    }
    trial.end();
}
