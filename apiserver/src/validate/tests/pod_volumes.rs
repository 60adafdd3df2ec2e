//! Volumes, and where they appear in containers.

use super::*;

const VOLUMES: &str = "/spec/volumes";

fn case(value: Value, expected: &'static str) -> Case<'static> {
    (vec![(VOLUMES, value)], vec![expected])
}

fn fine(value: Value) -> Case<'static> {
    (vec![(VOLUMES, value)], vec![])
}

#[test]
fn sources() {
    let v = |source: Value| {
        let mut volume = json!({"name": "v"});
        for (name, value) in source.as_object().expect("an object") {
            volume[name] = value.clone();
        }
        json!([volume])
    };
    creates(
        "v1/Pod",
        &a_pod(),
        vec![
            fine(v(json!({"emptyDir": {}}))),
            case(
                v(json!({})),
                "spec.volumes[0]: Required value: must specify a volume type",
            ),
            case(
                v(json!({"emptyDir": {}, "hostPath": {"path": "/"}})),
                "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
            ),
            case(
                v(json!({"emptyDir": {"sizeLimit": "-1"}})),
                "spec.volumes[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity",
            ),
            case(
                v(json!({"hostPath": {"path": "/a/../b"}})),
                "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
            ),
            case(
                v(json!({"hostPath": {"path": "/", "type": "Pipe"}})),
                "spec.volumes[0].hostPath.type: Unsupported value: \"Pipe\": supported values: \"\", \"BlockDevice\", \"CharDevice\", \"Directory\", \"DirectoryOrCreate\", \"File\", \"FileOrCreate\", \"Socket\"",
            ),
            case(
                v(json!({"secret": {}})),
                "spec.volumes[0].secret.secretName: Required value",
            ),
            case(
                v(json!({"secret": {"secretName": "s", "defaultMode": 512}})),
                "spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
            ),
            case(
                v(json!({"configMap": {"name": "c", "items": [{"key": "k", "path": "/p"}]}})),
                "spec.volumes[0].configMap.items[0].path: Invalid value: \"/p\": must be a relative path",
            ),
            case(
                v(json!({"configMap": {"name": "c", "items": [{"key": "k", "path": "..p"}]}})),
                "spec.volumes[0].configMap.items[0].path: Invalid value: \"..p\": must not start with '..'",
            ),
            case(
                v(json!({"persistentVolumeClaim": {}})),
                "spec.volumes[0].persistentVolumeClaim.claimName: Required value",
            ),
            case(
                v(json!({"nfs": {"server": "s", "path": "p"}})),
                "spec.volumes[0].nfs.path: Invalid value: \"p\": must be an absolute path",
            ),
            case(
                v(json!({"downwardAPI": {"items": [{"path": "p"}]}})),
                "spec.volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required",
            ),
            case(
                v(json!({"csi": {}})),
                "spec.volumes[0].csi.driver: Required value",
            ),
            case(
                v(json!({"image": {"pullPolicy": "Always"}})),
                "spec.volumes[0].image.reference: Required value",
            ),
            case(
                v(json!({"rbd": {"image": "i"}})),
                "spec.volumes[0].rbd.monitors: Required value",
            ),
            case(
                json!([{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]),
                "spec.volumes[1].name: Duplicate value: \"v\"",
            ),
            case(
                json!([{"name": "V", "emptyDir": {}}]),
                "spec.volumes[0].name: Invalid value: \"V\": a lowercase RFC 1123 label…",
            ),
        ],
    );
}

#[test]
fn projected_and_ephemeral() {
    let p = |sources: Value| json!([{"name": "v", "projected": {"sources": sources}}]);
    let mut with_account = a_pod();
    edit(&mut with_account, "/spec/serviceAccountName", json!("a"));
    let token = |more: Value| {
        let mut token = json!({"path": "token", "expirationSeconds": 3600});
        for (name, value) in more.as_object().expect("an object") {
            token[name] = value.clone();
        }
        p(json!([{"serviceAccountToken": token}]))
    };
    creates(
        "v1/Pod",
        &with_account,
        vec![
            fine(token(json!({}))),
            case(
                token(json!({"expirationSeconds": 599})),
                "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes",
            ),
            case(
                token(json!({"path": ""})),
                "spec.volumes[0].projected.path: Required value",
            ),
            case(
                p(json!([{"secret": {"name": "a"}, "configMap": {"name": "b"}}])),
                "spec.volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source",
            ),
            case(
                p(json!([
                    {"secret": {"name": "a", "items": [{"key": "k", "path": "p"}]}},
                    {"configMap": {"name": "b", "items": [{"key": "k", "path": "p"}]}},
                ])),
                "spec.volumes[0].projected: Invalid value: \"b\": conflicting duplicate paths",
            ),
            case(
                json!([{"name": "v", "ephemeral": {}}]),
                "spec.volumes[0].ephemeral.volumeClaimTemplate: Required value",
            ),
            case(
                json!([
                    {"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {
                        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}}}}},
                    {"name": "w", "persistentVolumeClaim": {"claimName": "x-v"}},
                ]),
                "spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: \"x-v\": must not reference a PVC that gets created for an ephemeral volume",
            ),
        ],
    );
    creates(
        "v1/Pod",
        &a_pod(),
        vec![case(
            token(json!({})),
            "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set",
        )],
    );
}

