//! What all steps of one write share: who writes what, how, and since when.

use crate::admission::{AdmissionRequest, Operation, Subject};
use crate::canonical::{Instant, format_time};
use crate::decode::Wire;
use crate::registry::strategy::{self, Context, Part, Strategy};
use crate::registry::{Caller, Registry, Target, scale};
use crate::request::{FieldValidation, WriteOptions};
use crate::resource::{Resource, Scope};
use crate::schema::{self, Gvk, Table, TypeId};
use crate::status::{Failure, FieldError, GroupKind, GroupResource};
use crate::storage::Keys;
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::time::Duration;

/// How long a write is tried again when others are faster. Upstream's limit.
const PATIENCE_US: i64 = 34_000_000;
/// Attempts that follow each other at once; later ones wait a little, longer each time.
const EAGER_ATTEMPTS: u32 = 8;
const PAUSE_MAX: Duration = Duration::from_millis(50);

static WIRE: LazyLock<Wire> = LazyLock::new(|| Wire::new(schema::builtin()));

/// One write of one object.
pub(super) struct Job<'a> {
    pub(super) registry: &'a Registry,
    pub(super) caller: &'a Caller,
    pub(super) target: &'a Target,
    pub(super) part: Part,
    pub(super) strategy: &'static Strategy,
    /// Shapes of kinds, and of their messages.
    pub(super) table: &'a Table,
    pub(super) wire: &'static Wire,
    /// The kind that is sent and answered.
    pub(super) gvk: Gvk,
    pub(super) shape: TypeId,
    /// The kind of the object in the store.
    pub(super) stored_shape: TypeId,
    pub(super) manager: &'a str,
    pub(super) validation: FieldValidation,
    pub(super) is_dry_run: bool,
    /// The options as an object, for admission.
    pub(super) options: Value,
    /// The time when the request came: RFC 3339, whole seconds.
    pub(super) now: String,
    since_us: i64,
}

