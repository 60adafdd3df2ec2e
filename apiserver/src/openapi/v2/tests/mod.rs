//! What clients read in the v2 document, in both forms.

mod reader;

use super::messages::DOCUMENT;
use super::protobuf::{NoPlace, protobuf};
use super::schemas::schema;
use super::{Document, document};
use crate::openapi::document::value;
use crate::resource::{self, Verb};
use crate::schema;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

const RELEASE: &str = "v1.35.0";

static WHOLE: LazyLock<Document> =
    LazyLock::new(|| document(schema::builtin(), resource::everything(), RELEASE).unwrap());

static PARSED: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&WHOLE.json).unwrap());

fn definition(name: &str) -> &'static Value {
    let found = &PARSED["definitions"][name];
    assert!(found.is_object(), "no definition {name}");
    found
}

/// The documents of v3.
fn newer() -> Vec<Value> {
    let groups = resource::everything().groups().iter();
    let versions = groups.flat_map(|g| g.versions.iter().map(move |v| (&*g.name, &**v)));
    let made = |version| value(schema::builtin(), resource::everything(), version, RELEASE);
    versions.map(|version| made(version).unwrap()).collect()
}

#[test]
fn a_small_document_is_written_as_the_numbers_of_the_messages_say() {
    let small = json!({
        "swagger": "2.0",
        "info": {"title": "K"},
        "definitions": {"A": {"type": "object", "x-b": ["c"]}},
    });
    let expected = [
        &[0x0a, 3][..],    // Document: swagger = 1
        b"2.0",            //
        &[0x12, 3],        // info = 2
        &[0x0a, 1],        // Info: title = 1
        b"K",              //
        &[0x4a, 36],       // definitions = 9
        &[0x0a, 34],       // Definitions: additional_properties = 1
        &[0x0a, 1],        // NamedSchema: name = 1
        b"A",              //
        &[0x12, 29],       // value = 2
        &[0xb2, 0x01, 8],  // Schema: type = 22
        &[0x0a, 6],        // TypeItem: value = 1
        b"object",         //
        &[0xfa, 0x01, 15], // vendor_extension = 31
        &[0x0a, 3],        // NamedAny: name = 1
        b"x-b",            //
        &[0x12, 8],        // value = 2
        &[0x12, 6],        // Any: yaml = 2
        b"[\"c\"]\n",      //
    ];
    assert_eq!(protobuf(&DOCUMENT, &small), Ok(expected.concat()));
}

#[test]
fn both_forms_say_the_same() {
    let read = reader::document(&WHOLE.protobuf);
    for part in ["paths", "definitions"] {
        let (read, said) = (&read[part], &PARSED[part]);
        for (name, said) in said.as_object().unwrap() {
            assert_eq!(&read[name], said, "{part} {name}");
        }
    }
    assert_eq!(read, *PARSED);
}

#[test]
fn what_has_no_place_in_the_messages_is_not_left_out() {
    let no_place = |field: &str| {
        Err(NoPlace {
            field: field.to_owned(),
        })
    };
    let cases = [
        (json!({"swagger": "2.0", "openapi": "3.0.0"}), "openapi"),
        (json!({"swagger": 2}), "swagger"),
        (json!({"info": {"title": ["K"]}}), "title"),
        (json!({"definitions": {"A": {"oneOf": []}}}), "oneOf"),
        (json!({"definitions": {"A": "object"}}), "A"),
        (
            json!({"paths": {"/a": {"parameters": [{"in": "header"}]}}}),
            "parameters",
        ),
        (json!([]), ""),
    ];
    for (value, field) in cases {
        assert_eq!(protobuf(&DOCUMENT, &value), no_place(field), "{value}");
    }
}

#[test]
fn every_type_and_operation_of_v3_is_there() {
    let (mut names, mut operations) = (BTreeSet::new(), BTreeSet::new());
    for document in newer() {
        let schemas = document["components"]["schemas"].as_object().unwrap();
        names.extend(schemas.keys().cloned());
        for (name, one) in schemas {
            // The same in every document, or the first would not do for all.
            assert_eq!(definition(name), &schema(one.clone()), "{name}");
        }
        for (path, item) in document["paths"].as_object().unwrap() {
            operations.extend(
                item.as_object()
                    .unwrap()
                    .keys()
                    .map(|m| (path.clone(), m.clone())),
            );
        }
    }
    let keys = |of: &Value| {
        of.as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(keys(&PARSED["definitions"]), names);
    let paths = PARSED["paths"].as_object().unwrap();
    let own: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, item)| keys(item).into_iter().map(|method| (path.clone(), method)))
        .collect();
    assert_eq!(own, operations);
}

/// As kubectl looks, before it sends `fieldValidation`.
#[test]
fn every_kind_that_can_be_patched_tells_how() {
    let paths = PARSED["paths"].as_object().unwrap();
    let patches: Vec<&Value> = paths
        .values()
        .filter_map(|path| path.get("patch"))
        .collect();
    for resource in resource::everything().all() {
        if !resource.can(Verb::Patch) {
            continue;
        }
        let gvk = &resource.gvk;
        let wanted = json!({"group": gvk.group, "kind": gvk.kind, "version": gvk.version});
        let mut own = patches.iter();
        let own = own.find(|patch| patch["x-kubernetes-group-version-kind"] == wanted);
        let own = own.unwrap_or_else(|| panic!("{gvk:?}"));
        let parameters = own["parameters"].as_array().unwrap();
        let validation = json!({
            "in": "query", "name": "fieldValidation", "type": "string", "uniqueItems": true,
        });
        assert!(parameters.contains(&validation), "{gvk:?}");
    }
}

