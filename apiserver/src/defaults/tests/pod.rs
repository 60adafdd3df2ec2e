//! Pods.

use super::{defaulted, with_pod_defaults};
use serde_json::{Value, json};

/// A Pod's specification with its defaults.
fn spec(spec: Value) -> Value {
    defaulted("v1/Pod", json!({"metadata": {"name": "x"}, "spec": spec}))["spec"].clone()
}

/// One container with its defaults.
fn container(container: Value) -> Value {
    spec(json!({"containers": [container]}))["containers"][0].clone()
}

/// What every container gets.
fn plain(mut container: Value) -> Value {
    let fields = container.as_object_mut().expect("an object");
    fields.insert(
        "terminationMessagePath".into(),
        json!("/dev/termination-log"),
    );
    fields.insert("terminationMessagePolicy".into(), json!("File"));
    container
}

#[test]
fn a_pod_gets_policies() {
    let expected = with_pod_defaults(json!({
        "containers": [plain(json!({"name": "c", "image": "nginx", "imagePullPolicy": "Always"}))],
        "enableServiceLinks": true
    }));
    assert_eq!(
        spec(json!({"containers": [{"name": "c", "image": "nginx"}]})),
        expected
    );
}

#[test]
fn what_is_chosen_stays() {
    let chosen = json!({
        "containers": [{
            "name": "c", "image": "nginx", "imagePullPolicy": "Never",
            "terminationMessagePath": "/x", "terminationMessagePolicy": "FallbackToLogsOnError"
        }],
        "dnsPolicy": "None", "restartPolicy": "Never", "securityContext": {"runAsUser": 1},
        "terminationGracePeriodSeconds": 0, "schedulerName": "mine", "enableServiceLinks": false
    });
    assert_eq!(spec(chosen.clone()), chosen);
}

#[test]
fn images_that_may_change_are_pulled_each_time() {
    for (image, policy) in [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.25", "IfNotPresent"),
        ("registry:5000/nginx", "Always"),
        ("", "IfNotPresent"),
    ] {
        assert_eq!(
            container(json!({"image": image}))["imagePullPolicy"],
            policy,
            "{image}"
        );
    }
    let spec = spec(json!({"volumes": [{"name": "v", "image": {"reference": "a/b:v1"}}]}));
    assert_eq!(spec["volumes"][0]["image"]["pullPolicy"], "IfNotPresent");
}

#[test]
fn requests_follow_limits_in_pods_and_not_in_templates() {
    let resources = json!({
        "limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m"}
    });
    let expected = json!({"cpu": "100m", "memory": "1Gi"});
    let object = json!({"containers": [{"resources": resources}], "initContainers": [{"resources": resources}]});
    let pod = spec(object.clone());
    assert_eq!(pod["containers"][0]["resources"]["requests"], expected);
    assert_eq!(pod["initContainers"][0]["resources"]["requests"], expected);
    assert_eq!(
        spec(json!({"containers": [{"resources": {}}]}))["containers"][0]["resources"],
        json!({})
    );
    let template = defaulted("v1/PodTemplate", json!({"template": {"spec": object}}));
    let container = &template["template"]["spec"]["containers"][0];
    assert_eq!(container["resources"]["requests"], json!({"cpu": "100m"}));
    assert_eq!(template["template"]["spec"].get("enableServiceLinks"), None);
}

#[test]
fn quantities_are_rounded_up_to_thousandths() {
    let limits = json!({"limits": {"cpu": "1500u", "memory": "100n", "x": "1Gi"}});
    let container = container(json!({"resources": limits}));
    let expected = json!({"cpu": "2m", "memory": "1m", "x": "1Gi"});
    assert_eq!(container["resources"]["limits"], expected);
    assert_eq!(container["resources"]["requests"], expected);
}

