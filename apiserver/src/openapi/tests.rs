//! What clients look for in the documents, looked for as they do.

use super::{Document, document, index};
use crate::resource::{self, Catalog, Verb};
use crate::schema::{self, Gvk};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};

fn made(group: &str, version: &str) -> Document {
    let catalog = resource::everything();
    document(schema::builtin(), catalog, (group, version), "v1.35.0").unwrap()
}

fn parsed(group: &str, version: &str) -> Value {
    serde_json::from_str(&made(group, version).text).unwrap()
}

fn schema_of<'a>(document: &'a Value, name: &str) -> &'a Value {
    let found = &document["components"]["schemas"][name];
    assert!(found.is_object(), "no schema {name}");
    found
}

/// As kubectl does before it sends `fieldValidation`, and before it computes a patch.
fn patch_of<'a>(document: &'a Value, gvk: &Gvk) -> Option<&'a Value> {
    let wanted = json!({"group": gvk.group, "kind": gvk.kind, "version": gvk.version});
    let paths = document["paths"].as_object().unwrap();
    let patches = paths.values().filter_map(|path| path.get("patch"));
    let mut own = patches.filter(|patch| patch["x-kubernetes-group-version-kind"] == wanted);
    own.next()
}

fn every_document() -> Vec<Document> {
    let groups = resource::everything().groups().iter();
    let versions = groups.flat_map(|g| g.versions.iter().map(move |v| (&*g.name, &**v)));
    versions
        .map(|(group, version)| made(group, version))
        .collect()
}

#[test]
fn every_kind_that_can_be_patched_tells_how() {
    for resource in resource::everything().all() {
        if !resource.can(Verb::Patch) {
            continue;
        }
        let document = parsed(&resource.gvk.group, &resource.gvk.version);
        let patch = patch_of(&document, &resource.gvk);
        let patch = patch.unwrap_or_else(|| panic!("{:?}", resource.gvk));
        let parameters = patch["parameters"].as_array().unwrap();
        assert!(parameters.iter().any(|p| p["name"] == "fieldValidation"));
        let content = &patch["requestBody"]["content"];
        assert!(
            content
                .get("application/strategic-merge-patch+json")
                .is_some()
        );
    }
}

#[test]
fn a_reference_leads_to_a_schema_and_every_schema_is_referred_to() {
    fn collect(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
                Value::String(target) if name == "$ref" => drop(into.insert(target.clone())),
                value => collect(value, into),
            }),
            Value::Array(values) => values.iter().for_each(|value| collect(value, into)),
            _ => {}
        }
    }
    for document in every_document() {
        let value: Value = serde_json::from_str(&document.text).unwrap();
        let mut targets = BTreeSet::new();
        collect(&value, &mut targets);
        let schemas = value["components"]["schemas"].as_object().unwrap();
        let there: BTreeSet<_> = schemas
            .keys()
            .map(|name| format!("#/components/schemas/{name}"))
            .collect();
        let lost: Vec<_> = targets.difference(&there).collect();
        assert!(lost.is_empty(), "{}: {lost:?}", document.path);
        let unused: Vec<_> = there.difference(&targets).collect();
        assert!(unused.is_empty(), "{}: {unused:?}", document.path);
    }
}

#[test]
fn a_kind_is_marked_as_one() {
    let apps = parsed("apps", "v1");
    let deployment = schema_of(&apps, "io.k8s.api.apps.v1.Deployment");
    let expected = json!([{"group": "apps", "kind": "Deployment", "version": "v1"}]);
    assert_eq!(deployment["x-kubernetes-group-version-kind"], expected);
    let spec = schema_of(&apps, "io.k8s.api.apps.v1.DeploymentSpec");
    assert_eq!(spec.get("x-kubernetes-group-version-kind"), None);
    assert_eq!(spec["required"], json!(["selector", "template"]));
}

#[test]
fn fields_tell_what_patches_and_apply_need() {
    let core = parsed("", "v1");
    let property = |name: &str, field: &str| {
        let name = format!("io.k8s.api.core.v1.{name}");
        let mut property = schema_of(&core, &name)["properties"][field].clone();
        let text = property.as_object_mut().unwrap().remove("description");
        assert!(text.is_some(), "{name} {field} has no text");
        property
    };
    let reference = |name: &str| format!("#/components/schemas/io.k8s.api.core.v1.{name}");
    let expected = json!({
        "type": "array",
        "items": {"$ref": reference("ContainerPort")},
        "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
        "x-kubernetes-list-type": "map",
        "x-kubernetes-patch-merge-key": "containerPort",
        "x-kubernetes-patch-strategy": "merge",
    });
    assert_eq!(property("Container", "ports"), expected);
    let expected = json!({"type": "string", "enum": ["SCTP", "TCP", "UDP"], "default": "TCP"});
    assert_eq!(property("ContainerPort", "protocol"), expected);
    let volumes = property("PodSpec", "volumes");
    assert_eq!(volumes["x-kubernetes-patch-strategy"], "merge,retainKeys");
    let expected = json!({
        "allOf": [{"$ref": reference("ObjectReference")}],
        "x-kubernetes-map-type": "granular",
    });
    assert_eq!(property("PersistentVolumeSpec", "claimRef"), expected);
    let object = schema_of(&core, "io.k8s.api.core.v1.ObjectReference");
    assert_eq!(object["x-kubernetes-map-type"], "atomic");
    assert_eq!(
        property("Service", "spec"),
        json!({"allOf": [{"$ref": reference("ServiceSpec")}]})
    );
    let selector = json!({
        "type": "object",
        "additionalProperties": {"type": "string"},
        "x-kubernetes-map-type": "atomic",
    });
    assert_eq!(property("ServiceSpec", "selector"), selector);
    let port = "#/components/schemas/io.k8s.apimachinery.pkg.util.intstr.IntOrString";
    assert_eq!(
        property("ServicePort", "targetPort"),
        json!({"allOf": [{"$ref": port}]})
    );
    let expected = json!({"type": "integer", "format": "int64"});
    assert_eq!(
        property("PodSpec", "terminationGracePeriodSeconds"),
        expected
    );
}

