//! Ingresses, IngressClasses and NetworkPolicies.

use super::*;

const INGRESS: &str = "networking.k8s.io/v1/Ingress";
const CLASS: &str = "networking.k8s.io/v1/IngressClass";
const POLICY: &str = "networking.k8s.io/v1/NetworkPolicy";

fn an_ingress() -> Value {
    let backend = json!({"service": {"name": "a", "port": {"number": 80}}});
    let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
    local(
        INGRESS,
        json!({"spec": {"rules": [{"host": "a.example.com", "http": {"paths": [path]}}]}}),
    )
}

#[test]
fn rules_and_hosts() {
    creates(
        INGRESS,
        &an_ingress(),
        vec![
            (
                vec![("/spec/rules", Value::Null)],
                vec!["spec: Invalid value: …"],
            ),
            fine("/spec/rules/0/host", json!("*.example.com")),
            case(
                "/spec/rules/0/host",
                json!("a.*"),
                "spec.rules[0].host: Invalid value: \"a.*\": a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain…",
            ),
            case(
                "/spec/rules/0/host",
                json!("1.2.3.4"),
                "spec.rules[0].host: Invalid value: \"1.2.3.4\": must be a DNS name, not an IP address",
            ),
            case(
                "/spec/rules/0/host",
                json!("A"),
                "spec.rules[0].host: Invalid value: \"A\": a lowercase…",
            ),
            case(
                "/spec/rules/0/http/paths",
                json!([]),
                "spec.rules[0].http.paths: Required value",
            ),
            fine("/spec/tls", json!([{"hosts": ["a.b"], "secretName": "s"}])),
            case(
                "/spec/tls",
                json!([{"hosts": ["A"]}]),
                "spec.tls[0].hosts[0]: Invalid value: \"A\": a lowercase…",
            ),
            case(
                "/spec/tls",
                json!([{"secretName": "A"}]),
                "spec.tls[0].secretName: Invalid value: \"A\": a lowercase…",
            ),
            case(
                "/spec/ingressClassName",
                json!("A"),
                "spec.ingressClassName: Invalid value: \"A\": a lowercase…",
            ),
            (
                vec![
                    ("/spec/ingressClassName", json!("a")),
                    (
                        "/metadata/annotations",
                        json!({"kubernetes.io/ingress.class": "b"}),
                    ),
                ],
                vec![
                    "annotations.kubernetes.io/ingress.class: Invalid value: \"b\": must match `ingressClassName` when both are specified",
                ],
            ),
        ],
    );
}

#[test]
fn paths_and_backends() {
    let at = |rest: &str| format!("spec.rules[0].http.paths[0].{rest}");
    let path = |text: &str| vec![("/spec/rules/0/http/paths/0/path", json!(text))];
    let backend = |backend: Value| vec![("/spec/rules/0/http/paths/0/backend", backend)];
    let service =
        |name: &str, port: Value| backend(json!({"service": {"name": name, "port": port}}));
    let kind = |kind: Value| vec![("/spec/rules/0/http/paths/0/pathType", kind)];
    creates(
        INGRESS,
        &an_ingress(),
        vec![
            (
                kind(Value::Null),
                vec![&at("pathType: Required value: pathType must be specified")],
            ),
            (
                kind(json!("x")),
                vec![&at(
                    "pathType: Unsupported value: \"x\": supported values: \"Exact\", \"ImplementationSpecific\", \"Prefix\"",
                )],
            ),
            (
                path("a"),
                vec![&at("path: Invalid value: \"a\": must be an absolute path")],
            ),
            (
                path("/a//b"),
                vec![&at("path: Invalid value: \"/a//b\": must not contain '//'")],
            ),
            (
                path("/a/.."),
                vec![&at("path: Invalid value: \"/a/..\": cannot end with '/..'")],
            ),
            (
                [kind(json!("ImplementationSpecific")), path("/a//b")].concat(),
                vec![],
            ),
            (
                backend(json!({})),
                vec![&at(
                    "backend: Invalid value: \"\": resource or service backend is required",
                )],
            ),
            (
                backend(json!({"resource": {"apiGroup": "a.b", "kind": "K", "name": "n"}})),
                vec![],
            ),
            (
                backend(json!({"resource": {"apiGroup": "a.b", "kind": "K"}})),
                vec![&at("backend.resource.name: Required value")],
            ),
            (service("a", json!({"name": "http"})), vec![]),
            (
                service("a", json!({})),
                vec![&at(
                    "backend: Required value: port name or number is required",
                )],
            ),
            (
                service("a", json!({"name": "http", "number": 1})),
                vec![&at(
                    "backend: Invalid value: \"\": cannot set both port name & port number",
                )],
            ),
            (
                service("a", json!({"number": 65_536})),
                vec![&at(
                    "backend.service.port.number: Invalid value: 65536: must be between 1 and 65535, inclusive",
                )],
            ),
            (
                service("", json!({"number": 1})),
                vec![&at("backend.service.name: Required value")],
            ),
            (
                service("1a", json!({"number": 1})),
                vec![&at(
                    "backend.service.name: Invalid value: \"1a\": a DNS-1035 label…",
                )],
            ),
        ],
    );
}

