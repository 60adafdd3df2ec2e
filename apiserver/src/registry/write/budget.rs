//! Disruption budgets: whether a Pod may be evicted, and what that costs.

use super::job::Job;
use super::store::{Live, failure};
use crate::admission::Admitted;
use crate::registry::strategy::fields::{is_set, member, members, text};
use crate::resource::Resource;
use crate::selector::from_structure;
use crate::status::{Failure, GroupResource};
use crate::storage::{At, Guard, Keys, Object, Range, Write};
use bytes::Bytes;
use serde_json::{Value, json};

/// Budgets of a namespace that are looked at. Nobody has more; beyond, nothing is evicted.
const BUDGETS_MAX: usize = 10_000;
/// Evictions that a budget may have granted and its controller not seen yet. Upstream's number.
const DISRUPTED_MAX: usize = 2_000;

fn number(budget: &Value, pointer: &str) -> i64 {
    budget.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

impl Job<'_> {
    /// What the eviction of a Pod needs: nothing, or that its budget is charged.
    ///
    /// # Errors
    /// 429 if the budget does not allow it; 500 if there is more than one.
    pub(super) async fn budget(&self, pod: &Live) -> Result<Admitted, Failure> {
        let pod = &pod.value;
        let is_no_disruption = matches!(
            text(pod, "/status/phase"),
            "Succeeded" | "Failed" | "Pending"
        ) || is_set(pod, "/metadata/deletionTimestamp");
        let Some(row) = crate::resource::builtin().find("policy", "v1", "poddisruptionbudgets")
        else {
            return Ok(Admitted::default());
        };
        if is_no_disruption {
            return Ok(Admitted::default());
        }
        let mut budgets = self.budgets_of(row, pod).await?;
        let (key, budget) = match (budgets.pop(), budgets.is_empty()) {
            (None, _) => return Ok(Admitted::default()),
            (Some(budget), true) => budget,
            (Some(_), false) => {
                return Err(Failure::unclassified(
                    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
                ));
            }
        };
        let mut admitted = Admitted::default();
        admitted.guards.push(Guard {
            key: key.clone(),
            mod_revision: budget.revision(),
        });
        if may_go_unready(pod, &budget.value) {
            return Ok(admitted);
        }
        let mut charged = budget.value;
        charge(&mut charged, text(pod, "/metadata/name"), &self.now)?;
        let charged = Object::of(charged, 0);
        admitted.writes.push(Write::Put {
            key,
            value: charged.stored().clone(),
            lease: 0,
        });
        Ok(admitted)
    }

    /// The budgets that are about a Pod.
    async fn budgets_of(&self, row: &Resource, pod: &Value) -> Result<Vec<(Bytes, Live)>, Failure> {
        let keys = Keys::of(row, text(pod, "/metadata/namespace"));
        let range = Range {
            key: keys.start(),
            end: Some(keys.end()),
            at: At::Latest,
            limit: BUDGETS_MAX,
            keys_only: false,
        };
        let resource = GroupResource::new("policy", "poddisruptionbudgets");
        let ranged = self.registry.kv.range(range).await;
        let ranged = ranged.map_err(|error| failure(error, &resource, "list"))?;
        if ranged.count > ranged.keys.len() as u64 {
            return Err(Failure::unclassified(
                "there are too many disruption budgets to look at",
            ));
        }
        let labels = pod.pointer("/metadata/labels").unwrap_or(&Value::Null);
        let mut found = Vec::new();
        for item in ranged.keys {
            let key = item.key.clone();
            let budget = Live::of(item)?;
            // An empty one selects everything, and what cannot be read selects nothing.
            let selector = from_structure(budget.value.pointer("/spec/selector")).ok();
            if selector.is_some_and(|selector| selector.matches(labels)) {
                found.push((key, budget));
            }
        }
        Ok(found)
    }
}

/// Whether a Pod that does no work may go without a charge.
fn may_go_unready(pod: &Value, budget: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let is_ready = conditions.into_iter().flatten().any(|condition| {
        text(condition, "/type") == "Ready" && text(condition, "/status") == "True"
    });
    let wanted = number(budget, "/status/desiredHealthy");
    let is_healthy = number(budget, "/status/currentHealthy") >= wanted && wanted > 0;
    let always = text(budget, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow";
    !is_ready && (always || is_healthy)
}

/// Takes one disruption from a budget.
fn charge(budget: &mut Value, pod: &str, now: &str) -> Result<(), Failure> {
    let resource = GroupResource::new("policy", "poddisruptionbudget");
    let name = text(budget, "/metadata/name").to_owned();
    let generation = number(budget, "/metadata/generation");
    if number(budget, "/status/observedGeneration") < generation {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        let mut failure = Failure::disruption_budget(why);
        failure.details.get_or_insert_default().retry_after_seconds = 10;
        return Err(failure);
    }
    let disrupted = budget
        .pointer("/status/disruptedPods")
        .and_then(Value::as_object);
    if disrupted.is_some_and(|disrupted| disrupted.len() > DISRUPTED_MAX) {
        let why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
        return Err(Failure::forbidden(&resource, &name, why));
    }
    let allowed = number(budget, "/status/disruptionsAllowed");
    if allowed < 0 {
        let why = "pdb disruptions allowed is negative";
        return Err(Failure::forbidden(&resource, &name, why));
    }
    if allowed == 0 {
        return Err(Failure::disruption_budget(used_up(budget, &name)));
    }
    let status = member(budget, "status");
    *member(status, "disruptionsAllowed") = (allowed - 1).into();
    members(member(status, "disruptedPods")).insert(pod.to_owned(), now.into());
    if allowed == 1 {
        exhaust(status, generation, now);
    }
    Ok(())
}

/// Why a budget allows nothing. If it could not be counted its numbers are old.
fn used_up(budget: &Value, name: &str) -> String {
    let conditions = budget
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    let said = conditions
        .into_iter()
        .flatten()
        .find(|one| text(one, "/type") == "DisruptionAllowed" && text(one, "/status") == "False");
    let said = said.map(|one| (text(one, "/reason"), text(one, "/message")));
    let said = said.filter(|(_, message)| !message.is_empty());
    let wanted = number(budget, "/status/desiredHealthy");
    let current = number(budget, "/status/currentHealthy");
    match said {
        Some(("SyncFailed", why)) => format!(
            "The disruption budget {name} does not allow evicting pods currently because it failed sync: {why}"
        ),
        _ if current <= wanted => format!(
            "The disruption budget {name} needs {wanted} healthy pods and has {current} currently"
        ),
        Some((reason, why)) => format!(
            "The disruption budget {name} does not allow evicting pods currently ({reason}): {why}"
        ),
        None => format!("The disruption budget {name} does not allow evicting pods currently"),
    }
}

/// Says that the budget is used up.
fn exhaust(status: &mut Value, generation: i64, now: &str) {
    let condition = json!({
        "type": "DisruptionAllowed",
        "status": "False",
        "reason": "InsufficientPods",
        "message": "",
        "observedGeneration": generation,
        "lastTransitionTime": now,
    });
    match member(status, "conditions") {
        Value::Array(list) => {
            match list
                .iter_mut()
                .find(|one| text(one, "/type") == "DisruptionAllowed")
            {
                Some(found) => *found = condition,
                None => list.push(condition),
            }
        }
        other => *other = Value::Array(vec![condition]),
    }
}
