//! What happened, told to the users of objects. Events are noted by a task of their own ([`super::notes`]):
//! nobody waits for them, and when there are too many, some are lost.

use super::correlate::Same;
use super::notes::{Known, Note, Notes, WAITING_MAX};
use crate::objects::Meta;
use keelson_apiserver::canonical::{Instant, format_micro_time, format_time};
use keelson_apiserver::registry::{Body, Caller, Registry, Target};
use keelson_apiserver::request::{
    Encoding, FieldValidation, PatchOptions, PatchType, WriteOptions,
};
use keelson_apiserver::resource::{Catalog, Resource};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct About {
    api_version: String,
    kind: String,
    namespace: String,
    name: String,
    uid: String,
}

impl About {
    /// An object of a resource.
    pub fn of(resource: &Resource, meta: &Meta) -> About {
        About {
            api_version: resource.api_version(),
            kind: resource.gvk.kind.clone(),
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            uid: meta.uid.clone(),
        }
    }
}

/// Takes events of one component.
#[derive(Clone)]
pub struct Recorder {
    component: &'static str,
    send: mpsc::Sender<Told>,
}

/// What was told.
pub(super) struct Told {
    pub(super) component: &'static str,
    pub(super) about: About,
    pub(super) is_warning: bool,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) now_us: i64,
}

impl Recorder {
    /// A recorder, and what notes its events.
    pub(super) fn new(component: &'static str) -> (Recorder, Notes) {
        let (send, receive) = mpsc::channel(WAITING_MAX);
        (Recorder { component, send }, Notes::new(receive))
    }

    /// The same, in another name.
    pub(super) fn named(&self, component: &'static str) -> Recorder {
        Recorder {
            component,
            send: self.send.clone(),
        }
    }

    /// Whether something that was told has not been looked at yet.
    #[cfg(test)]
    pub(super) fn waits(&self) -> bool {
        self.send.capacity() < self.send.max_capacity()
    }

    /// Tells of something. Never waits.
    pub(super) fn tell(
        &self,
        about: About,
        is_warning: bool,
        reason: &str,
        message: String,
        now_us: i64,
    ) {
        let told = Told {
            component: self.component,
            about,
            is_warning,
            reason: reason.to_owned(),
            message,
            now_us,
        };
        // Lost if there are too many.
        let _ = self.send.try_send(told);
    }
}

impl Told {
    /// What is the same event again.
    pub(super) fn same(&self) -> Same {
        Same {
            about: self.about.clone(),
            component: self.component,
            reason: self.reason.clone(),
            message: self.message.clone(),
        }
    }
}

/// Writes events into the store.
pub(super) struct Scribe<'a> {
    registry: &'a Registry,
    caller: &'a Caller,
    row: Arc<Resource>,
}

impl<'a> Scribe<'a> {
    /// `None`: there are no events in this catalog.
    pub(super) fn new(
        registry: &'a Registry,
        catalog: &Catalog,
        caller: &'a Caller,
    ) -> Option<Scribe<'a>> {
        let row = catalog.find("", "v1", "events")?;
        Some(Scribe {
            registry,
            caller,
            row: Arc::new(row.clone()),
        })
    }

    /// Writes an event: once more over the one that is known, or anew. Returns what there is afterwards;
    /// `None`: it was not written.
    pub(super) async fn write(&self, note: Note, known: Option<Known>) -> Option<Known> {
        let told = &note.told;
        let mut target = place(&self.row, &told.about);
        let write = WriteOptions {
            is_dry_run: false,
            field_manager: told.component.to_owned(),
            field_validation: FieldValidation::Ignore,
        };
        if let Some(Known { name, count }) = known {
            let count = count.saturating_add(note.times);
            target.name.clone_from(&name);
            let patch = body(&json!({
                "count": count,
                "lastTimestamp": seconds(told.now_us),
                "message": told.message,
            }));
            let options = PatchOptions {
                write: write.clone(),
                force: false,
            };
            let kind = PatchType::Merge;
            let patched = self
                .registry
                .patch(self.caller, &target, &patch, kind, &options)
                .await;
            if patched.is_ok() {
                return Some(Known { name, count });
            }
            // It may have gone by itself.
            target.name.clear();
        }
        let name = format!("{}.{:016x}", told.about.name, unique(told));
        let event = body(&object(&note, &name, &target.namespace));
        let created = self
            .registry
            .create(self.caller, &target, &event, &write)
            .await;
        created.ok().map(|_| Known {
            name,
            count: note.times,
        })
    }
}

/// Where events about an object are; they have no name yet.
fn place(row: &Arc<Resource>, about: &About) -> Target {
    Target {
        resource: row.clone(),
        namespace: match about.namespace.as_str() {
            "" => "default".to_owned(),
            namespace => namespace.to_owned(),
        },
        name: String::new(),
        subresource: String::new(),
    }
}

fn body(value: &Value) -> Body {
    Body {
        bytes: value.to_string().into(),
        encoding: Encoding::Json,
    }
}

/// A number that events of one object at one moment do not share.
fn unique(told: &Told) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (&told.reason, &told.message, told.component, told.now_us).hash(&mut hasher);
    hasher.finish()
}

fn object(note: &Note, name: &str, namespace: &str) -> Value {
    let told = &note.told;
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": {
            "apiVersion": told.about.api_version,
            "kind": told.about.kind,
            "namespace": told.about.namespace,
            "name": told.about.name,
            "uid": told.about.uid,
        },
        "reason": told.reason,
        "message": told.message,
        "type": if told.is_warning { "Warning" } else { "Normal" },
        "count": note.times,
        "firstTimestamp": seconds(note.first_us),
        "lastTimestamp": seconds(told.now_us),
        "source": {"component": told.component},
        "reportingComponent": told.component,
        "reportingInstance": "",
    })
}

fn instant(us: i64) -> Instant {
    Instant {
        seconds: us.div_euclid(1_000_000),
        nanos: u32::try_from(us.rem_euclid(1_000_000) * 1000).unwrap_or_default(),
    }
}

/// A moment as metadata has it: RFC 3339, whole seconds.
pub fn seconds(us: i64) -> String {
    format_time(Instant {
        nanos: 0,
        ..instant(us)
    })
    .unwrap_or_default()
}

/// A moment with microseconds, as leases have it.
pub fn micros(us: i64) -> String {
    format_micro_time(instant(us)).unwrap_or_default()
}
