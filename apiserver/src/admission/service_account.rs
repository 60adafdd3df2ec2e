//! The account of a Pod, and the token in its containers.

use super::demand::list;
use super::{AdmissionRequest, Admitted, Found, Objects, Operation, Plugin, Random, Which};
use crate::names::generate;
use crate::status::Failure;
use crate::storage::Future;
use serde_json::{Map, Value, json};

const ACCOUNTS: Which = Which {
    group: "",
    version: "v1",
    plural: "serviceaccounts",
};

const DEFAULT: &str = "default";
const MIRROR: &str = "kubernetes.io/config.mirror";
const ENFORCE: &str = "kubernetes.io/enforce-mountable-secrets";
const VOLUME: &str = "kube-api-access-";
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// An hour and seven seconds: by this number issuers know tokens that were mounted here, and let them
/// live longer.
const TOKEN_SECONDS: i64 = 3607;
/// 0644.
const FILE_MODE: i64 = 420;

/// See the file's first line.
pub struct ServiceAccount {
    /// For names of volumes.
    pub random: Random,
}

impl Plugin for ServiceAccount {
    fn name(&self) -> &'static str {
        "ServiceAccount"
    }

    fn handles(&self, request: &AdmissionRequest) -> bool {
        request.operation == Operation::Create && request.is_for("", "pods")
    }

    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest,
        objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            if is_mirror(request) {
                return Ok(Admitted::default());
            }
            let name = account_name(request).unwrap_or(DEFAULT).to_owned();
            let account = account(request, objects, &name).await?;
            let pod = request.object.as_mut();
            let spec = pod.and_then(|pod| pod.get_mut("spec"));
            if let Some(spec) = spec.and_then(Value::as_object_mut) {
                for field in ["serviceAccountName", "serviceAccount"] {
                    spec.insert(field.to_owned(), name.as_str().into());
                }
                if wants_token(&account.object, spec) {
                    self.mount(spec);
                }
                pull_secrets(&account.object, spec);
            }
            Ok(Admitted::default())
        })
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest,
        objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            if is_mirror(request) {
                return mirror(request).map(|()| Admitted::default());
            }
            let name = account_name(request).unwrap_or_default();
            let account = account(request, objects, name).await?;
            let annotation = format!("/metadata/annotations/{}", ENFORCE.replace('/', "~1"));
            let enforces = account.object.pointer(&annotation).and_then(Value::as_str);
            if ["true", "True", "TRUE", "t", "T", "1"].contains(&enforces.unwrap_or_default()) {
                only_own_secrets(request, &account.object)?;
            }
            Ok(Admitted::default())
        })
    }
}

fn spec(request: &AdmissionRequest) -> &Value {
    let spec = request.object.as_ref().and_then(|pod| pod.get("spec"));
    spec.unwrap_or(&Value::Null)
}

fn account_name(request: &AdmissionRequest) -> Option<&str> {
    let name = spec(request).get("serviceAccountName")?.as_str()?;
    (!name.is_empty()).then_some(name)
}

/// Whether the Pod runs already, from a file on a node, and is only shown here.
fn is_mirror(request: &AdmissionRequest) -> bool {
    let metadata = request.object.as_ref().and_then(|pod| pod.get("metadata"));
    let annotations = metadata.and_then(|metadata| metadata.get("annotations"));
    annotations.is_some_and(|all| all.get(MIRROR).is_some())
}

async fn account(
    request: &AdmissionRequest,
    objects: &dyn Objects,
    name: &str,
) -> Result<Found, Failure> {
    let namespace = &request.target.namespace;
    let found = objects.get(ACCOUNTS, namespace, name).await?;
    found.ok_or_else(|| {
        request.forbidden(&format!(
            "error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not found"
        ))
    })
}

/// The Pod decides, then the account.
fn wants_token(account: &Value, spec: &Map<String, Value>) -> bool {
    const FIELD: &str = "automountServiceAccountToken";
    let own = spec.get(FIELD).and_then(Value::as_bool);
    let of_account = account.get(FIELD).and_then(Value::as_bool);
    own.or(of_account).unwrap_or(true)
}

fn pull_secrets(account: &Value, spec: &mut Map<String, Value>) {
    const FIELD: &str = "imagePullSecrets";
    let has_some = spec
        .get(FIELD)
        .and_then(Value::as_array)
        .is_some_and(|own| !own.is_empty());
    let secrets: Vec<Value> = list(account, FIELD)
        .iter()
        .map(|secret| json!({"name": secret["name"]}))
        .collect();
    if !has_some && !secrets.is_empty() {
        spec.insert(FIELD.to_owned(), secrets.into());
    }
}

