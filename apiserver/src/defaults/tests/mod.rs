//! Defaults by example: objects of each kind, and what they get.

mod cluster;
mod pod;
mod workload;

use super::apply;
use crate::schema::Gvk;
use serde_json::{Value, json};

/// Sets defaults in an object of `group/version/Kind`, and checks that a second time changes nothing.
fn defaulted(id: &str, mut object: Value) -> Value {
    let parts: Vec<&str> = id.rsplitn(3, '/').collect();
    let gvk = Gvk {
        kind: parts[0].to_owned(),
        version: parts[1].to_owned(),
        group: parts.get(2).copied().unwrap_or("").to_owned(),
    };
    apply(&gvk, &mut object);
    let once = object.clone();
    apply(&gvk, &mut object);
    assert_eq!(object, once, "a second time changes nothing");
    object
}

/// What a specification of Pods gets, besides its containers and volumes.
fn with_pod_defaults(mut spec: Value) -> Value {
    let fields = spec.as_object_mut().expect("an object");
    for (field, value) in [
        ("dnsPolicy", json!("ClusterFirst")),
        ("restartPolicy", json!("Always")),
        ("securityContext", json!({})),
        ("terminationGracePeriodSeconds", json!(30)),
        ("schedulerName", json!("default-scheduler")),
    ] {
        fields.entry(field).or_insert(value);
    }
    spec
}

#[test]
fn what_has_no_defaults_or_another_shape_is_left_alone() {
    for id in [
        "v1/ConfigMap",
        "v1/Event",
        "coordination.k8s.io/v1/Lease",
        "example.com/v1/Pod",
    ] {
        let object = json!({"spec": {"containers": [{}]}, "metadata": {"name": "x"}});
        assert_eq!(defaulted(id, object.clone()), object);
    }
    // Whatever the shape is, nothing panics.
    for value in [json!(null), json!(1), json!("x"), json!([]), json!([{}])] {
        for id in [
            "v1/Pod",
            "v1/Service",
            "v1/Namespace",
            "v1/Node",
            "v1/LimitRange",
            "apps/v1/Deployment",
            "apps/v1/StatefulSet",
            "batch/v1/Job",
            "autoscaling/v2/HorizontalPodAutoscaler",
            "v1/PersistentVolume",
            "apiextensions.k8s.io/v1/CustomResourceDefinition",
        ] {
            for object in [
                value.clone(),
                json!({"spec": value, "metadata": value, "status": value}),
                json!({"spec": {
                    "containers": value, "ports": value, "strategy": value, "behavior": value,
                    "template": value, "limits": value, "names": value, "volumes": value,
                    "updateStrategy": value, "selector": value
                }}),
                json!({"spec": {"containers": [value], "ports": [value], "volumes": [value], "limits": [value]}}),
            ] {
                defaulted(id, object);
            }
        }
    }
}
