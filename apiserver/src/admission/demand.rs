//! What a Pod as a whole asks for, and what it gets at most.

use crate::canonical::Quantity;
use serde_json::Value;
use std::collections::BTreeMap;

/// Amounts of resources by name.
pub(crate) type Amounts = BTreeMap<String, Quantity>;

/// The amounts of an object such as `resources.requests`. What is no quantity is left out: validation
/// speaks of it.
pub(crate) fn amounts(value: Option<&Value>) -> Amounts {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    let parsed = fields.filter_map(|(name, amount)| {
        let amount = Quantity::parse(amount.as_str()?).ok()?;
        Some((name.clone(), amount))
    });
    parsed.collect()
}

/// The elements of a list in a specification.
pub(super) fn list<'v>(spec: &'v Value, field: &str) -> &'v [Value] {
    let list = spec.get(field).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// What a container has under `requests` or `limits`.
pub(super) fn of_container(container: &Value, field: &str) -> Amounts {
    amounts(container.get("resources").and_then(|all| all.get(field)))
}

fn add(to: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = to.get(name).map_or(*amount, |sum| *sum + *amount);
        to.insert(name.clone(), sum);
    }
}

fn raise(to: &mut Amounts, least: &Amounts) {
    for (name, amount) in least {
        if to.get(name).is_none_or(|have| have < amount) {
            to.insert(name.clone(), *amount);
        }
    }
}

/// All containers of a specification together, under `requests` or `limits`: those that run at the same
/// time are added, and no container that runs before them gets less than it wants.
pub(super) fn of_containers(spec: &Value, field: &str) -> Amounts {
    let mut all = Amounts::new();
    for container in list(spec, "containers") {
        add(&mut all, &of_container(container, field));
    }
    let (mut sidecars, mut before) = (Amounts::new(), Amounts::new());
    for container in list(spec, "initContainers") {
        let own = of_container(container, field);
        if container
            .get("restartPolicy")
            .is_some_and(|policy| policy == "Always")
        {
            add(&mut all, &own);
            add(&mut sidecars, &own);
            raise(&mut before, &sidecars);
        } else {
            let mut now = own;
            add(&mut now, &sidecars);
            raise(&mut before, &now);
        }
    }
    raise(&mut all, &before);
    all
}

/// A whole Pod: its containers, or what it says for itself, and what it costs to have it at all.
pub(crate) fn of_pod(spec: &Value, field: &str) -> Amounts {
    let mut all = of_containers(spec, field);
    let whole = spec
        .get("resources")
        .and_then(|resources| resources.get(field));
    all.extend(amounts(whole));
    let overhead = amounts(spec.get("overhead"));
    match field {
        "requests" => add(&mut all, &overhead),
        // What has no limit gets none from the overhead.
        _ => {
            for (name, amount) in overhead {
                if let Some(limit) = all.get_mut(&name) {
                    *limit = *limit + amount;
                }
            }
        }
    }
    all
}

/// Whether a Pod asks for no processor and no memory.
pub(super) fn is_best_effort(spec: &Value) -> bool {
    let containers = list(spec, "containers")
        .iter()
        .chain(list(spec, "initContainers"));
    let wants = |holder: &Value| {
        ["requests", "limits"].iter().any(|field| {
            let amounts = of_container(holder, field);
            let mut main = ["cpu", "memory"]
                .iter()
                .filter_map(|name| amounts.get(*name));
            main.any(|amount| amount.sign() > 0)
        })
    };
    // The Pod itself has its resources where a container has them.
    !containers.into_iter().any(wants) && !wants(spec)
}