#[test]
fn ports_have_protocols_and_on_the_host_s_network_host_ports() {
    let ports =
        json!([{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP", "hostPort": 5353}]);
    let pod = spec(json!({"hostNetwork": true, "containers": [{"ports": ports}]}));
    assert_eq!(
        pod["containers"][0]["ports"],
        json!([
            {"containerPort": 80, "hostPort": 80, "protocol": "TCP"},
            {"containerPort": 53, "hostPort": 5353, "protocol": "UDP"}
        ])
    );
    let container = container(json!({"ports": [{"containerPort": 80}]}));
    assert_eq!(
        container["ports"],
        json!([{"containerPort": 80, "protocol": "TCP"}])
    );
}

#[test]
fn probes_and_hooks_have_numbers_and_schemes() {
    let numbers = json!({
        "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3
    });
    let with = |mut numbers: Value, field: &str, value: Value| {
        numbers[field] = value;
        numbers
    };
    let container = container(json!({
        "livenessProbe": {"httpGet": {"port": 80}, "periodSeconds": 5},
        "readinessProbe": {"tcpSocket": {"port": 80}},
        "startupProbe": {"grpc": {"port": 80}},
        "lifecycle": {"preStop": {"httpGet": {"port": 1, "path": "/x", "scheme": "HTTPS"}}, "postStart": {"httpGet": {"port": 1}}}
    }));
    let get = json!({"port": 80, "path": "/", "scheme": "HTTP"});
    let liveness = with(
        with(numbers.clone(), "httpGet", get),
        "periodSeconds",
        json!(5),
    );
    assert_eq!(container["livenessProbe"], liveness);
    let socket = with(numbers.clone(), "tcpSocket", json!({"port": 80}));
    assert_eq!(container["readinessProbe"], socket);
    let grpc = with(numbers, "grpc", json!({"port": 80, "service": ""}));
    assert_eq!(container["startupProbe"], grpc);
    assert_eq!(
        container["lifecycle"],
        json!({
            "preStop": {"httpGet": {"port": 1, "path": "/x", "scheme": "HTTPS"}},
            "postStart": {"httpGet": {"port": 1, "path": "/", "scheme": "HTTP"}}
        })
    );
}

#[test]
fn volumes_have_modes_and_a_volume_from_nowhere_is_empty() {
    let field = || json!({"path": "p", "fieldRef": {"fieldPath": "metadata.name"}});
    let with_version =
        || json!({"path": "p", "fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v1"}});
    let spec = spec(json!({"volumes": [
        {"name": "a"},
        {"name": "b", "secret": {}},
        {"name": "c", "configMap": {"defaultMode": 0}},
        {"name": "d", "hostPath": {"path": "/"}},
        {"name": "e", "downwardAPI": {"items": [field()]}},
        {"name": "f", "projected": {"sources": [
            {"serviceAccountToken": {"path": "t"}}, {"downwardAPI": {"items": [field()]}},
            {"configMap": {"name": "m"}}
        ]}},
        {"name": "g", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
        {"name": "h", "iscsi": {}}
    ]}));
    assert_eq!(
        spec["volumes"],
        json!([
            {"name": "a", "emptyDir": {}},
            {"name": "b", "secret": {"defaultMode": 420}},
            {"name": "c", "configMap": {"defaultMode": 0}},
            {"name": "d", "hostPath": {"path": "/", "type": ""}},
            {"name": "e", "downwardAPI": {"defaultMode": 420, "items": [with_version()]}},
            {"name": "f", "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}},
                {"downwardAPI": {"items": [with_version()]}},
                {"configMap": {"name": "m"}}
            ]}},
            {"name": "g", "ephemeral": {"volumeClaimTemplate": {"spec": {"volumeMode": "Filesystem"}}}},
            {"name": "h", "iscsi": {"iscsiInterface": "default"}}
        ])
    );
}

#[test]
fn fields_of_environment_variables_have_versions() {
    let container = container(json!({"env": [
        {"name": "a", "value": "b"}, {"name": "c", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}
    ]}));
    assert_eq!(container["env"][0], json!({"name": "a", "value": "b"}));
    assert_eq!(
        container["env"][1]["valueFrom"]["fieldRef"]["apiVersion"],
        "v1"
    );
}

#[test]
fn ephemeral_containers_are_containers() {
    let spec = spec(json!({"ephemeralContainers": [{"name": "d", "image": "busybox:1"}]}));
    let expected =
        plain(json!({"name": "d", "image": "busybox:1", "imagePullPolicy": "IfNotPresent"}));
    assert_eq!(spec["ephemeralContainers"][0], expected);
}

#[test]
fn the_service_account_has_two_names_of_which_the_new_one_counts() {
    for (given, name) in [
        (json!({"serviceAccountName": "new"}), "new"),
        (json!({"serviceAccount": "old"}), "old"),
        (
            json!({"serviceAccount": "old", "serviceAccountName": "new"}),
            "new",
        ),
    ] {
        let spec = spec(given);
        assert_eq!(spec["serviceAccountName"], name);
        assert_eq!(spec["serviceAccount"], name);
    }
    assert_eq!(spec(json!({})).get("serviceAccount"), None);
}
