//! How long a Pod of 4 KiB takes: see the essay of `decode` for what came out. `cargo test --release -p keelson-apiserver speed -- --ignored --nocapture`

use super::super::conform::conform;
use super::super::testing::{gvk, table};
use super::super::{Decoder, FieldValidation, MediaType, Wire};
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::Instant;

/// A Pod as controllers make them: two containers, probes, volumes, labels and managed fields.
pub(super) fn pod() -> Value {
    let container = |name: &str| {
        json!({
            "name": name, "image": format!("registry.example.com/team/{name}:v1.2.3"),
            "imagePullPolicy": "IfNotPresent", "args": ["--listen", ":8080", "--verbose=2"],
            "ports": [
                {"name": "http", "containerPort": 8080, "protocol": "TCP"},
                {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}
            ],
            "env": [
                {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
                {"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
                {"name": "MODE", "value": "production"}
            ],
            "resources": {
                "limits": {"cpu": "500m", "memory": "512Mi"},
                "requests": {"cpu": "100m", "memory": "128Mi"}
            },
            "volumeMounts": [
                {"name": "config", "mountPath": "/etc/config", "readOnly": true},
                {"name": "data", "mountPath": "/var/lib/data"}
            ],
            "livenessProbe": {
                "httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
                "initialDelaySeconds": 5, "timeoutSeconds": 1, "periodSeconds": 10,
                "successThreshold": 1, "failureThreshold": 3
            },
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "securityContext": {"runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}}
        })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "frontend-6d4cf56db6-x7k2p", "namespace": "production",
            "uid": "0c3bf7a2-6b1d-4a1c-9b69-0d8a3f1f4d55",
            "creationTimestamp": "2024-02-29T12:34:56Z",
            "labels": {
                "app": "frontend", "pod-template-hash": "6d4cf56db6",
                "app.kubernetes.io/name": "frontend", "app.kubernetes.io/part-of": "shop"
            },
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9090"},
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "frontend-6d4cf56db6",
                "uid": "b2d9a3a4-21c7-4f0f-8f6e-3a1f6f0a7c11", "controller": true,
                "blockOwnerDeletion": true
            }]
        },
        "spec": {
            "containers": [container("frontend"), container("sidecar")],
            "volumes": [
                {"name": "config", "configMap": {"name": "frontend", "defaultMode": 420}},
                {"name": "data", "emptyDir": {"sizeLimit": "1Gi"}}
            ],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst", "serviceAccountName": "frontend",
            "serviceAccount": "frontend", "nodeName": "node-17", "schedulerName": "default-scheduler",
            "securityContext": {"fsGroup": 1000}, "priority": 0, "enableServiceLinks": true,
            "preemptionPolicy": "PreemptLowerPriority",
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            ]
        },
        "status": {
            "phase": "Running", "hostIP": "10.0.0.17", "podIP": "10.244.3.9",
            "startTime": "2024-02-29T12:34:57Z",
            "conditions": [
                {"type": "Ready", "status": "True", "lastProbeTime": null, "lastTransitionTime": "2024-02-29T12:35:10Z"},
                {"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": "2024-02-29T12:34:56Z"}
            ]
        }
    })
}

/// Microseconds of one run, the best of many short rounds: a machine that others use has calm moments.
fn best(mut run: impl FnMut()) -> f64 {
    const RUNS: u32 = 20;
    (0..2000)
        .map(|_| {
            let start = Instant::now();
            (0..RUNS).for_each(|_| run());
            start.elapsed().as_secs_f64() * 1e6 / f64::from(RUNS)
        })
        .fold(f64::INFINITY, f64::min)
}

#[test]
#[ignore = "measures"]
fn speed_of_a_pod() {
    let table = table();
    let wire = Wire::new(&table);
    let gvk = gvk("Pod");
    let id = table.kind(&gvk).expect("a kind");
    let pod = pod();
    let text = pod.to_string();
    let write = || crate::encode::protobuf(&table, &wire, &gvk, &pod).expect("a Pod");
    let message = write();
    let decoder = Decoder::new(&table, &wire);
    let read = |media, body: &[u8]| {
        let decoded = decoder.decode(media, body, &gvk, FieldValidation::Strict);
        black_box(decoded.expect("a Pod").value)
    };
    println!(
        "JSON {} bytes, protobuf {} bytes",
        text.len(),
        message.len()
    );
    println!(
        "JSON     {:6.1} us",
        best(|| drop(read(MediaType::Json, text.as_bytes())))
    );
    println!(
        "protobuf {:6.1} us",
        best(|| drop(read(MediaType::Protobuf, &message)))
    );
    let yaml = format!("# YAML\n{text}");
    println!(
        "YAML     {:6.1} us",
        best(|| drop(read(MediaType::Yaml, yaml.as_bytes())))
    );
    let parse = || serde_json::from_str::<Value>(&text).expect("JSON");
    println!(
        "encode protobuf    {:6.1} us",
        best(|| drop(black_box(write())))
    );
    let stored = crate::storage::Object::of(pod.clone(), 0);
    let of_text = || crate::encode::protobuf_of_text(&table, &wire, &gvk, stored.stored());
    println!(
        "the same from text {:6.1} us",
        best(|| drop(black_box(of_text().expect("a Pod"))))
    );
    let defaults = || {
        let mut pod = pod.clone();
        crate::defaults::apply(&gvk, &mut pod);
        black_box(pod)
    };
    println!("clone and defaults {:6.1} us", best(|| drop(defaults())));
    println!(
        "serde_json alone   {:6.1} us",
        best(|| drop(black_box(parse())))
    );
    let value = parse();
    println!(
        "a clone of it      {:6.1} us",
        best(|| drop(black_box(value.clone())))
    );
    println!(
        "clone and conform  {:6.1} us",
        best(|| {
            let mut value = value.clone();
            let strict = conform(&table, id, &mut value).expect("a Pod");
            black_box((value, strict));
        })
    );
}
