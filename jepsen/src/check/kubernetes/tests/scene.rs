//! A right history, step by step: each request takes effect before the next is asked.

use crate::history::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const MAPS: &str = "/api/v1/namespaces/n/configmaps";
pub const INGRESSES: &str = "/apis/networking.k8s.io/v1/namespaces/n/ingresses";
/// Of the watches of everything.
const EVERYTHING: [WatchId; 2] = [1, 2];
/// Of the watch of the Kubernetes API.
pub const INFORMER: u64 = 3;
/// Of another one, that comes back from the past.
const LATECOMER: u64 = 4;
/// The operation that compacts.
pub const COMPACT: OpId = 99;

pub struct Scene {
    pub records: Vec<Record>,
    store: BTreeMap<String, KeyValue>,
    revision: i64,
    at: Nanos,
    next: u64,
}

fn key(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let kind = if path.starts_with(MAPS) {
        "configmaps"
    } else {
        "ingress"
    };
    format!("/registry/{kind}/n/{name}")
}

/// What is stored, as a client sees it.
pub fn seen(kv: &KeyValue) -> Value {
    let mut object: Value = serde_json::from_slice(&kv.value).unwrap();
    object["metadata"]["resourceVersion"] = json!(kv.mod_revision.to_string());
    object
}

impl Scene {
    pub fn new() -> Scene {
        let head = Head {
            kubernetes: true,
            nodes: 1,
            ..Head::new(1, "a test")
        };
        let mut scene = Scene {
            records: vec![Record::Head(Box::new(head))],
            store: BTreeMap::new(),
            revision: 1,
            at: 0,
            next: 100,
        };
        for watch in EVERYTHING {
            scene.watch(WatchRecord::Open(WatchOpen {
                watch,
                stream: watch,
                process: watch as Process,
                node: 1,
                range: KeyRange::all(),
                start_revision: 1,
                prev_kv: false,
                no_put: false,
                no_delete: false,
                progress: true,
                fragment: false,
                resumes: None,
            }));
            scene.watch(WatchRecord::Created { watch, revision: 1 });
        }
        scene
    }

    /// Changes what the run is.
    pub fn put_head(&mut self, change: impl FnOnce(&mut Head)) {
        if let Some(Record::Head(head)) = self.records.first_mut() {
            change(head);
        }
    }

    fn now(&mut self) -> Nanos {
        self.at += 10;
        self.at
    }

    fn watch(&mut self, watch: WatchRecord) {
        let at = self.now();
        self.records.push(Record::Watch { at, watch });
    }

    fn tell(&mut self, kind: &str, object: Value) {
        let (at, kind) = (self.now(), kind.to_owned());
        let informer = InformerRecord::Event {
            informer: INFORMER,
            kind,
            object,
        };
        self.records.push(Record::Informer { at, informer });
    }

    /// Somebody watches ConfigMaps from now on.
    pub fn inform(&mut self) {
        let path = format!(
            "{MAPS}?resourceVersion={}&allowWatchBookmarks=true",
            self.revision
        );
        let open = InformerOpen {
            informer: INFORMER,
            process: 9,
            node: 1,
            path,
        };
        let (at, informer) = (self.now(), InformerRecord::Open(open));
        self.records.push(Record::Informer { at, informer });
    }

    /// Somebody asks to compact to this revision, and hears nothing.
    pub fn compact(&mut self, revision: i64) {
        let at = self.now();
        self.records.push(Record::Invoke {
            at,
            op: COMPACT,
            process: COMPACT as Process,
            node: Some(1),
            call: Call::Compact {
                revision,
                physical: false,
            },
            intent: None,
        });
    }

    /// Somebody watches from a version of the past, and is told that it is gone.
    pub fn come_back(&mut self, revision: i64) {
        let at = self.now();
        let open = InformerOpen {
            informer: LATECOMER,
            process: LATECOMER as Process,
            node: 1,
            path: format!("{MAPS}?resourceVersion={revision}"),
        };
        let gone = InformerRecord::Event {
            informer: LATECOMER,
            kind: "ERROR".to_owned(),
            object: json!({"kind": "Status", "code": 410}),
        };
        for informer in [InformerRecord::Open(open), gone] {
            self.records.push(Record::Informer { at, informer });
        }
    }

