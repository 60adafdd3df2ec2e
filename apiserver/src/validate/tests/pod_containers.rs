//! Containers: names, ports, variables, mounts, probes, resources.

use super::*;

fn a_container(name: &str) -> Value {
    json!({
        "name": name, "image": "i", "imagePullPolicy": "Always",
        "terminationMessagePolicy": "File",
    })
}

#[test]
fn containers_and_their_names() {
    let mut sidecar = a_container("s");
    sidecar["restartPolicy"] = json!("Always");
    sidecar["livenessProbe"] = json!({"exec": {"command": ["x"]}, "successThreshold": 1});
    let mut init = a_container("s");
    init["livenessProbe"] = sidecar["livenessProbe"].clone();
    creates(
        "v1/Pod",
        &a_pod(),
        vec![
            case(
                "/spec/containers",
                json!([]),
                "spec.containers: Required value",
            ),
            case(
                "/spec/containers/0/name",
                Value::Null,
                "spec.containers[0].name: Required value",
            ),
            case(
                "/spec/containers/0/name",
                json!("a.b"),
                "spec.containers[0].name: Invalid value: \"a.b\": must not contain dots",
            ),
            case(
                "/spec/containers/0/image",
                json!(""),
                "spec.containers[0].image: Required value",
            ),
            case(
                "/spec/containers/0/image",
                json!(" i"),
                "spec.containers[0].image: Invalid value: \" i\": must not have leading or trailing whitespace",
            ),
            fine("/spec/containers/-", a_container("d")),
            case(
                "/spec/containers/-",
                a_container("c"),
                "spec.containers[1].name: Duplicate value: \"c\"",
            ),
            fine("/spec/initContainers", json!([a_container("d")])),
            case(
                "/spec/initContainers",
                json!([a_container("c")]),
                "spec.initContainers[0].name: Duplicate value: \"c\"",
            ),
            fine("/spec/initContainers", json!([sidecar])),
            case(
                "/spec/initContainers",
                json!([init]),
                "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
            ),
            case(
                "/spec/containers/0/imagePullPolicy",
                json!("Sometimes"),
                "spec.containers[0].imagePullPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
            ),
            case(
                "/spec/containers/0/terminationMessagePolicy",
                json!("x"),
                "spec.containers[0].terminationMessagePolicy: Unsupported value: \"x\": supported values: \"File\", \"FallbackToLogsOnError\"",
            ),
            case(
                "/spec/containers/0/restartPolicyRules",
                json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}]),
                "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used",
            ),
        ],
    );
}

#[test]
fn ports() {
    const PORTS: &str = "/spec/containers/0/ports";
    let tcp =
        |number: i64, name: &str| json!({"containerPort": number, "name": name, "protocol": "TCP"});
    creates(
        "v1/Pod",
        &a_pod(),
        vec![
            fine(
                PORTS,
                json!([tcp(80, "http"), tcp(443, "https"), tcp(80, "")]),
            ),
            case(
                PORTS,
                json!([tcp(80, "http"), tcp(81, "http")]),
                "spec.containers[0].ports[1].name: Duplicate value: \"http\"",
            ),
            case(
                PORTS,
                json!([tcp(80, "1")]),
                "spec.containers[0].ports[0].name: Invalid value: \"1\": must contain at least one letter (a-z)",
            ),
            case(
                PORTS,
                json!([tcp(80, "a-very-long-name")]),
                "spec.containers[0].ports[0].name: Invalid value: \"a-very-long-name\": must be no more than 15 bytes",
            ),
            case(
                PORTS,
                json!([{"protocol": "TCP"}]),
                "spec.containers[0].ports[0].containerPort: Required value",
            ),
            case(
                PORTS,
                json!([tcp(65536, "")]),
                "spec.containers[0].ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive",
            ),
            case(
                PORTS,
                json!([{"containerPort": 1, "protocol": "ICMP"}]),
                "spec.containers[0].ports[0].protocol: Unsupported value: \"ICMP\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
            ),
            case(
                PORTS,
                json!([
                    {"containerPort": 1, "hostPort": 9, "protocol": "TCP"},
                    {"containerPort": 2, "hostPort": 9, "protocol": "TCP"},
                ]),
                "spec.containers[0].ports[1].hostPort: Duplicate value: \"TCP//9\"",
            ),
        ],
    );
}

