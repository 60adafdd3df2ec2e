//! Plug-ins before a store with a few objects in it.

mod chain;
mod limits;
mod namespaces;
mod node_restriction;
mod nodes;
mod priorities;
mod quotas;
mod service_accounts;

use super::*;
use crate::resource::{Resource, Scope, everything};
use crate::storage::{Committed, Kv, MemoryKv, Txn};
use bytes::Bytes;
use futures::executor::block_on;
use serde_json::json;
use std::sync::Arc;

/// A store, and all plug-ins.
struct World {
    kv: MemoryKv,
    chain: Chain,
}

fn row(id: &str) -> &'static Resource {
    let (plural, group) = id.split_once('.').unwrap_or((id, ""));
    everything().find(group, "v1", plural).expect("a resource")
}

fn key(id: &str, namespace: &str, name: &str) -> Bytes {
    let row = row(id);
    let place = &row.key;
    match row.scope {
        Scope::Cluster => format!("/registry/{place}/{name}"),
        Scope::Namespaced => format!("/registry/{place}/{namespace}/{name}"),
    }
    .into()
}

/// A request about an object in the namespace `ns`, or in none.
fn request(operation: Operation, id: &str, name: &str, object: Option<Value>) -> AdmissionRequest {
    let row = row(id);
    let namespace = if row.scope == Scope::Namespaced {
        "ns"
    } else {
        ""
    };
    AdmissionRequest {
        operation,
        target: Target {
            resource: Arc::new(row.clone()),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            subresource: String::new(),
        },
        user: User::new("somebody", ["system:authenticated"]),
        object: object.into(),
        old: None,
        options: Value::Null,
        is_dry_run: false,
        now: String::new(),
        seen: Default::default(),
    }
}

fn creation(id: &str, object: Value) -> AdmissionRequest {
    let mut object = object;
    if object.pointer("/metadata/name").is_none() {
        object["metadata"]["name"] = json!("x");
    }
    let name = object["metadata"]["name"]
        .as_str()
        .expect("a name")
        .to_owned();
    request(Operation::Create, id, &name, Some(object))
}

fn update(id: &str, old: Value, new: Value) -> AdmissionRequest {
    let mut request = creation(id, new);
    request.operation = Operation::Update;
    request.old = Some(old);
    request
}

impl World {
    /// An empty store.
    fn empty() -> World {
        let kv = MemoryKv::new();
        let stored = Arc::new(Stored::new(Arc::new(kv.clone())));
        let chain = Chain::standard(stored, Arc::new(|| 7));
        World { kv, chain }
    }

    /// One with the namespace `ns` and its default account.
    fn new() -> World {
        let world = World::empty();
        world.put(
            "namespaces",
            "",
            json!({"metadata": {"name": "ns"}, "status": {"phase": "Active"}}),
        );
        world.put(
            "serviceaccounts",
            "ns",
            json!({"metadata": {"name": "default", "namespace": "ns"}}),
        );
        world
    }

    /// Stores an object as it is.
    fn put(&self, id: &str, namespace: &str, object: Value) {
        let name = object["metadata"]["name"].as_str().expect("a name");
        let write = Write::Put {
            key: key(id, namespace, name),
            value: object.to_string().into(),
            lease: 0,
        };
        let txn = Txn {
            writes: vec![write],
            ..Txn::default()
        };
        let committed = block_on(self.kv.txn(txn)).expect("a store");
        assert!(matches!(committed, Committed::Written { .. }));
    }

    fn stored(&self, id: &str, namespace: &str, name: &str) -> Option<Value> {
        let range = crate::storage::Range {
            key: key(id, namespace, name),
            end: None,
            at: crate::storage::At::Latest,
            limit: 0,
            keys_only: false,
        };
        let ranged = block_on(self.kv.range(range)).expect("a store");
        let entry = ranged.keys.first()?;
        Some(serde_json::from_slice(&entry.value).expect("an object"))
    }

    /// Asks both times. The object may have changed afterwards.
    fn ask(&self, request: &mut AdmissionRequest) -> Result<Admitted, Failure> {
        let mut admitted = block_on(self.chain.mutate(request))?;
        admitted.append(block_on(self.chain.validate(request))?);
        Ok(admitted)
    }

    /// The object after it was let through.
    fn admit(&self, mut request: AdmissionRequest) -> Value {
        self.ask(&mut request).expect("let through");
        request.object.take().expect("an object")
    }

    /// What is said about a request that is not let through.
    fn refuse(&self, mut request: AdmissionRequest) -> Failure {
        self.ask(&mut request).expect_err("refused")
    }

    /// Writes what was let through, with everything that belongs to it. Whether all guards held.
    fn commit(&self, request: &AdmissionRequest, admitted: Admitted) -> bool {
        let target = &request.target;
        let id = match target.resource.gvk.group.as_str() {
            "" => target.resource.plural.clone(),
            group => format!("{}.{group}", target.resource.plural),
        };
        let object = request.object.as_ref().expect("an object");
        let mut txn = Txn {
            guards: admitted.guards,
            writes: admitted.writes,
            ..Txn::default()
        };
        txn.writes.push(Write::Put {
            key: key(&id, &target.namespace, &target.name),
            value: object.to_string().into(),
            lease: 0,
        });
        let committed = block_on(self.kv.txn(txn)).expect("a store");
        matches!(committed, Committed::Written { .. })
    }

    /// Creates an object, all the way to the store.
    fn create(&self, id: &str, object: Value) -> Result<(), Failure> {
        let mut request = creation(id, object);
        let admitted = self.ask(&mut request)?;
        assert!(self.commit(&request, admitted), "nobody else writes");
        Ok(())
    }
}

fn a_pod(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c"}]}})
}
