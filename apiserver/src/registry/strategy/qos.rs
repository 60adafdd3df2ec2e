//! The class of a Pod: how much of what it may use it is sure to get.

use crate::canonical::Quantity;
use serde_json::{Map, Value};

/// What counts for the class.
const COUNTED: [&str; 2] = ["cpu", "memory"];

/// `Guaranteed` if every container has limits for CPU and memory, and requests are equal to them;
/// `BestEffort` if none has either; `Burstable` otherwise. A Pod that asks as a whole is judged as a
/// whole.
pub(super) fn class(pod: &Value) -> &'static str {
    let whole = pod.pointer("/spec/resources").filter(|resources| {
        let has = |name| {
            resources
                .get(name)
                .and_then(Value::as_object)
                .is_some_and(|map| !map.is_empty())
        };
        has("requests") || has("limits")
    });
    let resources: Vec<&Value> = match whole {
        Some(whole) => vec![whole],
        None => containers(pod),
    };
    let amounts = |name: &'static str| {
        resources
            .iter()
            .filter_map(move |resources| resources.get(name)?.as_object())
    };
    let asks_for_nothing = amounts("requests")
        .chain(amounts("limits"))
        .all(|map| counted(map) == 0);
    if asks_for_nothing {
        return "BestEffort";
    }
    match resources.iter().all(|resources| is_guaranteed(resources)) {
        true => "Guaranteed",
        false => "Burstable",
    }
}

static NOTHING: Value = Value::Null;

fn containers(pod: &Value) -> Vec<&Value> {
    let lists = ["/spec/containers", "/spec/initContainers"].into_iter();
    let lists = lists.filter_map(|list| pod.pointer(list)?.as_array());
    lists
        .flatten()
        .map(|container| container.get("resources").unwrap_or(&NOTHING))
        .collect()
}

fn amount(map: &Map<String, Value>, name: &str) -> Option<Quantity> {
    let amount = Quantity::parse(map.get(name)?.as_str()?).ok()?;
    (amount.sign() > 0).then_some(amount)
}

/// How many of the resources that count are there.
fn counted(map: &Map<String, Value>) -> usize {
    COUNTED
        .iter()
        .filter(|name| amount(map, name).is_some())
        .count()
}

fn is_guaranteed(resources: &Value) -> bool {
    let nothing = Map::new();
    let map = |name| {
        resources
            .get(name)
            .and_then(Value::as_object)
            .unwrap_or(&nothing)
    };
    let (requests, limits) = (map("requests"), map("limits"));
    COUNTED.iter().all(|name| {
        let limit = amount(limits, name);
        // What is not asked for is asked for up to the limit.
        limit.is_some() && amount(requests, name).or(limit) == limit
    })
}
