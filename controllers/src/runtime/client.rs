//! How loops write: through the registry of this process, under their term and their claim.

use super::claim::Claim;
use super::event::{About, Recorder};
use super::follow::Shared;
use super::problem::Problem;
use super::world::{Kind, Reference};
use crate::objects::Key;
use keelson_apiserver::registry::{Body, Caller, Clock, Registry, Target, Written};
use keelson_apiserver::request::{
    DeleteOptions, Encoding, FieldValidation, PatchOptions, PatchType, Preconditions, Propagation,
    WriteOptions,
};
use keelson_apiserver::resource::{Catalog, Resource};
use keelson_apiserver::status::Failure;
use keelson_apiserver::storage::{Guard, Keys};
use parking_lot::RwLockReadGuard;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What all loops of a member share.
pub struct Ground {
    /// Objects over the store.
    pub registry: Arc<Registry>,
    /// What is served.
    pub catalog: Arc<Catalog>,
    /// The time of the day.
    pub clock: Arc<dyn Clock>,
    /// The world.
    pub shared: Arc<Shared>,
    rows: HashMap<Kind, Arc<Resource>>,
}

impl Ground {
    /// Puts the parts together. Kinds that the catalog lacks cannot be written.
    pub fn new(registry: Arc<Registry>, catalog: Arc<Catalog>, clock: Arc<dyn Clock>) -> Ground {
        let rows = Kind::ALL.iter().filter_map(|&kind| {
            let (group, version, plural) = kind.resource();
            let row = catalog.find(group, version, plural)?;
            Some((kind, Arc::new(row.clone())))
        });
        Ground {
            rows: rows.collect(),
            shared: Arc::new(Shared::new(&catalog)),
            registry,
            catalog,
            clock,
        }
    }

    /// The row of a kind.
    pub fn row(&self, kind: Kind) -> &Arc<Resource> {
        // The built-in catalog has all kinds of the world: a test looks.
        &self.rows[&kind]
    }
}

/// Writes of one loop, or of one look at one key. Clones share nothing but the claim.
#[derive(Clone)]
pub struct Client {
    ground: Arc<Ground>,
    claim: Arc<Claim>,
    recorder: Recorder,
    caller: Caller,
    used: Guard,
    written: Arc<AtomicU64>,
}

/// How an object is deleted.
#[derive(Clone, Debug, Default)]
pub struct Deletion<'a> {
    /// It must have this uid.
    pub uid: Option<&'a str>,
    /// It must have this revision.
    pub revision: Option<u64>,
    /// What becomes of what it owns; `None`: as the kind says.
    pub propagation: Option<Propagation>,
    /// How long it may take; `None`: as the object says.
    pub grace_s: Option<i64>,
}

impl Client {
    pub(super) fn new(
        ground: Arc<Ground>,
        claim: Arc<Claim>,
        recorder: Recorder,
        caller: Caller,
    ) -> Client {
        let used = claim.guard();
        let mut client = Client {
            ground,
            claim,
            recorder,
            caller,
            used,
            written: Arc::default(),
        };
        client.caller.reads = vec![client.used.clone()];
        client
    }

    /// A client for one more decision: under the present claim, with nothing written yet.
    pub fn fresh(&self) -> Client {
        let mut caller = self.caller.clone();
        caller.reads.clear();
        let (ground, claim) = (self.ground.clone(), self.claim.clone());
        Client::new(ground, claim, self.recorder.clone(), caller)
    }

