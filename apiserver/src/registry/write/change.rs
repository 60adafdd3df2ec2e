//! Objects that change, by whatever means: one loop around one attempt.

use super::body::{check_name, place, single_owners};
use super::create::{Attempt, bounded};
use super::job::Job;
use super::patch::Patch;
use super::store::{Live, Outcome};
use crate::admission::{Admitted, Operation};
use crate::apply::managers::settle_times;
use crate::registry::strategy::fields::{is_set, metadata, text, texts};
use crate::registry::strategy::{self, Part, keep_system_fields, prepare_update};
use crate::registry::{Written, scale, versions};
use crate::status::{Failure, FieldError, FieldErrorKind, Path};
use crate::storage::{At, Write};
use crate::validate;
use keelson_plants::{Plant, planted};
use serde_json::Value;

/// What an object shall become.
pub(super) enum Source {
    /// This.
    Put(Value),
    /// What a patch makes of it.
    Patch(Patch),
    /// What somebody wants of it, who owns it then.
    Apply {
        /// As it was sent.
        config: Value,
        /// Fields of others are taken over.
        force: bool,
    },
}

impl Job<'_> {
    /// Changes the object that the path names. If others are faster it is done again on what they left,
    /// as long as the client did not say which state it means.
    ///
    /// The first attempt is made on what is at hand, without asking whether that is the newest state: if it is
    /// written, its guard says that it was. What changes nothing, or seems to refuse it, is looked at again in
    /// the newest state.
    ///
    /// # Errors
    /// Whatever is wrong with the change or with what it makes; 404; 409; 504 if others were faster all
    /// the time.
    pub(super) async fn change(
        &self,
        source: &Source,
        warned: Vec<String>,
    ) -> Result<Written, Failure> {
        let key = self.key(&self.target.name)?;
        let mut at = match self.is_dry_run {
            true => At::Latest,
            false => At::Any,
        };
        let mut live = self.read_at(&key, at).await?;
        let mut attempts = 0;
        loop {
            self.pause(attempts).await?;
            attempts += 1;
            let mut warnings = warned.clone();
            let created = live.is_none();
            let attempt = match live {
                None => self.appear(source, &mut warnings).await,
                Some(live) => self.change_once(source, live, &mut warnings).await,
            };
            if at == At::Any && matches!(attempt, Err(_) | Ok(Attempt::Same(_))) {
                at = At::Latest;
                live = self.read(&key).await?;
                continue;
            }
            at = At::Latest;
            match attempt? {
                Attempt::Failed(failure) => return Err(failure),
                Attempt::Lost(found) => live = found,
                Attempt::Done(object) | Attempt::Same(object) => {
                    return Ok(Written {
                        object,
                        created,
                        warnings,
                    });
                }
            }
        }
    }

    /// Creates an object that is not there, if that is what the change means then.
    async fn appear(
        &self,
        source: &Source,
        warnings: &mut Vec<String>,
    ) -> Result<Attempt, Failure> {
        let (object, is_owned) = match source {
            Source::Put(object) => {
                let uid = text(object, "/metadata/uid");
                if !uid.is_empty() {
                    let (resource, name) = (self.group_resource(), &self.target.name);
                    return Err(Failure::uid_differs(&resource, name, uid, ""));
                }
                (object.clone(), false)
            }
            Source::Apply { config, force } if self.part == Part::Main => {
                let mut object = self.configured(None, config, *force)?;
                place(self.target, &mut object)?;
                check_name(self.target, &object)?;
                (object, true)
            }
            Source::Patch(_) | Source::Apply { .. } => return Err(self.not_found()),
        };
        let may_appear = self.part == Part::Main && self.resource().creates_on_update;
        if !is_owned && !may_appear {
            return Err(self.not_found());
        }
        // The client has seen an object that is gone.
        if !matches!(text(&object, "/metadata/resourceVersion"), "" | "0") {
            return Err(Failure::modified(&self.group_resource(), &self.target.name));
        }
        self.create_once(object, is_owned, warnings).await
    }

    async fn change_once(
        &self,
        source: &Source,
        mut live: Live,
        warnings: &mut Vec<String>,
    ) -> Result<Attempt, Failure> {
        // What the client sees is mostly what is stored. Then there is one copy of it, which lies with the
        // question to admission until it is stored.
        let is_one = self.sees_stored();
        let current = match is_one {
            true => std::mem::take(&mut live.value),
            false => self.view(&live.value),
        };
        let mut new = self.wanted(source, &current, warnings)?;
        self.check_preconditions(&new, &current, live.revision())?;
        let revision = live.revision().to_string();
        metadata(&mut new).insert("resourceVersion".to_owned(), revision.into());
        let is_owned = matches!(source, Source::Apply { .. });
        if self.part != Part::Scale && !is_owned {
            new = self.track(Some(&current), new);
        }
        let mut asks = self.asks(Operation::Update, &self.target.name);
        asks.object = new.into();
        asks.old = Some(current);
        let mut admitted = self.registry.admission.mutate(&mut asks).await?;
        // What was sent is in form, and so is who owns it.
        let is_formed = !is_owned && !asks.object.is_touched();
        let mut new = asks.object.take().unwrap_or_default();
        if !is_formed {
            self.reform(&mut new)?;
        }
        single_owners(&mut new, " after mutating admission happens", warnings);
        let stored = asks.old.as_ref().filter(|_| is_one);
        let stored = stored.unwrap_or(&live.value);
        let new = self.prepared(new, stored)?;
        self.validate_change(&new, stored)?;
        if self.part == Part::Main {
            let kind = &self.resource().stored;
            warnings.extend(validate::warn::of_change(kind, &new, stored));
        }
        let is_finished = is_finished(&new, stored);
        let (new, more) = self.admitted(&mut asks, new).await?;
        admitted.append(more);
        if is_finished {
            // Nothing is left to which the rest could belong.
            let warnings = std::mem::take(&mut admitted.warnings);
            admitted = self.registry.admission.release(&asks).await?;
            admitted.warnings.extend(warnings);
        }
        warnings.append(&mut admitted.warnings);
        if let Some(stored) = asks.old.take().filter(|_| is_one) {
            live.value = stored;
        }
        self.store_change(new, live, &admitted).await
    }

    /// What the client of this part wants to see.
    fn wanted(
        &self,
        source: &Source,
        current: &Value,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Failure> {
        let mut new = match source {
            // Looked at when it was read.
            Source::Put(object) => return Ok(object.clone()),
            Source::Patch(patch) => self.patched(patch, current, warnings)?,
            Source::Apply { config, force } => self.configured(Some(current), config, *force)?,
        };
        place(self.target, &mut new)?;
        check_name(self.target, &new)?;
        Ok(new)
    }

    /// Refuses a change that is about another object or another state of it.
    fn check_preconditions(
        &self,
        new: &Value,
        current: &Value,
        revision: u64,
    ) -> Result<(), Failure> {
        let (resource, name) = (self.group_resource(), &self.target.name);
        let (uid, found) = (text(new, "/metadata/uid"), text(current, "/metadata/uid"));
        if !uid.is_empty() && uid != found {
            return Err(Failure::uid_differs(&resource, name, uid, found));
        }
        match text(new, "/metadata/resourceVersion") {
            "" | "0" if self.resource().updates_unconditionally => Ok(()),
            "" | "0" => {
                let error = FieldError {
                    kind: FieldErrorKind::Invalid,
                    field: Path::new("metadata").child("resourceVersion"),
                    // Upstream shows the zero as Go writes unsigned numbers.
                    value: None,
                    detail: "0x0: must be specified for an update".to_owned(),
                };
                Err(self.invalid(name, &[error]))
            }
            text => match text.parse::<u64>() {
                Ok(wanted) if wanted == revision || planted(Plant::UpdateUnconditional) => Ok(()),
                Ok(_) => Err(Failure::modified(&resource, name)),
                Err(error) => Err(Failure::bad_request(format!(
                    "resourceVersion: Invalid value: {text:?}: {error}"
                ))),
            },
        }
    }

    /// The object as it will be stored: what the client wants, where this part may say so.
    fn prepared(&self, new: Value, live: &Value) -> Result<Value, Failure> {
        let mut object = match self.part {
            Part::Scale => {
                let replicas = scale::replicas(&new);
                if replicas < 0 {
                    let at = Path::new("spec").child("replicas");
                    let what = "must be greater than or equal to 0";
                    let error = FieldError::invalid(&at, replicas, what);
                    return Err(self.invalid(&self.target.name, &[error]));
                }
                let mut object = live.clone();
                scale::onto(self.resource(), &new, &mut object);
                object
            }
            _ => versions::incoming(self.resource(), new),
        };
        keep_system_fields(&mut object, live);
        let both = (&mut object, live);
        let (strategy, context) = (self.strategy, self.context());
        prepare_update(strategy, self.resource(), self.part, both, &context);
        if self.part == Part::Scale {
            object = self.track(Some(live), object);
        }
        self.form_stored(&mut object)?;
        Ok(object)
    }

    fn validate_change(&self, new: &Value, old: &Value) -> Result<(), Failure> {
        let old = strategy::for_rules(self.part, new, old);
        let mut errors = validate::update(&self.resource().stored, new, &old);
        errors.extend(self.check_custom(new, Some(&old)));
        super::dedup(&mut errors);
        match errors.is_empty() {
            true => Ok(()),
            false => Err(self.invalid(&self.target.name, &errors)),
        }
    }

    async fn store_change(
        &self,
        mut new: Value,
        live: Live,
        admitted: &Admitted,
    ) -> Result<Attempt, Failure> {
        let revision = live.revision();
        if settle_times(&live.value, &mut new) {
            return Ok(Attempt::Same(self.shown(live.object, revision)));
        }
        let is_finished = is_finished(&new, &live.value);
        if self.is_dry_run {
            return Ok(Attempt::Same(self.shown(bounded(new)?, revision)));
        }
        let after = (!is_finished).then_some(&new);
        let admitted = self.accounted(admitted, Some(&live.value), after).await?;
        let object = bounded(new)?;
        let key = self.key(&self.target.name)?;
        let write = match is_finished {
            true => Write::Delete { key },
            false => Write::Put {
                key,
                value: object.stored().clone(),
                lease: match self.strategy.ttl_s {
                    Some(ttl_s) => self.registry.lease(ttl_s, &self.group_resource()).await?,
                    None => 0,
                },
            },
        };
        Ok(match self.commit(write, revision, &admitted).await {
            Err(failure) => Attempt::Failed(failure),
            Ok(Outcome::Written(_)) if is_finished => Attempt::Done(self.shown(object, revision)),
            // Somebody else finished it, which is what this change is for.
            Ok(Outcome::Lost(None)) if is_finished => Attempt::Done(self.shown(object, revision)),
            Ok(Outcome::Written(revision)) => Attempt::Done(self.shown(object, revision)),
            Ok(Outcome::Lost(found)) => Attempt::Lost(found.map(Live::of).transpose()?),
        })
    }
}

/// Whether nothing holds back any more an object that was going.
fn is_finished(new: &Value, old: &Value) -> bool {
    let grace = old.pointer("/metadata/deletionGracePeriodSeconds");
    let is_empty = text(new, "/kind") != "Namespace" || texts(new, "/spec/finalizers").is_empty();
    is_set(old, "/metadata/deletionTimestamp")
        && grace.and_then(Value::as_i64).unwrap_or(0) == 0
        && texts(new, "/metadata/finalizers").is_empty()
        && is_empty
}
