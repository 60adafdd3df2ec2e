//! A cluster in memory for tests of controllers: a registry with the usual admission over a store in
//! memory, a manager that leads, and short ways to act as a user and to wait for what becomes of it.
//!
//! Time stands still unless a test moves it (`#[tokio::test(start_paused = true)]` and
//! [`Cluster::advance`]), so nothing here waits for a clock.

mod evict;
mod kubelet;
mod quota;

pub use kubelet::Pause;

use crate::objects::Key;
use crate::runtime::{Ground, Kind, Manager, World};
use keelson_apiserver::admission::{Chain, Stored};
use keelson_apiserver::identity::{MASTERS, User};
use keelson_apiserver::registry::{Body, Caller, Clock, Random, Registry, Target};
use keelson_apiserver::request::{
    DeleteOptions, Encoding, FieldValidation, GetOptions, GetRead, PatchOptions, PatchType,
    Propagation, WriteOptions,
};
use keelson_apiserver::resource;
use keelson_apiserver::status::Failure;
use keelson_apiserver::storage::{At, Kv, MemoryKv, Range};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

/// 2026-01-01T00:00:00Z.
pub const START_US: i64 = 1_767_225_600_000_000;
/// A test that waits longer than this (of paused time: of quiet) has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A clock that tests set.
#[derive(Clone)]
pub struct Hands(Arc<AtomicI64>);

impl Clock for Hands {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct Dice;

impl Random for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        rand::fill(bytes);
    }
}

/// See the module.
pub struct Cluster {
    /// The store.
    pub kv: MemoryKv,
    /// What loops share.
    pub ground: Arc<Ground>,
    clock: Hands,
    caller: Caller,
}

impl Cluster {
    /// A cluster with the namespaces `default` and `kube-system`, each with its default account, and
    /// without any loop.
    pub async fn new() -> Cluster {
        let cluster = Cluster::empty();
        for name in ["default", "kube-system"] {
            cluster.namespace(name).await;
        }
        cluster
    }

    /// A cluster in its first moment: nothing is there.
    pub fn empty() -> Cluster {
        let kv = MemoryKv::new();
        kv.set_leadership(1);
        let clock = Hands(Arc::new(AtomicI64::new(START_US)));
        let store: Arc<dyn Kv> = Arc::new(kv.clone());
        let chain = Chain::standard(Arc::new(Stored::new(store.clone())), Arc::new(rand::random));
        let registry = Registry::new(store, Arc::new(clock.clone()), Arc::new(Dice))
            .with_admission(Arc::new(chain));
        let catalog = Arc::new(resource::builtin().clone());
        let ground = Ground::new(Arc::new(registry), catalog, Arc::new(clock.clone()));
        let cluster = Cluster {
            kv,
            ground: Arc::new(ground),
            clock,
            caller: Caller::new(User::new("tester", [MASTERS]), "test"),
        };
        let ground = cluster.ground.clone();
        tokio::spawn(async move {
            let Ground {
                registry,
                catalog,
                shared,
                ..
            } = &*ground;
            shared.follow(registry, catalog).await;
        });
        cluster
    }

