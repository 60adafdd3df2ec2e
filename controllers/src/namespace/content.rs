//! What is in a namespace, and its deletion.

use super::conditions::Report;
use crate::runtime::{Client, Deletion, Graph, Problem, Reference};
use futures::stream::{self, StreamExt};
use keelson_apiserver::request::Propagation;
use std::collections::BTreeMap;

/// Objects that are told to go in one look; with more, another look follows.
const TOLD_MAX: usize = 1024;
/// Deletions that are under way at the same time. The store commits them in groups.
const DELETIONS_MAX: usize = 64;

/// What goes next in a namespace: its Pods, and everything else only when there are none.
#[derive(Default)]
pub(super) struct Content {
    /// What has to be told to go, with uids.
    pub(super) told: Vec<(Reference, String)>,
    /// There is more to be told.
    pub(super) has_more: bool,
    /// How many objects of which resource have been told and are still there.
    pub(super) left: BTreeMap<String, u64>,
    /// How many of them have which finalizer.
    pub(super) finalizers: BTreeMap<String, u64>,
}

impl Content {
    /// What goes next.
    pub(super) fn of(graph: &Graph, namespace: &str) -> Content {
        let is_pod = |reference: &Reference| {
            reference.resource.plural == "pods" && reference.resource.gvk.group.is_empty()
        };
        let all = || graph.in_namespace(namespace);
        let has_pods = all().any(|node| is_pod(&node.reference));
        let mut content = Content::default();
        for node in all().filter(|node| !has_pods || is_pod(&node.reference)) {
            if node.is_deleting {
                let resource = name(&node.reference);
                *content.left.entry(resource).or_default() += 1;
                for finalizer in &node.finalizers {
                    *content.finalizers.entry(finalizer.clone()).or_default() += 1;
                }
            } else if content.told.len() < TOLD_MAX {
                let told = (node.reference.clone(), node.uid.to_string());
                content.told.push(told);
            } else {
                content.has_more = true;
            }
        }
        content
    }

    /// Whether nothing is there.
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty() && self.left.is_empty()
    }
}

/// As upstream writes it: with a dot even if the group is empty.
fn name(reference: &Reference) -> String {
    let resource = &reference.resource;
    format!("{}.{}", resource.plural, resource.gvk.group)
}

/// Tells what has to go that it has to. What is refused is reported.
///
/// # Errors
/// See [`Problem`].
pub(super) async fn delete(
    client: &Client,
    content: &Content,
    report: &mut Report,
) -> Result<(), Problem> {
    let mut deletions = stream::iter(content.told.clone())
        .map(|(reference, uid)| delete_one(client.clone(), reference, uid))
        .buffer_unordered(DELETIONS_MAX);
    let mut failed = None;
    while let Some(deleted) = deletions.next().await {
        match deleted {
            // Another object has its name: the next look sees it.
            Ok(()) | Err(Problem::Stale) => {}
            Err(Problem::Fenced) => return Err(Problem::Fenced),
            Err(Problem::Refused(failure)) => report.failed.push(failure.to_string()),
            Err(problem) => failed = Some(problem),
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn delete_one(client: Client, reference: Reference, uid: String) -> Result<(), Problem> {
    let deletion = Deletion {
        uid: Some(&uid),
        propagation: Some(Propagation::Background),
        ..Deletion::default()
    };
    client
        .delete_at(&client.target_of(&reference), &deletion)
        .await
}

/// Deletes what the world does not show. What is left then is reported.
///
/// # Errors
/// See [`Problem`].
pub(super) async fn delete_unseen(
    client: &Client,
    namespace: &str,
    report: &mut Report,
) -> Result<(), Problem> {
    let (registry, catalog) = (&client.ground().registry, &client.ground().catalog);
    let deletion = Deletion {
        propagation: Some(Propagation::Background),
        ..Deletion::default()
    };
    let mut is_empty = true;
    for (resource, _) in registry.left_in(catalog, namespace).await? {
        is_empty = false;
        match client
            .delete_collection(&resource, namespace, &deletion)
            .await
        {
            Ok(()) => {}
            Err(Problem::Refused(failure)) => report.failed.push(failure.to_string()),
            Err(problem) => return Err(problem),
        }
    }
    if !is_empty {
        for (resource, count) in registry.left_in(catalog, namespace).await? {
            let name = format!("{}.{}", resource.plural, resource.gvk.group);
            report.left.insert(name, count);
        }
    }
    Ok(())
}