#[test]
fn classes() {
    let base = sound(CLASS, json!({"spec": {"controller": "a.b/c"}}));
    let parameters = |scope: Value, namespace: Value| {
        let mut all = json!({"kind": "K", "name": "n"});
        for (field, value) in [("scope", scope), ("namespace", namespace)] {
            if !value.is_null() {
                all[field] = value;
            }
        }
        vec![("/spec/parameters", all)]
    };
    creates(
        CLASS,
        &base,
        vec![
            case(
                "/spec/controller",
                json!("a"),
                "spec.controller: Invalid value: \"a\": must be a domain-prefixed path (such as \"acme.io/foo\")",
            ),
            (parameters(json!("Namespace"), json!("ns")), vec![]),
            (
                parameters(json!("Namespace"), Value::Null),
                vec![
                    "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
                ],
            ),
            (
                parameters(json!("Cluster"), json!("ns")),
                vec![
                    "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'",
                ],
            ),
            (
                parameters(json!("x"), Value::Null),
                vec![
                    "spec.parameters.scope: Unsupported value: \"x\": supported values: \"Cluster\", \"Namespace\"",
                ],
            ),
        ],
    );
    updates(
        CLASS,
        &base,
        vec![case(
            "/spec/controller",
            json!("a.b/d"),
            "spec.controller: Invalid value: \"a.b/d\": field is immutable",
        )],
    );
}

#[test]
fn policies() {
    let base = local(POLICY, json!({"spec": {"podSelector": {}}}));
    let peer = |peer: Value| vec![("/spec/ingress", json!([{"from": [peer]}]))];
    let port = |port: Value| vec![("/spec/egress", json!([{"ports": [port]}]))];
    creates(
        POLICY,
        &base,
        vec![
            (
                peer(json!({"podSelector": {}, "namespaceSelector": {}})),
                vec![],
            ),
            (
                peer(json!({})),
                vec!["spec.ingress[0].from[0]: Required value: must specify a peer"],
            ),
            (
                peer(json!({"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}})),
                vec![
                    "spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer",
                ],
            ),
            (
                peer(json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}})),
                vec![],
            ),
            (
                peer(json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8"]}})),
                vec![
                    "spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: \"11.0.0.0/8\": must be a strict subset of `cidr`",
                ],
            ),
            (
                peer(json!({"ipBlock": {"cidr": "10"}})),
                vec![
                    "spec.ingress[0].from[0].ipBlock.cidr: Invalid value: \"10\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
                ],
            ),
            (
                port(json!({"protocol": "TCP", "port": 1, "endPort": 2})),
                vec![],
            ),
            (
                port(json!({"protocol": "TCP", "port": 2, "endPort": 1})),
                vec![
                    "spec.egress[0].ports[0].endPort: Invalid value: 1: must be greater than or equal to `port`",
                ],
            ),
            (
                port(json!({"protocol": "TCP", "port": "a", "endPort": 1})),
                vec![
                    "spec.egress[0].ports[0].endPort: Invalid value: 1: may not be specified when `port` is non-numeric",
                ],
            ),
            (
                port(json!({"protocol": "TCP", "endPort": 1})),
                vec![
                    "spec.egress[0].ports[0].endPort: Invalid value: 1: may not be specified when `port` is not specified",
                ],
            ),
            (
                port(json!({"protocol": "x", "port": 1})),
                vec![
                    "spec.egress[0].ports[0].protocol: Unsupported value: \"x\": supported values: \"TCP\", \"UDP\", \"SCTP\"",
                ],
            ),
            case(
                "/spec/policyTypes",
                json!(["x"]),
                "spec.policyTypes[0]: Unsupported value: \"x\": supported values: \"Ingress\", \"Egress\"",
            ),
            case(
                "/spec/policyTypes",
                json!(["Ingress", "Egress", "Ingress"]),
                "spec.policyTypes: Invalid value: [\"Ingress\",\"Egress\",\"Ingress\"]: may not specify more than two policyTypes",
            ),
        ],
    );
}