    /// Makes a namespace and its default account.
    pub async fn namespace(&self, name: &str) {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name},
        });
        self.create(Kind::Namespace, "", namespace).await;
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"},
        });
        self.create(Kind::ServiceAccount, name, account).await;
    }

    /// Follows and leads with these loops, in the background, until the runtime of the test ends.
    pub fn lead(&self, with: impl FnOnce(Manager) -> Manager) -> Arc<Manager> {
        self.lead_in_term(1, with)
    }

    /// The same in a later term: whoever led before is fenced.
    pub fn succeed(&self, term: u64, with: impl FnOnce(Manager) -> Manager) -> Arc<Manager> {
        self.kv.set_leadership(term);
        self.lead_in_term(term, with)
    }

    fn lead_in_term(&self, term: u64, with: impl FnOnce(Manager) -> Manager) -> Arc<Manager> {
        let manager = Arc::new(with(self.manager()));
        let following = manager.clone();
        tokio::spawn(async move { following.follow().await });
        let leading = manager.clone();
        tokio::spawn(async move { leading.lead(term).await });
        manager
    }

    /// The same in a thread of its own, so that it really happens at the same moment, until what is
    /// returned is dropped. For tests whose time does not stand still.
    pub fn lead_apart(&self, with: impl FnOnce(Manager) -> Manager) -> oneshot::Sender<()> {
        let manager = with(self.manager());
        let (stop, stopped) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = manager.follow() => {}
                    () = manager.lead(1) => {}
                    _ = stopped => {}
                }
            });
        });
        stop
    }

    fn manager(&self) -> Manager {
        // Each leader has a world of its own, as members have.
        let Ground {
            registry,
            catalog,
            clock,
            ..
        } = &*self.ground;
        let ground = Ground::new(registry.clone(), catalog.clone(), clock.clone());
        Manager::new(Arc::new(ground))
    }

    /// Moves the clock of the day and tokio's (which must be paused) on.
    pub async fn advance(&self, by: Duration) {
        let us = i64::try_from(by.as_micros()).expect("a time that a test can mean");
        self.clock.0.fetch_add(us, Ordering::SeqCst);
        tokio::time::advance(by).await;
    }

    fn target(&self, kind: Kind, namespace: &str, name: &str) -> Target {
        Target {
            resource: self.ground.row(kind).clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            subresource: String::new(),
        }
    }

    /// Creates an object as a user. Panics if it is refused.
    pub async fn create(&self, kind: Kind, namespace: &str, object: Value) -> Value {
        let created = self.try_create(kind, namespace, object).await;
        created.unwrap_or_else(|failure| panic!("{} is refused: {failure}", kind.name()))
    }

    /// Creates an object as a user.
    pub async fn try_create(
        &self,
        kind: Kind,
        namespace: &str,
        object: Value,
    ) -> Result<Value, Failure> {
        let target = self.target(kind, namespace, "");
        let (registry, options, object) = (&self.ground.registry, options(), body(&object));
        let created = registry.create(&self.caller, &target, &object, &options);
        created
            .await
            .map(|written| written.object.value().expect("an object"))
    }

    /// Creates an object of a kind that the world does not keep, in no namespace, as a user. Panics if it
    /// is refused.
    pub async fn create_in(&self, group: &str, plural: &str, object: Value) {
        let row = self.ground.catalog.find(group, "v1", plural);
        let target = Target {
            resource: Arc::new(row.expect("a resource").clone()),
            namespace: String::new(),
            name: String::new(),
            subresource: String::new(),
        };
        self.create_at(&target, object).await;
    }

    /// Creates an object where a target says, as a user. Panics if it is refused.
    pub async fn create_at(&self, target: &Target, object: Value) -> Value {
        let (registry, options, object) = (&self.ground.registry, options(), body(&object));
        let created = registry.create(&self.caller, target, &object, &options);
        let created = created.await;
        let created = created.unwrap_or_else(|failure| panic!("refused: {failure}"));
        created.object.value().expect("an object")
    }

    /// Patches an object (`subresource` may be empty) by a merge patch as a user. Panics if it is refused.
    pub async fn patch(&self, kind: Kind, key: &str, subresource: &str, patch: Value) -> Value {
        let key = named(key);
        let mut target = self.target(kind, &key.namespace, &key.name);
        target.subresource = subresource.to_owned();
        let options = PatchOptions {
            write: options(),
            force: false,
        };
        let (registry, patch) = (&self.ground.registry, body(&patch));
        let kind = PatchType::Merge;
        let patched = registry
            .patch(&self.caller, &target, &patch, kind, &options)
            .await;
        let patched = patched.unwrap_or_else(|failure| panic!("{key}: refused: {failure}"));
        patched.object.value().expect("an object")
    }

    /// Deletes an object as a user. Panics if it is refused.
    pub async fn delete(
        &self,
        kind: Kind,
        key: &str,
        propagation: Option<Propagation>,
        grace_s: Option<i64>,
    ) {
        let key = named(key);
        let target = self.target(kind, &key.namespace, &key.name);
        let options = DeleteOptions {
            propagation,
            grace_period_seconds: grace_s,
            ..DeleteOptions::default()
        };
        let deleted = self
            .ground
            .registry
            .delete(&self.caller, &target, &options)
            .await;
        deleted.unwrap_or_else(|failure| panic!("{key}: refused: {failure}"));
    }

    /// The object, read from the store.
    pub async fn get(&self, kind: Kind, key: &str) -> Option<Value> {
        let key = named(key);
        let target = self.target(kind, &key.namespace, &key.name);
        let latest = GetOptions {
            read: GetRead::Latest,
        };
        let found = self.ground.registry.get(&target, &latest).await;
        found.ok().and_then(|object| object.value())
    }

    /// What users have been told, as `Type Reason: message`.
    pub async fn events(&self) -> Vec<String> {
        let range = Range {
            key: "/registry/events/".into(),
            end: Some("/registry/events0".into()),
            at: At::Latest,
            limit: 0,
            keys_only: false,
        };
        let found = self.kv.range(range).await.expect("the store answers");
        let shown = found.keys.into_iter().map(|found| {
            let event: Value = serde_json::from_slice(&found.value).expect("an event");
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            format!("{} {}: {}", text("type"), text("reason"), text("message"))
        });
        shown.collect()
    }

    /// Waits until the world is as `is` wants it, and says what was waited for if it does not come.
    pub async fn until(&self, what: &str, is: impl Fn(&World) -> bool) {
        let mut looks: u32 = 0;
        let coming = async {
            while !is(&self.ground.shared.read()) {
                looks += 1;
                // With paused time this lets everything else go on first.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, coming).await;
        assert!(came.is_ok(), "it does not come that {what}");
    }

    /// Waits until nothing has been written for a while, so that what has not happened will not.
    pub async fn settle(&self) {
        let mut revision = 0;
        let mut quiet = 0;
        while quiet < 20 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let now = self.kv.revision();
            quiet = if now == revision { quiet + 1 } else { 0 };
            revision = now;
        }
    }
}

fn options() -> WriteOptions {
    WriteOptions {
        is_dry_run: false,
        field_manager: "test".to_owned(),
        field_validation: FieldValidation::Strict,
    }
}

fn body(value: &Value) -> Body {
    Body {
        bytes: value.to_string().into(),
        encoding: Encoding::Json,
    }
}

/// `namespace/name`, or the name of an object that is in no namespace.
pub fn named(text: &str) -> Key {
    match text.split_once('/') {
        Some((namespace, name)) => Key::new(namespace, name),
        None => Key::cluster(text),
    }
}
