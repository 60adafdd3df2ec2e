//! ConfigMaps, Secrets, namespaces, and small kinds: PriorityClasses, Leases, RuntimeClasses, Events.

use super::*;

#[test]
fn config_maps() {
    let base = local(
        "v1/ConfigMap",
        json!({"data": {"a": "b"}, "binaryData": {"c": "ZA=="}}),
    );
    let half = "x".repeat(1 << 19);
    creates(
        "v1/ConfigMap",
        &base,
        vec![
            fine("/data/A_b.c-d", json!("")),
            case(
                "/data/a b",
                json!("c"),
                "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
            ),
            case(
                "/binaryData/~1",
                json!("ZA=="),
                "binaryData[/]: Invalid value: \"/\": a valid…",
            ),
            case(
                "/data/..",
                json!(""),
                "data[..]: Invalid value: \"..\": must not be '..'",
            ),
            case(
                "/data/c",
                json!("d"),
                "data[c]: Invalid value: \"c\": duplicate of key present in binaryData",
            ),
            fine("/data", json!({"a": half, "b": &half[4..]})),
            case(
                "/data",
                json!({"a": half, "b": half}),
                "[]: Too long: may not be more than 1048576 bytes",
            ),
        ],
    );
}

#[test]
fn sealed_config_maps_and_secrets() {
    for id in ["v1/ConfigMap", "v1/Secret"] {
        let open = local(id, json!({"data": {"a": "Yg=="}}));
        updates(
            id,
            &open,
            vec![
                fine("/data/a", json!("Yw==")),
                fine("/immutable", json!(true)),
            ],
        );
        let sealed = local(id, json!({"data": {"a": "Yg=="}, "immutable": true}));
        updates(
            id,
            &sealed,
            vec![
                fine("/metadata/labels", json!({"a": "b"})),
                case(
                    "/immutable",
                    json!(false),
                    "immutable: Forbidden: field is immutable when `immutable` is set",
                ),
                case(
                    "/data/a",
                    json!("Yw=="),
                    "data: Forbidden: field is immutable when `immutable` is set",
                ),
            ],
        );
    }
    let sealed = local("v1/ConfigMap", json!({"immutable": true}));
    updates(
        "v1/ConfigMap",
        &sealed,
        vec![case(
            "/binaryData",
            json!({"a": "Yg=="}),
            "binaryData: Forbidden: field is immutable when `immutable` is set",
        )],
    );
}

