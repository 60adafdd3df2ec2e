//! Which Pods belong to a Job: it takes in those that it selects and nobody manages, and lets go those that
//! it does not select any more (M4).

use super::observe::Observed;
use super::pod::FINALIZER;
use crate::bulk::bulk;
use crate::objects::{Job, Meta, Pod};
use crate::pods::{self, Belonging, belonging};
use crate::runtime::{Client, Future, Kind, Problem, World};
use keelson_apiserver::selector::{LabelSelector, from_structure};
use serde_json::{Value, json};
use std::sync::Arc;

/// What a Job selects. `None`: it says nothing that can be followed.
fn selector(job: &Job) -> Option<LabelSelector> {
    let selector = from_structure(Some(&job.spec.selector)).ok()?;
    let selects = !selector.is_everything() && selector.requirements().is_some();
    selects.then_some(selector)
}

/// The Job would take in this Pod, which nobody manages.
pub fn wants(job: &Job, pod: &Meta) -> bool {
    selector(job).is_some_and(|selector| selector.matches(&pod.labels))
}

/// The patches that make all Pods belong where they should, with the Pods that they are about.
pub fn moves(world: &World, observed: &Observed) -> Vec<(Arc<Pod>, Value)> {
    let meta = &observed.job.metadata;
    let mut moves = Vec::new();
    let Some(selector) = selector(&observed.job) else {
        return moves;
    };
    let strays = observed.pods.iter();
    let orphans = world.pods.orphans(&meta.namespace);
    for pod in strays.chain(orphans) {
        let matches = selector.matches(&pod.metadata.labels);
        let mut patch = match belonging(meta, matches, &pod.metadata) {
            Belonging::Orphaned => {
                let owner = meta.owner_reference("batch/v1", "Job");
                pods::adoption(&pod.metadata, &owner)
            }
            Belonging::Strayed => pods::release(&pod.metadata, &meta.uid),
            Belonging::Owned | Belonging::Foreign => continue,
        };
        let finalizers = pod.metadata.finalizers.iter().map(String::as_str);
        let mut finalizers: Vec<_> = finalizers.filter(|name| *name != FINALIZER).collect();
        if matches {
            finalizers.push(FINALIZER);
        }
        patch["metadata"]["finalizers"] = json!(finalizers);
        moves.push((pod.clone(), patch));
    }
    moves
}

/// Makes these changes. They rest on the Job as it was observed.
///
/// # Errors
/// See [`Problem`].
pub async fn carry_out(
    client: &Client,
    observed: &Observed,
    moves: &[(Arc<Pod>, Value)],
) -> Result<(), Problem> {
    let meta = &observed.job.metadata;
    let key = meta.key();
    let client = client.resting_on([(Kind::Job, &key, meta.revision)]);
    let mut writes: Vec<Future<'_, Result<(), Problem>>> = Vec::with_capacity(moves.len());
    for (pod, patch) in moves {
        writes.push(Box::pin(change(&client, pod, patch)));
    }
    bulk(writes).await
}

async fn change(client: &Client, pod: &Pod, patch: &Value) -> Result<(), Problem> {
    let key = pod.metadata.key();
    client.patch(Kind::Pod, &key, patch).await.map(drop)
}
