//! Custom resources, over HTTP.

use super::registry;
use super::world::{Client, LONG, Plan, SystemClock, World};
use crate::http::KeptCatalog;
use crate::resource::builtin;
use hyper::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const APES: &str = "/apis/z.io/v1/namespaces/default/apes";

struct Zoo {
    _world: World,
    admin: Client,
    keeping: JoinHandle<()>,
}

impl Drop for Zoo {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

impl Zoo {
    /// A server that follows definitions.
    async fn new() -> Zoo {
        let registry = registry();
        let plan = Plan {
            registry: registry.clone(),
            ..Plan::default()
        };
        let world = World::new(plan).await;
        let kept = KeptCatalog::new(Arc::new(builtin().clone()));
        let server = world.server.clone();
        let keeping = tokio::spawn(async move {
            tokio::join!(
                kept.keep(&registry, |catalog| server.serve_catalog(catalog)),
                kept.establish(&registry, &SystemClock),
            );
        });
        let admin = world.admin();
        Zoo {
            _world: world,
            admin,
            keeping,
        }
    }

    /// The same, with apes.
    async fn with_apes() -> Zoo {
        let zoo = Zoo::new().await;
        let made = zoo.admin.post(DEFINITIONS, &apes()).await;
        assert_eq!(made.code, 201, "{}", made.text());
        zoo.established("apes.z.io").await;
        zoo
    }

    async fn established(&self, name: &str) {
        let path = format!("{DEFINITIONS}/{name}");
        let looking = async {
            loop {
                let found = self.admin.get(&path).await.json();
                let conditions = found["status"]["conditions"].as_array().cloned();
                let is = |one: &Value| one["type"] == "Established" && one["status"] == "True";
                if conditions.unwrap_or_default().iter().any(is) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, looking).await.unwrap();
    }

    async fn patch(&self, path: &str, media: &str, patch: Value) -> super::world::Answer {
        let headers = [("content-type", media)];
        self.admin
            .send(Method::PATCH, path, &headers, patch.to_string())
            .await
    }
}

fn apes() -> Value {
    let spec = json!({"type": "object", "properties": {
        "replicas": {"type": "integer", "minimum": 0, "default": 1},
        "name": {"type": "string"}}});
    let status = json!({"type": "object", "properties": {"replicas": {"type": "integer"},
        "phase": {"type": "string"}}});
    let schema = json!({"type": "object", "properties": {"spec": spec, "status": status}});
    let version = |name: &str, is_stored: bool| {
        json!({"name": name, "served": true, "storage": is_stored,
            "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas"}},
            "additionalPrinterColumns": [
                {"name": "Wanted", "type": "integer", "jsonPath": ".spec.replicas"}]})
    };
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "apes.z.io"},
        "spec": {"group": "z.io", "scope": "Namespaced",
            "names": {"plural": "apes", "singular": "ape", "kind": "Ape", "shortNames": ["ap"]},
            "versions": [version("v1", true), version("v2", false)]}})
}

fn ape(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "z.io/v1", "kind": "Ape", "metadata": {"name": name}, "spec": spec})
}

#[tokio::test]
async fn s83_a_definition_is_served_at_once_when_it_is_established() {
    let zoo = Zoo::new().await;
    assert_eq!(zoo.admin.get(APES).await.code, 404);
    let made = zoo.admin.post(DEFINITIONS, &apes()).await;
    assert_eq!(made.code, 201, "{}", made.text());
    zoo.established("apes.z.io").await;
    let list = zoo.admin.get(APES).await;
    assert_eq!(
        (list.code, list.json()["kind"].clone()),
        (200, json!("ApeList"))
    );
    let found = zoo
        .admin
        .get(&format!("{DEFINITIONS}/apes.z.io"))
        .await
        .json();
    assert_eq!(found["status"]["acceptedNames"]["kind"], "Ape");
    assert_eq!(found["status"]["storedVersions"], json!(["v1"]));
}

