//! What an object uses of what quotas count.

use crate::admission::demand::{Amounts, amounts, list, of_container, of_pod};
use crate::canonical::{Format, Quantity};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How objects of a resource are measured.
pub(super) enum Measure<'r> {
    /// Pods: how many, and their resources.
    Pods,
    /// Services: how many of which type, and their ports on nodes.
    Services,
    /// Claims: how many of which class, and how large.
    Claims,
    /// How many. A name for the count, and an older name if there is one.
    Objects(String, Option<&'r str>),
}

/// What a Pod has to say for itself if a quota counts it.
const MUST_BE_SAID: [&str; 6] = [
    "cpu",
    "memory",
    "requests.cpu",
    "requests.memory",
    "limits.cpu",
    "limits.memory",
];

const OF_PODS: [&str; 11] = [
    "count/pods",
    "pods",
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];

const OF_SERVICES: [&str; 4] = [
    "count/services",
    "services",
    "services.nodeports",
    "services.loadbalancers",
];

const OF_CLAIMS: [&str; 2] = ["persistentvolumeclaims", "requests.storage"];
const CLAIM_COUNT: &str = "count/persistentvolumeclaims";
/// Between the name of a class and what is counted of it.
const OF_CLASS: &str = ".storageclass.storage.k8s.io/";

/// Resources that were counted before there was a name for every count.
const OLD_NAMES: [&str; 4] = [
    "configmaps",
    "resourcequotas",
    "replicationcontrollers",
    "secrets",
];

fn number(count: usize) -> Quantity {
    Quantity::of(i64::try_from(count).unwrap_or(i64::MAX), Format::DecimalSi)
}

