//! How long an apply takes. Run by hand, in release.

use super::world::{World, deployment};
use crate::apply::{Request, apply};
use serde_json::{Value, json};
use std::time::Instant;

fn container(name: &str, image: &str) -> Value {
    let env: Vec<Value> = (0..10)
        .map(|at| json!({"name": format!("SETTING_{at}"), "value": format!("value number {at}")}))
        .collect();
    let probe = |path: &str| json!({"httpGet": {"path": path, "port": 8080}, "periodSeconds": 10});
    json!({
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["--listen=:8080", "--metrics=:9090", "--log-level=info"],
        "env": env,
        "ports": [
            {"containerPort": 8080, "name": "http"},
            {"containerPort": 9090, "name": "metrics", "protocol": "TCP"},
        ],
        "resources": {
            "requests": {"cpu": "250m", "memory": "128Mi"},
            "limits": {"cpu": "1", "memory": "256Mi"},
        },
        "livenessProbe": probe("/healthz"),
        "readinessProbe": probe("/readyz"),
        "volumeMounts": [
            {"mountPath": "/etc/app", "name": "config", "readOnly": true},
            {"mountPath": "/var/cache/app", "name": "cache"},
        ],
    })
}

/// About 4 KiB.
fn config(image: &str) -> Value {
    let labels = json!({
        "app.kubernetes.io/name": "shop",
        "app.kubernetes.io/instance": "shop-production",
        "app.kubernetes.io/version": "1.2.3",
        "app.kubernetes.io/managed-by": "Helm",
        "helm.sh/chart": "shop-1.2.3",
    });
    let containers =
        ["web", "worker", "exporter"].map(|name| container(name, &format!("{image}/{name}:1")));
    let mut config = deployment(json!({
        "replicas": 3,
        "selector": {"matchLabels": {"app.kubernetes.io/name": "shop"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "containers": containers,
                "serviceAccountName": "shop",
                "tolerations": [{"key": "dedicated", "operator": "Equal", "effect": "NoSchedule"}],
                "volumes": [
                    {"name": "config", "configMap": {"name": "shop"}},
                    {"name": "cache", "emptyDir": {}},
                ],
            },
        },
    }));
    config["metadata"]["labels"] = labels;
    config
}

#[test]
#[ignore = "a measurement"]
fn an_apply_of_4_kib() {
    let mut world = World::deployment();
    let first = config("registry.example.com/v1");
    world.apply("helm", &first).unwrap();
    world.edit("hpa", |d| d["spec"]["minReadySeconds"] = json!(4));
    world.on_status(|world| {
        world.edit("controller", |d| {
            let condition = json!({"type": "Available", "status": "True", "reason": "Enough"});
            d["status"] = json!({"replicas": 3, "readyReplicas": 3, "conditions": [condition]});
        });
    });
    let mut dropping = config("registry.example.com/v2");
    dropping["metadata"]["labels"]
        .as_object_mut()
        .unwrap()
        .remove("helm.sh/chart");
    let changed = config("registry.example.com/v2");
    let live = world.live().clone();
    let sizes = (changed.to_string().len(), live.to_string().len());
    println!(
        "{} bytes of configuration on {} bytes of object",
        sizes.0, sizes.1
    );
    let ignored = world.ignored.clone();
    let request = Request {
        kind: world.kind,
        api_version: "apps/v1",
        manager: "helm",
        subresource: "",
        ignored: &ignored,
        now: "2026-02-01T00:00:00Z",
    };
    for (what, config) in [
        ("same", first),
        ("changed", changed),
        ("one dropped", dropping),
    ] {
        let mut times: Vec<_> = (0..3_000)
            .map(|_| {
                let start = Instant::now();
                let object = apply(&request, Some(&live), &config, false).unwrap();
                let time = start.elapsed();
                assert_eq!(object == live, what == "same");
                time
            })
            .collect();
        times.sort();
        println!(
            "{what}: fastest tenth {:?}, median {:?}",
            times[300], times[1_500]
        );
    }
}
