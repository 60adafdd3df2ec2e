//! Deletions.

use super::create::bounded;
use super::eviction::disrupt;
use super::grace::{Fate, fate, terminating};
use super::job::Job;
use super::store::{Live, Outcome};
use crate::admission::{Admitted, Operation};
use crate::registry::strategy::fields::{is_set, text, texts};
use crate::registry::{Caller, Registry, Target, Written};
use crate::request::{DeleteOptions, Propagation};
use crate::status::{Failure, GroupResource, deleted};
use crate::storage::{Object, Write};
use keelson_plants::{Plant, planted};
use serde_json::{Value, json};

/// Namespaces that the system cannot do without.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

impl<'a> Job<'a> {
    /// A deletion with its options.
    ///
    /// # Errors
    /// 404 if the subresource is about no part of an object, or if the kind has no shape here.
    pub(super) fn deletion(
        registry: &'a Registry,
        caller: &'a Caller,
        target: &'a Target,
        options: &DeleteOptions,
    ) -> Result<Job<'a>, Failure> {
        let mut job = Job::bare(registry, caller, target)?;
        job.is_dry_run = options.is_dry_run;
        job.options = to_value(options);
        Ok(job)
    }

    /// The object that the path names goes.
    ///
    /// # Errors
    /// 404; 409 for preconditions; what admission says; the store's.
    pub(super) async fn delete(&self, options: &DeleteOptions) -> Result<Written, Failure> {
        self.remove(options, false).await
    }

    /// The same; with `is_eviction` only as far as disruption budgets allow.
    ///
    /// # Errors
    /// As for a deletion; 429 if a budget does not allow it.
    pub(super) async fn remove(
        &self,
        options: &DeleteOptions,
        is_eviction: bool,
    ) -> Result<Written, Failure> {
        let key = self.key(&self.target.name)?;
        let mut found = self.read(&key).await?;
        let mut attempts = 0;
        loop {
            self.pause(attempts).await?;
            attempts += 1;
            let live = found.take().ok_or_else(|| self.not_found())?;
            self.check_delete_preconditions(&live, options)?;
            let mut fate = self.fate(&live, options)?;
            if let (true, Fate::Stays(pod) | Fate::Goes(pod)) = (is_eviction, &mut fate) {
                disrupt(pod, &self.now);
            }
            let mut asks = self.asks(Operation::Delete, &self.target.name);
            asks.old = Some(self.view(&live.value));
            let mut admitted = self.registry.admission.mutate(&mut asks).await?;
            admitted.append(self.registry.admission.validate(&asks).await?);
            if is_eviction {
                admitted.append(self.budget(&live).await?);
            }
            if matches!(fate, Fate::Goes(_)) {
                admitted.append(self.registry.admission.release(&asks).await?);
            }
            match self.carry_out(fate, live, &admitted).await? {
                Ok(object) => {
                    return Ok(Written {
                        object,
                        created: false,
                        warnings: admitted.warnings,
                    });
                }
                Err(lost) => found = lost,
            }
        }
    }

    fn is_namespace(&self) -> bool {
        let stored = &self.resource().stored;
        stored.group.is_empty() && stored.kind == "Namespace"
    }

    fn fate(&self, live: &Live, options: &DeleteOptions) -> Result<Fate, Failure> {
        if self.is_namespace() {
            let name = self.target.name.as_str();
            if IMMORTAL.contains(&name) {
                let why = "this namespace may not be deleted";
                return Err(Failure::forbidden(&self.group_resource(), name, why));
            }
            if !is_set(&live.value, "/metadata/deletionTimestamp") {
                return Ok(Fate::Stays(terminating(&live.value, options, &self.now)));
            }
            if !texts(&live.value, "/spec/finalizers").is_empty() {
                return Ok(Fate::Waits);
            }
        }
        let stored = &self.resource().stored;
        let is_definition =
            stored.kind == "CustomResourceDefinition" && stored.group == "apiextensions.k8s.io";
        if is_definition && !is_set(&live.value, "/metadata/deletionTimestamp") {
            let mut held = live.value.clone();
            crate::custom::hold(&mut held, &self.now);
            return Ok(fate(self.strategy, &held, options, &self.now));
        }
        Ok(fate(self.strategy, &live.value, options, &self.now))
    }

    fn check_delete_preconditions(
        &self,
        live: &Live,
        options: &DeleteOptions,
    ) -> Result<(), Failure> {
        let name = &self.target.name;
        let gvk = &self.resource().gvk;
        // Upstream names the kind where it means the resource.
        let kind = GroupResource::new(&gvk.group, &gvk.kind);
        let uid = text(&live.value, "/metadata/uid");
        let revision = live.revision().to_string();
        let wanted = &options.preconditions;
        let is_other = |wanted: &&str| *wanted != uid && !planted(Plant::DeleteIgnoresUid);
        if let Some(wanted) = wanted.uid.as_deref().filter(is_other) {
            return Err(match self.is_namespace() {
                true => Failure::uid_differs(&self.group_resource(), name, wanted, uid),
                false => Failure::delete_uid_differs(&kind, name, wanted, uid),
            });
        }
        let wanted = wanted.resource_version.as_deref();
        if let Some(wanted) = wanted.filter(|wanted| *wanted != revision) {
            return Err(Failure::delete_version_differs(
                &kind, name, wanted, &revision,
            ));
        }
        Ok(())
    }

    /// Stores what becomes of the object. The inner error is what there is now if somebody was faster.
    async fn carry_out(
        &self,
        fate: Fate,
        live: Live,
        admitted: &Admitted,
    ) -> Result<Result<Object, Option<Live>>, Failure> {
        let revision = live.revision();
        let key = self.key(&self.target.name)?;
        let uid = text(&live.value, "/metadata/uid").to_owned();
        let mut after = None;
        let (write, object) = match fate {
            Fate::Waits => return Ok(Ok(self.shown(live.object, revision))),
            Fate::Stays(object) if object == live.value => {
                return Ok(Ok(self.shown(live.object, revision)));
            }
            Fate::Stays(mut object) => {
                self.form_stored(&mut object)?;
                after = Some(object.clone());
                let object = bounded(object)?;
                let value = object.stored().clone();
                (
                    Write::Put {
                        key,
                        value,
                        lease: 0,
                    },
                    object,
                )
            }
            Fate::Goes(object) => (Write::Delete { key }, Object::of(object, revision)),
        };
        let is_gone = matches!(write, Write::Delete { .. });
        let answer = |revision| match is_gone {
            true => self.last_seen(object, &uid, revision),
            false => self.shown(object, revision),
        };
        if self.is_dry_run {
            return Ok(Ok(answer(revision)));
        }
        let admitted = self.accounted(admitted, Some(&live.value), after.as_ref());
        let admitted = admitted.await?;
        match self.commit(write, revision, &admitted).await? {
            Outcome::Written(revision) => Ok(Ok(answer(revision))),
            Outcome::Lost(found) => Ok(Err(found.map(Live::of).transpose()?)),
        }
    }

    /// What a deletion that took effect is answered with.
    fn last_seen(&self, object: Object, uid: &str, revision: u64) -> Object {
        match self.strategy.returns_deleted {
            true => self.shown(object, revision),
            false => {
                let status = deleted(&self.group_resource(), &self.target.name, uid);
                Object::of(status, 0)
            }
        }
    }
}

/// The options as an object, for admission.
fn to_value(options: &DeleteOptions) -> Value {
    let mut value = json!({"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1"});
    if options.is_dry_run {
        value["dryRun"] = json!(["All"]);
    }
    if let Some(seconds) = options.grace_period_seconds {
        value["gracePeriodSeconds"] = seconds.into();
    }
    if let Some(propagation) = options.propagation {
        value["propagationPolicy"] = match propagation {
            Propagation::Orphan => "Orphan",
            Propagation::Background => "Background",
            Propagation::Foreground => "Foreground",
        }
        .into();
    }
    let wanted = &options.preconditions;
    for (name, wanted) in [
        ("uid", &wanted.uid),
        ("resourceVersion", &wanted.resource_version),
    ] {
        if let Some(wanted) = wanted {
            value["preconditions"][name] = wanted.as_str().into();
        }
    }
    value
}