#[test]
fn mounts_and_devices() {
    let mut base = a_pod();
    edit(
        &mut base,
        VOLUMES,
        json!([{"name": "v", "emptyDir": {}}, {"name": "p", "persistentVolumeClaim": {"claimName": "c"}}]),
    );
    const MOUNTS: &str = "/spec/containers/0/volumeMounts";
    const DEVICES: &str = "/spec/containers/0/volumeDevices";
    let one = |pointer: &'static str, value: Value, expected: &'static str| -> Case<'static> {
        (vec![(pointer, value)], vec![expected])
    };
    creates(
        "v1/Pod",
        &base,
        vec![
            (
                vec![
                    (
                        MOUNTS,
                        json!([{"name": "v", "mountPath": "/a", "subPath": "b/c"}]),
                    ),
                    (DEVICES, json!([{"name": "p", "devicePath": "/dev/x"}])),
                ],
                vec![],
            ),
            one(
                MOUNTS,
                json!([{"name": "w", "mountPath": "/a"}]),
                "spec.containers[0].volumeMounts[0].name: Not found: \"w\"",
            ),
            one(
                MOUNTS,
                json!([{"name": "v"}]),
                "spec.containers[0].volumeMounts[0].mountPath: Required value",
            ),
            one(
                MOUNTS,
                json!([{"name": "v", "mountPath": "/a"}, {"name": "p", "mountPath": "/a"}]),
                "spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique",
            ),
            one(
                MOUNTS,
                json!([{"name": "v", "mountPath": "/a", "subPath": "../b"}]),
                "spec.containers[0].volumeMounts.subPath: Invalid value: \"../b\": must not contain '..'",
            ),
            one(
                MOUNTS,
                json!([{"name": "v", "mountPath": "/a", "subPath": "b", "subPathExpr": "c"}]),
                "spec.containers[0].volumeMounts[0].subPathExpr: Invalid value: \"c\": subPathExpr and subPath are mutually exclusive",
            ),
            one(
                MOUNTS,
                json!([{"name": "v", "mountPath": "/a", "mountPropagation": "Bidirectional"}]),
                "spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers",
            ),
            one(
                MOUNTS,
                json!([{"name": "v", "mountPath": "/a", "recursiveReadOnly": "Enabled"}]),
                "spec.containers[0].volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true",
            ),
            one(
                DEVICES,
                json!([{"name": "v", "devicePath": "/dev/x"}]),
                "spec.containers[0].volumeDevices[0].name: Invalid value: \"v\": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
            ),
            one(
                DEVICES,
                json!([{"name": "p", "devicePath": "/dev/../x"}]),
                "spec.containers[0].volumeDevices[0].devicePath: Invalid value: \"/dev/../x\": can not contain backsteps ('..')",
            ),
        ],
    );
}
