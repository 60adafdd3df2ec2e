//! Against entries as a real server answers them.

use super::*;
use crate::resource::{Catalog, builtin, everything};
use crate::schema::{self, Gvk};
use serde_json::{Value, json};

fn entry(group: &str, version: &str, name: &str) -> Value {
    let list = resources(builtin(), group, version).unwrap();
    let entries = list["resources"].as_array().unwrap();
    let found = entries.iter().find(|entry| entry["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}")).clone()
}

fn all_verbs() -> Value {
    json!([
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch"
    ])
}

#[test]
fn the_core_group_is_told_without_an_api_version() {
    let expected = json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [
            {"clientCIDR": "0.0.0.0/0", "serverAddress": "10.0.0.1:6443"}
        ],
    });
    assert_eq!(api(builtin(), "10.0.0.1:6443"), expected);
    let list = resources(builtin(), "", "v1").unwrap();
    assert_eq!(list["kind"], "APIResourceList");
    assert_eq!(list["groupVersion"], "v1");
    assert_eq!(list.get("apiVersion"), None);
}

#[test]
fn groups_come_in_order_of_priority_with_the_preferred_version_first() {
    let list = apis(builtin());
    assert_eq!(
        (&list["kind"], &list["apiVersion"]),
        (&json!("APIGroupList"), &json!("v1"))
    );
    let groups = list["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 20);
    assert_eq!(groups[0]["name"], "apiregistration.k8s.io");
    let expected = json!({
        "name": "autoscaling",
        "preferredVersion": {"groupVersion": "autoscaling/v2", "version": "v2"},
        "versions": [
            {"groupVersion": "autoscaling/v2", "version": "v2"},
            {"groupVersion": "autoscaling/v1", "version": "v1"},
        ],
    });
    let found = groups.iter().find(|group| group["name"] == "autoscaling");
    assert_eq!(found, Some(&expected));

    let mut expected = expected;
    expected["kind"] = json!("APIGroup");
    expected["apiVersion"] = json!("v1");
    assert_eq!(group(builtin(), "autoscaling"), Some(expected));
    assert_eq!(group(builtin(), ""), None);
    assert_eq!(group(builtin(), "example.com"), None);
}

#[test]
fn a_resource_is_told_with_all_its_names() {
    let expected = json!({
        "name": "pods",
        "singularName": "pod",
        "namespaced": true,
        "kind": "Pod",
        "verbs": all_verbs(),
        "shortNames": ["po"],
        "categories": ["all"],
        "storageVersionHash": "xPOwRZ+Yhw8=",
    });
    assert_eq!(entry("", "v1", "pods"), expected);
    let expected = json!({
        "name": "tokenreviews",
        "singularName": "tokenreview",
        "namespaced": false,
        "kind": "TokenReview",
        "verbs": ["create"],
    });
    assert_eq!(
        entry("authentication.k8s.io", "v1", "tokenreviews"),
        expected
    );
}

#[test]
fn a_subresource_tells_its_group_only_if_it_is_another() {
    let expected = json!({
        "name": "deployments/scale",
        "singularName": "",
        "namespaced": true,
        "group": "autoscaling",
        "version": "v1",
        "kind": "Scale",
        "verbs": ["get", "patch", "update"],
    });
    assert_eq!(entry("apps", "v1", "deployments/scale"), expected);
    let expected = json!({
        "name": "pods/log",
        "singularName": "",
        "namespaced": true,
        "kind": "Pod",
        "verbs": ["get"],
    });
    assert_eq!(entry("", "v1", "pods/log"), expected);
    assert_eq!(entry("", "v1", "pods/eviction")["group"], "policy");
}

/// As dumps of real clusters show them.
#[test]
fn storage_hashes_are_those_of_other_servers() {
    for (group, version, name, hash) in [
        ("", "v1", "nodes", "XwShjMxG9Fs="),
        ("", "v1", "events", "r2yiGXH7wu8="),
        ("events.k8s.io", "v1", "events", "r2yiGXH7wu8="),
        ("apps", "v1", "deployments", "8aSe+NMegvE="),
        (
            "autoscaling",
            "v1",
            "horizontalpodautoscalers",
            "qwQve8ut294=",
        ),
        (
            "autoscaling",
            "v2",
            "horizontalpodautoscalers",
            "qwQve8ut294=",
        ),
    ] {
        assert_eq!(
            entry(group, version, name)["storageVersionHash"],
            hash,
            "{group} {name}"
        );
    }
}

#[test]
fn what_is_not_served_has_no_document() {
    assert_eq!(resources(builtin(), "apps", "v2"), None);
    assert_eq!(resources(builtin(), "resource.k8s.io", "v1beta1"), None);
    assert!(resources(everything(), "resource.k8s.io", "v1beta1").is_some());
    let empty = Catalog::default();
    assert_eq!(api(&empty, "x:1")["versions"], json!([]));
    assert_eq!(apis(&empty)["groups"], json!([]));
    assert_eq!(api_aggregated(&empty, Form::V2)["items"], json!([]));
}

#[test]
fn one_document_tells_everything() {
    let core = api_aggregated(builtin(), Form::V2);
    assert_eq!(core["kind"], "APIGroupDiscoveryList");
    assert_eq!(core["apiVersion"], "apidiscovery.k8s.io/v2");
    assert_eq!(core["items"].as_array().unwrap().len(), 1);
    assert_eq!(core["items"][0]["metadata"], json!({}));
    let older = api_aggregated(builtin(), Form::V2Beta1);
    assert_eq!(older["apiVersion"], "apidiscovery.k8s.io/v2beta1");
    assert_eq!(older["items"], core["items"]);

    let named = apis_aggregated(builtin(), Form::V2);
    let items = named["items"].as_array().unwrap();
    let apps = items.iter().find(|item| item["metadata"]["name"] == "apps");
    let version = &apps.unwrap()["versions"][0];
    assert_eq!(
        (&version["version"], &version["freshness"]),
        (&json!("v1"), &json!("Current"))
    );
    let scalable = |kind: &str| json!({"group": "apps", "version": "v1", "kind": kind});
    let expected = json!({
        "resource": "deployments",
        "responseKind": scalable("Deployment"),
        "scope": "Namespaced",
        "singularResource": "deployment",
        "verbs": all_verbs(),
        "shortNames": ["deploy"],
        "categories": ["all"],
        "subresources": [
            {
                "subresource": "scale",
                "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"},
                "verbs": ["get", "patch", "update"],
            },
            {
                "subresource": "status",
                "responseKind": scalable("Deployment"),
                "verbs": ["get", "patch", "update"],
            },
        ],
    });
    let resources = version["resources"].as_array().unwrap();
    let found = resources
        .iter()
        .find(|one| one["resource"] == "deployments");
    assert_eq!(found, Some(&expected));
}

