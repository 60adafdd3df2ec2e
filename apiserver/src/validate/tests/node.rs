//! Nodes.

use super::*;

#[test]
fn taints() {
    let taints = |list: Value| vec![("/spec/taints", list)];
    creates(
        "v1/Node",
        &sound("v1/Node", json!({"spec": {}})),
        vec![
            (
                taints(json!([
                    {"key": "a.b/c", "value": "v", "effect": "NoSchedule"},
                    {"key": "a.b/c", "effect": "NoExecute"},
                ])),
                vec![],
            ),
            (
                taints(json!([{"key": "a b", "effect": "NoSchedule"}])),
                vec!["metadata.taints[0].key: Invalid value: \"a b\": name part must consist…"],
            ),
            (
                taints(json!([{"key": "a", "value": "b c", "effect": "NoSchedule"}])),
                vec!["metadata.taints[0].value: Invalid value: \"b c\": a valid label must…"],
            ),
            (
                taints(json!([{"key": "a", "effect": "x"}])),
                vec![
                    "metadata.taints[0].effect: Unsupported value: \"x\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
                ],
            ),
            (
                taints(json!([
                    {"key": "a", "effect": "NoSchedule"},
                    {"key": "a", "value": "b", "effect": "NoSchedule"},
                ])),
                vec!["metadata.taints[1]: Duplicate value: …"],
            ),
        ],
    );
}

#[test]
fn ranges_of_pod_addresses() {
    let ranges = |list: Value| vec![("/spec/podCIDRs", list)];
    creates(
        "v1/Node",
        &sound("v1/Node", json!({"spec": {}})),
        vec![
            (ranges(json!(["10.0.0.0/24", "fd00::/64"])), vec![]),
            (
                ranges(json!(["10"])),
                vec![
                    "spec.podCIDRs[0]: Invalid value: \"10\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
                ],
            ),
            (
                ranges(json!(["10.0.0.0/24", "10.0.1.0/24"])),
                vec![
                    "spec.podCIDRs: Invalid value: [\"10.0.0.0/24\",\"10.0.1.0/24\"]: may specify no more than one CIDR for each IP family",
                ],
            ),
        ],
    );
}

#[test]
fn what_a_node_may_not_change() {
    let spec = json!({"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"], "providerID": "p"});
    updates(
        "v1/Node",
        &sound("v1/Node", json!({"spec": spec})),
        vec![
            fine("/spec/unschedulable", json!(true)),
            case(
                "/spec/podCIDRs",
                json!(["10.0.1.0/24"]),
                "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid",
            ),
            case(
                "/spec/podCIDR",
                json!("10.0.1.0/24"),
                "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid",
            ),
            case(
                "/spec/providerID",
                json!("q"),
                "spec.providerID: Forbidden: node updates may not change providerID except from \"\" to valid",
            ),
        ],
    );
    updates(
        "v1/Node",
        &sound("v1/Node", json!({})),
        vec![fine("/spec/providerID", json!("q"))],
    );
}

#[test]
fn the_status_of_a_node() {
    let address = json!({"type": "InternalIP", "address": "10.0.0.1"});
    let mut base = sound("v1/Node", json!({}));
    base["status"] = json!({"addresses": [address], "capacity": {"cpu": "4"}});
    statuses(
        "v1/Node",
        &base,
        vec![
            fine("/status/capacity/memory", json!("8Gi")),
            case(
                "/status/capacity/cpu",
                json!("-1"),
                "status.capacity.cpu: Invalid value: \"-1\": must be greater than or equal to 0",
            ),
            case(
                "/status/addresses/-",
                address,
                "status.addresses[1]: Duplicate value: …",
            ),
        ],
    );
}
