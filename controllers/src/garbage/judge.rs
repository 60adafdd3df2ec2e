//! How an owner stands to one who names it.

use super::plan::Hold;
use super::sight::{Dependent, Sight};
use crate::objects::{Key, OwnerReference};
use crate::runtime::{Client, Graph, GraphNode, Problem, Reference};
use futures::stream::{self, StreamExt};
use keelson_apiserver::registry::Target;
use keelson_apiserver::resource::{Resource, Scope, Verb};
use keelson_apiserver::schema::Gvk;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Reads of owners that wait for the store at the same time.
const READS_MAX: usize = 16;

/// How an owner stands to its dependent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is there.
    Solid,
    /// It is there, and goes once its dependents have gone.
    Waiting,
    /// It is not there, and never will be again.
    Absent,
    /// Nobody can tell: its kind is not served.
    Unknown,
    /// Nobody can tell: the dependent is in no namespace and the owner would be in one.
    Nowhere,
}

/// What the world knows of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Enough.
    Stands(Standing),
    /// It is not where the reference says: the store is asked.
    Nothing,
}

/// What the world knows of the owner that a dependent names.
pub(super) fn seen(graph: &Graph, dependent: &GraphNode, owner: &OwnerReference) -> Seen {
    match graph.by_uid(&owner.uid) {
        Some(node) if is_where_it_says(node, dependent, owner) => {
            Seen::Stands(match Hold::of(node) {
                Some(Hold::Foreground) => Standing::Waiting,
                _ => Standing::Solid,
            })
        }
        _ => Seen::Nothing,
    }
}

fn is_where_it_says(node: &GraphNode, dependent: &GraphNode, owner: &OwnerReference) -> bool {
    let Reference { resource, key } = &node.reference;
    let namespace = &dependent.reference.key.namespace;
    let group = owner.api_version.split_once('/').map_or("", |(g, _)| g);
    *key.name == owner.name
        && resource.gvk.kind == owner.kind
        && resource.gvk.group == group
        && (resource.scope == Scope::Cluster || key.namespace == *namespace)
}

/// Whether a dependent names an owner that is in another namespace.
pub(super) fn is_misplaced(graph: &Graph, dependent: &GraphNode, owner: &OwnerReference) -> bool {
    let namespace = &dependent.reference.key.namespace;
    graph.by_uid(&owner.uid).is_some_and(|node| {
        let own = &node.reference.key.namespace;
        !own.is_empty() && own != namespace
    })
}

/// Where an owner is, if it is there: place of the resource, namespace, name; and its uid.
type Asked = (String, String, String, String);

/// Asks the store, once for each owner in one look.
pub(super) struct Judge<'c> {
    client: &'c Client,
    known: HashMap<Asked, Standing>,
    has_unknown: bool,
}

impl Judge<'_> {
    pub(super) fn new(client: &Client) -> Judge<'_> {
        Judge {
            client,
            known: HashMap::new(),
            has_unknown: false,
        }
    }

    /// Asks for every owner that the world does not know.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn ask(&mut self, sight: &Sight) -> Result<(), Problem> {
        let mut open: HashMap<Asked, Target> = HashMap::new();
        for dependent in &sight.dependents {
            for (owner, seen) in dependent.node.owners.iter().zip(&dependent.seen) {
                if let (Seen::Nothing, Ok(target)) = (seen, self.target(&dependent.node, owner)) {
                    open.insert(asked(&target, owner), target);
                }
            }
        }
        let mut asking = stream::iter(open)
            .map(|(asked, target)| ask_store(self.client.clone(), asked, target))
            .buffer_unordered(READS_MAX);
        while let Some(answer) = asking.next().await {
            let (asked, standing) = answer?;
            self.known.insert(asked, standing);
        }
        Ok(())
    }

    /// How the owners of a dependent stand, in their order.
    pub(super) fn standings(&mut self, dependent: &Dependent) -> Vec<Standing> {
        let owners = dependent.node.owners.iter().zip(&dependent.seen);
        let standings = owners.map(|(owner, seen)| match seen {
            Seen::Stands(standing) => *standing,
            Seen::Nothing => match self.target(&dependent.node, owner) {
                Ok(target) => {
                    let known = self.known.get(&asked(&target, owner));
                    known.copied().unwrap_or(Standing::Unknown)
                }
                Err(standing) => standing,
            },
        });
        let standings: Vec<Standing> = standings.collect();
        self.has_unknown |= standings.contains(&Standing::Unknown);
        standings
    }

    /// Whether the kind of an owner was not served.
    pub(super) fn has_unknown(&self) -> bool {
        self.has_unknown
    }

    /// Where an owner is to be looked for.
    fn target(&self, dependent: &GraphNode, owner: &OwnerReference) -> Result<Target, Standing> {
        let row = self.row(owner).ok_or(Standing::Unknown)?;
        let namespace = &dependent.reference.key.namespace;
        let namespace = match (row.scope, &**namespace) {
            (Scope::Cluster, _) => "",
            (Scope::Namespaced, "") => return Err(Standing::Nowhere),
            (Scope::Namespaced, namespace) => namespace,
        };
        Ok(self.client.target_of(&Reference {
            key: Key::new(namespace, &owner.name),
            resource: Arc::new(row),
        }))
    }

    fn row(&self, owner: &OwnerReference) -> Option<Resource> {
        let version = owner.api_version.as_str();
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let gvk = Gvk {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: owner.kind.clone(),
        };
        let catalog = self.client.ground().served();
        let row = catalog.of_kind(&gvk);
        let row = row.filter(|row| {
            row.can(Verb::Get) && !owner.name.is_empty() && !owner.name.contains('/')
        });
        row.cloned()
    }
}

fn asked(target: &Target, owner: &OwnerReference) -> Asked {
    (
        target.resource.key.clone(),
        target.namespace.clone(),
        target.name.clone(),
        owner.uid.clone(),
    )
}

async fn ask_store(
    client: Client,
    asked: Asked,
    target: Target,
) -> Result<(Asked, Standing), Problem> {
    let standing = match client.get_at(&target).await {
        Ok(object) => standing(&object, &asked.3),
        Err(Problem::Absent) => Standing::Absent,
        Err(problem) => return Err(problem),
    };
    Ok((asked, standing))
}

/// How the object that has the owner's name stands to one who means this uid.
fn standing(object: &Value, uid: &str) -> Standing {
    let metadata = &object["metadata"];
    let finalizers = metadata["finalizers"].as_array();
    let is_held = |wanted: &str| {
        let mut held = finalizers.into_iter().flatten();
        held.any(|finalizer| finalizer == wanted)
    };
    match metadata["uid"] == uid {
        false => Standing::Absent,
        true if metadata["deletionTimestamp"].is_null() => Standing::Solid,
        true if is_held(Hold::Foreground.finalizer()) && !is_held(Hold::Orphan.finalizer()) => {
            Standing::Waiting
        }
        true => Standing::Solid,
    }
}
