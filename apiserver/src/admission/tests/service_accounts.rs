//! Accounts of Pods.

use super::*;

#[test]
fn a_pod_has_the_default_account_and_its_token() {
    let world = World::new();
    let mut pod = a_pod("x");
    pod["spec"]["initContainers"] = json!([{"name": "i"}]);
    let pod = world.admit(creation("pods", pod));
    let spec = &pod["spec"];
    assert_eq!(spec["serviceAccountName"], "default");
    assert_eq!(spec["serviceAccount"], "default");
    let name = spec["volumes"][0]["name"].as_str().expect("a name");
    assert!(name.starts_with("kube-api-access-"), "{name}");
    assert_eq!(name.len(), "kube-api-access-".len() + 5);
    let mount = json!([{
        "name": name,
        "readOnly": true,
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    }]);
    assert_eq!(spec["containers"][0]["volumeMounts"], mount);
    assert_eq!(spec["initContainers"][0]["volumeMounts"], mount);
    assert_eq!(
        spec["volumes"],
        json!([{
            "name": name,
            "projected": {
                "defaultMode": 420,
                "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {"configMap": {
                        "name": "kube-root-ca.crt",
                        "items": [{"key": "ca.crt", "path": "ca.crt"}],
                    }},
                    {"downwardAPI": {"items": [{
                        "path": "namespace",
                        "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                    }]}},
                ],
            },
        }])
    );
}

#[test]
fn a_missing_account_is_named() {
    let world = World::new();
    let mut pod = a_pod("x");
    pod["spec"]["serviceAccountName"] = json!("a");
    let failure = world.refuse(creation("pods", pod.clone()));
    assert_eq!(failure.code(), 403);
    assert_eq!(
        failure.message,
        "pods \"x\" is forbidden: error looking up service account ns/a: serviceaccount \"a\" not found"
    );
    world.put(
        "serviceaccounts",
        "ns",
        json!({"metadata": {"name": "a", "namespace": "ns"}}),
    );
    assert_eq!(
        world.admit(creation("pods", pod))["spec"]["serviceAccount"],
        "a"
    );
}

#[test]
fn the_pod_decides_on_its_token_before_the_account() {
    let world = World::new();
    let account = json!({
        "metadata": {"name": "default", "namespace": "ns"},
        "automountServiceAccountToken": false,
        "imagePullSecrets": [{"name": "s"}],
    });
    world.put("serviceaccounts", "ns", account);
    let pod = world.admit(creation("pods", a_pod("x")));
    assert_eq!(pod["spec"].get("volumes"), None);
    assert_eq!(pod["spec"]["imagePullSecrets"], json!([{"name": "s"}]));
    let mut own = a_pod("x");
    own["spec"]["automountServiceAccountToken"] = json!(true);
    own["spec"]["imagePullSecrets"] = json!([{"name": "t"}]);
    let pod = world.admit(creation("pods", own));
    assert_eq!(pod["spec"]["volumes"].as_array().map(Vec::len), Some(1));
    assert_eq!(pod["spec"]["imagePullSecrets"], json!([{"name": "t"}]));
}

#[test]
fn what_is_mounted_already_is_left_alone() {
    let mount = json!({
        "name": "own",
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    });
    let mut pod = a_pod("x");
    pod["spec"]["containers"][0]["volumeMounts"] = json!([mount]);
    let pod = World::new().admit(creation("pods", pod));
    assert_eq!(pod["spec"]["containers"][0]["volumeMounts"], json!([mount]));
    assert_eq!(pod["spec"].get("volumes"), None);
}

#[test]
fn a_mirror_pod_gets_nothing_and_has_no_account() {
    let world = World::empty();
    world.put(
        "namespaces",
        "",
        json!({"metadata": {"name": "ns"}, "status": {"phase": "Active"}}),
    );
    let mut pod = a_pod("x");
    pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "h"});
    let admitted = world.admit(creation("pods", pod.clone()));
    assert_eq!(admitted["spec"].get("serviceAccountName"), None);
    let with = |field: &str, value: Value| {
        let mut pod = pod.clone();
        pod["spec"][field] = value;
        world.refuse(creation("pods", pod)).message
    };
    assert_eq!(
        with("serviceAccountName", json!("a")),
        "pods \"x\" is forbidden: a mirror pod may not reference service accounts"
    );
    assert_eq!(
        with(
            "volumes",
            json!([{"name": "v", "secret": {"secretName": "s"}}])
        ),
        "pods \"x\" is forbidden: a mirror pod may not reference secrets"
    );
    let token = json!({"sources": [{"serviceAccountToken": {"path": "token"}}]});
    assert_eq!(
        with("volumes", json!([{"name": "v", "projected": token}])),
        "pods \"x\" is forbidden: a mirror pod may not use ServiceAccountToken volume projections"
    );
}

#[test]
fn an_account_can_insist_on_its_own_secrets() {
    let world = World::new();
    let account = json!({
        "metadata": {
            "name": "default",
            "namespace": "ns",
            "annotations": {"kubernetes.io/enforce-mountable-secrets": "true"},
        },
        "secrets": [{"name": "own"}],
    });
    world.put("serviceaccounts", "ns", account);
    let with = |secret: &str| {
        let mut pod = a_pod("x");
        pod["spec"]["volumes"] = json!([{"name": "v", "secret": {"secretName": secret}}]);
        creation("pods", pod)
    };
    world.admit(with("own"));
    assert_eq!(
        world.refuse(with("other")).message,
        "pods \"x\" is forbidden: volume with secret.secretName=\"other\" is not allowed because service account default does not reference that secret"
    );
}
