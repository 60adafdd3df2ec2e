//! Defaults and bounds for the resources of Pods and claims, from `LimitRange`s.

use super::demand::{Amounts, amounts, list, of_container, of_containers};
use super::{AdmissionRequest, Admitted, Objects, Operation, Plugin, Which};
use crate::canonical::Quantity;
use crate::status::Failure;
use crate::storage::Future;
use serde_json::{Map, Value, json};

const RANGES: Which = Which {
    group: "",
    version: "v1",
    plural: "limitranges",
};

const NOTE: &str = "kubernetes.io/limit-ranger";
/// Numbers up to which thousandths are compared.
const MILLI_MAX: i64 = i64::MAX / 1000;

/// See the file's first line.
pub struct LimitRanger;

impl Plugin for LimitRanger {
    fn name(&self) -> &'static str {
        "LimitRanger"
    }

    fn handles(&self, request: &AdmissionRequest) -> bool {
        match request.operation {
            // The resources of a Pod that is there do not change here.
            Operation::Create => {
                request.is_for("", "pods") || request.is_for("", "persistentvolumeclaims")
            }
            Operation::Update => request.is_for("", "persistentvolumeclaims"),
            Operation::Delete | Operation::Connect => false,
        }
    }

    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest,
        objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            if request.is_for("", "pods") {
                let ranges = objects.list(RANGES, &request.target.namespace).await?;
                let pod = request.object.as_mut();
                if let Some(pod) = pod {
                    for range in &ranges {
                        fill_in(pod, &range.object);
                    }
                }
            }
            Ok(Admitted::default())
        })
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest,
        objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            let is_going = request
                .object
                .as_ref()
                .is_some_and(|object| object.pointer("/metadata/deletionTimestamp").is_some());
            // Whoever only lets go of an object must not be held up.
            if request.operation == Operation::Update && is_going {
                return Ok(Admitted::default());
            }
            let ranges = objects.list(RANGES, &request.target.namespace).await?;
            let spec = request
                .object
                .as_ref()
                .and_then(|object| object.get("spec"));
            for range in &ranges {
                let wrong = check(spec.unwrap_or(&Value::Null), &range.object, request);
                match wrong.as_slice() {
                    [] => {}
                    [only] => return Err(request.forbidden(only)),
                    many => return Err(request.forbidden(&format!("[{}]", many.join(", ")))),
                }
            }
            Ok(Admitted::default())
        })
    }
}

fn limits(range: &Value) -> &[Value] {
    list(range.get("spec").unwrap_or(&Value::Null), "limits")
}

fn is_of(limit: &Value, kind: &str) -> bool {
    limit.get("type").is_some_and(|own| own == kind)
}

/// Gives containers what they do not say, and notes it down.
fn fill_in(pod: &mut Value, range: &Value) {
    let (mut requests, mut maximums) = (Map::new(), Map::new());
    for limit in limits(range)
        .iter()
        .filter(|limit| is_of(limit, "Container"))
    {
        for (into, field) in [
            (&mut requests, "defaultRequest"),
            (&mut maximums, "default"),
        ] {
            if let Some(Value::Object(amounts)) = limit.get(field) {
                into.extend(amounts.clone());
            }
        }
    }
    let mut notes = Vec::new();
    for (field, who) in [
        ("containers", "container"),
        ("initContainers", "init container"),
    ] {
        let containers = pod.pointer_mut(&format!("/spec/{field}"));
        for container in containers
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let name = container["name"].as_str().unwrap_or_default().to_owned();
            let given = [
                (put_missing(container, "requests", &requests), "request"),
                (put_missing(container, "limits", &maximums), "limit"),
            ];
            for (names, what) in given {
                if !names.is_empty() {
                    notes.push(format!("{} {what} for {who} {name}", names.join(", ")));
                }
            }
        }
    }
    if notes.is_empty() {
        return;
    }
    let note = format!("LimitRanger plugin set: {}", notes.join("; "));
    let Some(metadata) = pod.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if annotations.is_null() {
        *annotations = json!({});
    }
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(NOTE.to_owned(), note.into());
    }
}

/// Adds amounts that are not there. Returns their names in order.
fn put_missing(container: &mut Value, field: &str, given: &Map<String, Value>) -> Vec<String> {
    let mut names = Vec::new();
    let Some(container) = container.as_object_mut().filter(|_| !given.is_empty()) else {
        return names;
    };
    let resources = container.entry("resources").or_insert_with(|| json!({}));
    let Some(resources) = resources.as_object_mut() else {
        return names;
    };
    let amounts = resources.entry(field).or_insert_with(|| json!({}));
    let Some(amounts) = amounts.as_object_mut() else {
        return names;
    };
    for (name, amount) in given {
        if !amounts.contains_key(name) {
            amounts.insert(name.clone(), amount.clone());
            names.push(name.clone());
        }
    }
    names.sort();
    names
}