impl<'r> Measure<'r> {
    /// The measure of a resource.
    pub(super) fn of(group: &str, plural: &'r str) -> Measure<'r> {
        match (group, plural) {
            ("", "pods") => Measure::Pods,
            ("", "services") => Measure::Services,
            ("", "persistentvolumeclaims") => Measure::Claims,
            ("", plural) => {
                let old = OLD_NAMES.contains(&plural).then_some(plural);
                Measure::Objects(format!("count/{plural}"), old)
            }
            (group, plural) => Measure::Objects(format!("count/{plural}.{group}"), None),
        }
    }

    /// Whether an object can use more after an update of this part of it: of Pods only a resize changes what
    /// they ask for.
    pub(super) fn may_grow(&self, subresource: &str) -> bool {
        match self {
            Measure::Pods => subresource == "resize",
            Measure::Services | Measure::Claims => subresource.is_empty(),
            Measure::Objects(..) => false,
        }
    }

    /// Whether the measure says anything of what has this name in a quota.
    pub(super) fn counts(&self, name: &str) -> bool {
        match self {
            Measure::Pods => {
                let is_extended = name
                    .strip_prefix("requests.")
                    .is_some_and(|rest| rest.contains('/') && !rest.contains("kubernetes.io/"));
                OF_PODS.contains(&name)
                    || name.starts_with("hugepages-")
                    || name.starts_with("requests.hugepages-")
                    || is_extended
            }
            Measure::Services => OF_SERVICES.contains(&name),
            Measure::Claims => {
                let of_class = |what: &&str| name.ends_with(&format!("{OF_CLASS}{what}"));
                name == CLAIM_COUNT || OF_CLAIMS.contains(&name) || OF_CLAIMS.iter().any(of_class)
            }
            Measure::Objects(count, old) => name == count || Some(name) == *old,
        }
    }

    /// What an object uses.
    pub(super) fn usage(&self, object: &Value) -> Amounts {
        let spec = object.get("spec").unwrap_or(&Value::Null);
        match self {
            Measure::Pods => pod(object, spec),
            Measure::Services => service(spec),
            Measure::Claims => claim(object, spec),
            Measure::Objects(count, old) => {
                let names = std::iter::once(count.as_str()).chain(*old);
                names.map(|name| (name.to_owned(), number(1))).collect()
            }
        }
    }

    /// What a Pod had to say and did not, with the containers that did not: quotas of processors and memory
    /// want every container to ask for some.
    pub(super) fn missing(&self, names: &[&str], object: &Value) -> Option<String> {
        if !matches!(self, Measure::Pods) {
            return None;
        }
        let spec = object.get("spec").unwrap_or(&Value::Null);
        let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for container in list(spec, "containers")
            .iter()
            .chain(list(spec, "initContainers"))
        {
            let requests = of_container(container, "requests");
            let said = compute(&requests, &of_container(container, "limits"));
            let own = container.get("name").and_then(Value::as_str).unwrap_or("");
            for name in names.iter().filter(|name| MUST_BE_SAID.contains(name)) {
                if !said.contains_key(*name) {
                    missing.entry(name).or_default().insert(own);
                }
            }
        }
        let texts: Vec<String> = missing
            .into_iter()
            .map(|(name, who)| {
                let who: Vec<&str> = who.into_iter().collect();
                format!("{name} for: {}", who.join(","))
            })
            .collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }
}

/// Resources under the names that quotas have for them.
fn compute(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut used = Amounts::new();
    for name in ["cpu", "memory", "ephemeral-storage"] {
        if let Some(request) = requests.get(name) {
            used.insert(name.to_owned(), *request);
            used.insert(format!("requests.{name}"), *request);
        }
        if let Some(limit) = limits.get(name) {
            used.insert(format!("limits.{name}"), *limit);
        }
    }
    for (name, request) in requests {
        let is_pages = name.starts_with("hugepages-");
        let is_extended = name.contains('/') && !name.contains("kubernetes.io/");
        if is_pages {
            used.insert(name.clone(), *request);
        }
        if is_pages || is_extended {
            used.insert(format!("requests.{name}"), *request);
        }
    }
    used
}

/// A Pod that has ended is there, and uses nothing.
fn pod(object: &Value, spec: &Value) -> Amounts {
    let phase = object
        .pointer("/status/phase")
        .and_then(Value::as_str)
        .unwrap_or("");
    let has_ended = ["Succeeded", "Failed"].contains(&phase);
    let mut used = match has_ended {
        true => Amounts::new(),
        false => {
            let mut used = compute(&of_pod(spec, "requests"), &of_pod(spec, "limits"));
            used.insert("pods".to_owned(), number(1));
            used
        }
    };
    used.insert("count/pods".to_owned(), number(1));
    used
}

fn service(spec: &Value) -> Amounts {
    let ports = list(spec, "ports");
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or("");
    let allocates = spec
        .get("allocateLoadBalancerNodePorts")
        .and_then(Value::as_bool);
    let on_nodes = match (kind, allocates) {
        // Only ports that were asked for.
        ("LoadBalancer", Some(false)) => {
            let has_one = |port: &&Value| port.get("nodePort").is_some_and(|port| port != 0);
            ports.iter().filter(has_one).count()
        }
        ("LoadBalancer" | "NodePort", _) => ports.len(),
        _ => 0,
    };
    let counts = [1, 1, on_nodes, usize::from(kind == "LoadBalancer")];
    let names = OF_SERVICES.into_iter().map(str::to_owned);
    names.zip(counts.into_iter().map(number)).collect()
}

fn claim(object: &Value, spec: &Value) -> Amounts {
    let requested = amounts(spec.pointer("/resources/requests")).remove("storage");
    let allocated = amounts(object.pointer("/status/allocatedResources")).remove("storage");
    let size = requested.map(|size| allocated.map_or(size, |allocated| allocated.max(size)));
    let class = spec.get("storageClassName").and_then(Value::as_str);
    let annotation = "/metadata/annotations/volume.beta.kubernetes.io~1storage-class";
    let class = object.pointer(annotation).and_then(Value::as_str).or(class);
    let mut used = Amounts::new();
    used.insert(CLAIM_COUNT.to_owned(), number(1));
    // Bytes are whole.
    let sizes = [Some(number(1)), size.map(|size| size.rounded_up(0).0)];
    for (name, amount) in OF_CLAIMS.into_iter().zip(sizes) {
        let Some(amount) = amount else {
            continue;
        };
        used.insert(name.to_owned(), amount);
        if let Some(class) = class.filter(|class| !class.is_empty()) {
            used.insert(format!("{class}{OF_CLASS}{name}"), amount);
        }
    }
    used
}
