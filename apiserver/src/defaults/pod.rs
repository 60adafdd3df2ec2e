//! Pods, and templates of Pods.

use super::image::is_latest;
use super::rule::{Constant::*, Step, Step::*, absent, empty, is_empty, object, take_over, text};
use serde_json::{Map, Value};

/// A Pod gets a little more than a template of one.
pub(super) const POD: &[Step] = &[At("spec", &[Do(pod), At("", SPEC)])];

/// A PodTemplate.
pub(super) const TEMPLATE: &[Step] = &[At("template.spec", SPEC)];

/// The specification of a Pod, wherever it stands.
pub(super) const SPEC: &[Step] = &[
    empty("dnsPolicy", Text("ClusterFirst")),
    empty("restartPolicy", Text("Always")),
    absent("securityContext", Object),
    absent("terminationGracePeriodSeconds", Int(30)),
    empty("schedulerName", Text("default-scheduler")),
    Do(service_account),
    At("volumes[]", VOLUME),
    At("initContainers[]", CONTAINER),
    At("containers[]", CONTAINER),
    At("ephemeralContainers[]", CONTAINER),
    Milli("overhead"),
    Milli("resources.limits"),
    Milli("resources.requests"),
];

const CONTAINER: &[Step] = &[
    Do(pull_policy),
    empty("terminationMessagePath", Text("/dev/termination-log")),
    empty("terminationMessagePolicy", Text("File")),
    empty("ports[].protocol", Text("TCP")),
    empty("env[].valueFrom.fieldRef.apiVersion", Text("v1")),
    Milli("resources.limits"),
    Milli("resources.requests"),
    At("livenessProbe", PROBE),
    At("readinessProbe", PROBE),
    At("startupProbe", PROBE),
    At("lifecycle.postStart.httpGet", HTTP_GET),
    At("lifecycle.preStop.httpGet", HTTP_GET),
];

const PROBE: &[Step] = &[
    empty("timeoutSeconds", Int(1)),
    empty("periodSeconds", Int(10)),
    empty("successThreshold", Int(1)),
    empty("failureThreshold", Int(3)),
    At("httpGet", HTTP_GET),
    absent("grpc.service", Text("")),
];

const HTTP_GET: &[Step] = &[empty("path", Text("/")), empty("scheme", Text("HTTP"))];

/// 0644, as whole numbers have it.
const FILE_MODE: i64 = 0o644;

const VOLUME: &[Step] = &[
    Do(source),
    absent("hostPath.type", Text("")),
    absent("secret.defaultMode", Int(FILE_MODE)),
    absent("configMap.defaultMode", Int(FILE_MODE)),
    absent("downwardAPI.defaultMode", Int(FILE_MODE)),
    empty("downwardAPI.items[].fieldRef.apiVersion", Text("v1")),
    absent("projected.defaultMode", Int(FILE_MODE)),
    empty(
        "projected.sources[].downwardAPI.items[].fieldRef.apiVersion",
        Text("v1"),
    ),
    absent(
        "projected.sources[].serviceAccountToken.expirationSeconds",
        Int(3600),
    ),
    At(
        "ephemeral.volumeClaimTemplate.spec",
        super::storage::CLAIM_SPEC,
    ),
    At("", super::storage::NETWORK_DISKS),
    empty("rbd.pool", Text("rbd")),
    empty("rbd.user", Text("admin")),
    empty("rbd.keyring", Text("/etc/ceph/keyring")),
];

/// A volume from nowhere is an empty directory; an image is pulled as a container's is.
fn source(volume: &mut Map<String, Value>) {
    let has_source = volume
        .iter()
        .any(|(name, value)| name != "name" && !value.is_null());
    if !has_source {
        let empty_dir = Value::Object(Map::new());
        volume.insert("emptyDir".to_owned(), empty_dir);
    }
    if let Some(image) = object(volume, "image")
        && is_empty(image, "pullPolicy")
    {
        let policy = policy_of(text(image, "reference"));
        image.insert("pullPolicy".to_owned(), Value::from(policy));
    }
}

/// What may change behind a name is pulled each time.
fn pull_policy(container: &mut Map<String, Value>) {
    if is_empty(container, "imagePullPolicy") {
        let policy = policy_of(text(container, "image"));
        container.insert("imagePullPolicy".to_owned(), Value::from(policy));
    }
}

fn policy_of(image: &str) -> &'static str {
    match is_latest(image) {
        true => "Always",
        false => "IfNotPresent",
    }
}

/// The old name and the new name of the service account say the same; the new one goes first.
fn service_account(spec: &mut Map<String, Value>) {
    const NAMES: [&str; 2] = ["serviceAccountName", "serviceAccount"];
    let name = NAMES.iter().map(|field| text(spec, field));
    let Some(name) = name.into_iter().find(|name| !name.is_empty()) else {
        return;
    };
    let name = Value::from(name);
    for field in NAMES {
        spec.insert(field.to_owned(), name.clone());
    }
}

/// What a Pod gets and a template does not: requests, host ports, service links.
fn pod(spec: &mut Map<String, Value>) {
    super::rule::set_absent(spec, "enableServiceLinks", true);
    let is_on_host = spec.get("hostNetwork") == Some(&Value::Bool(true));
    for list in ["containers", "initContainers"] {
        let Some(Value::Array(containers)) = spec.get_mut(list) else {
            continue;
        };
        for container in containers.iter_mut().filter_map(Value::as_object_mut) {
            if let Some(resources) = object(container, "resources") {
                take_over(resources, "requests", "limits");
            }
            if is_on_host {
                host_ports(container);
            }
        }
    }
}

/// On the host's network, a container's port is the host's.
fn host_ports(container: &mut Map<String, Value>) {
    let Some(Value::Array(ports)) = container.get_mut("ports") else {
        return;
    };
    for port in ports.iter_mut().filter_map(Value::as_object_mut) {
        if is_empty(port, "hostPort") && !is_empty(port, "containerPort") {
            let number = port["containerPort"].clone();
            port.insert("hostPort".to_owned(), number);
        }
    }
}