#[test]
fn references_are_told_in_the_words_of_v2() {
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
    let mut targets = BTreeSet::new();
    collect(&PARSED, &mut targets);
    let definitions = PARSED["definitions"].as_object().unwrap().keys();
    let there: BTreeSet<_> = definitions
        .map(|name| format!("#/definitions/{name}"))
        .collect();
    assert_eq!(targets, there);
}

#[test]
fn schemas_are_told_in_the_words_of_v2() {
    let reference = |name: &str| format!("#/definitions/io.k8s.api.core.v1.{name}");
    let undescribed = |mut schema: Value| {
        let text = schema.as_object_mut().unwrap().remove("description");
        assert!(text.is_some(), "{schema} has no text");
        schema
    };
    let property = |name: &str, field: &str| {
        let owner = definition(&format!("io.k8s.api.core.v1.{name}"));
        undescribed(owner["properties"][field].clone())
    };
    let expected = json!({
        "type": "array",
        "items": {"$ref": reference("ContainerPort")},
        "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
        "x-kubernetes-list-type": "map",
        "x-kubernetes-patch-merge-key": "containerPort",
        "x-kubernetes-patch-strategy": "merge",
    });
    assert_eq!(property("Container", "ports"), expected);
    // No default, no values.
    assert_eq!(
        property("ContainerPort", "protocol"),
        json!({"type": "string"})
    );
    let expected = json!({
        "$ref": reference("ObjectReference"),
        "x-kubernetes-map-type": "granular",
    });
    assert_eq!(property("PersistentVolumeSpec", "claimRef"), expected);
    let port = definition("io.k8s.apimachinery.pkg.util.intstr.IntOrString");
    let port = undescribed(port.clone());
    assert_eq!(port, json!({"type": "string", "format": "int-or-string"}));
    let quantity = definition("io.k8s.apimachinery.pkg.api.resource.Quantity");
    let quantity = undescribed(quantity.clone());
    assert_eq!(quantity, json!({"type": "string"}));
    let deployment = definition("io.k8s.api.apps.v1.Deployment");
    let kinds = json!([{"group": "apps", "kind": "Deployment", "version": "v1"}]);
    assert_eq!(deployment["x-kubernetes-group-version-kind"], kinds);
    // Fields may be called as words of schemas are.
    let props = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
    let fields = &definition(props)["properties"];
    for name in [
        "$ref",
        "allOf",
        "default",
        "enum",
        "items",
        "oneOf",
        "properties",
    ] {
        assert!(fields[name].is_object(), "{name}");
    }
}

/// `both_forms_say_the_same` sees that they are in protobuf, too.
#[test]
fn types_and_fields_are_described() {
    let deployment = definition("io.k8s.api.apps.v1.DeploymentSpec");
    let strategy = &deployment["properties"]["strategy"];
    assert!(strategy["$ref"].is_string());
    for described in [deployment, strategy] {
        let text = described["description"].as_str().unwrap();
        assert!(text.ends_with('.'), "{text}");
        let is_there = |part: &[u8]| part == text.as_bytes();
        assert!(WHOLE.protobuf.windows(text.len()).any(is_there), "{text}");
    }
}

#[test]
fn operations_are_told_in_the_words_of_v2() {
    let one = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
    let item = &PARSED["paths"][one];
    let path = |name: &str| json!({"in": "path", "name": name, "required": true, "type": "string", "uniqueItems": true});
    assert_eq!(item["parameters"], json!([path("name"), path("namespace")]));
    let own = json!({"$ref": "#/definitions/io.k8s.api.apps.v1.Deployment"});
    let put = &item["put"];
    let body = json!({"in": "body", "name": "body", "required": true, "schema": own});
    assert_eq!(put["parameters"][0], body);
    assert_eq!(put["consumes"], json!(["*/*"]));
    assert_eq!(put["x-kubernetes-action"], "put");
    let created = json!({"description": "Created", "schema": own});
    assert_eq!(put["responses"]["201"], created);
    let refused = json!({"description": "Unauthorized"});
    assert_eq!(put["responses"]["401"], refused);
    let patch = &item["patch"];
    assert_eq!(patch["consumes"].as_array().map(Vec::len), Some(4));
    let body =
        json!({"in": "body", "name": "body", "required": true, "schema": {"type": "object"}});
    assert_eq!(patch["parameters"][0], body);
    let get = &item["get"];
    assert_eq!(get["produces"][0], "application/json");
    assert_eq!(get["operationId"], "readAppsV1NamespacedDeployment");
    assert_eq!(get.get("requestBody"), None);
    let delete = &item["delete"]["parameters"][0];
    assert_eq!(delete["name"], "body");
    assert_eq!(delete.get("required"), None, "nobody must send options");
}

#[test]
fn the_hash_is_that_of_the_content() {
    let nothing = document(schema::builtin(), &resource::Catalog::default(), RELEASE).unwrap();
    let parsed: Value = serde_json::from_str(&nothing.json).unwrap();
    assert_eq!(parsed["paths"], Value::Object(Map::new()));
    assert_eq!(WHOLE.hash.len(), 128);
    assert_ne!(nothing.hash, WHOLE.hash);
    let again = document(schema::builtin(), resource::everything(), RELEASE).unwrap();
    assert!(again == *WHOLE, "the same input gives the same bytes");
    println!("{} bytes of JSON", WHOLE.json.len());
    println!("{} bytes of protobuf", WHOLE.protobuf.len());
}
