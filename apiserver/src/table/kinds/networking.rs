//! The group `networking.k8s.io`.

use super::Kind;
use super::service::load_balancer;
use crate::table::column::{AGE, Column, NAME};
use crate::table::object::Object;
use crate::table::selector::selector;
use crate::table::value::{at, joined, text};
use serde_json::Value;

const GROUP: &str = "networking.k8s.io";

pub(super) const KINDS: &[Kind] = &[
    Kind::new(GROUP, "Ingress", INGRESS, ingress),
    Kind::new(GROUP, "IngressClass", INGRESS_CLASS, ingress_class),
    Kind::new(GROUP, "NetworkPolicy", POLICY, policy),
    Kind::new(GROUP, "IPAddress", ADDRESS, address),
    Kind::new(GROUP, "ServiceCIDR", CIDR, cidr),
];

/// So many hosts of an ingress are shown.
const SHOWN: usize = 3;

const INGRESS: &[Column] = &[
    NAME,
    Column::text("Class", "The class of what carries it out"),
    Column::text("Hosts", "Names of hosts that it is for"),
    Column::text("Address", "Where requests are to be sent"),
    Column::text("Ports", "On which ports"),
    AGE,
];

const INGRESS_CLASS: &[Column] = &[
    NAME,
    Column::text("Controller", "What carries out ingresses of this class"),
    Column::text("Parameters", "The object that holds more settings"),
    AGE,
];

const POLICY: &[Column] = &[
    NAME,
    Column::text("Pod-Selector", "Labels of the pods that it is for"),
    AGE,
];

// One column less than there are cells: upstream sends the age without a column, and clients ignore it.
const ADDRESS: &[Column] = &[NAME, Column::text("ParentRef", "What uses the address")];

const CIDR: &[Column] = &[
    NAME,
    Column::text("CIDRs", "Ranges that services get their addresses from"),
    AGE,
];

fn ingress(object: &Object<'_>) -> Vec<Value> {
    let class = at(object.value, "spec.ingressClassName").and_then(Value::as_str);
    let ports = match object.list("spec.tls").is_empty() {
        true => "80",
        false => "80, 443",
    };
    vec![
        object.name(),
        class.unwrap_or("<none>").into(),
        hosts(object.list("spec.rules")).into(),
        load_balancer(object).join(",").into(),
        ports.into(),
        object.age(),
    ]
}

/// Hosts of the rules. Once enough are shown, every further rule counts, with a host or without.
fn hosts(rules: &[Value]) -> String {
    let hosts = rules.iter().map(|rule| text(rule, "host"));
    let mut named = hosts.enumerate().filter(|(_, host)| !host.is_empty());
    let shown: Vec<(usize, &str)> = named.by_ref().take(SHOWN).collect();
    let joined = shown
        .iter()
        .map(|(_, host)| *host)
        .collect::<Vec<_>>()
        .join(",");
    match shown.last() {
        None => "*".to_owned(),
        Some((at, _)) if shown.len() == SHOWN && at + 1 < rules.len() => {
            format!("{joined} + {} more...", rules.len() - SHOWN)
        }
        Some(_) => joined,
    }
}

fn ingress_class(object: &Object<'_>) -> Vec<Value> {
    let parameters = at(object.value, "spec.parameters").map(|parameters| {
        let (kind, name) = (text(parameters, "kind"), text(parameters, "name"));
        match at(parameters, "apiGroup").and_then(Value::as_str) {
            Some(group) => format!("{kind}.{group}/{name}"),
            None => format!("{kind}/{name}"),
        }
    });
    vec![
        object.name(),
        object.text("spec.controller").into(),
        parameters.unwrap_or_else(|| "<none>".to_owned()).into(),
        object.age(),
    ]
}

fn policy(object: &Object<'_>) -> Vec<Value> {
    vec![
        object.name(),
        selector(object.value, "spec.podSelector").into(),
        object.age(),
    ]
}

fn address(object: &Object<'_>) -> Vec<Value> {
    let parent = at(object.value, "spec.parentRef").map(|parent| {
        let resource = match text(parent, "group") {
            "" => text(parent, "resource").to_owned(),
            group => format!("{}.{group}", text(parent, "resource")),
        };
        let namespace = match text(parent, "namespace") {
            "" => String::new(),
            namespace => format!("/{namespace}"),
        };
        format!(
            "{}{namespace}/{}",
            resource.to_lowercase(),
            text(parent, "name")
        )
    });
    vec![
        object.name(),
        parent.unwrap_or_else(|| "<none>".to_owned()).into(),
        object.age(),
    ]
}

fn cidr(object: &Object<'_>) -> Vec<Value> {
    vec![
        object.name(),
        joined(object.value, "spec.cidrs").into(),
        object.age(),
    ]
}
