//! PersistentVolumeClaims, PersistentVolumes and StorageClasses.

use super::*;

const CLAIM: &str = "v1/PersistentVolumeClaim";
const VOLUME: &str = "v1/PersistentVolume";
const CLASS: &str = "storage.k8s.io/v1/StorageClass";

fn a_claim() -> Value {
    local(
        CLAIM,
        json!({"spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        }}),
    )
}

#[test]
fn claims() {
    creates(
        CLAIM,
        &a_claim(),
        vec![
            case(
                "/spec/accessModes",
                json!([]),
                "spec.accessModes: Required value: at least 1 access mode is required",
            ),
            case(
                "/spec/accessModes",
                json!(["x"]),
                "spec.accessModes: Unsupported value: \"x\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
            ),
            case(
                "/spec/accessModes",
                json!(["ReadWriteOnce", "ReadWriteOncePod"]),
                "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
            ),
            case(
                "/spec/resources",
                json!({}),
                "spec.resources[storage]: Required value",
            ),
            case(
                "/spec/resources/requests/storage",
                json!("0"),
                "spec.resources[storage]: Invalid value: \"0\": must be greater than zero",
            ),
            case(
                "/spec/storageClassName",
                json!("A"),
                "spec.storageClassName: Invalid value: \"A\": a lowercase…",
            ),
            case(
                "/spec/volumeMode",
                json!("x"),
                "spec.volumeMode: Unsupported value: \"x\": supported values: \"Block\", \"Filesystem\"",
            ),
            fine(
                "/spec/dataSource",
                json!({"kind": "PersistentVolumeClaim", "name": "a"}),
            ),
            case(
                "/spec/dataSource",
                json!({"kind": "K", "name": "a"}),
                "spec.dataSource: Invalid value: \"K\": must be 'PersistentVolumeClaim' when referencing the default apiGroup",
            ),
            case(
                "/spec/dataSource",
                json!({"kind": "PersistentVolumeClaim", "name": ""}),
                "spec.dataSource.name: Required value",
            ),
            (
                vec![
                    (
                        "/spec/dataSource",
                        json!({"kind": "PersistentVolumeClaim", "name": "a"}),
                    ),
                    (
                        "/spec/dataSourceRef",
                        json!({"kind": "PersistentVolumeClaim", "name": "b"}),
                    ),
                ],
                vec!["spec: Invalid value: \"spec.dataSource\": must match dataSourceRef"],
            ),
        ],
    );
}

#[test]
fn what_a_claim_may_change() {
    let immutable = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n…";
    updates(
        CLAIM,
        &a_claim(),
        vec![
            fine("/spec/volumeName", json!("v")),
            fine("/spec/storageClassName", json!("c")),
            case("/spec/accessModes", json!(["ReadOnlyMany"]), immutable),
            case("/spec/resources/requests/storage", json!("2Gi"), immutable),
        ],
    );
    let bound = edited(
        &a_claim(),
        &[
            ("/spec/volumeName", json!("v")),
            ("/status/phase", json!("Bound")),
            ("/status/capacity", json!({"storage": "1Gi"})),
        ],
    );
    updates(
        CLAIM,
        &bound,
        vec![
            fine("/spec/resources/requests/storage", json!("2Gi")),
            case("/spec/volumeName", json!("w"), immutable),
            case(
                "/spec/resources/requests/storage",
                json!("512Mi"),
                "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity",
            ),
        ],
    );
}

#[test]
fn volumes() {
    let spec = json!({
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "hostPath": {"path": "/a"},
    });
    creates(
        VOLUME,
        &sound(VOLUME, json!({"spec": spec})),
        vec![
            case(
                "/spec/accessModes",
                json!([]),
                "spec.accessModes: Required value",
            ),
            case("/spec/capacity", json!({}), "spec.capacity: Required value"),
            case(
                "/spec/capacity/storage",
                json!("0"),
                "spec.capacity[storage]: Invalid value: \"0\": must be greater than zero",
            ),
            case(
                "/spec/persistentVolumeReclaimPolicy",
                json!("x"),
                "spec.persistentVolumeReclaimPolicy: Unsupported value: \"x\": supported values: \"Delete\", \"Recycle\", \"Retain\"",
            ),
            case(
                "/spec/nodeAffinity",
                json!({}),
                "spec.nodeAffinity.required: Required value: must specify required node constraints",
            ),
        ],
    );
}

#[test]
fn classes() {
    let base = sound(
        CLASS,
        json!({"provisioner": "a.b/c", "parameters": {"a": "b"}}),
    );
    creates(
        CLASS,
        &base,
        vec![
            case("/provisioner", json!(""), "provisioner: Required value"),
            case(
                "/provisioner",
                json!("a b"),
                "provisioner: Invalid value: \"a b\": name part must consist…",
            ),
            case(
                "/reclaimPolicy",
                json!("Recycle"),
                "reclaimPolicy: Unsupported value: \"Recycle\": supported values: \"Delete\", \"Retain\"",
            ),
            case(
                "/volumeBindingMode",
                json!("x"),
                "volumeBindingMode: Unsupported value: \"x\": supported values: \"Immediate\", \"WaitForFirstConsumer\"",
            ),
        ],
    );
    updates(
        CLASS,
        &base,
        vec![
            fine("/allowVolumeExpansion", json!(true)),
            case(
                "/parameters/a",
                json!("c"),
                "parameters: Forbidden: updates to parameters are forbidden.",
            ),
            case(
                "/provisioner",
                json!("d"),
                "provisioner: Forbidden: updates to provisioner are forbidden.",
            ),
            case(
                "/reclaimPolicy",
                json!("Retain"),
                "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.",
            ),
            case(
                "/volumeBindingMode",
                json!("WaitForFirstConsumer"),
                "volumeBindingMode: Invalid value: \"WaitForFirstConsumer\": field is immutable",
            ),
        ],
    );
}
