//! A registry over a store in memory, a clock that stands still, and short ways to write.

use crate::identity::User;
use crate::registry::{Body, Caller, Clock, Random, Registry, Target, Written};
use crate::request::{
    DeleteOptions, Encoding, FieldValidation, ListOptions, PatchOptions, PatchType, Query,
    WriteOptions,
};
use crate::resource::everything;
use crate::status::Failure;
use crate::storage::{
    At, Changes, Committed, Future, Keys, Kv, KvError, MemoryKv, Object, Range, Ranged, Stream,
    Txn, Watch,
};
use futures::StreamExt;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// 2026-01-01T00:00:00Z.
const START_US: i64 = 1_767_225_600_000_000;

#[derive(Clone)]
pub struct Hands(Arc<AtomicI64>);

impl Clock for Hands {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Chance as it is.
pub(super) struct Dice;

impl Random for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        rand::fill(bytes);
    }
}

/// Draws the same all the time.
pub struct Loaded;

impl Random for Loaded {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// Lets others go on before every call, so that what runs at the same time does so.
struct Polite(MemoryKv);

impl Kv for Polite {
    fn range(&self, range: Range) -> Future<'_, Result<Ranged, KvError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.0.range(range).await
        })
    }

    fn txn(&self, txn: Txn) -> Future<'_, Result<Committed, KvError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.0.txn(txn).await
        })
    }

    fn watch(&self, watch: Watch) -> Future<'_, Result<Stream<Result<Changes, KvError>>, KvError>> {
        self.0.watch(watch)
    }

    fn grant(&self, ttl_s: i64) -> Future<'_, Result<i64, KvError>> {
        self.0.grant(ttl_s)
    }

    fn compact(&self, revision: u64) -> Future<'_, Result<(), KvError>> {
        self.0.compact(revision)
    }
}

pub struct World {
    pub kv: MemoryKv,
    pub registry: Registry,
    pub clock: Hands,
    pub caller: Caller,
    pub options: WriteOptions,
}

/// An object of a resource, such as `("apps/v1", "deployments", "ns", "web")`.
pub fn at(api_version: &str, plural: &str, namespace: &str, name: &str) -> Target {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let row = everything().find(group, version, plural).expect("a row");
    Target {
        resource: Arc::new(row.clone()),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: String::new(),
    }
}

pub fn config_map(name: &str) -> Target {
    at("v1", "configmaps", "ns", name)
}

pub fn pod(name: &str) -> Target {
    at("v1", "pods", "ns", name)
}

pub fn deployment(name: &str) -> Target {
    at("apps/v1", "deployments", "ns", name)
}

pub fn namespace(name: &str) -> Target {
    at("v1", "namespaces", "", name)
}

/// A part of it, or something below it.
pub fn sub(target: Target, name: &str) -> Target {
    Target {
        subresource: name.to_owned(),
        ..target
    }
}

pub fn body(value: &Value) -> Body {
    Body {
        bytes: value.to_string().into(),
        encoding: Encoding::Json,
    }
}

/// A ConfigMap with one entry.
pub fn some_map(name: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name}, "data": {"key": value},
    })
}

pub fn some_pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "main", "image": "app:1"}]},
    })
}

pub fn some_deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "app:1"}]},
            },
        },
    })
}

/// The object that a write left.
pub fn seen(written: Written) -> Value {
    written.object.value().expect("an object")
}

pub fn version(object: &Value) -> u64 {
    let text = object["metadata"]["resourceVersion"].as_str();
    text.expect("a version").parse().expect("a number")
}

impl World {
    pub fn new() -> World {
        let kv = MemoryKv::new();
        let clock = Hands(Arc::new(AtomicI64::new(START_US)));
        let random = Arc::new(Dice);
        let registry = Registry::new(
            Arc::new(Polite(kv.clone())),
            Arc::new(clock.clone()),
            random,
        );
        World {
            kv,
            registry,
            clock,
            caller: Caller {
                user: User::new("anna", ["people"]),
                user_agent: "kubectl/v1.35.0".to_owned(),
                fence: 0,
                reads: Vec::new(),
                wrote: Default::default(),
            },
            options: WriteOptions {
                is_dry_run: false,
                field_manager: "kubectl".to_owned(),
                field_validation: FieldValidation::Warn,
            },
        }
    }