/// Everything in which an object is not as a range wants it.
fn check(spec: &Value, range: &Value, request: &AdmissionRequest) -> Vec<String> {
    let mut wrong = Vec::new();
    for limit in limits(range) {
        if request.is_for("", "persistentvolumeclaims") {
            if is_of(limit, "PersistentVolumeClaim") {
                let wanted = of_container(spec, "requests");
                let bounds = Bounds::of(limit);
                bounds.least(&wanted, &Amounts::new(), &mut wrong);
                bounds.most_requested(&wanted, &mut wrong);
            }
            continue;
        }
        if is_of(limit, "Container") {
            let all = list(spec, "containers")
                .iter()
                .chain(list(spec, "initContainers"));
            for container in all {
                let requests = of_container(container, "requests");
                Bounds::of(limit).check(&requests, &of_container(container, "limits"), &mut wrong);
            }
        }
        if is_of(limit, "Pod") {
            let requests = of_containers(spec, "requests");
            Bounds::of(limit).check(&requests, &of_containers(spec, "limits"), &mut wrong);
        }
    }
    wrong
}

/// One element of a range.
struct Bounds<'v> {
    kind: &'v str,
    min: Amounts,
    max: Amounts,
    ratio: Amounts,
}

impl<'v> Bounds<'v> {
    fn of(limit: &'v Value) -> Bounds<'v> {
        Bounds {
            kind: limit.get("type").and_then(Value::as_str).unwrap_or(""),
            min: amounts(limit.get("min")),
            max: amounts(limit.get("max")),
            ratio: amounts(limit.get("maxLimitRequestRatio")),
        }
    }

    fn check(&self, requests: &Amounts, limits: &Amounts, wrong: &mut Vec<String>) {
        self.least(requests, limits, wrong);
        self.most(requests, limits, wrong);
        self.ratios(requests, limits, wrong);
    }

    fn least(&self, requests: &Amounts, limits: &Amounts, wrong: &mut Vec<String>) {
        for (name, min) in &self.min {
            let rule = format!("minimum {name} usage per {} is {min}", self.kind);
            match (requests.get(name), limits.get(name)) {
                (None, _) => wrong.push(format!("{rule}.  No request is specified")),
                (Some(request), _) if request < min => {
                    wrong.push(format!("{rule}, but request is {request}"));
                }
                (_, Some(limit)) if limit < min => {
                    wrong.push(format!("{rule}, but limit is {limit}"));
                }
                _ => {}
            }
        }
    }

    fn most(&self, requests: &Amounts, limits: &Amounts, wrong: &mut Vec<String>) {
        for (name, max) in &self.max {
            let rule = format!("maximum {name} usage per {} is {max}", self.kind);
            match (requests.get(name), limits.get(name)) {
                (_, None) => wrong.push(format!("{rule}.  No limit is specified")),
                (_, Some(limit)) if limit > max => {
                    wrong.push(format!("{rule}, but limit is {limit}"));
                }
                (Some(request), _) if request > max => {
                    wrong.push(format!("{rule}, but request is {request}"));
                }
                _ => {}
            }
        }
    }

    /// For claims, which have no limits.
    fn most_requested(&self, requests: &Amounts, wrong: &mut Vec<String>) {
        for (name, max) in &self.max {
            let rule = format!("maximum {name} usage per {} is {max}", self.kind);
            match requests.get(name) {
                None => wrong.push(format!("{rule}.  No request is specified")),
                Some(request) if request > max => {
                    wrong.push(format!("{rule}, but request is {request}"));
                }
                Some(_) => {}
            }
        }
    }

    fn ratios(&self, requests: &Amounts, limits: &Amounts, wrong: &mut Vec<String>) {
        for (name, most) in &self.ratio {
            let kind = self.kind;
            let rule = format!("{name} max limit to request ratio per {kind} is {most}, but");
            let some = |amounts: &Amounts| amounts.get(name).copied().filter(|a| !a.is_zero());
            match (some(requests), some(limits)) {
                (None, _) => {
                    wrong.push(format!("{rule} no request is specified or request is 0"));
                }
                (_, None) => wrong.push(format!("{rule} no limit is specified or limit is 0")),
                (Some(request), Some(limit)) => {
                    let ratio = as_number(limit) / as_number(request);
                    if ratio > as_number(*most) {
                        wrong.push(format!("{rule} provided ratio is {ratio:.6}"));
                    }
                }
            }
        }
    }
}

fn as_number(quantity: Quantity) -> f64 {
    match quantity.value() <= MILLI_MAX {
        true => quantity.milli_value() as f64 / 1000.0,
        false => quantity.value() as f64,
    }
}