impl<'a> Job<'a> {
    /// A write with options. `kind` is that of the options.
    ///
    /// # Errors
    /// 404 if the subresource is about no part of an object, or if the kind has no shape here; 500 for
    /// a version that cannot be converted.
    pub(super) fn new(
        registry: &'a Registry,
        (caller, target): (&'a Caller, &'a Target),
        options: &'a WriteOptions,
        kind: &str,
    ) -> Result<Job<'a>, Failure> {
        let mut job = Job::bare(registry, caller, target)?;
        if !options.field_manager.is_empty() {
            job.manager = &options.field_manager;
        }
        job.validation = options.field_validation;
        job.is_dry_run = options.is_dry_run;
        job.options = job.options_of(kind);
        Ok(job)
    }

    /// A write that has no options yet, such as a deletion.
    ///
    /// # Errors
    /// 404 if the subresource is about no part of an object, or if the kind has no shape here; 500 for
    /// a version that cannot be converted.
    pub(super) fn bare(
        registry: &'a Registry,
        caller: &'a Caller,
        target: &'a Target,
    ) -> Result<Job<'a>, Failure> {
        let resource = &target.resource;
        crate::registry::versions::check(resource)?;
        let part = Part::of(&target.subresource).ok_or_else(Failure::unknown_path)?;
        let gvk = match part {
            Part::Main => &resource.gvk,
            _ => match resource.subresource(&target.subresource) {
                Some(found) => &found.gvk,
                None => return Err(Failure::unknown_path()),
            },
        };
        let table = match &resource.custom {
            Some(custom) if part != Part::Scale => custom.table(),
            _ => schema::builtin(),
        };
        let shape = table.kind(gvk).ok_or_else(Failure::unknown_path)?;
        let stored_shape = match &resource.custom {
            // Brought into form by its own schema.
            Some(_) => shape,
            None => table
                .kind(&resource.stored)
                .ok_or_else(Failure::unknown_path)?,
        };
        let since_us = registry.clock.now_us();
        Ok(Job {
            registry,
            caller,
            target,
            part,
            strategy: strategy::of_resource(resource),
            table,
            wire: &WIRE,
            gvk: gvk.clone(),
            shape,
            stored_shape,
            manager: caller.user_agent.split('/').next().unwrap_or_default(),
            validation: FieldValidation::default(),
            is_dry_run: false,
            options: Value::Null,
            now: time(since_us),
            since_us,
        })
    }

    pub(super) fn resource(&self) -> &'a Resource {
        &self.target.resource
    }

    /// The resource, as messages name it.
    pub(super) fn group_resource(&self) -> GroupResource {
        let resource = self.resource();
        GroupResource::new(&resource.gvk.group, &resource.plural)
    }

    /// 422 about the object of this write.
    pub(super) fn invalid(&self, name: &str, errors: &[FieldError]) -> Failure {
        let kind = match self.part {
            Part::Scale => GroupKind::new(&self.gvk.group, &self.gvk.kind),
            _ => GroupKind::new(&self.resource().gvk.group, &self.resource().gvk.kind),
        };
        Failure::invalid(&kind, name, errors)
    }

    pub(super) fn not_found(&self) -> Failure {
        Failure::not_found(&self.group_resource(), &self.target.name)
    }

    /// The key of an object of this resource.
    ///
    /// # Errors
    /// 400 if the path lacks the namespace or has one that leads elsewhere, or the name does.
    pub(super) fn key(&self, name: &str) -> Result<Bytes, Failure> {
        let is_namespaced = self.resource().scope == Scope::Namespaced;
        let namespace = match is_namespaced {
            true => self.target.namespace.as_str(),
            false => "",
        };
        if is_namespaced && namespace.is_empty() {
            return Err(Failure::bad_request("Namespace parameter required."));
        }
        if name.is_empty() {
            return Err(Failure::bad_request("Name parameter required."));
        }
        for (what, text) in [("Namespace", namespace), ("Name", name)] {
            let wrong = crate::names::path_segment(text);
            if !wrong.is_empty() {
                let (text, wrong) = (crate::status::text::quote(text), wrong.join(";"));
                let message = format!("{what} parameter invalid: {text}: {wrong}");
                return Err(Failure::bad_request(message));
            }
        }
        Ok(Keys::one(self.resource(), namespace, name))
    }

    /// What functions of kinds may know of this write.
    pub(super) fn context(&self) -> Context<'_> {
        Context {
            user: &self.caller.user,
            now: &self.now,
        }
    }

    /// What admission is asked about. `name` is that of the object.
    pub(super) fn asks(&self, operation: Operation, name: &str) -> AdmissionRequest {
        let mut target = self.target.clone();
        name.clone_into(&mut target.name);
        AdmissionRequest {
            operation,
            target,
            user: self.caller.user.clone(),
            object: Subject::default(),
            old: None,
            options: self.options.clone(),
            is_dry_run: self.is_dry_run,
            now: self.now.clone(),
            seen: Default::default(),
        }
    }

    fn options_of(&self, kind: &str) -> Value {
        let mut options = json!({
            "kind": kind,
            "apiVersion": "meta.k8s.io/v1",
            "fieldManager": self.manager,
            "fieldValidation": match self.validation {
                FieldValidation::Ignore => "Ignore",
                FieldValidation::Warn => "Warn",
                FieldValidation::Strict => "Strict",
            },
        });
        if self.is_dry_run {
            options["dryRun"] = json!(["All"]);
        }
        options
    }

    /// Waits before an attempt if there were many: who writes together shall not keep each other busy.
    ///
    /// # Errors
    /// 504 if there was enough time to write.
    pub(super) async fn pause(&self, attempts: u32) -> Result<(), Failure> {
        let elapsed_us = self.registry.clock.now_us().saturating_sub(self.since_us);
        if elapsed_us > PATIENCE_US {
            return Err(Failure::deadline_passed());
        }
        if attempts >= EAGER_ATTEMPTS {
            let pause = Duration::from_millis(u64::from(attempts - EAGER_ATTEMPTS + 1));
            tokio::time::sleep(pause.min(PAUSE_MAX)).await;
        }
        Ok(())
    }

    /// The stored object as the client of this part sees it.
    pub(super) fn view(&self, stored: &Value) -> Value {
        match self.part {
            Part::Scale => scale::of(self.resource(), stored),
            _ => crate::registry::versions::outgoing(self.resource(), stored.clone()),
        }
    }

    /// Whether what the client sees of an object is the object as it is stored.
    pub(super) fn sees_stored(&self) -> bool {
        let resource = self.resource();
        self.part != Part::Scale && resource.custom.is_none() && resource.gvk == resource.stored
    }
}

/// A moment as metadata has it.
pub(super) fn time(us: i64) -> String {
    let instant = Instant {
        seconds: us.div_euclid(1_000_000),
        nanos: 0,
    };
    // The year 1 alone has no text, and no clock shows it.
    format_time(instant).unwrap_or_default()
}
