//! What Pods ask for and nodes have, in whole numbers: thousandths of a CPU, bytes, pieces.

use crate::objects::{Container, PodSpec};
use keelson_apiserver::canonical::Quantity;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A container that does not say how much CPU it needs counts as this in scores.
const MISSING_CPU_M: i64 = 100;
/// A container that does not say how much memory it needs counts as this in scores.
const MISSING_MEMORY: i64 = 200 * 1024 * 1024;

/// Amounts of resources. What is not named is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Thousandths of a CPU.
    pub cpu_m: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes on the node's own disk.
    pub ephemeral: i64,
    /// Extended resources and huge pages, by name.
    pub extended: BTreeMap<Arc<str>, i64>,
}

impl Amounts {
    /// The amounts that a map of quantities names. Names that nodes do not set aside are left out.
    pub fn of(quantities: &BTreeMap<String, Value>) -> Amounts {
        let mut amounts = Amounts::default();
        for (name, value) in quantities {
            amounts.set(name, value);
        }
        amounts
    }

    fn set(&mut self, name: &str, value: &Value) {
        let Some(quantity) = quantity(value) else {
            return;
        };
        match name {
            "cpu" => self.cpu_m = quantity.milli_value(),
            "memory" => self.memory = quantity.value(),
            "ephemeral-storage" => self.ephemeral = quantity.value(),
            name if is_extended(name) => {
                self.extended.insert(name.into(), quantity.value());
            }
            _ => {}
        }
    }

    /// Adds the other amounts.
    pub fn add(&mut self, other: &Amounts) {
        self.cpu_m = self.cpu_m.saturating_add(other.cpu_m);
        self.memory = self.memory.saturating_add(other.memory);
        self.ephemeral = self.ephemeral.saturating_add(other.ephemeral);
        for (name, amount) in &other.extended {
            let own = self.extended.entry(name.clone()).or_default();
            *own = own.saturating_add(*amount);
        }
    }

    /// The larger amount of each resource.
    pub fn raise(&mut self, other: &Amounts) {
        self.cpu_m = self.cpu_m.max(other.cpu_m);
        self.memory = self.memory.max(other.memory);
        self.ephemeral = self.ephemeral.max(other.ephemeral);
        for (name, amount) in &other.extended {
            let own = self.extended.entry(name.clone()).or_default();
            *own = (*own).max(*amount);
        }
    }

    /// Whether one of the resources that `other` has is larger here than there.
    pub fn is_more_than(&self, other: &Amounts) -> bool {
        self.cpu_m > other.cpu_m
            || self.memory > other.memory
            || self.ephemeral > other.ephemeral
            || self.extended.iter().any(|(name, amount)| {
                *amount > other.extended.get(name).copied().unwrap_or_default()
            })
    }
}

/// Whether it is a resource that has a name of its own and is counted in pieces.
fn is_extended(name: &str) -> bool {
    name.contains('/') || name.starts_with("hugepages-") || name.starts_with("attachable-volumes-")
}

/// The quantity that a value stands for.
pub fn quantity(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => Quantity::parse(text).ok(),
        Value::Number(number) => Quantity::parse(&number.to_string()).ok(),
        _ => None,
    }
}

/// What is set aside for a Pod: the larger one of what its containers need together and what its
/// init containers need one after the other, beside those that stay; what the Pod says of itself
/// takes the place of that; its overhead comes on top.
pub fn requests(spec: &PodSpec) -> Amounts {
    total(spec, |container| Amounts::of(&container.resources.requests))
}

/// The CPU (thousandths) and memory (bytes) that a Pod counts as in scores: where a container says
/// nothing, something is assumed.
pub fn scored(spec: &PodSpec) -> (i64, i64) {
    let amounts = total(spec, |container| {
        let requests = &container.resources.requests;
        let mut amounts = Amounts::of(requests);
        if !requests.contains_key("cpu") {
            amounts.cpu_m = MISSING_CPU_M;
        }
        if !requests.contains_key("memory") {
            amounts.memory = MISSING_MEMORY;
        }
        amounts
    });
    (amounts.cpu_m, amounts.memory)
}

fn total(spec: &PodSpec, of: impl Fn(&Container) -> Amounts) -> Amounts {
    let (mut all, mut staying, mut before) =
        (Amounts::default(), Amounts::default(), Amounts::default());
    for container in &spec.containers {
        all.add(&of(container));
    }
    for container in &spec.init_containers {
        let mut own = of(container);
        if container.restart_policy.as_deref() == Some("Always") {
            all.add(&own);
            staying.add(&own);
            own.clone_from(&staying);
        } else {
            own.add(&staying);
        }
        before.raise(&own);
    }
    all.raise(&before);
    if let Some(resources) = &spec.resources {
        for (name, value) in &resources.requests {
            if matches!(name.as_str(), "cpu" | "memory") || name.starts_with("hugepages-") {
                all.set(name, value);
            }
        }
    }
    all.add(&Amounts::of(&spec.overhead));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(value: Value) -> PodSpec {
        serde_json::from_value(value).unwrap()
    }

    fn container(cpu: &str, memory: &str) -> Value {
        json!({"resources": {"requests": {"cpu": cpu, "memory": memory}}})
    }

    #[test]
    fn containers_add_up_and_init_containers_do_not() {
        let spec = spec(json!({
            "containers": [container("100m", "1Mi"), container("200m", "1Mi")],
            "initContainers": [container("250m", "5Mi"), container("50m", "1Mi")],
            "overhead": {"cpu": "10m"},
        }));
        let requests = requests(&spec);
        assert_eq!((requests.cpu_m, requests.memory), (310, 5 << 20));
    }

    #[test]
    fn init_containers_that_stay_count_beside_the_others_and_beside_those_that_start_later() {
        let mut stays = container("100m", "1Mi");
        stays["restartPolicy"] = json!("Always");
        let spec = spec(json!({
            "containers": [container("100m", "1Mi")],
            "initContainers": [container("50m", "1Mi"), stays, container("300m", "1Mi")],
        }));
        let requests = requests(&spec);
        assert_eq!((requests.cpu_m, requests.memory), (400, 2 << 20));
    }

    #[test]
    fn what_the_pod_says_of_itself_takes_the_place_of_the_sum() {
        let spec = spec(json!({
            "containers": [container("100m", "1Mi")],
            "resources": {"requests": {"cpu": "1"}},
            "overhead": {"memory": "1Mi", "example.com/a": 1},
        }));
        let requests = requests(&spec);
        assert_eq!((requests.cpu_m, requests.memory), (1000, 2 << 20));
        assert_eq!(requests.extended.get("example.com/a"), Some(&1));
    }

    #[test]
    fn a_container_that_says_nothing_counts_as_something_and_one_that_says_zero_does_not() {
        let spec = spec(json!({"containers": [{}, container("0", "0")]}));
        assert_eq!(scored(&spec), (MISSING_CPU_M, MISSING_MEMORY));
        assert_eq!(requests(&spec), Amounts::default());
    }
}
