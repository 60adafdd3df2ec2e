//! Pods as a whole: policies, names, DNS, scheduling, security.

use super::*;

#[test]
fn policies_and_names() {
    creates(
        "v1/Pod",
        &a_pod(),
        vec![
            fine("/spec/restartPolicy", json!("Never")),
            case(
                "/spec/restartPolicy",
                json!("Often"),
                "spec.restartPolicy: Unsupported value: \"Often\": supported values: \"Always\", \"OnFailure\", \"Never\"",
            ),
            case(
                "/spec/restartPolicy",
                Value::Null,
                "spec.restartPolicy: Required value",
            ),
            case(
                "/spec/dnsPolicy",
                json!("x"),
                "spec.dnsPolicy: Unsupported value: \"x\": supported values: \"ClusterFirstWithHostNet\", \"ClusterFirst\", \"Default\", \"None\"",
            ),
            case(
                "/spec/terminationGracePeriodSeconds",
                Value::Null,
                "spec.terminationGracePeriodSeconds: Required value",
            ),
            case(
                "/spec/serviceAccountName",
                json!("A"),
                "spec.serviceAccountName: Invalid value: \"A\": a lowercase RFC 1123 subdomain…",
            ),
            fine("/spec/nodeName", json!("n.example.com")),
            case(
                "/spec/nodeName",
                json!("N"),
                "spec.nodeName: Invalid value: \"N\": a lowercase…",
            ),
            case(
                "/spec/hostname",
                json!("a.b"),
                "spec.hostname: Invalid value: \"a.b\": must not contain dots",
            ),
            fine("/spec/activeDeadlineSeconds", json!(1)),
            case(
                "/spec/activeDeadlineSeconds",
                json!(0),
                "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
            ),
            case(
                "/spec/preemptionPolicy",
                json!("x"),
                "spec.preemptionPolicy: Unsupported value: \"x\": supported values: \"PreemptLowerPriority\", \"Never\"",
            ),
            case(
                "/spec/overhead",
                json!({"cpu": "-1"}),
                "spec.overhead.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0",
            ),
            case(
                "/spec/os",
                json!({"name": "plan9"}),
                "spec.os: Unsupported value: \"plan9\": supported values: \"linux\", \"windows\"",
            ),
            case(
                "/spec/nodeSelector",
                json!({"a": "b c"}),
                "spec.nodeSelector: Invalid value: \"b c\": a valid label must be…",
            ),
            case(
                "/spec/hostAliases",
                json!([{"ip": "1.2.3", "hostnames": ["a"]}]),
                "spec.hostAliases[0].ip: Invalid value: \"1.2.3\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ),
            case(
                "/spec/ephemeralContainers",
                json!([{"name": "e", "image": "i", "imagePullPolicy": "Always", "terminationMessagePolicy": "File"}]),
                "spec.ephemeralContainers: Forbidden: cannot be set on create",
            ),
            case(
                "/metadata/annotations",
                json!({"controller.kubernetes.io/pod-deletion-cost": "+1"}),
                "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: \"+1\": must be a 32bit integer",
            ),
        ],
    );
}

#[test]
fn dns_of_its_own() {
    creates(
        "v1/Pod",
        &a_pod(),
        vec![
            (
                vec![
                    ("/spec/dnsPolicy", json!("None")),
                    (
                        "/spec/dnsConfig",
                        json!({"nameservers": ["1.1.1.1"], "searches": ["a_b.c.", "."]}),
                    ),
                ],
                vec![],
            ),
            case(
                "/spec/dnsPolicy",
                json!("None"),
                "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
            ),
            (
                vec![
                    ("/spec/dnsPolicy", json!("None")),
                    ("/spec/dnsConfig", json!({})),
                ],
                vec![
                    "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None",
                ],
            ),
            case(
                "/spec/dnsConfig",
                json!({"nameservers": ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"]}),
                "spec.dnsConfig.nameservers: Invalid value: [\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\",\"1.1.1.4\"]: must not have more than 3 nameservers",
            ),
            case(
                "/spec/dnsConfig",
                json!({"options": [{"value": "x"}]}),
                "spec.dnsConfig.options[0]: Required value: must not be empty",
            ),
        ],
    );
}

#[test]
fn host_network_and_users() {
    creates(
        "v1/Pod",
        &a_pod(),
        vec![
            (
                vec![
                    ("/spec/hostNetwork", json!(true)),
                    (
                        "/spec/containers/0/ports",
                        json!([{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]),
                    ),
                ],
                vec![],
            ),
            (
                vec![
                    ("/spec/hostNetwork", json!(true)),
                    (
                        "/spec/containers/0/ports",
                        json!([{"containerPort": 80, "protocol": "TCP"}]),
                    ),
                ],
                vec![
                    "spec.containers[0].ports[0].hostPort: Invalid value: 0: must match `containerPort` when `hostNetwork` is true",
                ],
            ),
            (
                vec![
                    ("/spec/hostUsers", json!(false)),
                    ("/spec/hostPID", json!(true)),
                ],
                vec!["spec.HostPID: Forbidden: when `pod.Spec.HostUsers` is false"],
            ),
        ],
    );
}

#[test]
fn tolerations() {
    let key = |more: Value| {
        let mut toleration = json!({"key": "a", "operator": "Exists"});
        for (name, value) in more.as_object().expect("an object") {
            toleration[name] = value.clone();
        }
        json!([toleration])
    };
    creates(
        "v1/Pod",
        &a_pod(),
        vec![
            fine("/spec/tolerations", json!([{"operator": "Exists"}])),
            fine(
                "/spec/tolerations",
                key(json!({"effect": "NoExecute", "tolerationSeconds": 1})),
            ),
            case(
                "/spec/tolerations",
                json!([{"value": "b"}]),
                "spec.tolerations[0].operator: Invalid value: \"\": operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
            ),
            case(
                "/spec/tolerations",
                key(json!({"tolerationSeconds": 1})),
                "spec.tolerations[0].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set",
            ),
            case(
                "/spec/tolerations",
                key(json!({"value": "b"})),
                "spec.tolerations[0].operator: Invalid value: \"b\": value must be empty when `operator` is 'Exists'",
            ),
            case(
                "/spec/tolerations",
                key(json!({"operator": "Maybe"})),
                "spec.tolerations[0].operator: Unsupported value: \"Maybe\": supported values: \"Equal\", \"Exists\"",
            ),
            case(
                "/spec/tolerations",
                key(json!({"effect": "Never"})),
                "spec.tolerations[0].effect: Unsupported value: \"Never\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
            ),
        ],
    );
}

#[test]
fn affinity() {
    const REQUIRED: &str =
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    let terms =
        |expression: Value| json!({"nodeSelectorTerms": [{"matchExpressions": [expression]}]});
    let at = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
    let pods = "/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution";
    let pods_at =
        "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]";
    creates(
        "v1/Pod",
        &a_pod(),
        vec![
            fine(
                REQUIRED,
                terms(json!({"key": "a", "operator": "In", "values": ["b"]})),
            ),
            (
                vec![(REQUIRED, json!({}))],
                vec![&format!(
                    "{at}: Required value: must have at least one node selector term"
                )],
            ),
            (
                vec![(REQUIRED, terms(json!({"key": "a", "operator": "In"})))],
                vec![&format!(
                    "{at}[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"
                )],
            ),
            (
                vec![(
                    REQUIRED,
                    terms(json!({"key": "a", "operator": "Gt", "values": []})),
                )],
                vec![&format!(
                    "{at}[0].matchExpressions[0].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'"
                )],
            ),
            (
                vec![(REQUIRED, terms(json!({"key": "a", "operator": "Is"})))],
                vec![&format!(
                    "{at}[0].matchExpressions[0].operator: Invalid value: \"Is\": not a valid selector operator"
                )],
            ),
            (
                vec![(
                    REQUIRED,
                    json!({"nodeSelectorTerms": [{"matchFields": [
                    {"key": "spec.x", "operator": "In", "values": ["n"]}]}]}),
                )],
                vec![&format!(
                    "{at}[0].matchFields[0].key: Invalid value: \"spec.x\": not a valid field selector key"
                )],
            ),
            (
                vec![(
                    pods,
                    json!([{"weight": 0, "podAffinityTerm": {"topologyKey": "zone"}}]),
                )],
                vec![&format!(
                    "{pods_at}.weight: Invalid value: 0: must be in the range 1-100"
                )],
            ),
            (
                vec![(
                    pods,
                    json!([{"weight": 1, "podAffinityTerm": {"topologyKey": "zone"}}]),
                )],
                vec![],
            ),
            (
                vec![(
                    pods,
                    json!([{"weight": 1, "podAffinityTerm": {"topologyKey": "z", "namespaces": ["A"]}}]),
                )],
                vec![&format!(
                    "{pods_at}.podAffinityTerm.namespace: Invalid value: \"A\": a lowercase…"
                )],
            ),
            (
                vec![(pods, json!([{"weight": 1, "podAffinityTerm": {}}]))],
                vec![
                    &format!(
                        "{pods_at}.podAffinityTerm.topologyKey: Required value: can not be empty"
                    ),
                    &format!(
                        "{pods_at}.podAffinityTerm.topologyKey: Invalid value: \"\": name part must be non-empty"
                    ),
                    &format!(
                        "{pods_at}.podAffinityTerm.topologyKey: Invalid value: \"\": name part must consist of…"
                    ),
                ],
            ),
        ],
    );
}

#[test]
fn spreading_and_gates() {
    let spread = |more: Value| {
        let mut constraint =
            json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"});
        for (name, value) in more.as_object().expect("an object") {
            constraint[name] = value.clone();
        }
        constraint
    };
    const SPREAD: &str = "/spec/topologySpreadConstraints";
    creates(
        "v1/Pod",
        &a_pod(),
        vec![
            fine(SPREAD, json!([spread(json!({"minDomains": 2}))])),
            case(
                SPREAD,
                json!([spread(json!({"maxSkew": 0}))]),
                "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
            ),
            case(
                SPREAD,
                json!([spread(json!({"topologyKey": ""}))]),
                "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
            ),
            case(
                SPREAD,
                json!([spread(json!({"whenUnsatisfiable": "x"}))]),
                "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: \"x\": supported values: \"DoNotSchedule\", \"ScheduleAnyway\"",
            ),
            case(
                SPREAD,
                json!([spread(json!({})), spread(json!({}))]),
                "spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: \"{zone, DoNotSchedule}\"",
            ),
            case(
                SPREAD,
                json!([spread(
                    json!({"whenUnsatisfiable": "ScheduleAnyway", "minDomains": 1})
                )]),
                "spec.topologySpreadConstraints[0].minDomains: Invalid value: 1: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
            ),
            case(
                SPREAD,
                json!([spread(json!({"matchLabelKeys": ["a"]}))]),
                "spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set",
            ),
            fine("/spec/schedulingGates", json!([{"name": "a/b"}])),
            case(
                "/spec/schedulingGates",
                json!([{"name": "a"}, {"name": "a"}]),
                "spec.schedulingGates[1]: Duplicate value: \"a\"",
            ),
            (
                vec![
                    ("/spec/schedulingGates", json!([{"name": "a"}])),
                    ("/spec/nodeName", json!("n")),
                ],
                vec![
                    "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
                ],
            ),
        ],
    );
}

#[test]
fn security_of_the_pod() {
    creates(
        "v1/Pod",
        &a_pod(),
        vec![
            fine(
                "/spec/securityContext",
                json!({"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}}),
            ),
            case(
                "/spec/securityContext/runAsUser",
                json!(-1),
                "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 4294967295, inclusive",
            ),
            case(
                "/spec/securityContext/supplementalGroups",
                json!([1, -2]),
                "spec.securityContext.supplementalGroups[1]: Invalid value: -2: must be between 0 and 4294967295, inclusive",
            ),
            case(
                "/spec/securityContext/seccompProfile",
                json!({"type": "Localhost"}),
                "spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
            ),
            case(
                "/spec/securityContext/seccompProfile",
                json!({}),
                "spec.securityContext.seccompProfile.type: Required value: type is required when seccompProfile is set",
            ),
            case(
                "/spec/securityContext/appArmorProfile",
                json!({"type": "Unconfined", "localhostProfile": "x"}),
                "spec.securityContext.appArmorProfile.localhostProfile: Invalid value: \"x\": can only be set when AppArmor type is Localhost",
            ),
            fine(
                "/spec/securityContext/sysctls",
                json!([{"name": "net.ipv4/tcp_x", "value": "1"}]),
            ),
            case(
                "/spec/securityContext/sysctls",
                json!([{"name": "a"}, {"name": "a"}]),
                "spec.securityContext.sysctls[1].name: Duplicate value: \"a\"",
            ),
            case(
                "/spec/securityContext/sysctls",
                json!([{"name": "A"}]),
                "spec.securityContext.sysctls[0].name: Invalid value: \"A\": must have at most 253 characters and match regex…",
            ),
            case(
                "/spec/securityContext/fsGroupChangePolicy",
                json!("x"),
                "spec.securityContext.fsGroupChangePolicy: Unsupported value: \"x\": supported values: \"Always\", \"OnRootMismatch\"",
            ),
            (
                vec![
                    ("/spec/shareProcessNamespace", json!(true)),
                    ("/spec/hostPID", json!(true)),
                ],
                vec![
                    "spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled",
                ],
            ),
            case(
                "/spec/containers/0/securityContext",
                json!({"allowPrivilegeEscalation": false, "privileged": true}),
                "spec.containers[0].securityContext: Invalid value: {\"allowPrivilegeEscalation\":false,\"privileged\":true}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
            ),
            case(
                "/spec/containers/0/securityContext",
                json!({"procMount": "Unmasked"}),
                "spec.containers[0].securityContext.procMount: Invalid value: \"Unmasked\": `hostUsers` must be false to use `Unmasked`",
            ),
        ],
    );
}
