//! Services, Endpoints and EndpointSlices.

use super::*;

const SLICE: &str = "discovery.k8s.io/v1/EndpointSlice";

/// A Service that has its address.
fn a_service() -> Value {
    local(
        "v1/Service",
        json!({"spec": {
            "clusterIP": "10.0.0.1",
            "clusterIPs": ["10.0.0.1"],
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"port": 80}],
        }}),
    )
}

#[test]
fn names_and_ports() {
    creates(
        "v1/Service",
        &a_service(),
        vec![
            case(
                "/metadata/name",
                json!("1a"),
                "metadata.name: Invalid value: \"1a\": a DNS-1035 label…",
            ),
            case("/spec/ports", json!([]), "spec.ports: Required value"),
            (
                vec![
                    ("/spec/ports", json!([])),
                    ("/spec/clusterIP", json!("None")),
                    ("/spec/clusterIPs", json!(["None"])),
                ],
                vec![],
            ),
            case(
                "/spec/ports/0/port",
                json!(0),
                "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            ),
            case(
                "/spec/ports/0/protocol",
                json!("x"),
                "spec.ports[0].protocol: Unsupported value: \"x\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
            ),
            fine("/spec/ports/0/targetPort", json!("http")),
            case(
                "/spec/ports/0/targetPort",
                json!(0),
                "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
            ),
            case(
                "/spec/ports/0/targetPort",
                json!("1"),
                "spec.ports[0].targetPort: Invalid value: \"1\": must contain at least one letter (a-z)",
            ),
            case(
                "/spec/ports/0/name",
                json!("A"),
                "spec.ports[0].name: Invalid value: \"A\": a lowercase RFC 1123 label…",
            ),
            case(
                "/spec/ports/0/appProtocol",
                json!("a b"),
                "spec.ports[0].appProtocol: Invalid value: \"a b\": name part…",
            ),
            (
                vec![(
                    "/spec/ports/-",
                    json!({"port": 81, "protocol": "TCP", "targetPort": 81}),
                )],
                vec![
                    "spec.ports[0].name: Required value",
                    "spec.ports[1].name: Required value",
                ],
            ),
            (
                vec![
                    ("/spec/ports/0/name", json!("a")),
                    (
                        "/spec/ports/-",
                        json!({"name": "a", "port": 80, "protocol": "TCP", "targetPort": 80}),
                    ),
                ],
                vec![
                    "spec.ports[1].name: Duplicate value: \"a\"",
                    "spec.ports[1]: Duplicate value: {\"port\":80,\"protocol\":\"TCP\"}",
                ],
            ),
            case(
                "/spec/ports/0/nodePort",
                json!(30000),
                "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
            ),
        ],
    );
}

#[test]
fn types() {
    creates(
        "v1/Service",
        &a_service(),
        vec![
            case(
                "/spec/type",
                json!("x"),
                "spec.type: Unsupported value: \"x\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"",
            ),
            (
                vec![
                    ("/spec/type", json!("NodePort")),
                    ("/spec/externalTrafficPolicy", json!("Cluster")),
                    ("/spec/ports/0/nodePort", json!(30000)),
                ],
                vec![],
            ),
            (
                vec![
                    ("/spec/type", json!("NodePort")),
                    ("/spec/externalTrafficPolicy", json!("Cluster")),
                    ("/spec/clusterIP", json!("None")),
                    ("/spec/clusterIPs", json!(["None"])),
                ],
                vec![
                    "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services",
                ],
            ),
            case(
                "/spec/loadBalancerClass",
                json!("a.b/c"),
                "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
            ),
            case(
                "/spec/loadBalancerSourceRanges",
                json!(["10.0.0.0/8"]),
                "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
            ),
            case(
                "/spec/allocateLoadBalancerNodePorts",
                json!(true),
                "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
            ),
            case(
                "/spec/externalTrafficPolicy",
                json!("Local"),
                "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally-accessible services",
            ),
            case(
                "/spec/healthCheckNodePort",
                json!(30000),
                "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
            ),
            case(
                "/spec/internalTrafficPolicy",
                json!("x"),
                "spec.internalTrafficPolicy: Unsupported value: \"x\": supported values: \"Cluster\", \"Local\"",
            ),
            case(
                "/spec/trafficDistribution",
                json!("x"),
                "spec.trafficDistribution: Unsupported value: \"x\": supported values: \"PreferClose\", \"PreferSameNode\", \"PreferSameZone\"",
            ),
        ],
    );
    creates(
        "v1/Service",
        &local(
            "v1/Service",
            json!({"spec": {"type": "ExternalName", "externalName": "a.b"}}),
        ),
        vec![
            fine("/spec/externalName", json!("a.b.")),
            case(
                "/spec/externalName",
                Value::Null,
                "spec.externalName: Required value",
            ),
            case(
                "/spec/externalName",
                json!("A"),
                "spec.externalName: Invalid value: \"A\": a lowercase…",
            ),
            case(
                "/spec/clusterIPs",
                json!(["10.0.0.1"]),
                "spec.clusterIPs: Forbidden: may not be set for ExternalName services",
            ),
        ],
    );
}

#[test]
fn addresses_and_affinity() {
    creates(
        "v1/Service",
        &a_service(),
        vec![
            (
                vec![
                    ("/spec/externalIPs", json!(["a"])),
                    ("/spec/externalTrafficPolicy", json!("Cluster")),
                ],
                vec![
                    "spec.externalIPs[0]: Invalid value: \"a\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
                ],
            ),
            case(
                "/spec/clusterIPs",
                json!(["10.0.0.2"]),
                "spec.clusterIPs: Invalid value: [\"10.0.0.2\"]: first value must match `clusterIP`",
            ),
            (
                vec![
                    ("/spec/clusterIP", json!("a")),
                    ("/spec/clusterIPs", json!(["a"])),
                ],
                vec![
                    "spec.clusterIPs[0]: Invalid value: \"a\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
                ],
            ),
            case(
                "/spec/ipFamilies",
                json!(["IPv6"]),
                "spec.clusterIPs[0]: Invalid value: \"10.0.0.1\": expected an IPv6 value as indicated by `ipFamilies[0]`",
            ),
            case(
                "/spec/ipFamilies",
                json!(["IPv4", "IPv4"]),
                "spec.ipFamilies[1]: Duplicate value: \"IPv4\"",
            ),
            case(
                "/spec/ipFamilyPolicy",
                json!("x"),
                "spec.ipFamilyPolicy: Unsupported value: \"x\": supported values: \"PreferDualStack\", \"RequireDualStack\", \"SingleStack\"",
            ),
            case(
                "/spec/sessionAffinity",
                json!("x"),
                "spec.sessionAffinity: Unsupported value: \"x\": supported values: \"ClientIP\", \"None\"",
            ),
            case(
                "/spec/sessionAffinity",
                json!("ClientIP"),
                "spec.sessionAffinityConfig: Required value: when session affinity type is ClientIP",
            ),
            (
                vec![
                    ("/spec/sessionAffinity", json!("ClientIP")),
                    (
                        "/spec/sessionAffinityConfig",
                        json!({"clientIP": {"timeoutSeconds": 0}}),
                    ),
                ],
                vec![
                    "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400",
                ],
            ),
            case(
                "/spec/sessionAffinityConfig",
                json!({"clientIP": {"timeoutSeconds": 1}}),
                "spec.sessionAffinityConfig: Forbidden: must not be set when session affinity is None",
            ),
            case(
                "/spec/selector",
                json!({"a": "b c"}),
                "spec.selector: Invalid value: \"b c\": a valid label…",
            ),
        ],
    );
}

#[test]
fn what_a_service_may_not_change() {
    updates(
        "v1/Service",
        &a_service(),
        vec![
            fine("/spec/ports/0/port", json!(81)),
            (
                vec![
                    ("/spec/clusterIP", json!("10.0.0.2")),
                    ("/spec/clusterIPs", json!(["10.0.0.2"])),
                ],
                vec!["spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set"],
            ),
            (
                vec![
                    ("/spec/clusterIP", Value::Null),
                    ("/spec/clusterIPs", Value::Null),
                ],
                vec!["spec.clusterIPs[0]: Invalid value: []: primary clusterIP can not be unset"],
            ),
        ],
    );
    let ingress = json!({"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}});
    statuses(
        "v1/Service",
        &a_service(),
        vec![case(
            "/status",
            ingress.clone(),
            "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
        )],
    );
    let balanced = edited(
        &a_service(),
        &[("/spec/type", json!("LoadBalancer")), ("/status", ingress)],
    );
    statuses(
        "v1/Service",
        &balanced,
        vec![case(
            "/status/loadBalancer/ingress/0/ip",
            json!("a"),
            "status.loadBalancer.ingress[0].ip: Invalid value: \"a\": must be a valid IP address…",
        )],
    );
}

#[test]
fn endpoints() {
    let subset = json!({"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]});
    creates(
        "v1/Endpoints",
        &local("v1/Endpoints", json!({"subsets": [subset]})),
        vec![
            case(
                "/subsets/0/addresses",
                json!([]),
                "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
            ),
            case(
                "/subsets/0/addresses/0/ip",
                json!("127.0.0.1"),
                "subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
            ),
            case(
                "/subsets/0/addresses/0/hostname",
                json!("a.b"),
                "subsets[0].addresses[0].hostname: Invalid value: \"a.b\": must not contain dots",
            ),
            case(
                "/subsets/0/ports/0/port",
                json!(0),
                "subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            ),
            (
                vec![(
                    "/subsets/0/ports/-",
                    json!({"name": "a", "port": 81, "protocol": "TCP"}),
                )],
                vec!["subsets[0].ports[0].name: Required value"],
            ),
        ],
    );
}

#[test]
fn slices() {
    let base = local(
        SLICE,
        json!({
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.1"]}],
            "ports": [{"name": "a", "port": 80}],
        }),
    );
    creates(
        SLICE,
        &base,
        vec![
            (
                vec![("/addressType", json!("x"))],
                vec![
                    "addressType: Unsupported value: \"x\": supported values: \"FQDN\", \"IPv4\", \"IPv6\"",
                ],
            ),
            case(
                "/endpoints/0/addresses",
                json!([]),
                "endpoints[0].addresses: Required value: must contain at least 1 address",
            ),
            case(
                "/endpoints/0/addresses/0",
                json!("fd00::1"),
                "endpoints[0].addresses[0]: Invalid value: \"fd00::1\": must be a valid IPv4 address",
            ),
            (
                vec![
                    ("/addressType", json!("FQDN")),
                    ("/endpoints/0/addresses/0", json!("a.example.com")),
                ],
                vec![],
            ),
            (
                vec![(
                    "/ports/-",
                    json!({"name": "a", "port": 81, "protocol": "TCP"}),
                )],
                vec!["ports[1].name: Duplicate value: \"a\""],
            ),
            case(
                "/ports/0/protocol",
                json!("x"),
                "ports[0].protocol: Unsupported value: \"x\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
            ),
            case(
                "/endpoints/0/hints",
                json!({"forZones": [{"name": "a"}, {"name": "a"}]}),
                "endpoints[0].hints.forZones[1].name: Duplicate value: \"a\"",
            ),
            case(
                "/endpoints",
                json!(vec![json!({"addresses": ["10.0.0.1"]}); 1001]),
                "endpoints: Too many: 1001: must have at most 1000 items",
            ),
        ],
    );
    updates(
        SLICE,
        &edited(&base, &[("/endpoints", json!([]))]),
        vec![case(
            "/addressType",
            json!("IPv6"),
            "addressType: Invalid value: \"IPv6\": field is immutable",
        )],
    );
}
