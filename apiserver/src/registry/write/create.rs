//! New objects.

use super::body::{place, single_owners};
use super::job::Job;
use super::store::{Live, OBJECT_MAX, Outcome};
use crate::admission::{AdmissionRequest, Admitted, Operation};
use crate::names::generate;
use crate::registry::strategy::fields::{is_set, metadata, text};
use crate::registry::strategy::prepare_create;
use crate::registry::{Body, Written};
use crate::status::{Failure, FieldError};
use crate::storage::{Object, Write};
use crate::validate;
use serde_json::Value;

/// How many names are made up before giving up. Upstream's number.
const NAMES_TRIED: u32 = 8;

/// What clients may not decide.
const WIPED: [&str; 5] = [
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
];

/// What became of an attempt. An error instead of it came before anything was sent to the store.
pub(super) enum Attempt {
    /// It was written; the answer.
    Done(Object),
    /// There was nothing to write; the answer.
    Same(Object),
    /// The store did not do it, or nobody knows whether it did: nothing is tried again.
    Failed(Failure),
    /// Somebody else was faster. What there is now.
    Lost(Option<Live>),
}

impl Job<'_> {
    /// A new object, as it was sent.
    ///
    /// # Errors
    /// Whatever is wrong with it; 409 if its name is taken.
    pub(super) async fn create(&self, body: &Body) -> Result<Written, Failure> {
        let mut warnings = Vec::new();
        let object = self.read_new(body, &mut warnings)?;
        if !matches!(text(&object, "/metadata/resourceVersion"), "" | "0") {
            let text = "resourceVersion should not be set on objects to be created";
            return Err(Failure::unclassified(text));
        }
        let base = match text(&object, "/metadata/name") {
            "" => text(&object, "/metadata/generateName").to_owned(),
            _ => String::new(),
        };
        let (mut tried, mut attempts) = (0, 0);
        let mut sent = Some(object);
        loop {
            self.pause(attempts).await?;
            attempts += 1;
            let mut object = match sent.take() {
                Some(object) => object,
                None => self.read_new(body, &mut Vec::new())?,
            };
            if !base.is_empty() {
                tried += 1;
                let name = generate(&base, || self.registry.draw());
                metadata(&mut object).insert("name".to_owned(), name.into());
            }
            let name = text(&object, "/metadata/name").to_owned();
            let mut warned = warnings.clone();
            let taken = match self.create_once(object, false, &mut warned).await? {
                Attempt::Failed(failure) => return Err(failure),
                Attempt::Done(object) | Attempt::Same(object) => {
                    return Ok(Written {
                        object,
                        created: true,
                        warnings: warned,
                    });
                }
                // What admission relied on has changed.
                Attempt::Lost(None) => continue,
                Attempt::Lost(Some(taken)) => taken,
            };
            if base.is_empty() {
                return Err(self.exists(&name, &taken));
            }
            if tried >= NAMES_TRIED {
                return Err(Failure::no_free_name(&self.group_resource(), &name));
            }
        }
    }

    /// Reads the object as it was sent. A copy to try again with would cost every create what few need: those
    /// read it again.
    fn read_new(&self, body: &Body, warnings: &mut Vec<String>) -> Result<Value, Failure> {
        let mut object = self.read_body(body, warnings)?;
        place(self.target, &mut object)?;
        single_owners(&mut object, "", warnings);
        Ok(object)
    }

    /// 409: the name is taken.
    pub(super) fn exists(&self, name: &str, taken: &Live) -> Failure {
        let mut failure = Failure::already_exists(&self.group_resource(), name);
        if is_set(&taken.value, "/metadata/deletionTimestamp") {
            failure.message = format!("object is being deleted: {}", failure.message);
        }
        failure
    }

    /// One attempt to create an object that has its name, as the client sees it. `is_owned`: its managed
    /// fields are there already.
    pub(super) async fn create_once(
        &self,
        mut object: Value,
        is_owned: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Attempt, Failure> {
        let fields = metadata(&mut object);
        WIPED.iter().for_each(|name| drop(fields.remove(*name)));
        fields.remove("resourceVersion");
        fields.insert("uid".to_owned(), self.registry.uid().into());
        fields.insert("creationTimestamp".to_owned(), self.now.as_str().into());
        if !is_owned {
            object = self.track(None, object);
        }
        let name = text(&object, "/metadata/name").to_owned();
        let mut asks = self.asks(Operation::Create, &name);
        asks.object = object.into();
        let mut admitted = self.registry.admission.mutate(&mut asks).await?;
        // What was sent is in form, and so is who owns it.
        let is_formed = !is_owned && !asks.object.is_touched();
        let mut object = asks.object.take().unwrap_or_default();
        if !is_formed {
            self.reform(&mut object)?;
        }
        single_owners(&mut object, " after mutating admission happens", warnings);
        place(self.target, &mut object)?;
        let mut object = crate::registry::versions::incoming(self.resource(), object);
        prepare_create(self.strategy, self.resource(), &mut object, &self.context());
        self.form_stored(&mut object)?;
        self.validate_new(&name, &object)?;
        warnings.extend(validate::warn::of_new(&self.resource().stored, &object));
        let (object, more) = self.admitted(&mut asks, object).await?;
        admitted.append(more);
        warnings.append(&mut admitted.warnings);
        self.store_new(object, &name, &admitted).await
    }

    /// Asks admission for the last time, about an object as it will be stored.
    pub(super) async fn admitted(
        &self,
        asks: &mut AdmissionRequest,
        stored: Value,
    ) -> Result<(Value, Admitted), Failure> {
        let (shown, kept) = match self.sees_stored() {
            true => (stored, None),
            false => (self.view(&stored), Some(stored)),
        };
        asks.object = shown.into();
        let admitted = self.registry.admission.validate(asks).await?;
        let shown = asks.object.take().unwrap_or_default();
        Ok((kept.unwrap_or(shown), admitted))
    }

    fn validate_new(&self, name: &str, object: &Value) -> Result<(), Failure> {
        let mut errors = validate::create(&self.resource().stored, object);
        errors.extend(self.check_custom(object, None));
        super::dedup(&mut errors);
        match errors.is_empty() {
            true => Ok(()),
            false => Err(self.invalid(name, &errors)),
        }
    }

    /// What is wrong with a custom resource by its schema.
    pub(super) fn check_custom(&self, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let resource = self.resource();
        let custom = resource.custom.as_deref();
        custom.map_or_else(Vec::new, |custom| {
            custom.check(&resource.gvk.version, object, old)
        })
    }

    async fn store_new(
        &self,
        object: Value,
        name: &str,
        admitted: &Admitted,
    ) -> Result<Attempt, Failure> {
        let key = self.key(name)?;
        if self.is_dry_run {
            let object = bounded(object)?;
            return Ok(match self.read(&key).await? {
                Some(taken) => Attempt::Lost(Some(taken)),
                None => Attempt::Same(self.shown(object, 0)),
            });
        }
        let admitted = self.accounted(admitted, None, Some(&object)).await?;
        let object = bounded(object)?;
        let lease = match self.strategy.ttl_s {
            Some(ttl_s) => self.registry.lease(ttl_s, &self.group_resource()).await?,
            None => 0,
        };
        let write = Write::Put {
            key,
            value: object.stored().clone(),
            lease,
        };
        Ok(match self.commit(write, 0, &admitted).await {
            Err(failure) => Attempt::Failed(failure),
            Ok(Outcome::Written(revision)) => Attempt::Done(self.shown(object, revision)),
            Ok(Outcome::Lost(found)) => Attempt::Lost(found.map(Live::of).transpose()?),
        })
    }

    /// An object that was stored, as the client of this part sees it.
    pub(super) fn shown(&self, stored: Object, revision: u64) -> Object {
        let stored = Object::new(stored.stored().clone(), revision);
        if self.sees_stored() {
            return stored;
        }
        match stored.value() {
            Some(value) => Object::of(self.view(&value), revision),
            None => stored,
        }
    }
}

/// An object as it will be stored. If it is too large with its managed fields it goes without.
///
/// # Errors
/// 413 if it is too large without them, too.
pub(super) fn bounded(value: Value) -> Result<Object, Failure> {
    let object = Object::of(value, 0);
    if object.stored().len() <= OBJECT_MAX {
        return Ok(object);
    }
    let mut value = object.value().unwrap_or_default();
    metadata(&mut value).remove("managedFields");
    let object = Object::of(value, 0);
    match object.stored().len() <= OBJECT_MAX {
        true => Ok(object),
        false => Err(Failure::too_large("etcdserver: request is too large")),
    }
}
