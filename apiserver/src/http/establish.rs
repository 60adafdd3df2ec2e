//! What becomes of CustomResourceDefinitions: they get their names, and when they go their objects go
//! before them.
//!
//! Every member may do it, and more than one at a time: each write holds only if the definition is as it
//! was seen. Of those in a group that wait for their names the one that was written first is next, so that
//! two never get the same.

use super::definitions::KeptCatalog;
use crate::canonical::{Instant, format_time};
use crate::custom::{CLEANUP, Definition, judged};
use crate::identity::{MASTERS, User};
use crate::registry::{Body, Caller, Clock, Registry, Target};
use crate::request::{
    DeleteOptions, Encoding, FieldValidation, ListOptions, ListRead, WriteOptions,
};
use crate::resource::Resource;
use crate::selector::{FieldSelector, LabelSelector};
use crate::status::{Failure, Reason};
use crate::storage::Object;
use futures::stream::{self, StreamExt};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// After something that did not work, or that is not over.
const AGAIN: Duration = Duration::from_secs(1);
/// Objects of a definition that goes which are deleted at a time. The store commits them in groups.
const DELETES_MAX: usize = 32;

impl KeptCatalog {
    /// Gives definitions their names, and lets them go, for as long as it is polled. It acts on what
    /// [`keep`](KeptCatalog::keep) has seen, which must be polled beside it.
    pub async fn establish(&self, registry: &Registry, clock: &dyn Clock) {
        let mut changes = self.changes.subscribe();
        let work = Work {
            catalog: self,
            registry,
            caller: Caller::new(User::new("system:apiserver", [MASTERS]), "keelson"),
        };
        loop {
            changes.mark_unchanged();
            let is_done = work.look(clock.now_us()).await;
            match is_done {
                true => {
                    if changes.changed().await.is_err() {
                        return;
                    }
                }
                false => drop(timeout(AGAIN, changes.changed()).await),
            }
        }
    }
}

struct Work<'a> {
    catalog: &'a KeptCatalog,
    registry: &'a Registry,
    caller: Caller,
}

impl Work<'_> {
    /// Looks at all definitions once. Whether nothing is left to be done until one changes.
    async fn look(&self, now_us: i64) -> bool {
        let instant = Instant {
            seconds: now_us.div_euclid(1_000_000),
            nanos: 0,
        };
        let now = format_time(instant).unwrap_or_default();
        let mut all: Vec<Definition> = self.catalog.known.lock().all().cloned().collect();
        all.sort_by_key(|one| one.revision);
        let (mut busy, mut is_done) = (BTreeSet::new(), true);
        for one in &all {
            let group = one.value["spec"]["group"].as_str().unwrap_or_default();
            let done = match is_going(one) {
                true => self.clean(one).await,
                false => {
                    let others = all.iter().map(|other| &*other.value);
                    let status = judged(&one.value, others, &now);
                    if status == one.value["status"] || !busy.insert(group) {
                        continue;
                    }
                    let mut value = (*one.value).clone();
                    value["status"] = status;
                    self.write(&value, "status").await.map(|()| true)
                }
            };
            match done {
                Ok(done) => is_done &= done,
                // Whoever was faster is seen soon.
                Err(failure) if matches!(failure.reason, Reason::Conflict | Reason::NotFound) => {}
                Err(failure) => {
                    tracing::warn!(%failure, "a definition waits");
                    is_done = false;
                }
            }
        }
        is_done
    }

    async fn write(&self, value: &Value, subresource: &str) -> Result<(), Failure> {
        let name = value["metadata"]["name"].as_str().unwrap_or_default();
        let target = self.catalog.target(name, subresource);
        let target = target.ok_or_else(Failure::unknown_path)?;
        let body = Body {
            bytes: value.to_string().into(),
            encoding: Encoding::Json,
        };
        let options = WriteOptions {
            is_dry_run: false,
            field_manager: "keelson".to_owned(),
            field_validation: FieldValidation::Ignore,
        };
        let written = self.registry.update(&self.caller, &target, &body, &options);
        written.await.map(drop)
    }

    /// Deletes the objects of a definition, and then lets it go. Whether it is over.
    async fn clean(&self, one: &Definition) -> Result<bool, Failure> {
        if let Some(row) = &one.stored {
            // What nothing holds has gone at the first look.
            let is_empty = self.clear(row).await? == 0 || self.clear(row).await? == 0;
            if !is_empty {
                return Ok(false);
            }
        }
        let mut value = (*one.value).clone();
        if let Some(Value::Array(finalizers)) = value.pointer_mut("/metadata/finalizers") {
            finalizers.retain(|one| one != CLEANUP);
        }
        self.write(&value, "").await.map(|()| true)
    }

    /// Deletes the objects of a resource. How many there were.
    async fn clear(&self, row: &Resource) -> Result<usize, Failure> {
        let all = Target {
            resource: Arc::new(row.clone()),
            namespace: String::new(),
            name: String::new(),
            subresource: String::new(),
        };
        let options = ListOptions {
            labels: LabelSelector::everything(),
            fields: FieldSelector::everything(),
            limit: None,
            read: ListRead::Latest,
            timeout: None,
        };
        let mut pieces = self.registry.list(&all, &options).await?.pieces;
        let mut count = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            count += piece.len();
            let mut deleting = stream::iter(piece)
                .map(|object| self.delete(&all, object))
                .buffer_unordered(DELETES_MAX);
            while let Some(deleted) = deleting.next().await {
                deleted?;
            }
        }
        Ok(count)
    }

    /// Deletes an object. One that is gone is no failure.
    async fn delete(&self, all: &Target, object: Object) -> Result<(), Failure> {
        let value = object.value().unwrap_or_default();
        let text = |name: &str| {
            let text = value["metadata"][name].as_str();
            text.unwrap_or_default().to_owned()
        };
        let target = Target {
            namespace: text("namespace"),
            name: text("name"),
            ..all.clone()
        };
        let options = DeleteOptions::default();
        match self.registry.delete(&self.caller, &target, &options).await {
            Err(failure) if failure.reason != Reason::NotFound => Err(failure),
            _ => Ok(()),
        }
    }
}

/// Whether a definition goes, and is held by its objects.
fn is_going(one: &Definition) -> bool {
    let metadata = &one.value["metadata"];
    let finalizers = metadata["finalizers"].as_array();
    !metadata["deletionTimestamp"].is_null()
        && finalizers.is_some_and(|all| all.iter().any(|one| one == CLEANUP))
}