#[tokio::test]
async fn s83_discovery_and_documents_follow() {
    let zoo = Zoo::with_apes().await;
    let looking = async {
        while zoo.admin.get("/apis/z.io/v1").await.code != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, looking).await.unwrap();
    let resources = zoo.admin.get("/apis/z.io/v1").await.json();
    let names: Vec<&str> = resources["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["apes", "apes/scale", "apes/status"]);
    let document = zoo.admin.get("/openapi/v3/apis/z.io/v1").await.json();
    let schema = &document["components"]["schemas"]["io.z.v1.Ape"];
    assert_eq!(
        schema["properties"]["spec"]["properties"]["replicas"]["minimum"].as_f64(),
        Some(0.0)
    );
    assert_eq!(schema["x-kubernetes-group-version-kind"][0]["kind"], "Ape");
    let patch = &document["paths"]["/apis/z.io/v1/namespaces/{namespace}/apes/{name}"]["patch"];
    assert!(
        patch["requestBody"]["content"]
            .get("application/strategic-merge-patch+json")
            .is_none()
    );
    assert!(
        patch["requestBody"]["content"]
            .get("application/merge-patch+json")
            .is_some()
    );
    // The older document has no place for bounds.
    let older = zoo.admin.get("/openapi/v2").await.json();
    let spec = &older["definitions"]["io.z.v1.Ape"]["properties"]["spec"];
    assert_eq!(spec["properties"]["replicas"], json!({"type": "integer"}));
    let protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let headers = [("accept", protobuf)];
    let older = zoo.admin.get_with("/openapi/v2", &headers).await;
    assert_eq!(older.code, 200);
}

#[tokio::test]
async fn s84_s85_objects_are_pruned_defaulted_and_checked() {
    let zoo = Zoo::with_apes().await;
    let made = zoo
        .admin
        .post(APES, &ape("a", json!({"name": "x", "odd": 1})))
        .await;
    assert_eq!(made.code, 201, "{}", made.text());
    assert!(
        made.header("warning")
            .contains("unknown field \\\"spec.odd\\\""),
        "{:?}",
        made.headers
    );
    let made = made.json();
    assert_eq!(made["spec"], json!({"name": "x", "replicas": 1}));
    assert_eq!(made["metadata"]["generation"], 1);
    assert_eq!(
        made["metadata"]["managedFields"][0]["apiVersion"],
        "z.io/v1"
    );
    let strict = format!("{APES}?fieldValidation=Strict");
    let refused = zoo.admin.post(&strict, &ape("b", json!({"odd": 1}))).await;
    assert_eq!(refused.failure().0, 400);
    let refused = zoo
        .admin
        .post(APES, &ape("b", json!({"replicas": -1})))
        .await
        .failure();
    assert_eq!(refused.0, 422);
    assert!(
        refused.2.contains("should be greater than or equal to 0"),
        "{}",
        refused.2
    );
    let text = "apiVersion: z.io/v1\nkind: Ape\nmetadata: {name: yes-it-is}\nspec: {name: why}\n";
    let headers = [("content-type", "application/yaml")];
    let made = zoo.admin.send(Method::POST, APES, &headers, text).await;
    assert_eq!(made.code, 201, "{}", made.text());
    let yaml = zoo
        .admin
        .get_with(
            &format!("{APES}/yes-it-is"),
            &[("accept", "application/yaml")],
        )
        .await;
    assert!(yaml.text().contains("name: why"), "{}", yaml.text());
}

#[tokio::test]
async fn s89_status_and_scale_are_parts_of_their_own() {
    let zoo = Zoo::with_apes().await;
    let mut new = ape("a", json!({"replicas": 2}));
    new["status"] = json!({"phase": "Wild"});
    let made = zoo.admin.post(APES, &new).await.json();
    assert_eq!(made.get("status"), None);
    let path = format!("{APES}/a");
    let merge = "application/merge-patch+json";
    let both = json!({"spec": {"replicas": 3}, "status": {"phase": "Tame"}});
    let after = zoo
        .patch(&format!("{path}/status"), merge, both.clone())
        .await
        .json();
    assert_eq!(
        (
            after["spec"]["replicas"].clone(),
            after["status"]["phase"].clone()
        ),
        (json!(2), json!("Tame"))
    );
    assert_eq!(after["metadata"]["generation"], 1);
    let after = zoo
        .patch(
            &path,
            merge,
            json!({"spec": {"replicas": 3}, "status": {"phase": "Wild"}}),
        )
        .await
        .json();
    assert_eq!(
        (
            after["spec"]["replicas"].clone(),
            after["status"]["phase"].clone()
        ),
        (json!(3), json!("Tame"))
    );
    assert_eq!(after["metadata"]["generation"], 2);
    let scaled = zoo
        .patch(
            &format!("{path}/scale"),
            merge,
            json!({"spec": {"replicas": 5}}),
        )
        .await;
    assert_eq!(scaled.code, 200, "{}", scaled.text());
    assert_eq!(scaled.json()["spec"]["replicas"], 5);
    assert_eq!(zoo.admin.get(&path).await.json()["spec"]["replicas"], 5);
    let json_patch = json!([{"op": "replace", "path": "/spec/replicas", "value": 6}]);
    let after = zoo
        .patch(&path, "application/json-patch+json", json_patch)
        .await
        .json();
    assert_eq!(after["spec"]["replicas"], 6);
    let refused = zoo
        .patch(&path, "application/strategic-merge-patch+json", json!({}))
        .await;
    assert_eq!(refused.code, 415);
    let applied = zoo
        .patch(
            &format!("{path}?fieldManager=m&force=true"),
            "application/apply-patch+yaml",
            ape("a", json!({"replicas": 7})),
        )
        .await;
    assert_eq!(applied.code, 200, "{}", applied.text());
    assert_eq!(applied.json()["spec"]["replicas"], 7);
}

#[tokio::test]
async fn s90_s92_versions_and_columns() {
    let zoo = Zoo::with_apes().await;
    let made = zoo.admin.post(APES, &ape("a", json!({}))).await;
    assert_eq!(made.code, 201, "{}", made.text());
    let other = APES.replace("v1", "v2");
    let list = zoo.admin.get(&other).await.json();
    assert_eq!(list["items"][0]["apiVersion"], "z.io/v2");
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let table = zoo.admin.get_with(APES, &[("accept", accept)]).await.json();
    assert_eq!(table["columnDefinitions"][1]["name"], "Wanted");
    assert_eq!(table["rows"][0]["cells"], json!(["a", 1]));
}

#[tokio::test]
async fn s91_when_a_definition_goes_its_objects_go_before_it() {
    let zoo = Zoo::with_apes().await;
    assert_eq!(zoo.admin.post(APES, &ape("a", json!({}))).await.code, 201);
    let path = format!("{DEFINITIONS}/apes.z.io");
    let gone = zoo.admin.send(Method::DELETE, &path, &[], "").await;
    assert_eq!(gone.code, 200, "{}", gone.text());
    let looking = async {
        while zoo.admin.get(&path).await.code != 404 || zoo.admin.get(APES).await.code != 404 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, looking).await.unwrap();
    // A definition of the same name finds nothing of the earlier one.
    assert_eq!(zoo.admin.post(DEFINITIONS, &apes()).await.code, 201);
    zoo.established("apes.z.io").await;
    assert_eq!(zoo.admin.get(APES).await.json()["items"], json!([]));
}

#[tokio::test]
async fn s86_what_is_not_structural_or_not_supported_is_refused() {
    let zoo = Zoo::new().await;
    let cases = [
        (
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec",
            json!({"properties": {}}),
            "must not be empty for specified object fields",
        ),
        (
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec",
            json!({"type": "object", "x-kubernetes-validations": [{"rule": "true"}]}),
            "validation rules in CEL are not supported yet",
        ),
        (
            "/spec/versions/0/storage",
            json!(false),
            "must have exactly one version marked as storage version",
        ),
        ("/spec/group", json!("zio"), "must be spec.names.plural"),
        (
            "/spec/scope",
            json!("Everywhere"),
            "supported values: \"Cluster\", \"Namespaced\"",
        ),
        (
            "/spec/conversion",
            json!({"strategy": "Webhook"}),
            "conversion by webhooks is not supported yet",
        ),
        (
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/replicas/default",
            json!("one"),
            "must validate",
        ),
    ];
    for (pointer, value, expected) in cases {
        let mut definition = apes();
        let (parent, last) = pointer.rsplit_once('/').unwrap();
        definition.pointer_mut(parent).unwrap()[last] = value;
        let (code, _, message) = zoo.admin.post(DEFINITIONS, &definition).await.failure();
        assert_eq!(code, 422, "{message}");
        assert!(message.contains(expected), "{message}");
    }
}
