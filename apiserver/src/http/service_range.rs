//! The block that Services have their addresses from, as an object that users can read.

use crate::admission::SERVICE_CIDR;
use crate::canonical::{Instant, format_time};
use crate::identity::{MASTERS, User};
use crate::registry::{Body, Caller, Registry, Target};
use crate::request::{
    Encoding, FieldValidation, GetOptions, GetRead, PatchOptions, PatchType, WriteOptions,
};
use crate::resource::Catalog;
use crate::status::{Failure, Reason};
use serde_json::{Value, json};
use std::sync::Arc;

const NAME: &str = "kubernetes";

/// Writes the ServiceCIDR `kubernetes` if it is missing, and that it is ready if it does not say so. It
/// comes out the same however many members do it at one time. `now_us`: microseconds since 1970.
///
/// # Errors
/// If it cannot be read or written; trying again helps.
pub async fn write_service_range(
    registry: &Registry,
    catalog: &Catalog,
    now_us: i64,
) -> Result<(), Failure> {
    let row = catalog.find("networking.k8s.io", "v1", "servicecidrs");
    let mut target = Target {
        resource: Arc::new(row.ok_or_else(Failure::unknown_path)?.clone()),
        namespace: String::new(),
        name: NAME.to_owned(),
        subresource: String::new(),
    };
    let latest = GetOptions {
        read: GetRead::Latest,
    };
    let stored = match registry.get(&target, &latest).await {
        Ok(object) => object.value().unwrap_or_default(),
        Err(failure) if failure.reason == Reason::NotFound => {
            create(registry, &target).await?;
            Value::Null
        }
        Err(failure) => return Err(failure),
    };
    let conditions = stored.pointer("/status/conditions");
    let conditions = conditions.and_then(Value::as_array);
    let is_told = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready");
    if is_told {
        return Ok(());
    }
    let now = Instant {
        seconds: now_us.div_euclid(1_000_000),
        nanos: 0,
    };
    let patch = json!({"status": {"conditions": [{
        "type": "Ready",
        "status": "True",
        "reason": "",
        "message": "Kubernetes default Service CIDR is ready",
        "lastTransitionTime": format_time(now).unwrap_or_default(),
    }]}});
    target.subresource = "status".to_owned();
    let options = PatchOptions {
        write: options(),
        force: false,
    };
    let (caller, patch) = (caller(), body(&patch));
    let patched = registry.patch(&caller, &target, &patch, PatchType::Merge, &options);
    patched.await.map(drop)
}

async fn create(registry: &Registry, target: &Target) -> Result<(), Failure> {
    let object = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": NAME},
        "spec": {"cidrs": [SERVICE_CIDR]},
    });
    let place = Target {
        name: String::new(),
        ..target.clone()
    };
    let (caller, object, options) = (caller(), body(&object), options());
    match registry.create(&caller, &place, &object, &options).await {
        Err(failure) if failure.reason != Reason::AlreadyExists => Err(failure),
        _ => Ok(()),
    }
}

fn caller() -> Caller {
    Caller::new(User::new("system:apiserver", [MASTERS]), "kube-apiserver")
}

fn body(object: &Value) -> Body {
    Body {
        bytes: object.to_string().into(),
        encoding: Encoding::Json,
    }
}

fn options() -> WriteOptions {
    WriteOptions {
        is_dry_run: false,
        field_manager: "kube-apiserver".to_owned(),
        field_validation: FieldValidation::Ignore,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Clock, Random};
    use crate::storage::MemoryKv;

    struct Still;

    impl Clock for Still {
        fn now_us(&self) -> i64 {
            0
        }
    }

    impl Random for Still {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    #[tokio::test]
    async fn v1_the_range_is_written_once_however_many_begin() {
        let kv = MemoryKv::new();
        let store = Arc::new(kv.clone());
        let registry = Registry::new(store, Arc::new(Still), Arc::new(Still));
        let catalog = crate::resource::builtin();
        let starts = (0..3).map(|_| write_service_range(&registry, catalog, 1_000_000));
        for done in futures::future::join_all(starts).await {
            done.expect("it is written");
        }
        let revision = kv.revision();
        let again = write_service_range(&registry, catalog, 9_000_000).await;
        again.expect("it is there");
        assert_eq!(kv.revision(), revision);
        let target = Target {
            resource: Arc::new(
                catalog
                    .find("networking.k8s.io", "v1", "servicecidrs")
                    .expect("a row")
                    .clone(),
            ),
            namespace: String::new(),
            name: NAME.to_owned(),
            subresource: String::new(),
        };
        let latest = GetOptions {
            read: GetRead::Latest,
        };
        let found = registry.get(&target, &latest).await.expect("it is there");
        let found = found.value().expect("an object");
        assert_eq!(found["spec"], json!({"cidrs": ["10.96.0.0/12"]}));
        let ready = &found["status"]["conditions"][0];
        assert_eq!(ready["status"], "True");
        assert_eq!(ready["lastTransitionTime"], "1970-01-01T00:00:01Z");
    }
}
