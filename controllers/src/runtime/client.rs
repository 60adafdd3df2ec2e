//! How loops write: through the registry of this process, under their term and their claim.

use super::claim::Claim;
use super::event::{About, Recorder};
use super::follow::Shared;
use super::meter::QueueMeters;
use super::problem::Problem;
use super::refused::Refused;
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
use keelson_plants::{Plant, planted};
use parking_lot::RwLockReadGuard;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What all loops of a member share.
pub struct Ground {
    /// Objects over the store.
    pub registry: Arc<Registry>,
    /// What is built in.
    pub catalog: Arc<Catalog>,
    /// The time of the day.
    pub clock: Arc<dyn Clock>,
    /// The world.
    pub shared: Arc<Shared>,
    /// What came too late.
    pub refused: Arc<Refused>,
    /// What the queues of loops have to do.
    pub queues: Arc<QueueMeters>,
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
            refused: Arc::default(),
            queues: Arc::default(),
            registry,
            catalog,
            clock,
        }
    }

    /// What is served as of the world, custom resources too.
    pub fn served(&self) -> Arc<Catalog> {
        self.shared.catalog()
    }

    /// The row of a kind.
    pub fn row(&self, kind: Kind) -> &Arc<Resource> {
        // The built-in catalog has all kinds of the world: a test looks.
        &self.rows[&kind]
    }
}

/// Writes of one loop, or of one look at one key. Clones write down together what they wrote.
#[derive(Clone)]
pub struct Client {
    ground: Arc<Ground>,
    claim: Arc<Claim>,
    recorder: Recorder,
    caller: Caller,
    used: Guard,
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
        };
        client.caller.reads = vec![client.used.clone()];
        client
    }

    /// A client for one more decision, with nothing written yet. Returns once the world shows all that was
    /// written under earlier claims.
    ///
    /// # Errors
    /// The store's, if the claim was lost and cannot be renewed now.
    pub async fn fresh(&self) -> Result<Client, Problem> {
        let used = self.claim.ensure().await;
        let used = used.inspect_err(|problem| self.ground.refused.note(problem))?;
        self.ground.shared.reached(used.mod_revision).await;
        let mut client = self.clone();
        client.caller.reads = match planted(Plant::TwoLeadersAct) {
            true => Vec::new(),
            false => vec![used.clone()],
        };
        client.used = used;
        client.caller.wrote = Arc::default();
        Ok(client)
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

    /// The revision of the claim under which this client writes. What is decided on a world that shows it
    /// knows everything that earlier claims have written.
    pub fn claimed(&self) -> u64 {
        self.used.mod_revision
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
        Client::answer(&self.known(written.await)?)
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
        Client::answer(&self.known(written.await)?)
    }

    /// Replaces whatever the target names.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn update_at(&self, target: &Target, object: &Value) -> Result<Value, Problem> {
        let (registry, options) = (&self.ground.registry, self.options());
        let object = body(object);
        let written = registry.update(&self.caller, target, &object, &options);
        Client::answer(&self.known(written.await)?)
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
            Ok(_) => Ok(()),
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
        self.caller.wrote.load(Ordering::Relaxed)
    }

    /// Takes note of a problem of one of its writes. Whoever reports it to the runtime need not; a loop of
    /// its own does, before it asks for a [`Client::fresh`] one.
    ///
    /// # Errors
    /// The store's, and [`Problem::Fenced`].
    pub async fn take_note(&self, problem: &Problem) -> Result<(), Problem> {
        match problem {
            Problem::Fenced => return Err(Problem::Fenced),
            Problem::Stale => self.claim.shaken(&self.used).await?,
            Problem::Unknown(_) => self.claim.give_up(&self.used),
            _ => {}
        }
        Ok(())
    }

    /// Remembers that nobody knows what became of a write, whatever the loop makes of it: before anything
    /// else is decided the claim is renewed.
    fn known<T>(&self, outcome: Result<T, Failure>) -> Result<T, Problem> {
        let outcome = outcome.map_err(Problem::from);
        if let Err(problem) = &outcome {
            self.ground.refused.note(problem);
        }
        if let (Err(Problem::Unknown(_)), false) = (&outcome, planted(Plant::UnknownWriteForgotten))
        {
            self.claim.give_up(&self.used);
        }
        outcome
    }

    fn answer(written: &Written) -> Result<Value, Problem> {
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