/// As `kubectl explain deployment.spec.strategy` looks for its words: those of the field, of its type, and of
/// the fields of that.
#[test]
fn types_and_fields_are_described() {
    let apps = parsed("apps", "v1");
    let name = |name: &str| format!("io.k8s.api.apps.v1.{name}");
    let strategy = &schema_of(&apps, &name("DeploymentSpec"))["properties"]["strategy"];
    let reference = format!("#/components/schemas/{}", name("DeploymentStrategy"));
    assert_eq!(strategy["allOf"], json!([{"$ref": reference}]));
    let target = schema_of(&apps, &name("DeploymentStrategy"));
    let within = &target["properties"]["rollingUpdate"];
    let time = schema_of(&apps, "io.k8s.apimachinery.pkg.apis.meta.v1.Time");
    for described in [strategy, target, within, time] {
        let text = described["description"].as_str();
        assert!(text.is_some_and(|text| text.ends_with('.')), "{described}");
    }
}

#[test]
fn paths_have_the_operations_of_their_resources() {
    let core = parsed("", "v1");
    let operations = |path: &str| -> Vec<String> {
        let item = core["paths"][path].as_object();
        let item = item.unwrap_or_else(|| panic!("no {path}"));
        item.keys()
            .filter(|k| *k != "parameters")
            .cloned()
            .collect()
    };
    let pods = "/api/v1/namespaces/{namespace}/pods";
    assert_eq!(operations("/api/v1/pods"), ["get"]);
    assert_eq!(operations(pods), ["delete", "get", "post"]);
    let one = format!("{pods}/{{name}}");
    assert_eq!(operations(&one), ["delete", "get", "patch", "put"]);
    assert_eq!(
        operations(&format!("{one}/status")),
        ["get", "patch", "put"]
    );
    assert_eq!(operations(&format!("{one}/eviction")), ["post"]);
    assert_eq!(operations(&format!("{one}/exec")), ["get", "post"]);
    assert_eq!(operations("/api/v1/namespaces"), ["get", "post"]);
    assert_eq!(operations("/api/v1/namespaces/{name}/finalize"), ["put"]);
    assert_eq!(core["paths"].get("/api/v1/bindings"), None);

    let exec = &core["paths"][format!("{one}/exec")]["post"];
    assert_eq!(exec["x-kubernetes-action"], "connect");
    let evict = &core["paths"][format!("{one}/eviction")]["post"];
    assert_eq!(evict["x-kubernetes-group-version-kind"]["group"], "policy");
    let delete = &core["paths"][&one]["delete"];
    assert_eq!(delete["operationId"], "deleteCoreV1NamespacedPod");
    let options = "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
    let body = &delete["requestBody"]["content"]["*/*"]["schema"]["$ref"];
    assert_eq!(body, options);
}

#[test]
fn names_of_operations_are_unique() {
    let mut seen = HashSet::new();
    for document in every_document() {
        let document: Value = serde_json::from_str(&document.text).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                if method != "parameters" {
                    let id = operation["operationId"].as_str().unwrap().to_owned();
                    assert!(seen.insert(id.clone()), "{path} {method}: {id}");
                }
            }
        }
    }
    assert!(seen.contains("listAppsV1DeploymentForAllNamespaces"));
    assert!(seen.contains("replaceRbacAuthorizationV1ClusterRole"));
    assert!(seen.contains("connectGetCoreV1NamespacedPodProxy"));
}

#[test]
fn the_index_names_each_document_by_its_hash() {
    let documents = every_document();
    let index = index(&documents);
    let apps = made("apps", "v1");
    let expected = format!("/openapi/v3/apis/apps/v1?hash={}", apps.hash);
    assert_eq!(
        index["paths"]["apis/apps/v1"]["serverRelativeURL"],
        json!(expected)
    );
    assert!(index["paths"].get("api/v1").is_some());
    let hashes: HashSet<_> = documents.iter().map(|document| &document.hash).collect();
    assert_eq!(hashes.len(), documents.len());
    assert_eq!(
        made("apps", "v1"),
        apps,
        "the same input gives the same text"
    );
}

#[test]
fn what_is_not_served_has_no_document() {
    let make = |catalog: &Catalog, group, version| {
        document(schema::builtin(), catalog, (group, version), "v1.35.0")
    };
    assert_eq!(make(resource::builtin(), "apps", "v2"), None);
    assert_eq!(make(&Catalog::default(), "", "v1"), None);
}

/// Printed, not judged: a machine that is busy must not fail it.
#[test]
fn how_large_and_how_slow_the_largest_is() {
    let start = std::time::Instant::now();
    let core = made("", "v1");
    println!(
        "the core document: {} bytes in {:?}",
        core.text.len(),
        start.elapsed()
    );
    let all: usize = every_document().iter().map(|one| one.text.len()).sum();
    println!("all documents: {all} bytes");
}
