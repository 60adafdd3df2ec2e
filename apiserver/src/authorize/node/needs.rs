//! What Pods and volumes refer to.

use super::Related;
use serde_json::Value;
use std::collections::BTreeSet;

/// A Pod that runs already, from a file on its node, and is only shown in the cluster.
pub(crate) const MIRROR: &str = "kubernetes.io/config.mirror";

/// Where a volume of a Pod names a Secret.
const SECRETS_OF_VOLUMES: [&str; 10] = [
    "/azureFile/secretName",
    "/cephfs/secretRef/name",
    "/cinder/secretRef/name",
    "/csi/nodePublishSecretRef/name",
    "/flexVolume/secretRef/name",
    "/iscsi/secretRef/name",
    "/rbd/secretRef/name",
    "/scaleIO/secretRef/name",
    "/secret/secretName",
    "/storageos/secretRef/name",
];
/// Where a PersistentVolume refers to a Secret that nodes read. Those that only the drivers of the control
/// plane read are not among them.
const SECRETS_OF_PERSISTENT_VOLUMES: [&str; 10] = [
    "/cephfs/secretRef",
    "/cinder/secretRef",
    "/csi/nodeExpandSecretRef",
    "/csi/nodePublishSecretRef",
    "/csi/nodeStageSecretRef",
    "/flexVolume/secretRef",
    "/iscsi/secretRef",
    "/rbd/secretRef",
    "/scaleIO/secretRef",
    "/storageos/secretRef",
];

/// The objects that a Pod refers to, all of them in its namespace. What a mirror Pod refers to counts like
/// that of any other.
pub(crate) fn of_pod(pod: &Value) -> BTreeSet<(Related, String)> {
    let spec = &pod["spec"];
    let mut needs = Needs::default();
    needs.add(Related::ServiceAccount, spec, "/serviceAccountName");
    for secret in list(spec, "imagePullSecrets") {
        needs.add(Related::Secret, secret, "/name");
    }
    for containers in ["initContainers", "containers", "ephemeralContainers"] {
        for container in list(spec, containers) {
            needs.of_container(container);
        }
    }
    for volume in list(spec, "volumes") {
        needs.of_volume(pod, volume);
    }
    for claim in list(spec, "resourceClaims") {
        needs.add(Related::ResourceClaim, claim, "/resourceClaimName");
        // One that is made from a template is told of in the status.
        let made = list(&pod["status"], "resourceClaimStatuses");
        for made in made.iter().filter(|made| made["name"] == claim["name"]) {
            needs.add(Related::ResourceClaim, made, "/resourceClaimName");
        }
    }
    let extended = "/status/extendedResourceClaimStatus/resourceClaimName";
    needs.add(Related::ResourceClaim, pod, extended);
    needs.0
}

#[derive(Default)]
struct Needs(BTreeSet<(Related, String)>);

impl Needs {
    fn add(&mut self, what: Related, holder: &Value, pointer: &str) {
        let name = holder.pointer(pointer).and_then(Value::as_str);
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            self.0.insert((what, name.to_owned()));
        }
    }

    fn of_container(&mut self, container: &Value) {
        for variable in list(container, "env") {
            self.add(Related::Secret, variable, "/valueFrom/secretKeyRef/name");
            self.add(
                Related::ConfigMap,
                variable,
                "/valueFrom/configMapKeyRef/name",
            );
        }
        for source in list(container, "envFrom") {
            self.add(Related::Secret, source, "/secretRef/name");
            self.add(Related::ConfigMap, source, "/configMapRef/name");
        }
    }

    fn of_volume(&mut self, pod: &Value, volume: &Value) {
        for pointer in SECRETS_OF_VOLUMES {
            self.add(Related::Secret, volume, pointer);
        }
        self.add(Related::ConfigMap, volume, "/configMap/name");
        for source in list(&volume["projected"], "sources") {
            self.add(Related::Secret, source, "/secret/name");
            self.add(Related::ConfigMap, source, "/configMap/name");
        }
        let claim = Related::PersistentVolumeClaim;
        self.add(claim, volume, "/persistentVolumeClaim/claimName");
        if volume["ephemeral"].is_object() {
            let (pod, volume) = (text(&pod["metadata"]["name"]), text(&volume["name"]));
            self.0.insert((claim, format!("{pod}-{volume}")));
        }
    }
}

/// What a PersistentVolume has to do with: namespace and name of each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OfVolume {
    /// The claim that it is bound to.
    pub(super) claim: (String, String),
    /// Secrets that the node reads to use it.
    pub(super) secrets: BTreeSet<(String, String)>,
}

