//! What is in a namespace, and its deletion.

use super::conditions::Report;
use crate::objects::Key;
use crate::runtime::{Client, Deletion, Graph, Problem, Reference};
use futures::stream::{self, StreamExt};
use keelson_apiserver::request::{ListOptions, ListRead, Propagation};
use keelson_apiserver::resource::Resource;
use keelson_apiserver::selector::{FieldSelector, LabelSelector};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Objects that are told to go in one look; with more, another look follows.
const TOLD_MAX: usize = 1024;
/// Deletions that are under way at the same time. The store commits them in groups.
const DELETIONS_MAX: usize = 64;

/// What goes next in a namespace: its Pods, and everything else only when there are none.
#[derive(Default)]
pub(super) struct Content {
    /// What has to be told to go, with uids.
    pub(super) told: Vec<Told>,
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
                let resource = name(&node.reference.resource);
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
fn name(resource: &Resource) -> String {
    format!("{}.{}", resource.plural, resource.gvk.group)
}

/// What has to be told to go, with its uid.
type Told = (Reference, String);

/// Tells what has to go that it has to. What is refused is reported.
///
/// # Errors
/// See [`Problem`].
pub(super) async fn delete(
    client: &Client,
    told: Vec<Told>,
    report: &mut Report,
) -> Result<(), Problem> {
    let mut deletions = stream::iter(told)
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
    let (registry, catalog) = (&client.ground().registry, client.ground().served());
    let unseen = registry.left_in(&catalog, namespace).await?;
    if unseen.is_empty() {
        return Ok(());
    }
    for (resource, _) in unseen {
        delete_all(client, &resource, namespace, report).await?;
    }
    for (resource, count) in registry.left_in(&catalog, namespace).await? {
        report.left.insert(name(&resource), count);
    }
    Ok(())
}

/// Deletes all objects of a resource, as a list has them: in pieces, so that many are no burden.
async fn delete_all(
    client: &Client,
    resource: &Arc<Resource>,
    namespace: &str,
    report: &mut Report,
) -> Result<(), Problem> {
    let target = client.target_of(&Reference {
        resource: resource.clone(),
        key: Key::new(namespace, ""),
    });
    let all = ListOptions {
        labels: LabelSelector::everything(),
        fields: FieldSelector::everything(),
        limit: None,
        read: ListRead::Latest,
        timeout: None,
    };
    let mut list = client.ground().registry.list(&target, &all).await?;
    while let Some(piece) = list.pieces.next().await {
        let told = piece?.into_iter().filter_map(|object| {
            let object = object.value()?;
            let text = |name: &str| object["metadata"][name].as_str();
            let key = Key::new(namespace, text("name")?);
            let resource = resource.clone();
            Some((Reference { resource, key }, text("uid")?.to_owned()))
        });
        let told = told.collect();
        delete(client, told, report).await?;
    }
    Ok(())
}