/// The walk that an old client takes reaches the same resources as one look of a new one.
#[test]
fn both_tellings_agree() {
    let legacy: usize = everything()
        .groups()
        .iter()
        .flat_map(|group| group.versions.iter().map(move |version| (group, version)))
        .map(|(group, version)| resources(everything(), &group.name, version).unwrap())
        .map(|list| list["resources"].as_array().unwrap().len())
        .sum();
    let mut aggregated = 0;
    for list in [api_aggregated, apis_aggregated] {
        let list = list(everything(), Form::V2);
        for item in list["items"].as_array().unwrap() {
            for version in item["versions"].as_array().unwrap() {
                for resource in version["resources"].as_array().unwrap() {
                    let below = resource["subresources"].as_array();
                    aggregated += 1 + below.map_or(0, Vec::len);
                }
            }
        }
    }
    assert_eq!(legacy, aggregated);
}

/// The documents have no field that their own kinds lack.
#[test]
fn documents_have_the_shape_of_their_kinds() {
    let check = |document: &Value| {
        let gvk = Gvk {
            group: String::new(),
            version: "v1".to_owned(),
            kind: document["kind"].as_str().unwrap().to_owned(),
        };
        let kind = schema::builtin().get(schema::builtin().kind(&gvk).unwrap());
        for name in document.as_object().unwrap().keys() {
            assert!(kind.field(name).is_some(), "{} {name}", gvk.kind);
        }
        for field in kind.fields.iter().filter(|field| field.is_required) {
            assert!(
                document.get(&*field.name).is_some(),
                "{} {}",
                gvk.kind,
                field.name
            );
        }
    };
    check(&api(builtin(), "x:1"));
    check(&apis(builtin()));
    check(&group(builtin(), "apps").unwrap());
    check(&resources(builtin(), "apps", "v1").unwrap());
}
