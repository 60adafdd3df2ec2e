//! Services.

use super::Kind;
use crate::table::column::{AGE, Column, NAME};
use crate::table::object::Object;
use crate::table::selector::labels;
use crate::table::value::{int, text};
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) const KINDS: &[Kind] = &[Kind::new("", "Service", SERVICE, service)];

const SERVICE: &[Column] = &[
    NAME,
    Column::text("Type", "How far the service can be reached"),
    Column::text("Cluster-IP", "Its first address inside the cluster"),
    Column::text("External-IP", "Where it is reached from outside"),
    Column::text("Port(s)", "Its ports, with those on every node"),
    AGE,
    Column::wide("Selector", "Labels of the pods behind it"),
];

fn service(object: &Object<'_>) -> Vec<Value> {
    let cluster_ip = object.list("spec.clusterIPs").first();
    let ports = ports(object.list("spec.ports"));
    vec![
        object.name(),
        object.text("spec.type").into(),
        cluster_ip
            .and_then(Value::as_str)
            .unwrap_or("<none>")
            .into(),
        external(object).into(),
        match ports.is_empty() {
            true => "<none>".into(),
            false => ports.into(),
        },
        object.age(),
        labels(object.value, "spec.selector").into(),
    ]
}

fn external(object: &Object<'_>) -> String {
    let mut addresses: Vec<&str> = match object.text("spec.type") {
        "ClusterIP" | "NodePort" => Vec::new(),
        "LoadBalancer" => load_balancer(object),
        "ExternalName" => return object.text("spec.externalName").to_owned(),
        _ => return "<unknown>".to_owned(),
    };
    let given = object.list("spec.externalIPs").iter();
    addresses.extend(given.filter_map(Value::as_str));
    match (addresses.is_empty(), object.text("spec.type")) {
        (false, _) => addresses.join(","),
        (true, "LoadBalancer") => "<pending>".to_owned(),
        (true, _) => "<none>".to_owned(),
    }
}

/// Addresses that a load balancer has been given, sorted.
pub(super) fn load_balancer<'a>(object: &Object<'a>) -> Vec<&'a str> {
    let points = object.list("status.loadBalancer.ingress").iter();
    let addresses = points.map(|point| match text(point, "ip") {
        "" => text(point, "hostname"),
        ip => ip,
    });
    let addresses: BTreeSet<&str> = addresses.filter(|address| !address.is_empty()).collect();
    addresses.into_iter().collect()
}

fn ports(ports: &[Value]) -> String {
    let parts: Vec<String> = ports
        .iter()
        .map(|port| {
            let (number, protocol) = (int(port, "port"), text(port, "protocol"));
            match int(port, "nodePort") {
                on_node if on_node > 0 => format!("{number}:{on_node}/{protocol}"),
                _ => format!("{number}/{protocol}"),
            }
        })
        .collect();
    parts.join(",")
}