/// `None`: it is not bound, so that no node needs it.
pub(super) fn of_persistent_volume(volume: &Value) -> Option<OfVolume> {
    let spec = &volume["spec"];
    let claim = spec.get("claimRef").filter(|claim| claim.is_object())?;
    let claim = (
        text(&claim["namespace"]).to_owned(),
        text(&claim["name"]).to_owned(),
    );
    let mut secrets = BTreeSet::new();
    let mut add = |namespace: &Value, name: &Value| {
        let namespace = match text(namespace) {
            "" => &claim.0,
            given => given,
        };
        let name = text(name);
        if !name.is_empty() {
            secrets.insert((namespace.to_owned(), name.to_owned()));
        }
    };
    for pointer in SECRETS_OF_PERSISTENT_VOLUMES {
        if let Some(secret) = spec.pointer(pointer) {
            add(&secret["namespace"], &secret["name"]);
        }
    }
    let file = &spec["azureFile"];
    add(&file["secretNamespace"], &file["secretName"]);
    Some(OfVolume { claim, secrets })
}

fn list<'v>(holder: &'v Value, field: &str) -> &'v [Value] {
    let list = holder.get(field).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn needs(pod: Value) -> Vec<String> {
        let needs = of_pod(&pod).into_iter();
        needs
            .map(|(what, name)| format!("{what:?} {name}"))
            .collect()
    }

    #[test]
    fn everything_that_a_pod_names_is_found() {
        let pod = json!({
            "metadata": {"name": "p"},
            "spec": {
                "serviceAccountName": "a",
                "imagePullSecrets": [{"name": "pull"}, {}],
                "initContainers": [{"env": [
                    {"valueFrom": {"secretKeyRef": {"name": "s-env", "key": "k"}}},
                    {"valueFrom": {"configMapKeyRef": {"name": "c-env", "key": "k"}}},
                    {"value": "x"},
                ]}],
                "containers": [{"envFrom": [{"secretRef": {"name": "s-from"}}]}],
                "ephemeralContainers": [{"envFrom": [{"configMapRef": {"name": "c-from"}}]}],
                "volumes": [
                    {"name": "v", "ephemeral": {"volumeClaimTemplate": {}}},
                    {"persistentVolumeClaim": {"claimName": "claim"}},
                    {"configMap": {"name": "c-volume"}},
                    {"projected": {"sources": [
                        {"secret": {"name": "s-part"}},
                        {"configMap": {"name": "c-part"}},
                        {"serviceAccountToken": {"path": "token"}},
                    ]}},
                    {"emptyDir": {}},
                ],
                "resourceClaims": [
                    {"name": "r1", "resourceClaimName": "given"},
                    {"name": "r2", "resourceClaimTemplateName": "t"},
                    {"name": "r3", "resourceClaimTemplateName": "t"},
                ],
            },
            "status": {
                "resourceClaimStatuses": [{"name": "r2", "resourceClaimName": "made"}, {"name": "r3"}],
                "extendedResourceClaimStatus": {"resourceClaimName": "extended"},
            },
        });
        assert_eq!(
            needs(pod),
            [
                "Secret pull",
                "Secret s-env",
                "Secret s-from",
                "Secret s-part",
                "ConfigMap c-env",
                "ConfigMap c-from",
                "ConfigMap c-part",
                "ConfigMap c-volume",
                "ServiceAccount a",
                "PersistentVolumeClaim claim",
                "PersistentVolumeClaim p-v",
                "ResourceClaim extended",
                "ResourceClaim given",
                "ResourceClaim made",
            ]
        );
        assert_eq!(needs(json!({})), [""; 0]);
    }

    #[test]
    fn each_kind_of_volume_that_has_a_secret_is_known() {
        for pointer in SECRETS_OF_VOLUMES {
            let [kind, field, rest @ ..] = &pointer[1..].split('/').collect::<Vec<_>>()[..] else {
                panic!("{pointer}");
            };
            let value = match rest {
                [] => json!("s"),
                _ => json!({"name": "s"}),
            };
            let pod = json!({"spec": {"volumes": [{*kind: {*field: value}}]}});
            assert_eq!(needs(pod), ["Secret s"], "{pointer}");
        }
    }

    #[test]
    fn secrets_of_a_bound_volume_are_in_the_namespace_it_says_or_in_that_of_its_claim() {
        let volume = |spec: Value| of_persistent_volume(&json!({"spec": spec}));
        assert_eq!(
            volume(json!({"csi": {"nodeStageSecretRef": {"name": "s"}}})),
            None
        );
        let claim = json!({"namespace": "ns", "name": "c"});
        let found = volume(json!({"claimRef": claim, "csi": {
            "nodeStageSecretRef": {"name": "stage", "namespace": "other"},
            "controllerPublishSecretRef": {"name": "not-for-nodes", "namespace": "other"},
        }}))
        .unwrap();
        assert_eq!(found.claim, ("ns".to_owned(), "c".to_owned()));
        let secret =
            |namespace: &str, name: &str| BTreeSet::from([(namespace.to_owned(), name.to_owned())]);
        assert_eq!(found.secrets, secret("other", "stage"));
        let found = volume(json!({"claimRef": claim, "rbd": {"secretRef": {"name": "s"}}}));
        assert_eq!(found.unwrap().secrets, secret("ns", "s"));
        let file = json!({"secretName": "s", "secretNamespace": "files"});
        let found = volume(json!({"claimRef": claim, "azureFile": file}));
        assert_eq!(found.unwrap().secrets, secret("files", "s"));
    }
}
