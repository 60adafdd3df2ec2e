//! The checked-in bootstrap policy is the release's, wherever the release can be had.

use keelson_apiserver::authorize::bootstrap;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Kind, namespace and name.
type Place = (String, String, String);

fn place(object: &Value) -> Place {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
    (text(&object["kind"]), namespace, name)
}

/// A null says as much as nothing, and an empty list as well.
fn essence(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        let is_empty =
            |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        fields.retain(|_, value| !is_empty(value));
    }
    object
}

fn by_place(objects: impl IntoIterator<Item = Value>) -> BTreeMap<Place, Value> {
    let objects = objects.into_iter();
    objects
        .map(|object| (place(&object), essence(object)))
        .collect()
}

/// Objects of a list, those of lists in it, too.
fn flat(list: Value) -> Vec<Value> {
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let inner = items
        .into_iter()
        .flat_map(|item| match item["items"].is_array() {
            true => flat(item),
            false => vec![item],
        });
    inner.collect()
}

#[test]
fn the_bootstrap_policy_is_what_the_release_says() {
    // Cargo starts tests in the directory of their package.
    let output = Command::new("../scripts/policy.sh").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {}
        Some(3) => return eprintln!("SKIPPED: the policy was not compared: {said}"),
        _ => panic!("{said}"),
    }
    let directory = String::from_utf8(output.stdout).unwrap();
    let mut theirs = BTreeMap::new();
    for file in [
        "cluster-roles",
        "cluster-role-bindings",
        "controller-roles",
        "controller-role-bindings",
        "namespace-roles",
        "namespace-role-bindings",
    ] {
        let path = Path::new(directory.trim()).join(format!("{file}.yaml"));
        let text = std::fs::read_to_string(&path).unwrap();
        let list: Value = serde_yaml_ng::from_str(&text).unwrap();
        theirs.extend(by_place(flat(list)));
    }
    let mut ours = by_place(bootstrap::objects().iter().cloned());
    assert!(theirs.len() > 100, "there is nothing to compare with");
    for (place, their) in theirs {
        let our = ours.remove(&place).unwrap_or_default();
        assert_eq!(our, their, "{place:?}");
    }
    let more: Vec<&Place> = ours.keys().collect();
    assert!(more.is_empty(), "the release does not have {more:?}");
}
