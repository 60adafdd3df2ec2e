//! What the programs send for small objects. Their own library writes every field that is no pointer, set or not;
//! so do we, and the lengths are those that were recorded.

use super::wire::{bytes, empty, entry, envelope, number, zero};
use serde_json::{Value, json};

const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const AUTHENTICATION: &str = "authentication.k8s.io";

/// The body of that name, for objects of a namespace. `last` is the last answer.
pub(super) fn body(name: &str, namespace: &str, last: &Value) -> Option<Vec<u8>> {
    protobuf(name, namespace).or_else(|| Some(written(name, last)?.to_string().into_bytes()))
}

fn map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": value}})
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d1"}, "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "d1"}},
        "template": {
            "metadata": {"labels": {"app": "d1"}},
            "spec": {"containers": [{"name": "c", "image": "x:1"}]},
        },
    }})
}

/// With the note of `kubectl apply`.
fn applied(mut object: Value) -> Value {
    object["metadata"]["annotations"] = json!({APPLIED: "{}\n"});
    object
}

/// The body of that name if it is written: JSON, which is YAML, too.
pub fn written(name: &str, last: &Value) -> Option<Value> {
    let note = json!({"annotations": {APPLIED: "{}\n"}});
    Some(match name {
        "map-applied" => applied(map("c1", "1")),
        "map-patch" => json!({"data": {"a": "2"}, "metadata": note}),
        "map-c1" => map("c1", "2"),
        "map-last-applied" => {
            // kubectl keeps the note as the answer has it, for those who go back to applying at the client.
            let note = &last["metadata"]["annotations"][APPLIED];
            json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "c1", "annotations": {APPLIED: note}}})
        }
        "map-c2" => map("c2", "c"),
        "chart-map" => map("r1-cm", "1"),
        "deployment" => deployment(),
        "deployment-applied" => applied(deployment()),
        "deployment-patch" => json!({"metadata": note, "spec": {"template": {"spec": {
            "$setElementOrder/containers": [{"name": "c"}],
            "containers": [{"name": "c", "image": "x:2"}],
        }}}}),
        "label" => json!({"metadata": {"labels": {"x": "y"}}}),
        "scale" => json!({"spec": {"replicas": 3}}),
        "background" => json!({"propagationPolicy": "Background"}),
        "pod" => json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"labels": {"run": "p1"}, "name": "p1"},
            "spec": {"containers": [{"image": "x", "name": "p1", "resources": {}}],
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always"},
            "status": {}}),
        "exposed" => json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"labels": {"run": "p1"}, "name": "p1"},
            "spec": {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}], "selector": {"run": "p1"}},
            "status": {"loadBalancer": {}}}),
        _ => return None,
    })
}

/// Metadata with a name and labels.
fn metadata(name: &str, labels: &[(&str, &str)]) -> Vec<u8> {
    let labels = labels.iter().flat_map(|(key, value)| entry(11, key, value));
    let mut fields = [bytes(1, name), empty(2..=6), number(7, 0), empty([8])].concat();
    fields.extend(labels);
    bytes(1, fields)
}

/// The body of that name if it is protobuf.
pub fn protobuf(name: &str, namespace: &str) -> Option<Vec<u8>> {
    Some(match name {
        "proto-namespace" => space(&format!("{namespace}-foo")),
        "proto-map" => envelope(
            "v1",
            "ConfigMap",
            &[metadata("c2", &[]), entry(2, "a", "b")],
        ),
        "proto-secret" => {
            let object = [metadata("s1", &[]), entry(2, "a", "b"), empty([3])];
            envelope("v1", "Secret", &object)
        }
        "proto-account" => envelope("v1", "ServiceAccount", &[metadata("sa1", &[])]),
        "proto-service" => service(),
        "proto-deployment" => proto_deployment(),
        "proto-role" => {
            let rule = [bytes(1, "get"), bytes(2, ""), bytes(3, "pods")].concat();
            let object = [metadata("r1", &[]), bytes(2, rule)];
            envelope("rbac.authorization.k8s.io/v1", "Role", &object)
        }
        "proto-access" => access(namespace),
        "proto-self" => who_am_i("v1"),
        "proto-self-v1beta1" => who_am_i("v1beta1"),
        "proto-self-v1alpha1" => who_am_i("v1alpha1"),
        "proto-token" => {
            let status = bytes(3, empty([1, 2]));
            let object = [metadata("", &[]), empty([2]), status];
            envelope(&format!("{AUTHENTICATION}/v1"), "TokenRequest", &object)
        }
        "proto-release" => release("pending-install"),
        "proto-release-deployed" => release("deployed"),
        _ => return None,
    })
}

