//! The objects that every cluster has: namespaces, and the classes of Pods that a cluster does not live without.

use super::once::Setback;
use keelson_apiserver::identity::{MASTERS, User};
use keelson_apiserver::registry::{Body, Caller, Registry, Target};
use keelson_apiserver::request::{Encoding, FieldValidation, GetOptions, GetRead, WriteOptions};
use keelson_apiserver::resource::Catalog;
use keelson_apiserver::status::Reason;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// Name, value, and what it is for.
const CLASSES: [(&str, i64, &str); 2] = [
    (
        "system-cluster-critical",
        2_000_000_000,
        "The cluster does not work without such Pods; they may run on any node.",
    ),
    (
        "system-node-critical",
        2_000_001_000,
        "A node does not work without such Pods, so they stay where they are.",
    ),
];

/// Pause between two looks, like upstream's. Nodes renew their leases in one of the namespaces: while it is
/// missing they count as lost.
const EVERY: Duration = Duration::from_secs(60);

/// Makes those that are missing. It comes out the same however many members do it at one time.
///
/// # Errors
/// At the first that cannot be made; trying again helps.
pub async fn ensure(registry: &Registry, catalog: &Catalog) -> Result<(), Setback> {
    for name in NAMESPACES {
        let object = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name},
        });
        ensure_one(registry, &target(catalog, "", "namespaces", name)?, &object).await?;
    }
    for (name, value, description) in CLASSES {
        let object = json!({
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "description": description,
        });
        let target = target(catalog, "scheduling.k8s.io", "priorityclasses", name)?;
        ensure_one(registry, &target, &object).await?;
    }
    Ok(())
}

/// Looks again and again, for ever, and makes what somebody has deleted.
pub async fn keep(registry: &Registry, catalog: &Catalog) {
    loop {
        if let Err(why) = ensure(registry, catalog).await {
            tracing::info!(?why, "not all is there that every cluster has");
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn target(catalog: &Catalog, group: &str, plural: &str, name: &str) -> Result<Target, Setback> {
    let Some(row) = catalog.find(group, "v1", plural) else {
        return Err(Setback::Final(format!("{plural} are not served")));
    };
    Ok(Target {
        resource: Arc::new(row.clone()),
        namespace: String::new(),
        name: name.to_owned(),
        subresource: String::new(),
    })
}

async fn ensure_one(registry: &Registry, target: &Target, object: &Value) -> Result<(), Setback> {
    // Mostly it is there, and a look costs no entry in the log.
    let at_hand = GetOptions { read: GetRead::Any };
    if registry.get(target, &at_hand).await.is_ok() {
        return Ok(());
    }
    let caller = Caller {
        user: User::new("system:apiserver", [MASTERS]),
        user_agent: "kube-apiserver".to_owned(),
        fence: 0,
        reads: Vec::new(),
        wrote: Default::default(),
    };
    let options = WriteOptions {
        is_dry_run: false,
        field_manager: "kube-apiserver".to_owned(),
        field_validation: FieldValidation::Ignore,
    };
    let body = Body {
        bytes: object.to_string().into(),
        encoding: Encoding::Json,
    };
    let target = Target {
        name: String::new(),
        ..target.clone()
    };
    match registry.create(&caller, &target, &body, &options).await {
        Err(failure) if failure.reason != Reason::AlreadyExists => {
            let what = object["metadata"]["name"].as_str().unwrap_or_default();
            Err(Setback::Passing(format!("{what}: {failure}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::{SystemClock, SystemRandom};
    use super::*;
    use keelson_apiserver::admission::{Chain, Stored};
    use keelson_apiserver::request::DeleteOptions;
    use keelson_apiserver::resource;
    use keelson_apiserver::storage::{Kv, MemoryKv};

    fn registry() -> Registry {
        let kv: Arc<dyn Kv> = Arc::new(MemoryKv::new());
        let chain = Chain::standard(Arc::new(Stored::new(kv.clone())), Arc::new(rand::random));
        Registry::new(kv, Arc::new(SystemClock), Arc::new(SystemRandom))
            .with_admission(Arc::new(chain))
    }

    fn class(name: &str) -> Target {
        let group = "scheduling.k8s.io";
        target(resource::builtin(), group, "priorityclasses", name).expect("served")
    }

    async fn text(registry: &Registry, target: &Target) -> Option<String> {
        let latest = GetOptions {
            read: GetRead::Latest,
        };
        let object = registry.get(target, &latest).await.ok()?;
        Some(object.value()?.to_string())
    }

    async fn delete(registry: &Registry, target: &Target) {
        let caller = Caller {
            user: User::new("somebody", [MASTERS]),
            user_agent: String::new(),
            fence: 0,
            reads: Vec::new(),
            wrote: Default::default(),
        };
        let options = DeleteOptions::default();
        let deleted = registry.delete(&caller, target, &options);
        deleted.await.expect("it is deleted");
    }

    #[tokio::test]
    async fn a_cluster_begins_with_namespaces_and_the_classes_of_the_system() {
        let registry = registry();
        for _ in 0..2 {
            let ensured = ensure(&registry, resource::builtin()).await;
            ensured.expect("all is there");
        }
        for name in NAMESPACES {
            let namespace = target(resource::builtin(), "", "namespaces", name).expect("served");
            assert!(text(&registry, &namespace).await.is_some(), "{name}");
        }
        for (name, value) in [
            ("system-cluster-critical", "2000000000"),
            ("system-node-critical", "2000001000"),
        ] {
            let is = text(&registry, &class(name)).await.expect(name);
            assert!(is.contains(&format!("\"value\":{value}")), "{is}");
        }
    }

    #[tokio::test]
    async fn what_somebody_deletes_comes_again() {
        let registry = registry();
        let ensured = ensure(&registry, resource::builtin()).await;
        ensured.expect("all is there");
        let deleted = class("system-node-critical");
        delete(&registry, &deleted).await;
        assert!(text(&registry, &deleted).await.is_none());
        let back = async {
            while text(&registry, &deleted).await.is_none() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = keep(&registry, resource::builtin()) => {}
            () = back => {}
        }
    }
}