    /// The same, whose writes take effect only if each of these objects still has the revision at which
    /// it was read. The decision rests on them.
    #[must_use]
    pub fn resting_on<'k>(&self, reads: impl IntoIterator<Item = (Kind, &'k Key, u64)>) -> Client {
        let mut client = self.clone();
        let guards = reads.into_iter().map(|(kind, key, revision)| Guard {
            key: Keys::one(self.ground.row(kind), &key.namespace, &key.name),
            mod_revision: revision,
        });
        client.caller.reads.extend(guards);
        client
    }

    /// The world. Do not hold it over anything that waits.
    pub fn world(&self) -> RwLockReadGuard<'_, super::world::World> {
        self.ground.shared.read()
    }

    /// What all loops share.
    pub fn ground(&self) -> &Arc<Ground> {
        &self.ground
    }

    /// Microseconds since 1970.
    pub fn now_us(&self) -> i64 {
        self.ground.clock.now_us()
    }

    /// Creates an object. Returns it as it is stored.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn create(
        &self,
        kind: Kind,
        namespace: &str,
        object: &Value,
    ) -> Result<Value, Problem> {
        let target = self.target(kind, &Key::new(namespace, ""));
        self.create_at(&target, object).await
    }

    /// Creates an object, or a subresource that is created, of any resource.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn create_at(&self, target: &Target, object: &Value) -> Result<Value, Problem> {
        let (registry, options) = (&self.ground.registry, self.options());
        let object = body(object);
        let written = registry.create(&self.caller, target, &object, &options);
        self.noted(self.known(written.await)?)
    }

    /// Changes an object by a JSON merge patch. A `resourceVersion` in it is a condition.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn patch(&self, kind: Kind, key: &Key, patch: &Value) -> Result<Value, Problem> {
        self.patch_at(&self.target(kind, key), patch).await
    }

    /// Changes the status of an object by a JSON merge patch of the whole object.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn patch_status(
        &self,
        kind: Kind,
        key: &Key,
        patch: &Value,
    ) -> Result<Value, Problem> {
        let mut target = self.target(kind, key);
        target.subresource = "status".to_owned();
        self.patch_at(&target, patch).await
    }

    /// Changes whatever the target names by a JSON merge patch.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn patch_at(&self, target: &Target, patch: &Value) -> Result<Value, Problem> {
        let (registry, options) = (&self.ground.registry, self.patch_options());
        let patch = body(patch);
        let kind = PatchType::Merge;
        let written = registry.patch(&self.caller, target, &patch, kind, &options);
        self.noted(self.known(written.await)?)
    }

    /// Replaces whatever the target names.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn update_at(&self, target: &Target, object: &Value) -> Result<Value, Problem> {
        let (registry, options) = (&self.ground.registry, self.options());
        let object = body(object);
        let written = registry.update(&self.caller, target, &object, &options);
        self.noted(self.known(written.await)?)
    }

    /// Deletes an object. One that is gone is no problem.
    ///
    /// # Errors
    /// See [`Problem`]; [`Problem::Stale`] if it is another object or in another state.
    pub async fn delete(
        &self,
        kind: Kind,
        key: &Key,
        deletion: &Deletion<'_>,
    ) -> Result<(), Problem> {
        self.delete_at(&self.target(kind, key), deletion).await
    }

    /// Deletes whatever the target names. One that is gone is no problem.
    ///
    /// # Errors
    /// As for [`Client::delete`].
    pub async fn delete_at(&self, target: &Target, deletion: &Deletion<'_>) -> Result<(), Problem> {
        let options = DeleteOptions {
            is_dry_run: false,
            grace_period_seconds: deletion.grace_s,
            propagation: deletion.propagation,
            preconditions: Preconditions {
                uid: deletion.uid.map(str::to_owned),
                resource_version: deletion.revision.map(|revision| revision.to_string()),
            },
        };
        let deleted = self.ground.registry.delete(&self.caller, target, &options);
        match self.known(deleted.await) {
            Ok(written) => self.noted(written).map(drop),
            Err(Problem::Absent) => Ok(()),
            Err(problem) => Err(problem),
        }
    }

    /// The newest state of an object, read so that nothing acknowledged is missed. Mostly the world is
    /// enough.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn get_at(&self, target: &Target) -> Result<Value, Problem> {
        let read = keelson_apiserver::request::GetRead::Latest;
        let options = keelson_apiserver::request::GetOptions { read };
        let object = self.ground.registry.get(target, &options).await?;
        object.value().ok_or(Problem::Absent)
    }

    /// Tells the users of an object what happened to it. Is never waited for, and may get lost.
    pub fn event(&self, about: About, is_warning: bool, reason: &str, message: impl Into<String>) {
        let now_us = self.now_us();
        self.recorder
            .tell(about, is_warning, reason, message.into(), now_us);
    }

    /// The same, whose events are told in this name.
    pub(super) fn reporting_as(mut self, name: &'static str) -> Client {
        self.recorder = self.recorder.named(name);
        self
    }

    /// What an event about an object of a kind is about.
    pub fn about(&self, kind: Kind, meta: &crate::objects::Meta) -> About {
        About::of(self.ground.row(kind), meta)
    }

    /// The object of a kind as the target of a write.
    pub fn target(&self, kind: Kind, key: &Key) -> Target {
        self.target_of(&Reference {
            resource: self.ground.row(kind).clone(),
            key: key.clone(),
        })
    }

    /// The object as the target of a write.
    pub fn target_of(&self, reference: &Reference) -> Target {
        Target {
            resource: reference.resource.clone(),
            namespace: reference.key.namespace.to_string(),
            name: reference.key.name.to_string(),
            subresource: String::new(),
        }
    }

    /// The newest revision that was written.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// What has to be seen before anything is decided again after this problem: the runtime asks.
    ///
    /// # Errors
    /// The store's, and [`Problem::Fenced`].
    pub(super) async fn after(&self, problem: &Problem) -> Result<u64, Problem> {
        let revision = match problem {
            Problem::Stale => self.claim.shaken(&self.used).await?,
            Problem::Unknown(_) => self.claim.renew(&self.used).await?,
            _ => 0,
        };
        Ok(revision.max(self.written()))
    }

    /// Before a decision: the loop has its claim, and the world shows it.
    ///
    /// # Errors
    /// The store's, and [`Problem::Fenced`].
    pub(super) async fn sure(&self) -> Result<(), Problem> {
        let revision = self.claim.sure().await?;
        self.ground.shared.reached(revision).await;
        Ok(())
    }

    /// After [`Problem::Stale`]: if it was the claim, [`Client::sure`] renews it.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn doubt(&self) -> Result<(), Problem> {
        self.claim.doubt(&self.used).await
    }

    /// Remembers that nobody knows what became of a write, whatever the loop makes of it: before anything
    /// else is decided the claim is renewed.
    fn known(&self, outcome: Result<Written, Failure>) -> Result<Written, Problem> {
        let outcome = outcome.map_err(Problem::from);
        if let Err(Problem::Unknown(_)) = outcome {
            self.claim.distrust(&self.used);
        }
        outcome
    }

    fn noted(&self, written: Written) -> Result<Value, Problem> {
        let revision = written.object.revision();
        self.written.fetch_max(revision, Ordering::Relaxed);
        let value = written.object.value();
        value.ok_or_else(|| Problem::Unknown("the answer is no object".to_owned()))
    }

    fn options(&self) -> WriteOptions {
        WriteOptions {
            is_dry_run: false,
            field_manager: self.caller.user_agent.clone(),
            field_validation: FieldValidation::Strict,
        }
    }

    fn patch_options(&self) -> PatchOptions {
        PatchOptions {
            write: self.options(),
            force: false,
        }
    }
}

fn body(value: &Value) -> Body {
    Body {
        bytes: value.to_string().into(),
        encoding: Encoding::Json,
    }
}
