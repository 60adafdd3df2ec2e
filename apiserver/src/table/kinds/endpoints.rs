//! Where services lead.

use super::Kind;
use crate::table::column::{AGE, Column, NAME};
use crate::table::object::Object;
use crate::table::value::{at, int, list, some_of, text};
use serde_json::Value;

pub(super) const KINDS: &[Kind] = &[
    Kind::new("", "Endpoints", ENDPOINTS, endpoints),
    Kind::new("discovery.k8s.io", "EndpointSlice", SLICE, slice),
];

/// So many are shown of a list.
const SHOWN: usize = 3;

const ENDPOINTS: &[Column] = &[
    NAME,
    Column::text("Endpoints", "Addresses and ports that are ready"),
    AGE,
];

const SLICE: &[Column] = &[
    NAME,
    Column::text("AddressType", "What its addresses are"),
    Column::text("Ports", "Ports that all its endpoints have"),
    Column::text("Endpoints", "Addresses of its endpoints"),
    AGE,
];

fn endpoints(object: &Object<'_>) -> Vec<Value> {
    let subsets = object.list("subsets");
    let shown = match subsets.is_empty() {
        true => "<none>".to_owned(),
        false => some_of(
            &subsets.iter().flat_map(of_subset).collect::<Vec<_>>(),
            SHOWN,
        ),
    };
    vec![object.name(), shown.into(), object.age()]
}

/// Every address with every port; addresses alone if there are no ports.
fn of_subset(subset: &Value) -> Vec<String> {
    let addresses = list(subset, "addresses").iter().map(|one| text(one, "ip"));
    let ports = list(subset, "ports");
    if ports.is_empty() {
        return addresses.map(str::to_owned).collect();
    }
    let with_port = |port: &Value| {
        let number = int(port, "port");
        let join = move |ip: &str| match ip.contains(':') {
            true => format!("[{ip}]:{number}"),
            false => format!("{ip}:{number}"),
        };
        addresses.clone().map(join).collect::<Vec<_>>()
    };
    ports.iter().flat_map(with_port).collect()
}

fn slice(object: &Object<'_>) -> Vec<Value> {
    let ports = object.list("ports").iter().map(|port| {
        let number = at(port, "port").and_then(Value::as_i64);
        let name = at(port, "name").and_then(Value::as_str);
        match number {
            Some(number) => number.to_string(),
            None => name.unwrap_or("*").to_owned(),
        }
    });
    let endpoints = object.list("endpoints").iter();
    let addresses = endpoints.flat_map(|endpoint| list(endpoint, "addresses"));
    let addresses = addresses.filter_map(|address| Some(address.as_str()?.to_owned()));
    vec![
        object.name(),
        object.text("addressType").into(),
        some_or_unset(&ports.collect::<Vec<_>>()).into(),
        some_or_unset(&addresses.collect::<Vec<_>>()).into(),
        object.age(),
    ]
}

fn some_or_unset(all: &[String]) -> String {
    match some_of(all, SHOWN) {
        text if text.is_empty() => "<unset>".to_owned(),
        text => text,
    }
}
