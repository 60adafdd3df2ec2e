//! What quotas count: how much there may be, and how much there is.
//!
//! Watches ResourceQuotas, and in their namespaces everything that goes, Pods that end, Services and claims.
//! Owns nothing. Writes the status of quotas. It is settled when `hard` is what the spec says and `used` is
//! what the objects use; since deletions are not charged, that is counted anew after each, and every five
//! minutes. Keys are quotas.
//!
//! Rule Q1: there is never more than is allowed. Whatever is created is charged by admission, in one
//! transaction with the quota. A count is as of one revision, and its write rests on the quota as of that
//! revision: had anything been charged since, the quota would be another, and it is counted anew. What a
//! quota has not counted before is not charged to it, and may be on its way while the first count is made.
//! So a quota first says what it is about, with nothing said to be used, which lets nothing in; and is
//! counted after that. Both together are a moment.
//!
//! | file | what |
//! |---|---|
//! | `count` | what is taken out of the world, and how much of it a quota counts |
//!
//! What may enter: projections of Pods and Services. What never happens here: a rule of what counts, which
//! is admission's.

mod count;
#[cfg(test)]
mod tests;

use crate::objects::{Key, ResourceQuota, ResourceQuotaStatus};
use crate::runtime::{
    Change, Client, Controller, Entry, Future, Kind, Next, Problem, Wanted, World,
};
use count::{count, snapshot};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Everything is counted anew so often.
const EVERY: Duration = Duration::from_secs(300);
/// Between something that goes and the count: what goes with it is counted with it.
const SOON: Duration = Duration::from_millis(100);

/// See the module.
pub struct ResourceQuotas;

impl Controller for ResourceQuotas {
    fn name(&self) -> &'static str {
        "resourcequota"
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        let key = &change.reference.key;
        if change.kind == Some(Kind::ResourceQuota) && change.after.is_some() {
            wanted.add(key.clone());
        }
        if !key.namespace.is_empty() && may_use_less(change) {
            for quota in world.resource_quotas.in_namespace(&key.namespace) {
                wanted.add_after(quota.metadata.key(), SOON);
            }
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for quota in world.resource_quotas.all() {
            wanted.add(quota.metadata.key());
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let Some(seen) = snapshot(&client.world(), key) else {
                return Ok(Next::Settled);
            };
            if seen.quota.metadata.revision > seen.revision {
                // The world is being read anew, and has not all that has been charged.
                return Ok(Next::After(SOON));
            }
            let used = count(client, &seen).await?;
            let status = plan(&seen.quota, used);
            if status != seen.quota.status {
                write(client, &seen.quota, &status).await?;
            }
            Ok(Next::After(EVERY))
        })
    }
}

/// Whether less may be used after a change, so that a count finds room.
fn may_use_less(change: &Change) -> bool {
    let resource = &change.reference.resource;
    let has_ended = |entry: &Entry| entry.pods().is_some_and(|pod| pod.is_finished());
    match (&change.before, &change.after) {
        (_, None) => true,
        (Some(before), Some(after)) if change.kind == Some(Kind::Pod) => {
            has_ended(after) && !has_ended(before)
        }
        (_, Some(_)) => {
            resource.gvk.group.is_empty()
                && matches!(
                    resource.plural.as_str(),
                    "services" | "persistentvolumeclaims"
                )
                && change.was.is_some()
        }
    }
}

/// The status that a quota gets: what it is about and, if it has been about it before, what is used.
fn plan(quota: &ResourceQuota, counted: Map<String, Value>) -> ResourceQuotaStatus {
    let hard = quota.spec.get("hard").and_then(Value::as_object);
    let hard = hard.cloned().unwrap_or_default();
    let before = &quota.status;
    let is_new = |name: &String| !before.hard.contains_key(name);
    let used = match counted.keys().any(is_new) {
        false => counted,
        true => {
            let known = before.used.clone().into_iter();
            known
                .filter(|(name, _)| !is_new(name) && counted.contains_key(name))
                .collect()
        }
    };
    ResourceQuotaStatus { hard, used }
}

async fn write(
    client: &Client,
    quota: &ResourceQuota,
    status: &ResourceQuotaStatus,
) -> Result<(), Problem> {
    let before = &quota.status;
    let patch = json!({
        "metadata": {
            "uid": quota.metadata.uid,
            "resourceVersion": quota.metadata.revision.to_string(),
        },
        "status": {
            "hard": replacing(&before.hard, &status.hard),
            "used": replacing(&before.used, &status.used),
        },
    });
    let key = quota.metadata.key();
    match client.patch_status(Kind::ResourceQuota, &key, &patch).await {
        Ok(_) | Err(Problem::Absent) => Ok(()),
        Err(problem) => Err(problem),
    }
}

/// A patch that makes one map another.
fn replacing(before: &Map<String, Value>, now: &Map<String, Value>) -> Map<String, Value> {
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    let gone = gone.map(|name| (name.clone(), Value::Null));
    gone.chain(now.clone()).collect()
}