#[test]
fn secrets_have_types() {
    let base = local("v1/Secret", json!({}));
    let typed = |kind: &str, data: Value| {
        vec![
            ("/type", json!(format!("kubernetes.io/{kind}"))),
            ("/data", data),
        ]
    };
    creates(
        "v1/Secret",
        &base,
        vec![
            case(
                "/data",
                json!({"a b": "Yg=="}),
                "data[a b]: Invalid value: \"a b\": a valid…",
            ),
            (
                typed("service-account-token", json!({})),
                vec!["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
            ),
            (typed("tls", json!({"tls.crt": "", "tls.key": ""})), vec![]),
            (
                typed("tls", json!({})),
                vec![
                    "data[tls.crt]: Required value",
                    "data[tls.key]: Required value",
                ],
            ),
            (typed("basic-auth", json!({"username": "YQ=="})), vec![]),
            (
                typed("basic-auth", json!({})),
                vec![
                    "data[username]: Required value",
                    "data[password]: Required value",
                ],
            ),
            (typed("ssh-auth", json!({"ssh-privatekey": "YQ=="})), vec![]),
            (
                typed("ssh-auth", json!({})),
                vec!["data[ssh-privatekey]: Required value"],
            ),
            (typed("dockercfg", json!({".dockercfg": "e30="})), vec![]),
            (
                typed("dockercfg", json!({})),
                vec!["data[.dockercfg]: Required value"],
            ),
            (
                typed("dockerconfigjson", json!({".dockerconfigjson": "e30="})),
                vec![],
            ),
            (
                typed("dockerconfigjson", json!({".dockerconfigjson": "ew=="})),
                vec![
                    "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": unexpected end of JSON input",
                ],
            ),
        ],
    );
    updates(
        "v1/Secret",
        &base,
        vec![case(
            "/type",
            json!("a"),
            "type: Invalid value: \"a\": field is immutable",
        )],
    );
}

#[test]
fn namespaces() {
    let base = sound(
        "v1/Namespace",
        json!({"spec": {"finalizers": ["kubernetes"]}}),
    );
    creates(
        "v1/Namespace",
        &base,
        vec![
            (
                vec![
                    ("/metadata/name", json!("a.b")),
                    ("/metadata/labels", Value::Null),
                ],
                vec!["metadata.name: Invalid value: \"a.b\": must not contain dots"],
            ),
            case(
                "/spec/finalizers/0",
                json!("a"),
                "spec.finalizers: Invalid value: \"a\": name is neither a standard finalizer name nor is it fully qualified",
            ),
            fine("/spec/finalizers/0", json!("a.b/c")),
        ],
    );
    let label = "metadata.labels[kubernetes.io/metadata.name]: Invalid value: \"y\": must be 'x'";
    let other = ("/metadata/labels/kubernetes.io~1metadata.name", json!("y"));
    updates("v1/Namespace", &base, vec![(vec![other], vec![label])]);
    let mut active = base.clone();
    active["status"] = json!({"phase": "Active"});
    statuses(
        "v1/Namespace",
        &active,
        vec![case(
            "/status/phase",
            json!("Terminating"),
            "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty",
        )],
    );
    let mut going = base;
    going["metadata"]["deletionTimestamp"] = json!("2025-01-01T00:00:00Z");
    going["status"] = json!({"phase": "Terminating"});
    statuses(
        "v1/Namespace",
        &going,
        vec![case(
            "/status/phase",
            json!("Active"),
            "status.Phase: Invalid value: \"Active\": may only be 'Terminating' if `deletionTimestamp` is not empty",
        )],
    );
}

#[test]
fn priority_classes() {
    let id = "scheduling.k8s.io/v1/PriorityClass";
    let base = sound(id, json!({"value": 1_000_000_000}));
    creates(
        id,
        &base,
        vec![
            case(
                "/value",
                json!(1_000_000_001),
                "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
            ),
            case(
                "/metadata/name",
                json!("system-x"),
                "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-x is not a known system priority class",
            ),
            (
                vec![
                    ("/metadata/name", json!("system-node-critical")),
                    ("/value", json!(2_000_001_000)),
                ],
                vec![],
            ),
            case(
                "/metadata/name",
                json!("system-node-critical"),
                "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: value of system-node-critical PriorityClass must be 2000001000",
            ),
            case(
                "/preemptionPolicy",
                json!("x"),
                "preemptionPolicy: Unsupported value: \"x\": supported values: \"PreemptLowerPriority\", \"Never\"",
            ),
        ],
    );
    updates(
        id,
        &base,
        vec![
            fine("/description", json!("a")),
            case(
                "/value",
                json!(1),
                "value: Forbidden: may not be changed in an update.",
            ),
            case(
                "/preemptionPolicy",
                json!("Never"),
                "preemptionPolicy: Invalid value: \"Never\": field is immutable",
            ),
        ],
    );
}

#[test]
fn leases() {
    creates(
        "coordination.k8s.io/v1/Lease",
        &local("coordination.k8s.io/v1/Lease", json!({"spec": {}})),
        vec![
            fine(
                "/spec",
                json!({"leaseDurationSeconds": 1, "leaseTransitions": 0}),
            ),
            case(
                "/spec/leaseDurationSeconds",
                json!(0),
                "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
            ),
            case(
                "/spec/leaseTransitions",
                json!(-1),
                "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
            ),
        ],
    );
}

#[test]
fn runtime_classes() {
    let id = "node.k8s.io/v1/RuntimeClass";
    let base = sound(id, json!({"handler": "runc"}));
    creates(
        id,
        &base,
        vec![
            case(
                "/handler",
                json!("a.b"),
                "handler: Invalid value: \"a.b\": must not contain dots",
            ),
            fine("/overhead", json!({"podFixed": {"cpu": "1"}})),
            case(
                "/overhead",
                json!({"podFixed": {"cpu": "-1"}}),
                "overhead.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0",
            ),
        ],
    );
    updates(
        id,
        &base,
        vec![case(
            "/handler",
            json!("b"),
            "handler: Invalid value: \"b\": field is immutable",
        )],
    );
}

#[test]
fn events() {
    let base = local("v1/Event", json!({"involvedObject": {"namespace": "ns"}}));
    let newer = vec![
        ("/eventTime", json!("2025-01-01T00:00:00.000000Z")),
        ("/reportingComponent", json!("a.b/c")),
        ("/reportingInstance", json!("c-1")),
        ("/action", json!("do")),
        ("/reason", json!("Done")),
    ];
    creates(
        "v1/Event",
        &base,
        vec![
            case(
                "/involvedObject/namespace",
                json!("other"),
                "involvedObject.namespace: Invalid value: \"other\": does not match event.namespace",
            ),
            (newer.clone(), vec![]),
            (
                [
                    newer,
                    vec![
                        ("/action", Value::Null),
                        ("/message", json!("x".repeat(1025))),
                    ],
                ]
                .concat(),
                vec![
                    "action: Required value",
                    "message: Invalid value: \"\": can have at most 1024 characters",
                ],
            ),
        ],
    );
}