/// A Namespace of that name, in protobuf.
pub fn space(name: &str) -> Vec<u8> {
    let status = bytes(3, empty([1]));
    envelope(
        "v1",
        "Namespace",
        &[metadata(name, &[]), empty([2]), status],
    )
}

fn service() -> Vec<u8> {
    let target = [number(1, 0), number(2, 80), empty([3])].concat();
    let port = [
        bytes(1, "80"),
        bytes(2, "TCP"),
        number(3, 80),
        bytes(4, target),
        zero([5]),
    ];
    let spec = [
        bytes(1, port.concat()),
        entry(2, "app", "s1"),
        empty([3]),
        bytes(4, "ClusterIP"),
        empty([7, 8, 10, 11]),
        zero([12, 13]),
    ];
    let status = bytes(3, empty([1]));
    let metadata = metadata("s1", &[("app", "s1")]);
    envelope(
        "v1",
        "Service",
        &[metadata, bytes(2, spec.concat()), status],
    )
}

fn proto_deployment() -> Vec<u8> {
    let labels = [("app", "d2")];
    let container = [
        bytes(1, "x"),
        bytes(2, "x"),
        empty([5, 8, 13, 14]),
        zero([16, 17, 18]),
        empty([20]),
    ];
    let pod = [
        bytes(2, container.concat()),
        empty([3, 6, 8, 9, 10]),
        zero([11, 12, 13]),
        empty([16, 17, 19, 24]),
    ];
    let template = [metadata("", &labels), bytes(2, pod.concat())].concat();
    let spec = [
        number(1, 1),
        bytes(2, entry(1, "app", "d2")),
        bytes(3, template),
        bytes(4, empty([1])),
        zero([5, 7]),
    ];
    let status = zero([1, 2, 3, 4, 5, 7]);
    let object = [
        metadata("d2", &labels),
        bytes(2, spec.concat()),
        bytes(3, status),
    ];
    envelope("apps/v1", "Deployment", &object)
}

fn access(namespace: &str) -> Vec<u8> {
    let attributes = [
        bytes(1, namespace),
        bytes(2, "get"),
        empty([3, 4]),
        bytes(5, "pods"),
        empty([6, 7]),
    ];
    let spec = bytes(2, bytes(1, attributes.concat()));
    let status = bytes(3, [number(1, 0), empty([2, 3]), number(4, 0)].concat());
    let object = [metadata("", &[]), spec, status];
    envelope(
        "authorization.k8s.io/v1",
        "SelfSubjectAccessReview",
        &object,
    )
}

fn who_am_i(version: &str) -> Vec<u8> {
    let status = bytes(2, bytes(1, empty([1, 2])));
    let object = [metadata("", &[]), status];
    envelope(
        &format!("{AUTHENTICATION}/{version}"),
        "SelfSubjectReview",
        &object,
    )
}

/// What helm notes of a release. It reads the release itself only by its own program.
fn release(status: &str) -> Vec<u8> {
    let labels = [
        ("name", "r1"),
        ("owner", "helm"),
        ("status", status),
        ("version", "1"),
    ];
    let object = [
        metadata("sh.helm.release.v1.r1.v1", &labels),
        entry(2, "release", "H4sIAAAAAAAA"),
        bytes(3, "helm.sh/release.v1"),
    ];
    envelope("v1", "Secret", &object)
}
