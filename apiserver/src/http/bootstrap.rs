//! Writing the policy that every cluster begins with.

use crate::authorize::bootstrap::{Step, objects, reconcile};
use crate::authorize::{PolicyKind, RBAC};
use crate::identity::{MASTERS, User};
use crate::registry::{Body, Caller, Registry, Target};
use crate::request::{
    DeleteOptions, Encoding, FieldValidation, GetOptions, GetRead, Preconditions, WriteOptions,
};
use crate::resource::Catalog;
use crate::status::{Failure, Reason};
use bytes::Bytes;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// How often one object is looked at again when others write it at the same moment. Members that start
/// together write the same.
const ATTEMPTS: usize = 8;

/// The policy could not be written. Nothing is lost by trying again: what is there stays.
#[derive(Debug)]
pub struct BootstrapError {
    /// Which object.
    what: String,
    /// Why.
    why: Failure,
}

impl fmt::Display for BootstrapError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.what, self.why)
    }
}

impl std::error::Error for BootstrapError {}

/// Writes roles and bindings that are missing or lack something, and the namespaces they are in. It
/// comes out the same however many members do it at one time, and does nothing the second time.
///
/// # Errors
/// At the first object that cannot be read or written.
pub async fn write_policy(registry: &Registry, catalog: &Catalog) -> Result<(), BootstrapError> {
    let writer = Writer {
        registry,
        catalog,
        caller: caller(),
    };
    for object in objects() {
        let kind = object["kind"].as_str().unwrap_or_default();
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let written = writer.ensure(object, kind).await;
        written.map_err(|why| BootstrapError {
            what: format!("{kind} {name}"),
            why,
        })?;
    }
    Ok(())
}

struct Writer<'a> {
    registry: &'a Registry,
    catalog: &'a Catalog,
    caller: Caller,
}

impl Writer<'_> {
    async fn ensure(&self, wanted: &Value, kind: &str) -> Result<(), Failure> {
        let plural = PolicyKind::named(kind).map_or("", PolicyKind::resource);
        let target = self.target((RBAC, plural), wanted)?;
        let mut last = Failure::modified(&Default::default(), &target.name);
        for _ in 0..ATTEMPTS {
            let stored = match self.registry.get(&target, &LATEST).await {
                Ok(object) => object.value(),
                Err(failure) if failure.reason == Reason::NotFound => None,
                Err(failure) => return Err(failure),
            };
            let done = match reconcile(stored.as_ref(), wanted) {
                Step::Nothing | Step::Protected => return Ok(()),
                Step::Create(object) => self.create(&target, &object).await,
                Step::Update(object) => self.update(&target, &object).await,
                Step::Recreate(object) => match self.delete(&target, stored.as_ref()).await {
                    Ok(()) => self.create(&target, &object).await,
                    Err(failure) => Err(failure),
                },
            };
            match done {
                Ok(()) => return Ok(()),
                // Somebody else was there in the meantime.
                Err(failure)
                    if matches!(failure.reason, Reason::AlreadyExists | Reason::Conflict) =>
                {
                    last = failure;
                }
                Err(failure) if failure.reason == Reason::NotFound => {
                    self.ensure_namespace(&target.namespace).await?;
                    last = failure;
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(last)
    }

    fn target(&self, (group, plural): (&str, &str), object: &Value) -> Result<Target, Failure> {
        let row = self.catalog.find(group, "v1", plural);
        let row = row.ok_or_else(Failure::unknown_path)?;
        let text = |field: &str| {
            let text = object["metadata"][field].as_str();
            text.unwrap_or_default().to_owned()
        };
        Ok(Target {
            resource: Arc::new(row.clone()),
            namespace: text("namespace"),
            name: text("name"),
            subresource: String::new(),
        })
    }

    async fn create(&self, target: &Target, object: &Value) -> Result<(), Failure> {
        // A new object has no name in its path.
        let place = Target {
            name: String::new(),
            ..target.clone()
        };
        let (body, options) = (body(object), write_options());
        let created = self.registry.create(&self.caller, &place, &body, &options);
        created.await.map(drop)
    }

    async fn update(&self, target: &Target, object: &Value) -> Result<(), Failure> {
        let (body, options) = (body(object), write_options());
        let updated = self.registry.update(&self.caller, target, &body, &options);
        updated.await.map(drop)
    }

    async fn delete(&self, target: &Target, stored: Option<&Value>) -> Result<(), Failure> {
        let text = |field: &str| {
            let stored = stored?["metadata"][field].as_str();
            stored.map(str::to_owned)
        };
        let options = DeleteOptions {
            preconditions: Preconditions {
                uid: text("uid"),
                resource_version: text("resourceVersion"),
            },
            ..DeleteOptions::default()
        };
        let deleted = self.registry.delete(&self.caller, target, &options).await;
        match deleted {
            Err(failure) if failure.reason != Reason::NotFound => Err(failure),
            _ => Ok(()),
        }
    }

    async fn ensure_namespace(&self, name: &str) -> Result<(), Failure> {
        let object = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name},
        });
        let target = self.target(("", "namespaces"), &object)?;
        match self.create(&target, &object).await {
            Err(failure) if failure.reason != Reason::AlreadyExists => Err(failure),
            _ => Ok(()),
        }
    }
}

const LATEST: GetOptions = GetOptions {
    read: GetRead::Latest,
};

/// Who writes it: this server, which may.
fn caller() -> Caller {
    Caller {
        user: User::new("system:apiserver", [MASTERS]),
        user_agent: "kube-apiserver".to_owned(),
        fence: 0,
        reads: Vec::new(),
        wrote: Default::default(),
    }
}

fn body(object: &Value) -> Body {
    Body {
        bytes: Bytes::from(object.to_string()),
        encoding: Encoding::Json,
    }
}

fn write_options() -> WriteOptions {
    WriteOptions {
        is_dry_run: false,
        field_manager: "kube-apiserver".to_owned(),
        field_validation: FieldValidation::Ignore,
    }
}
