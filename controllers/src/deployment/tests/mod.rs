//! What is decided about Deployments, statement by statement, and what becomes of it.
//!
//! | file | what |
//! |---|---|
//! | `templates`, `revisions` | D1, D2, ownership |
//! | `rollout` | D3, D4, D6, D10, D13: the next step |
//! | `sizes` | D8, D9, D11 |
//! | `told` | D7: status and conditions |
//! | `cluster`, `history` | both controllers and Pods in a cluster in memory, and its whole history |
//! | `bounds` | D5, D10, D13 at every revision, whoever leads |
//! | `users` | what users see |
//! | `model` | D5: whole rollouts in a small model, in any order of events |
//!
//! What may enter: a Deployment and its sets as literals, and the plan for them. What never happens here:
//! a wait for a clock.

mod bounds;
mod cluster;
mod history;
mod model;
mod revisions;
mod rollout;
mod sizes;
mod templates;
mod told;
mod users;

use super::observed::{Observed, Pods, Set};
use super::plan::{Plan, plan};
use super::step::Step;
use crate::objects::{Deployment, Replicas};
use crate::testing::START_US;
use serde_json::{Value, json};
use std::sync::Arc;

/// A set of the image `image`, with `wanted` Pods wanted, so many there and so many available.
type Given<'a> = (&'a str, i32, i32, i32);

/// A template with this image.
fn template(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    })
}

/// A rolling update with these parameters.
fn rolling(surge: Value, unavailable: Value) -> Value {
    json!({
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
    })
}

/// A Deployment `web` of the image `new`, a quarter of whose Pods may be too many or too few; `spec`
/// says what else it wants.
fn deployment(spec: Value) -> Deployment {
    let mut object = json!({
        "metadata": {"name": "web", "namespace": "default", "uid": "d", "generation": 1},
        "spec": {
            "replicas": 10,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template("new"),
            "strategy": rolling(json!("25%"), json!("25%")),
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 10,
        },
    });
    for (name, value) in spec.as_object().into_iter().flatten() {
        object["spec"][name] = value.clone();
    }
    serde_json::from_value(object).expect("a Deployment")
}

/// The set of an image, the `age`th of its Deployment, which wants `replicas`.
fn set(age: usize, replicas: i32, (image, wanted, active, available): Given<'_>) -> Set {
    let mut template = template(image);
    template["metadata"]["labels"]["pod-template-hash"] = json!(image);
    let object = json!({
        "metadata": {
            "name": format!("web-{image}"),
            "namespace": "default",
            "uid": format!("uid-{image}"),
            "generation": 1,
            "creationTimestamp": format!("2026-01-01T00:00:{age:02}Z"),
            "labels": template["metadata"]["labels"],
            "annotations": {
                "deployment.kubernetes.io/revision": (age + 1).to_string(),
                "deployment.kubernetes.io/desired-replicas": replicas.to_string(),
                "deployment.kubernetes.io/max-replicas": replicas.saturating_add(replicas / 4 + i32::from(replicas % 4 > 0)).to_string(),
            },
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d", "controller": true,
            }],
        },
        "spec": {"replicas": wanted, "template": template},
        "status": {
            "observedGeneration": 1,
            "replicas": active,
            "readyReplicas": available,
            "availableReplicas": available,
        },
    });
    let set: Replicas = serde_json::from_value(object).expect("a ReplicaSet");
    let pods = Pods {
        left: active,
        active,
        ready: available,
        available,
        next: None,
    };
    Set {
        set: Arc::new(set),
        pods,
    }
}

/// The Deployment with these sets, the oldest first, of which the one of the image `new` has been noted.
fn seen(spec: Value, sets: &[Given<'_>]) -> Observed {
    let mut deployment = deployment(spec);
    let replicas = deployment.spec.replicas.expect("a number");
    let sets = sets.iter().enumerate();
    let sets: Vec<Set> = sets
        .map(|(age, given)| set(age, replicas, *given))
        .collect();
    if let Some(new) = sets.iter().find(|set| set.name() == "web-new") {
        let revision = new.set.metadata.annotations["deployment.kubernetes.io/revision"].clone();
        let annotations = &mut deployment.metadata.annotations;
        annotations.insert("deployment.kubernetes.io/revision".to_owned(), revision);
    }
    Observed {
        deployment: Arc::new(deployment),
        sets,
        orphans: Vec::new(),
        now_us: START_US,
    }
}

impl Observed {
    /// The same, with another Deployment.
    fn but(mut self, change: impl FnOnce(&mut Deployment)) -> Observed {
        change(Arc::make_mut(&mut self.deployment));
        self
    }

    /// The same, with another set.
    fn but_set(mut self, at: usize, change: impl FnOnce(&mut Replicas)) -> Observed {
        change(Arc::make_mut(&mut self.sets[at].set));
        self
    }
}

/// What is to be scaled to what, a new set included.
fn scales(plan: &Plan) -> Vec<(String, i32)> {
    let steps = plan.steps.iter();
    steps
        .filter_map(|step| match step {
            Step::Create { wanted, .. } => Some(("created".to_owned(), *wanted)),
            Step::Scale { set, to, .. } => Some((set.metadata.name.clone(), *to)),
            _ => None,
        })
        .collect()
}

/// What is to be scaled to what.
fn scaled(spec: Value, sets: &[Given<'_>]) -> Vec<(String, i32)> {
    scales(&plan(&seen(spec, sets)))
}

/// Names as they are in what is scaled.
fn to(expected: &[(&str, i32)]) -> Vec<(String, i32)> {
    let expected = expected.iter();
    expected
        .map(|(name, to)| ((*name).to_owned(), *to))
        .collect()
}

/// What is to be told.
fn told(plan: &Plan) -> Option<&Value> {
    plan.steps.iter().find_map(|step| match step {
        Step::Tell { patch } => Some(patch),
        _ => None,
    })
}