    /// The watch says how far it is.
    pub fn bookmark(&mut self) {
        let object = json!({"metadata": {"resourceVersion": self.revision.to_string()}});
        self.tell("BOOKMARK", object);
    }

    /// Nothing happens for so many nanoseconds.
    pub fn wait(&mut self, ns: Nanos) {
        self.at += ns;
    }

    /// An object is stored, or is gone.
    pub fn store(&mut self, key: &str, object: Option<Value>) -> i64 {
        self.revision += 1;
        let revision = self.revision;
        let before = self.store.remove(key);
        let created = before.as_ref().map_or(revision, |kv| kv.create_revision);
        let version = before.as_ref().map_or(0, |kv| kv.version) + 1;
        let (kind, kv) = match object {
            None => (
                EventKind::Delete,
                KeyValue {
                    key: Blob::from(key),
                    mod_revision: revision,
                    ..KeyValue::default()
                },
            ),
            Some(object) => {
                let kv = KeyValue {
                    key: Blob::from(key),
                    value: Blob::from(object.to_string()),
                    create_revision: created,
                    mod_revision: revision,
                    version,
                    lease: 0,
                };
                self.store.insert(key.to_owned(), kv.clone());
                (EventKind::Put, kv)
            }
        };
        for watch in EVERYTHING {
            self.watch(WatchRecord::Events {
                watch,
                revision,
                events: vec![Event {
                    kind,
                    kv: kv.clone(),
                    prev: None,
                }],
                fragment: false,
            });
        }
        if key.starts_with("/registry/configmaps/") {
            let shown = match (&before, kind) {
                (Some(before), EventKind::Delete) => {
                    let mut last = seen(before);
                    last["metadata"]["resourceVersion"] = json!(revision.to_string());
                    ("DELETED", last)
                }
                (before, _) => (
                    if before.is_some() {
                        "MODIFIED"
                    } else {
                        "ADDED"
                    },
                    seen(&kv),
                ),
            };
            self.tell(shown.0, shown.1);
        }
        revision
    }