impl ServiceAccount {
    /// Every container finds the token where clients look for it, unless it has something there.
    fn mount(&self, spec: &mut Map<String, Value>) {
        let volumes = spec.get("volumes").and_then(Value::as_array);
        let names = volumes
            .into_iter()
            .flatten()
            .filter_map(|volume| volume["name"].as_str());
        let existing = names
            .into_iter()
            .find(|name| name.starts_with(VOLUME))
            .map(str::to_owned);
        let has_volume = existing.is_some();
        let name = existing.unwrap_or_else(|| generate(VOLUME, || (self.random)()));
        let mut is_needed = false;
        for field in ["initContainers", "containers"] {
            let containers = spec.get_mut(field).and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten() {
                is_needed |= mount_into(container, &name);
            }
        }
        if is_needed && !has_volume {
            let volumes = spec.entry("volumes").or_insert_with(|| json!([]));
            if let Some(volumes) = volumes.as_array_mut() {
                volumes.push(volume(&name));
            }
        }
    }
}

/// Whether the mount was added.
fn mount_into(container: &mut Value, volume: &str) -> bool {
    let Some(container) = container.as_object_mut() else {
        return false;
    };
    let mounts = container.entry("volumeMounts").or_insert_with(|| json!([]));
    let Some(mounts) = mounts.as_array_mut() else {
        return false;
    };
    if mounts.iter().any(|mount| mount["mountPath"] == MOUNT_PATH) {
        return false;
    }
    mounts.push(json!({"name": volume, "readOnly": true, "mountPath": MOUNT_PATH}));
    true
}

fn volume(name: &str) -> Value {
    let namespace = json!({"apiVersion": "v1", "fieldPath": "metadata.namespace"});
    let authority = json!([{"key": "ca.crt", "path": "ca.crt"}]);
    json!({"name": name, "projected": {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": authority}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": namespace}]}},
        ],
        "defaultMode": FILE_MODE,
    }})
}

/// A Pod that is only shown gets nothing from here.
fn mirror(request: &AdmissionRequest) -> Result<(), Failure> {
    let spec = spec(request);
    if account_name(request).is_some() {
        return Err(request.forbidden("a mirror pod may not reference service accounts"));
    }
    let containers = list(spec, "containers")
        .iter()
        .chain(list(spec, "initContainers"));
    let uses_secret = list(spec, "volumes")
        .iter()
        .any(|volume| volume.get("secret").is_some())
        || containers.into_iter().any(|container| {
            list(container, "env")
                .iter()
                .any(|env| env.pointer("/valueFrom/secretKeyRef").is_some())
                || list(container, "envFrom")
                    .iter()
                    .any(|from| from.get("secretRef").is_some())
        });
    if uses_secret {
        return Err(request.forbidden("a mirror pod may not reference secrets"));
    }
    let has_token = list(spec, "volumes").iter().any(|volume| {
        let projected = volume.get("projected").unwrap_or(&Value::Null);
        let mut sources = list(projected, "sources").iter();
        sources.any(|source| source.get("serviceAccountToken").is_some())
    });
    if has_token {
        let why = "a mirror pod may not use ServiceAccountToken volume projections";
        return Err(request.forbidden(why));
    }
    Ok(())
}

/// The account says that its Pods use no other secrets than its own.
fn only_own_secrets(request: &AdmissionRequest, account: &Value) -> Result<(), Failure> {
    let spec = spec(request);
    let account_name = account
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or("");
    let is_in = |field: &str, name: &str| {
        list(account, field)
            .iter()
            .any(|secret| secret["name"] == name)
    };
    let because = |what: &str| {
        format!(
            "is not allowed because service account {account_name} does not reference that {what}"
        )
    };
    for volume in list(spec, "volumes") {
        let name = volume.pointer("/secret/secretName").and_then(Value::as_str);
        if let Some(name) = name.filter(|name| !is_in("secrets", name)) {
            let why = format!(
                "volume with secret.secretName=\"{name}\" {}",
                because("secret")
            );
            return Err(request.forbidden(&why));
        }
    }
    for (field, who) in [
        ("initContainers", "init container"),
        ("containers", "container"),
    ] {
        for container in list(spec, field) {
            for env in list(container, "env") {
                let name = env
                    .pointer("/valueFrom/secretKeyRef/name")
                    .and_then(Value::as_str);
                if let Some(name) = name.filter(|name| !is_in("secrets", name)) {
                    let text = |value: &Value| value["name"].as_str().unwrap_or("").to_owned();
                    let (container, variable) = (text(container), text(env));
                    return Err(request.forbidden(&format!(
                        "{who} {container} with envVar {variable} referencing secret.secretName=\"{name}\" {}",
                        because("secret")
                    )));
                }
            }
        }
    }
    for (index, secret) in list(spec, "imagePullSecrets").iter().enumerate() {
        let name = secret["name"].as_str().unwrap_or("");
        if !is_in("imagePullSecrets", name) {
            let why = format!(
                "imagePullSecrets[{index}].name=\"{name}\" {}",
                because("imagePullSecret")
            );
            return Err(request.forbidden(&why));
        }
    }
    Ok(())
}