#[test]
fn variables() {
    const ENV: &str = "/spec/containers/0/env";
    const FROM: &str = "/spec/containers/0/envFrom";
    let field = |path: &str| json!([{"name": "a", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}]);
    creates(
        "v1/Pod",
        &a_pod(),
        vec![
            fine(
                ENV,
                json!([{"name": "A b-1.", "value": "x"}, {"name": "1"}]),
            ),
            case(
                ENV,
                json!([{"value": "x"}]),
                "spec.containers[0].env[0].name: Required value",
            ),
            case(
                ENV,
                json!([{"name": "a=b"}]),
                "spec.containers[0].env[0].name: Invalid value: \"a=b\": a valid environment variable name must consist only of printable ASCII characters other than '='",
            ),
            case(
                ENV,
                json!([{"name": "a", "valueFrom": {}}]),
                "spec.containers[0].env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
            ),
            case(
                ENV,
                json!([{"name": "a", "value": "b", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
                "spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty",
            ),
            fine(ENV, field("metadata.labels['a/b']")),
            fine(ENV, field("status.podIP")),
            case(
                ENV,
                field("metadata.labels"),
                "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"metadata.labels\": supported values: \"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\"",
            ),
            case(
                ENV,
                field("metadata.color"),
                "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"metadata.color\": error converting fieldPath: field label not supported: metadata.color",
            ),
            case(
                ENV,
                field("spec.nodeName['a']"),
                "spec.containers[0].env[0].valueFrom.fieldRef: Invalid value: \"spec.nodeName\": does not support subscript",
            ),
            fine(
                ENV,
                json!([{"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}}]),
            ),
            case(
                ENV,
                json!([{"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "2"}}}]),
                "spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.cpu\": only divisor's values 1m and 1 are supported with the cpu resource",
            ),
            case(
                ENV,
                json!([{"name": "a", "valueFrom": {"configMapKeyRef": {"name": "s", "key": "k/"}}}]),
                "spec.containers[0].env[0].valueFrom.configMapKeyRef.key: Invalid value: \"k/\": a valid config key must consist of…",
            ),
            fine(
                FROM,
                json!([{"prefix": "P_", "configMapRef": {"name": "c"}}]),
            ),
            case(
                FROM,
                json!([{}]),
                "spec.containers[0].envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`",
            ),
            case(
                FROM,
                json!([{"secretRef": {}}]),
                "spec.containers[0].envFrom[0].secretRef.name: Required value",
            ),
        ],
    );
}

#[test]
fn probes_and_hooks() {
    const LIVE: &str = "/spec/containers/0/livenessProbe";
    let probe = |more: Value| {
        let mut probe = json!({"tcpSocket": {"port": 80}, "successThreshold": 1});
        for (name, value) in more.as_object().expect("an object") {
            probe[name] = value.clone();
        }
        probe
    };
    creates(
        "v1/Pod",
        &a_pod(),
        vec![
            fine(LIVE, probe(json!({}))),
            case(
                LIVE,
                json!({"successThreshold": 1}),
                "spec.containers[0].livenessProbe: Required value: must specify a handler type",
            ),
            case(
                LIVE,
                probe(json!({"exec": {"command": ["a"]}})),
                "spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
            ),
            case(
                LIVE,
                json!({"exec": {}, "successThreshold": 1}),
                "spec.containers[0].livenessProbe.exec.command: Required value",
            ),
            case(
                LIVE,
                probe(json!({"successThreshold": 2})),
                "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
            ),
            case(
                LIVE,
                probe(json!({"periodSeconds": -1})),
                "spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
            ),
            case(
                LIVE,
                json!({"tcpSocket": {"port": 0}, "successThreshold": 1}),
                "spec.containers[0].livenessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive",
            ),
            case(
                LIVE,
                json!({"httpGet": {"path": "/", "port": "http", "scheme": "FTP"}, "successThreshold": 1}),
                "spec.containers[0].livenessProbe.httpGet.scheme: Unsupported value: \"FTP\": supported values: \"HTTP\", \"HTTPS\"",
            ),
            case(
                LIVE,
                json!({"httpGet": {"path": "/", "port": "http", "scheme": "HTTP", "httpHeaders": [{"name": "a b"}]}, "successThreshold": 1}),
                "spec.containers[0].livenessProbe.httpGet.httpHeaders: Invalid value: \"a b\": a valid HTTP header must consist of…",
            ),
            case(
                "/spec/containers/0/readinessProbe",
                probe(json!({"terminationGracePeriodSeconds": 3})),
                "spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 3: must not be set for readinessProbes",
            ),
            fine(
                "/spec/containers/0/lifecycle",
                json!({"preStop": {"sleep": {"seconds": 30}}}),
            ),
            case(
                "/spec/containers/0/lifecycle",
                json!({"preStop": {"sleep": {"seconds": 31}}}),
                "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)",
            ),
        ],
    );
}

#[test]
fn resources() {
    const WANTED: &str = "/spec/containers/0/resources";
    creates(
        "v1/Pod",
        &a_pod(),
        vec![
            fine(
                WANTED,
                json!({"requests": {"cpu": "1", "x.io/gpu": "1"}, "limits": {"cpu": "2", "x.io/gpu": "1"}}),
            ),
            case(
                WANTED,
                json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
                "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
            ),
            case(
                WANTED,
                json!({"limits": {"cpu": "-1"}}),
                "spec.containers[0].resources.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0",
            ),
            case(
                WANTED,
                json!({"limits": {"pods": "1"}}),
                "spec.containers[0].resources.limits[pods]: Invalid value: \"pods\": must be a standard resource for containers",
            ),
            (
                vec![(WANTED, json!({"limits": {"gold": "1"}}))],
                vec![
                    "spec.containers[0].resources.limits[gold]: Invalid value: \"gold\": must be a standard resource type or fully qualified",
                    "spec.containers[0].resources.limits[gold]: Invalid value: \"gold\": must be a standard resource for containers",
                ],
            ),
            case(
                WANTED,
                json!({"requests": {"x.io/gpu": "1"}}),
                "spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources",
            ),
            case(
                WANTED,
                json!({"requests": {"x.io/gpu": "1"}, "limits": {"x.io/gpu": "2"}}),
                "spec.containers[0].resources.requests: Invalid value: \"1\": must be equal to x.io/gpu limit of 2",
            ),
            case(
                WANTED,
                json!({"limits": {"x.io/gpu": "500m"}}),
                "spec.containers[0].resources.limits[x.io/gpu]: Invalid value: \"500m\": must be an integer",
            ),
            case(
                WANTED,
                json!({"limits": {"hugepages-2Mi": "2Mi"}}),
                "spec.containers[0].resources: Forbidden: HugePages require cpu or memory",
            ),
            case(
                WANTED,
                json!({"limits": {"hugepages-2Mi": "3Mi", "cpu": "1"}}),
                "spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-2Mi",
            ),
            case(
                WANTED,
                json!({"claims": [{"name": "a"}]}),
                "spec.containers[0].resources.claims[0]: Not found: \"a\": must be one of the names in pod.spec.resourceClaims which is empty",
            ),
            case(
                "/spec/resources",
                json!({"limits": {"ephemeral-storage": "1"}}),
                "spec.resources.limits[ephemeral-storage]: Unsupported value: \"ephemeral-storage\": supported values: \"cpu\", \"hugepages-\", \"memory\"",
            ),
            (
                vec![
                    (WANTED, json!({"limits": {"cpu": "2"}})),
                    ("/spec/resources", json!({"limits": {"cpu": "1"}})),
                ],
                vec![
                    "spec.resources.containers[0][cpu].limits: Invalid value: \"2\": must be less than or equal to pod limits of 1",
                ],
            ),
        ],
    );
}