    /// A request, what it does meanwhile, and its answer.
    pub fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: Value,
        act: impl FnOnce(&mut Scene) -> Outcome,
    ) -> OpId {
        self.next += 1;
        let (op, at) = (self.next, self.now());
        self.records.push(Record::Invoke {
            at,
            op,
            process: op as Process,
            node: Some(1),
            call: Call::Http(HttpCall {
                method: method.to_owned(),
                path: path.to_owned(),
                body,
            }),
            intent: None,
        });
        let outcome = act(self);
        let at = self.now();
        self.records.push(Record::Complete { at, op, outcome });
        op
    }

    /// What is there now, as a client sees it.
    pub fn present(&self, path: &str) -> Value {
        seen(&self.store[&key(path)])
    }

    fn shown(&self, path: &str) -> Outcome {
        ok(self.present(path))
    }

    /// A new object.
    pub fn create(&mut self, all: &str, name: &str, finalizers: Value, tag: &str) -> OpId {
        let metadata = json!({"name": name, "annotations": {"op": tag}, "finalizers": finalizers});
        let body = match all == MAPS {
            true => json!({"metadata": metadata, "data": {"value": tag}}),
            false => json!({"metadata": metadata, "spec": {"name": tag}}),
        };
        let mut object = body.clone();
        object["metadata"]["uid"] = json!(format!("uid-of-{tag}"));
        if all != MAPS {
            object["metadata"]["generation"] = json!(1);
        }
        let path = format!("{all}/{name}");
        self.ask("POST", all, body, |scene| {
            scene.store(&key(&path), Some(object));
            scene.shown(&path)
        })
    }

    /// A change of what is there, based on it. An object that nothing holds any more goes with it.
    pub fn update(&mut self, path: &str, tag: &str, change: impl FnOnce(&mut Value)) -> OpId {
        let old = self.present(path);
        let mut body = old.clone();
        body["metadata"]["annotations"]["op"] = json!(tag);
        change(&mut body);
        let mut object = body.clone();
        if old["spec"] != object["spec"] {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or(0);
            object["metadata"]["generation"] = json!(generation + 1);
        }
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("resourceVersion");
        }
        let is_finished = object["metadata"]["deletionTimestamp"].is_string()
            && object["metadata"]["finalizers"] == json!([]);
        self.ask("PUT", path, body, |scene| {
            scene.store(&key(path), (!is_finished).then(|| object.clone()));
            let mut answer = object;
            answer["metadata"]["resourceVersion"] = match is_finished {
                true => old["metadata"]["resourceVersion"].clone(),
                false => json!(scene.revision.to_string()),
            };
            ok(answer)
        })
    }

    /// A change of the status of an object, which has another path than the object.
    pub fn put_as(&mut self, path: &str, one: &str, body: Value) -> OpId {
        let mut object = body.clone();
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("resourceVersion");
        }
        self.ask("PUT", path, body, |scene| {
            scene.store(&key(one), Some(object));
            scene.shown(one)
        })
    }

    /// A deletion of what is there.
    pub fn delete(&mut self, path: &str) -> OpId {
        let old = self.present(path);
        let uid = old["metadata"]["uid"].clone();
        let body = json!({"preconditions": {"uid": uid}});
        let is_held = old["metadata"]["finalizers"] != json!([]);
        self.ask("DELETE", path, body, |scene| {
            if is_held {
                let mut object: Value =
                    serde_json::from_slice(&scene.store[&key(path)].value).unwrap();
                object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
                scene.store(&key(path), Some(object));
                return scene.shown(path);
            }
            scene.store(&key(path), None);
            ok(json!({"kind": "Status", "status": "Success", "details": {"uid": uid}}))
        })
    }

    /// A request that is refused.
    pub fn refuse(&mut self, method: &str, path: &str, body: Value, code: &str) -> OpId {
        self.ask(method, path, body, |_| Outcome::Failed {
            code: code.to_owned(),
            text: "no".to_owned(),
        })
    }

    /// A read of one object.
    pub fn get(&mut self, path: &str) -> OpId {
        self.ask("GET", path, Value::Null, |scene| scene.shown(path))
    }

    /// The ConfigMaps, in pages of two if asked for. Returns the operations.
    pub fn list(&mut self, query: &str) -> Vec<OpId> {
        let prefix = "/registry/configmaps/n/".to_owned();
        let below = self.store.range(prefix.clone()..format!("{prefix}~"));
        let items: Vec<Value> = below.map(|(_, kv)| seen(kv)).collect();
        let revision = self.revision.to_string();
        let size = if query.contains("limit=2") {
            2
        } else {
            items.len().max(1)
        };
        let (mut ops, mut next) = (Vec::new(), String::new());
        let pages: Vec<&[Value]> = items.chunks(size).collect();
        for (i, page) in pages.iter().enumerate() {
            let path = match i {
                0 => format!("{MAPS}?{query}"),
                _ => format!("{MAPS}?limit=2&continue={next}"),
            };
            next = match i + 1 < pages.len() {
                true => format!("token{i}"),
                false => String::new(),
            };
            let metadata = json!({"resourceVersion": revision, "continue": next});
            let body = json!({"kind": "ConfigMapList", "metadata": metadata, "items": page});
            ops.push(self.ask("GET", &path, Value::Null, |_| ok(body)));
        }
        ops
    }

    /// The end of a run.
    pub fn finish(mut self) -> Vec<Record> {
        for watch in EVERYTHING {
            let revision = self.revision;
            self.watch(WatchRecord::Progress { watch, revision });
        }
        let revision = self.revision;
        let kvs = self.store.values().cloned().collect();
        let hash = HashReply {
            hash: 1,
            hash_revision: revision,
            compact_revision: 0,
            revision,
        };
        for observation in [
            Observation::Recovered {
                complete: true,
                revision,
                detail: String::new(),
            },
            Observation::FullRange {
                node: 1,
                reply: Observed::Got((revision, kvs)),
            },
            Observation::HashKv {
                node: 1,
                asked: revision,
                reply: Observed::Got(hash),
            },
            Observation::LogScan {
                node: 1,
                lines: 1,
                alarms: Vec::new(),
            },
        ] {
            let at = self.now();
            self.records.push(Record::Observe { at, observation });
        }
        self.records
    }
}

fn ok(body: Value) -> Outcome {
    Outcome::Ok(Reply::Http(HttpReply { code: 200, body }))
}
