//! What happened, told to the users of objects. Events are noted by a task of their own: nobody waits for
//! them, and when there are too many, some are lost.

use super::correlate::{Correlator, Noted, Same};
use crate::objects::Meta;
use keelson_apiserver::canonical::{Instant, format_micro_time, format_time};
use keelson_apiserver::registry::{Body, Caller, Registry, Target};
use keelson_apiserver::request::{
    Encoding, FieldValidation, PatchOptions, PatchType, WriteOptions,
};
use keelson_apiserver::resource::{Catalog, Resource};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Events that wait to be noted.
const WAITING_MAX: usize = 4096;
/// Events that are remembered, so that the same one again is counted and not noted anew.
const REMEMBERED_MAX: usize = 4096;

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

struct Told {
    component: &'static str,
    about: About,
    is_warning: bool,
    reason: String,
    message: String,
    now_us: i64,
}

impl Recorder {
    /// A recorder, and what notes its events.
    pub(super) fn new(component: &'static str) -> (Recorder, Notes) {
        let (send, receive) = mpsc::channel(WAITING_MAX);
        let notes = Notes {
            receive,
            correlator: Correlator::default(),
            seen: HashMap::new(),
        };
        (Recorder { component, send }, notes)
    }

    /// The same, in another name.
    pub(super) fn named(&self, component: &'static str) -> Recorder {
        Recorder {
            component,
            send: self.send.clone(),
        }
    }

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

/// Notes events.
pub(super) struct Notes {
    receive: mpsc::Receiver<Told>,
    correlator: Correlator,
    /// Name and count of those that were noted.
    seen: HashMap<Same, (String, i64)>,
}

impl Notes {
    /// Notes what is told, until nobody can tell anything any more.
    pub(super) async fn run(mut self, registry: &Registry, catalog: &Catalog, caller: &Caller) {
        let Some(row) = catalog.find("", "v1", "events") else {
            return;
        };
        let row = Arc::new(row.clone());
        while let Some(told) = self.receive.recv().await {
            self.note(registry, &row, caller, told).await;
        }
    }

    async fn note(
        &mut self,
        registry: &Registry,
        row: &Arc<Resource>,
        caller: &Caller,
        told: Told,
    ) {
        let same = Same {
            about: told.about.clone(),
            component: told.component,
            reason: told.reason.clone(),
            message: told.message.clone(),
        };
        let Some(Noted { same, message }) = self.correlator.correlate(same, told.now_us) else {
            return;
        };
        let told = Told { message, ..told };
        let mut target = place(row, &told.about);
        let write = WriteOptions {
            is_dry_run: false,
            field_manager: told.component.to_owned(),
            field_validation: FieldValidation::Ignore,
        };
        if let Some((name, count)) = self.seen.get_mut(&same) {
            *count += 1;
            target.name.clone_from(name);
            let patch = body(&json!({
                "count": *count,
                "lastTimestamp": seconds(told.now_us),
                "message": told.message,
            }));
            let options = PatchOptions {
                write: write.clone(),
                force: false,
            };
            let kind = PatchType::Merge;
            let patched = registry
                .patch(caller, &target, &patch, kind, &options)
                .await;
            if patched.is_ok() {
                return;
            }
            // It may have gone by itself.
            target.name.clear();
        }
        let name = format!("{}.{:016x}", told.about.name, unique(&told));
        let event = body(&object(&told, &name, &target.namespace));
        if registry
            .create(caller, &target, &event, &write)
            .await
            .is_ok()
        {
            if self.seen.len() >= REMEMBERED_MAX {
                self.seen.clear();
            }
            self.seen.insert(same, (name, 1));
        }
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

fn object(told: &Told, name: &str, namespace: &str) -> Value {
    let at = seconds(told.now_us);
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
        "count": 1,
        "firstTimestamp": at,
        "lastTimestamp": at,
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