    /// The same as somebody else.
    pub fn manager(mut self, name: &str) -> World {
        name.clone_into(&mut self.options.field_manager);
        self
    }

    pub fn dry(&self) -> WriteOptions {
        WriteOptions {
            is_dry_run: true,
            ..self.options.clone()
        }
    }

    pub fn pass_s(&self, seconds: i64) {
        self.clock
            .0
            .fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    pub async fn try_create(&self, of: &Target, object: &Value) -> Result<Written, Failure> {
        let target = Target {
            name: String::new(),
            ..of.clone()
        };
        self.registry
            .create(&self.caller, &target, &body(object), &self.options)
            .await
    }

    pub async fn create(&self, of: &Target, object: &Value) -> Value {
        seen(
            self.try_create(of, object)
                .await
                .expect("it can be created"),
        )
    }

    pub async fn try_put(&self, of: &Target, object: &Value) -> Result<Written, Failure> {
        self.registry
            .update(&self.caller, of, &body(object), &self.options)
            .await
    }

    pub async fn put(&self, of: &Target, object: &Value) -> Value {
        seen(self.try_put(of, object).await.expect("it can be replaced"))
    }

    pub async fn try_patch(
        &self,
        of: &Target,
        kind: PatchType,
        patch: &Value,
    ) -> Result<Written, Failure> {
        let options = PatchOptions {
            write: self.options.clone(),
            force: false,
        };
        self.registry
            .patch(&self.caller, of, &body(patch), kind, &options)
            .await
    }

    pub async fn merge(&self, of: &Target, patch: Value) -> Value {
        let written = self.try_patch(of, PatchType::Merge, &patch).await;
        seen(written.expect("it can be patched"))
    }

    pub async fn try_apply(
        &self,
        of: &Target,
        manager: &str,
        config: &Value,
        force: bool,
    ) -> Result<Written, Failure> {
        let write = WriteOptions {
            field_manager: manager.to_owned(),
            ..self.options.clone()
        };
        let options = PatchOptions { write, force };
        self.registry
            .patch(&self.caller, of, &body(config), PatchType::Apply, &options)
            .await
    }

    pub async fn apply(&self, of: &Target, manager: &str, config: &Value) -> Value {
        let written = self.try_apply(of, manager, config, false).await;
        seen(written.expect("it can be applied"))
    }

    pub async fn try_delete(&self, of: &Target, options: &Value) -> Result<Written, Failure> {
        let options = DeleteOptions::parse(&Query::default(), Some(options))?;
        self.registry.delete(&self.caller, of, &options).await
    }

    pub async fn delete(&self, of: &Target, options: Value) -> Value {
        seen(
            self.try_delete(of, &options)
                .await
                .expect("it can be deleted"),
        )
    }

    /// Returns what there was.
    pub async fn delete_all(&self, of: &Target, query: &str) -> Result<Vec<Value>, Failure> {
        let which = ListOptions::parse(&Query::parse(query), "")?;
        let options = DeleteOptions::default();
        let deleted = self
            .registry
            .delete_collection(&self.caller, of, &which, &options);
        let pieces: Vec<_> = deleted.await?.pieces.collect().await;
        let objects = pieces.into_iter().flat_map(|piece| piece.expect("a piece"));
        Ok(objects
            .map(|object| object.value().expect("an object"))
            .collect())
    }

    /// What lies in the store.
    pub async fn get(&self, of: &Target) -> Option<Value> {
        let range = Range {
            key: Keys::one(&of.resource, &of.namespace, &of.name),
            end: None,
            at: At::Latest,
            limit: 1,
            keys_only: false,
        };
        let ranged = self.kv.range(range).await.expect("the store answers");
        let found = ranged.keys.into_iter().next()?;
        Object::new(found.value, found.mod_revision).value()
    }
}
