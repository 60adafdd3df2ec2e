//! The namespaces that every cluster has.

use super::once::Setback;
use keelson_apiserver::identity::{MASTERS, User};
use keelson_apiserver::registry::{Body, Caller, Registry, Target};
use keelson_apiserver::request::{Encoding, FieldValidation, WriteOptions};
use keelson_apiserver::resource::Catalog;
use keelson_apiserver::status::Reason;
use serde_json::json;
use std::sync::Arc;

const NAMES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// Makes those that are missing. It comes out the same however many members do it at one time.
///
/// # Errors
/// At the first that cannot be made; trying again helps.
pub async fn ensure(registry: &Registry, catalog: &Catalog) -> Result<(), Setback> {
    let Some(row) = catalog.find("", "v1", "namespaces") else {
        return Err(Setback::Final("namespaces are not served".to_owned()));
    };
    let target = Target {
        resource: Arc::new(row.clone()),
        namespace: String::new(),
        name: String::new(),
        subresource: String::new(),
    };
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
    for name in NAMES {
        let object = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name},
        });
        let body = Body {
            bytes: object.to_string().into(),
            encoding: Encoding::Json,
        };
        match registry.create(&caller, &target, &body, &options).await {
            Err(failure) if failure.reason != Reason::AlreadyExists => {
                return Err(Setback::Passing(format!("namespace {name}: {failure}")));
            }
            _ => {}
        }
    }
    Ok(())
}
