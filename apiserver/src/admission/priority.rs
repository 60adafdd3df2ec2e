//! Priority classes become numbers.

use super::{AdmissionRequest, Admitted, Objects, Operation, Plugin, Which};
use crate::status::Failure;
use crate::storage::Future;
use serde_json::Value;
use std::sync::Arc;

const CLASSES: Which = Which {
    group: "scheduling.k8s.io",
    version: "v1",
    plural: "priorityclasses",
};

/// Classes that are there even if nobody has made them.
const SYSTEM: [(&str, i64); 2] = [
    ("system-cluster-critical", 2_000_000_000),
    ("system-node-critical", 2_000_001_000),
];

const LOWERS: &str = "PreemptLowerPriority";

/// Gives Pods the priority of their class, and sees to it that there is one default class at most.
pub struct Priority;

impl Plugin for Priority {
    fn name(&self) -> &'static str {
        "Priority"
    }

    fn handles(&self, request: &AdmissionRequest) -> bool {
        let writes = [Operation::Create, Operation::Update].contains(&request.operation);
        let is_class = request.is_for(CLASSES.group, CLASSES.plural);
        writes && (is_class || request.is_for("", "pods"))
    }

    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest,
        objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            if request.is_for("", "pods") {
                match request.operation {
                    Operation::Create => resolve(request, objects).await?,
                    _ => carry_over(request),
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
            if request.is_for(CLASSES.group, CLASSES.plural) {
                one_default(request, objects).await?;
            }
            Ok(Admitted::default())
        })
    }
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or("")
}

fn number(class: &Value) -> i64 {
    class.get("value").and_then(Value::as_i64).unwrap_or(0)
}

/// What an update leaves out stays: the number and the policy were never the client's.
fn carry_over(request: &mut AdmissionRequest) {
    let (Some(pod), Some(old)) = (request.object.as_mut(), request.old.as_ref()) else {
        return;
    };
    let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    for field in ["priority", "preemptionPolicy"] {
        let is_absent = spec.get(field).is_none_or(Value::is_null);
        let before = old.get("spec").and_then(|spec| spec.get(field));
        if let (true, Some(before)) = (is_absent, before) {
            spec.insert(field.to_owned(), before.clone());
        }
    }
}

async fn resolve(request: &mut AdmissionRequest, objects: &dyn Objects) -> Result<(), Failure> {
    let spec = request.object.as_ref().and_then(|pod| pod.get("spec"));
    let mut name = spec
        .map_or("", |spec| text(spec, "priorityClassName"))
        .to_owned();
    let (mut priority, mut policy) = (0, LOWERS.to_owned());
    if name.is_empty() {
        if let Some(class) = default_class(objects).await? {
            name = class
                .pointer("/metadata/name")
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned();
            priority = number(&class);
            policy = policy_of(&class);
        }
    } else {
        let class = objects.get(CLASSES, "", &name).await?;
        let system = SYSTEM.iter().find(|(system, _)| *system == name);
        match (class, system) {
            (Some(class), _) => {
                priority = number(&class.object);
                policy = policy_of(&class.object);
            }
            (None, Some((_, value))) => priority = *value,
            (None, None) => {
                let why = format!("no PriorityClass with name {name} was found");
                return Err(request.forbidden(&why));
            }
        }
    }
    let given = |field: &str| {
        spec.and_then(|spec| spec.get(field))
            .filter(|v| !v.is_null())
    };
    if given("priority").is_some_and(|given| given.as_i64() != Some(priority)) {
        let given = given("priority")
            .map(ToString::to_string)
            .unwrap_or_default();
        let why = format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {priority} from the given PriorityClass name"
        );
        return Err(request.forbidden(&why));
    }
    if given("preemptionPolicy").is_some_and(|given| given != policy.as_str()) {
        let given = spec.map_or("", |spec| text(spec, "preemptionPolicy"));
        let why = format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller computed {policy} from the given PriorityClass name"
        );
        return Err(request.forbidden(&why));
    }
    let pod = request.object.as_mut();
    let spec = pod
        .and_then(|pod| pod.get_mut("spec"))
        .and_then(Value::as_object_mut);
    if let Some(spec) = spec {
        if !name.is_empty() {
            spec.insert("priorityClassName".to_owned(), name.into());
        }
        spec.insert("priority".to_owned(), priority.into());
        spec.insert("preemptionPolicy".to_owned(), policy.into());
    }
    Ok(())
}

fn policy_of(class: &Value) -> String {
    match text(class, "preemptionPolicy") {
        "" => LOWERS.to_owned(),
        policy => policy.to_owned(),
    }
}

/// The class of Pods that name none: the lowest, if several say so.
async fn default_class(objects: &dyn Objects) -> Result<Option<Arc<Value>>, Failure> {
    let all = objects.list(CLASSES, "").await?;
    let defaults = all.into_iter().map(|found| found.object);
    let defaults = defaults.filter(|class| class.get("globalDefault") == Some(&Value::Bool(true)));
    Ok(defaults.min_by_key(|class| number(class)))
}

async fn one_default(request: &AdmissionRequest, objects: &dyn Objects) -> Result<(), Failure> {
    let object = request.object.as_ref();
    let is_default = object.and_then(|class| class.get("globalDefault"));
    if is_default != Some(&Value::Bool(true)) {
        return Ok(());
    }
    let Some(other) = default_class(objects).await? else {
        return Ok(());
    };
    let name = other
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or("");
    let own = object.and_then(|class| class.pointer("/metadata/name"));
    let is_other = own.is_none_or(|own| own != name);
    if request.operation == Operation::Create || is_other {
        let why = format!(
            "PriorityClass {name} is already marked as default. Only one default can exist"
        );
        return Err(request.forbidden(&why));
    }
    Ok(())
}
