//! Pods that have to go, as far as those who need them allow.

use super::body::place;
use super::job::Job;
use crate::admission::Operation;
use crate::registry::strategy::fields::text;
use crate::registry::{Body, Caller, Registry, Target, Written};
use crate::request::{DeleteOptions, Query, WriteOptions};
use crate::schema::Gvk;
use crate::status::{Failure, done};
use crate::storage::Object;
use serde_json::{Value, json};

const CREATED: u16 = 201;
const DISRUPTED: &str = "DisruptionTarget";

/// Says of a Pod that it does not go of its own accord: a Job whose rules ask for it does not count it as
/// failed then. `now` is the time as objects hold it.
pub(super) fn disrupt(pod: &mut Value, now: &str) {
    if !pod["status"]["conditions"].is_array() {
        pod["status"]["conditions"] = json!([]);
    }
    let Some(conditions) = pod["status"]["conditions"].as_array_mut() else {
        return;
    };
    let is_told = |of: &Value| of["type"] == DISRUPTED && of["status"] == "True";
    if conditions.iter().any(is_told) {
        return;
    }
    conditions.retain(|of| of["type"] != DISRUPTED);
    conditions.push(json!({
        "type": DISRUPTED,
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastTransitionTime": now,
    }));
}

impl Registry {
    /// Deletes a Pod unless a disruption budget forbids it. The budget is charged in the transaction that
    /// deletes the Pod, so that it is charged exactly if the Pod goes.
    ///
    /// # Errors
    /// As for a deletion; 429 if a budget does not allow it, or is about to be computed.
    pub(super) async fn evict(
        &self,
        caller: &Caller,
        target: &Target,
        body: &Body,
        options: &WriteOptions,
    ) -> Result<Written, Failure> {
        let mut pod = target.clone();
        pod.subresource.clear();
        let subresource = target.resource.subresource(&target.subresource);
        let gvk: &Gvk = &subresource.ok_or_else(Failure::unknown_path)?.gvk;
        let reader = Job::new(self, (caller, &pod), options, "CreateOptions")?;
        let mut warnings = Vec::new();
        let mut eviction = reader.read_kind(body, gvk, &mut warnings)?;
        place(&pod, &mut eviction)?;
        if text(&eviction, "/metadata/name") != target.name {
            return Err(Failure::bad_request(
                "name in URL does not match name in Eviction object",
            ));
        }
        let mut deletion = match eviction
            .get("deleteOptions")
            .filter(|given| !given.is_null())
        {
            Some(given) => DeleteOptions::parse(&Query::default(), Some(given))?,
            None => DeleteOptions::default(),
        };
        deletion.is_dry_run |= options.is_dry_run;
        let mut asks = reader.asks(Operation::Create, &target.name);
        asks.target.subresource.clone_from(&target.subresource);
        asks.object = eviction.into();
        asks.is_dry_run = deletion.is_dry_run;
        let mut admitted = self.admission.mutate(&mut asks).await?;
        admitted.append(self.admission.validate(&asks).await?);
        warnings.append(&mut admitted.warnings);
        let job = Job::deletion(self, caller, &pod, &deletion)?;
        let mut written = job.remove(&deletion, true).await?;
        warnings.append(&mut written.warnings);
        Ok(Written {
            object: Object::of(done(CREATED), 0),
            created: true,
            warnings,
        })
    }
}
