//! Doing what was decided: one write after the other, each resting on everything that was seen.

use super::observed::Observed;
use super::step::Step;
use super::{status, template};
use crate::objects::{Key, Replicas};
use crate::runtime::{Client, Deletion, Kind, Problem};
use keelson_apiserver::status::Failure;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// ReplicaSets that a write rests on, at most: a transaction has room for 128 conditions.
const GROUNDS_MAX: usize = 64;
/// Why a namespace takes nothing any more.
const TERMINATING: &str = "NamespaceTerminating";

/// Does it. Stops at the first write that does not succeed.
///
/// # Errors
/// See [`Problem`].
pub(super) async fn carry_out(
    client: &Client,
    seen: &Observed,
    steps: &[Step],
) -> Result<(), Problem> {
    let mut acting = Acting::new(client, seen);
    for step in steps {
        acting.act(step).await?;
    }
    Ok(())
}

struct Acting<'a> {
    client: &'a Client,
    seen: &'a Observed,
    key: Key,
    /// The revision of the Deployment as it was seen or as it was written since.
    revision: u64,
    /// The same of the ReplicaSets that have Pods, are to have some, or were written.
    sets: BTreeMap<Key, u64>,
}

impl<'a> Acting<'a> {
    fn new(client: &'a Client, seen: &'a Observed) -> Acting<'a> {
        let metadata = &seen.deployment.metadata;
        let live = seen
            .sets
            .iter()
            .filter(|set| set.is_wanted() || set.pods.left > 0);
        let sets = live.map(|set| (set.set.metadata.key(), set.set.metadata.revision));
        Acting {
            client,
            seen,
            key: metadata.key(),
            revision: metadata.revision,
            sets: sets.take(GROUNDS_MAX).collect(),
        }
    }

    /// Writes that rest on the Deployment alone.
    fn on_deployment(&self) -> Client {
        let ground = (Kind::Deployment, &self.key, self.revision);
        self.client.resting_on([ground])
    }

    /// Writes that rest on the ReplicaSets, too.
    fn on_all(&self) -> Client {
        let sets = self.sets.iter();
        let grounds = sets.map(|(key, revision)| (Kind::ReplicaSet, key, *revision));
        self.on_deployment().resting_on(grounds)
    }

    async fn act(&mut self, step: &Step) -> Result<(), Problem> {
        match step {
            Step::Own { set, patch } | Step::Note { set, patch } => {
                self.patch(&self.on_deployment(), set, patch.clone()).await
            }
            Step::Create {
                name,
                wanted,
                object,
            } => self.create(name, *wanted, object).await,
            Step::Scale {
                set,
                from,
                to,
                annotations,
            } => {
                let patch = json!({
                    "metadata": {"annotations": annotations},
                    "spec": {"replicas": to},
                });
                self.patch(&self.on_all(), set, patch).await?;
                self.scaled(&set.metadata.name, *from, *to);
                Ok(())
            }
            Step::Delete { set } => {
                let deletion = Deletion {
                    uid: Some(&set.metadata.uid),
                    revision: Some(set.metadata.revision),
                    ..Deletion::default()
                };
                let client = self.on_deployment();
                client
                    .delete(Kind::ReplicaSet, &set.metadata.key(), &deletion)
                    .await
            }
            Step::Tell { patch } => self.tell(patch.clone()).await,
        }
    }

    async fn patch(
        &mut self,
        client: &Client,
        set: &Replicas,
        mut patch: Value,
    ) -> Result<(), Problem> {
        let key = set.metadata.key();
        patch["metadata"]["resourceVersion"] = set.metadata.revision.to_string().into();
        let patched = client.patch(Kind::ReplicaSet, &key, &patch).await?;
        self.sets.insert(key, revision(&patched));
        Ok(())
    }

    async fn tell(&mut self, mut patch: Value) -> Result<(), Problem> {
        patch["metadata"]["resourceVersion"] = self.revision.to_string().into();
        let patched = self
            .client
            .patch_status(Kind::Deployment, &self.key, &patch)
            .await?;
        self.revision = revision(&patched);
        Ok(())
    }

    async fn create(&mut self, name: &str, wanted: i32, object: &Value) -> Result<(), Problem> {
        let created = self
            .on_all()
            .create(Kind::ReplicaSet, &self.key.namespace, object)
            .await;
        match created {
            Ok(_) if wanted > 0 => self.scaled(name, 0, wanted),
            Ok(_) => {}
            Err(Problem::Exists) => return self.collided(name).await,
            Err(Problem::Refused(failure)) => return self.refused(name, failure).await,
            Err(problem) => return Err(problem),
        }
        Ok(())
    }

    /// The name is taken. By a set of this template that is not seen yet: it will be. By another one:
    /// the next name is another, too.
    async fn collided(&mut self, name: &str) -> Result<(), Problem> {
        let key = Key::new(&self.key.namespace, name);
        let target = self.client.target(Kind::ReplicaSet, &key);
        let found = self.client.get_at(&target).await?;
        let deployment = &self.seen.deployment;
        let owners = found["metadata"]["ownerReferences"].as_array();
        let is_own = owners.into_iter().flatten().any(|owner| {
            owner["controller"] == true && owner["uid"] == deployment.metadata.uid.as_str()
        });
        let template = &deployment.spec.template;
        if is_own && template::are_equal(&found["spec"]["template"], template) {
            return Err(Problem::Stale);
        }
        self.tell_step(status::collided(self.seen)).await
    }

    async fn refused(&mut self, name: &str, failure: Box<Failure>) -> Result<(), Problem> {
        let mut causes = failure.details.iter().flat_map(|details| &details.causes);
        if causes.any(|cause| cause.reason == TERMINATING) {
            return Err(Problem::Refused(failure));
        }
        let message = format!("Failed to create new replica set \"{name}\": {failure}");
        self.tell_step(status::not_created(self.seen, &message))
            .await?;
        self.event(true, "ReplicaSetCreateError", message);
        Err(Problem::Refused(failure))
    }

    async fn tell_step(&mut self, step: Option<Step>) -> Result<(), Problem> {
        match step {
            Some(Step::Tell { patch }) => self.tell(patch).await,
            _ => Ok(()),
        }
    }

    fn scaled(&self, name: &str, from: i32, to: i32) {
        let way = match from.cmp(&to) {
            std::cmp::Ordering::Less => "up",
            std::cmp::Ordering::Greater => "down",
            std::cmp::Ordering::Equal => return,
        };
        let message = format!("Scaled {way} replica set {name} from {from} to {to}");
        self.event(false, "ScalingReplicaSet", message);
    }

    fn event(&self, is_warning: bool, reason: &str, message: String) {
        let metadata = &self.seen.deployment.metadata;
        let about = self.client.about(Kind::Deployment, metadata);
        self.client.event(about, is_warning, reason, message);
    }
}

/// The revision of an object that was written.
fn revision(object: &Value) -> u64 {
    let text = object["metadata"]["resourceVersion"].as_str();
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}
