//! The cluster in memory, as nodes ask it.

use crate::hollow::api::{Api, Ask, Call, Outcome, Told};
use crate::hollow::{Counts, Plan, SeenNode, SeenPod, run};
use crate::runtime::{Future, Ground, Kind, Problem};
use crate::testing::Cluster;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use keelson_apiserver::identity::User;
use keelson_apiserver::registry::{Body, Caller, EventKind, Target};
use keelson_apiserver::request::{
    DeleteOptions, Encoding, FieldValidation, PatchOptions, PatchType, Preconditions, Query,
    WatchOptions, WriteOptions,
};
use keelson_apiserver::status::Failure;
use keelson_apiserver::storage::Object;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

pub struct InMemory {
    ground: Arc<Ground>,
    caller: Caller,
}

/// Runs nodes in the background until the runtime of the test ends, or the task is aborted.
pub fn start(cluster: &Cluster, plan: Plan) -> (Arc<Counts>, tokio::task::JoinHandle<()>) {
    let counts = Arc::new(Counts::default());
    let api = InMemory {
        ground: cluster.ground.clone(),
        caller: Caller::new(User::new("hollow", ["system:masters"]), "hollow"),
    };
    let clock = cluster.ground.clock.clone();
    let running = run(Arc::new(api), clock, plan, counts.clone());
    (counts, tokio::spawn(running))
}

impl InMemory {
    fn target(&self, kind: Kind, call: &Call, subresource: &str) -> Target {
        Target {
            resource: self.ground.row(kind).clone(),
            namespace: call.namespace.clone(),
            name: call.name.clone(),
            subresource: subresource.to_owned(),
        }
    }

    async fn ask(&self, call: &Call) -> Result<Object, Failure> {
        let registry = &self.ground.registry;
        let write = WriteOptions {
            is_dry_run: false,
            field_manager: "hollow".to_owned(),
            field_validation: FieldValidation::Strict,
        };
        let (patch, subresource) = match &call.ask {
            Ask::Create(object) => {
                let mut target = self.target(call.kind, call, "");
                target.name.clear();
                let written = registry
                    .create(&self.caller, &target, &body(object), &write)
                    .await?;
                return Ok(written.object);
            }
            Ask::Delete { uid } => {
                let options = DeleteOptions {
                    grace_period_seconds: Some(0),
                    preconditions: Preconditions {
                        uid: Some(uid.clone()),
                        ..Preconditions::default()
                    },
                    ..DeleteOptions::default()
                };
                let target = self.target(call.kind, call, "");
                return Ok(registry
                    .delete(&self.caller, &target, &options)
                    .await?
                    .object);
            }
            Ask::Patch(patch) => (patch, ""),
            Ask::PatchStatus(patch) => (patch, "status"),
        };
        let options = PatchOptions {
            write,
            force: false,
        };
        let target = self.target(call.kind, call, subresource);
        let (patch, kind) = (body(patch), PatchType::Strategic);
        let written = registry
            .patch(&self.caller, &target, &patch, kind, &options)
            .await?;
        Ok(written.object)
    }

    fn follow<T: DeserializeOwned + Send + 'static>(
        &self,
        kind: Kind,
        selector: &str,
    ) -> BoxStream<'static, Told<T>> {
        let query = format!(
            "allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan{selector}"
        );
        let options = WatchOptions::parse(&Query::parse(&query), "", true).expect("options");
        let target = Target {
            resource: self.ground.row(kind).clone(),
            namespace: String::new(),
            name: String::new(),
            subresource: String::new(),
        };
        let ground = self.ground.clone();
        let events = stream::once(async move {
            let watch = ground.registry.watch(&target, &options).await;
            watch.expect("it can be watched")
        });
        let events = events.flatten().filter_map(|event| async move {
            let event = event.expect("the watch goes on");
            let revision = event.object.revision();
            let value = event.object.value().expect("an object");
            let read = |value: Value| serde_json::from_value(value).expect("it can be read");
            match event.kind {
                EventKind::Added | EventKind::Modified => Some(Told::Here(read(value))),
                EventKind::Deleted => Some(Told::Gone(read(value))),
                EventKind::Bookmark { ends_initial: true } => Some(Told::Complete(revision)),
                EventKind::Bookmark { .. } => None,
            }
        });
        stream::iter([Told::Began]).chain(events).boxed()
    }
}

impl Api for InMemory {
    fn call(&self, call: Call) -> Future<'_, Outcome> {
        Box::pin(async move {
            match self.ask(&call).await.map_err(Problem::from) {
                Ok(object) => {
                    let value = object.value().expect("an object");
                    Outcome::Done(value.to_string().into_bytes())
                }
                Err(Problem::Exists) => Outcome::Exists,
                Err(Problem::Absent) => Outcome::Absent,
                Err(Problem::Stale) => Outcome::Stale,
                Err(Problem::Refused(failure)) => panic!("{call:?}: {failure}"),
                Err(problem) => Outcome::Trouble(problem.to_string()),
            }
        })
    }

    fn pods(&self) -> BoxStream<'static, Told<SeenPod>> {
        self.follow(Kind::Pod, "&fieldSelector=spec.nodeName!%3D")
    }

    fn nodes(&self) -> BoxStream<'static, Told<SeenNode>> {
        self.follow(Kind::Node, "")
    }
}

fn body(value: &Value) -> Body {
    Body {
        bytes: value.to_string().into(),
        encoding: Encoding::Json,
    }
}
