//! Volumes, claims, and how they come about.

use super::Kind;
use crate::table::column::{AGE, Column, NAME};
use crate::table::object::Object;
use crate::table::value::{at, joined, list, quantity, scalar, text};
use serde_json::Value;

pub(super) const KINDS: &[Kind] = &[
    Kind::new("", "PersistentVolume", VOLUME, volume),
    Kind::new("", "PersistentVolumeClaim", CLAIM, claim),
    Kind::new("storage.k8s.io", "StorageClass", CLASS, class),
    Kind::new(
        "storage.k8s.io",
        "VolumeAttributesClass",
        ATTRIBUTES,
        attributes,
    ),
    Kind::new("storage.k8s.io", "VolumeAttachment", ATTACHMENT, attachment),
    Kind::new("storage.k8s.io", "CSIDriver", DRIVER, driver),
    Kind::new("storage.k8s.io", "CSINode", CSI_NODE, csi_node),
    Kind::new("storage.k8s.io", "CSIStorageCapacity", CAPACITY, capacity),
];

const VOLUME: &[Column] = &[
    NAME,
    Column::text("Capacity", "How much it holds"),
    Column::text("Access Modes", "In which ways it can be mounted"),
    Column::text("Reclaim Policy", "What becomes of it when its claim goes"),
    Column::text("Status", "Whether it is taken"),
    Column::text("Claim", "What has taken it, or may"),
    Column::text("StorageClass", "Its class"),
    Column::text("VolumeAttributesClass", "The class of its attributes"),
    Column::text("Reason", "Why it has that status, in a word"),
    AGE,
    Column::wide("VolumeMode", "Whether it has a file system"),
];

const CLAIM: &[Column] = &[
    NAME,
    Column::text("Status", "Whether it has a volume"),
    Column::text("Volume", "The volume it has"),
    Column::text("Capacity", "How much that holds"),
    Column::text("Access Modes", "In which ways that can be mounted"),
    Column::text("StorageClass", "The class it asks for"),
    Column::text(
        "VolumeAttributesClass",
        "The class of attributes it asks for",
    ),
    AGE,
    Column::wide("VolumeMode", "Whether it asks for a file system"),
];

const CLASS: &[Column] = &[
    NAME,
    Column::text("Provisioner", "Who makes volumes of this class"),
    Column::text(
        "ReclaimPolicy",
        "What becomes of a volume when its claim goes",
    ),
    Column::text("VolumeBindingMode", "When a volume is made"),
    Column::text("AllowVolumeExpansion", "Whether volumes can grow"),
    AGE,
];

const ATTRIBUTES: &[Column] = &[
    NAME,
    Column::text("DriverName", "Whose attributes these are"),
    AGE,
];

const ATTACHMENT: &[Column] = &[
    NAME,
    Column::named("Attacher", "Who has to attach the volume"),
    Column::text("PV", "The volume"),
    Column::text("Node", "The node that it is for"),
    Column::boolean("Attached", "Whether that has been done"),
    AGE,
];

const DRIVER: &[Column] = &[
    NAME,
    Column::boolean(
        "AttachRequired",
        "Volumes have to be attached before they are mounted",
    ),
    Column::boolean("PodInfoOnMount", "It is told for which pod it mounts"),
    Column::boolean("StorageCapacity", "It publishes how much room there is"),
    Column::text("TokenRequests", "Audiences of the tokens that it is given"),
    Column::boolean(
        "RequiresRepublish",
        "It is called again and again while a volume is mounted",
    ),
    Column::text("Modes", "Lifetimes of volumes that it knows"),
    AGE,
];

const CSI_NODE: &[Column] = &[
    NAME,
    Column::integer("Drivers", "How many drivers run there"),
    AGE,
];

const CAPACITY: &[Column] = &[
    NAME,
    Column::text("StorageClassName", "The class that it is about"),
    Column::text("Capacity", "How much room there is"),
];

/// What older clients set instead of `storageClassName`. It wins.
const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

fn unset<'a>(object: &Object<'a>, path: &str) -> &'a str {
    let found = at(object.value, path).and_then(Value::as_str);
    found.unwrap_or("<unset>")
}

fn class_of<'a>(object: &Object<'a>) -> &'a str {
    let named = object.text("spec.storageClassName");
    object.annotation(BETA_CLASS).unwrap_or(named)
}

fn phase<'a>(object: &Object<'a>) -> &'a str {
    match object.is_going() {
        true => "Terminating",
        false => object.text("status.phase"),
    }
}

fn access_modes(object: &Object<'_>, path: &str) -> String {
    let given = list(object.value, path);
    let known = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let shown = known
        .iter()
        .filter(|(mode, _)| given.iter().any(|one| one == mode));
    shown.map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}

fn volume(object: &Object<'_>) -> Vec<Value> {
    let claim = at(object.value, "spec.claimRef");
    let claim = claim.map(|claim| format!("{}/{}", text(claim, "namespace"), text(claim, "name")));
    vec![
        object.name(),
        quantity(object.value, "spec.capacity.storage").into(),
        access_modes(object, "spec.accessModes").into(),
        object.text("spec.persistentVolumeReclaimPolicy").into(),
        phase(object).into(),
        claim.unwrap_or_default().into(),
        class_of(object).into(),
        unset(object, "spec.volumeAttributesClassName").into(),
        object.text("status.reason").into(),
        object.age(),
        unset(object, "spec.volumeMode").into(),
    ]
}

fn claim(object: &Object<'_>) -> Vec<Value> {
    let volume = object.text("spec.volumeName");
    let (capacity, modes) = match volume {
        "" => Default::default(),
        _ => (
            quantity(object.value, "status.capacity.storage"),
            access_modes(object, "status.accessModes"),
        ),
    };
    vec![
        object.name(),
        phase(object).into(),
        volume.into(),
        capacity.into(),
        modes.into(),
        class_of(object).into(),
        unset(object, "spec.volumeAttributesClassName").into(),
        object.age(),
        unset(object, "spec.volumeMode").into(),
    ]
}

fn class(object: &Object<'_>) -> Vec<Value> {
    let marks = [
        "storageclass.kubernetes.io/is-default-class",
        "storageclass.beta.kubernetes.io/is-default-class",
    ];
    let is_default = marks
        .iter()
        .any(|mark| object.annotation(mark) == Some("true"));
    let name = match is_default {
        true => format!("{} (default)", object.text("metadata.name")).into(),
        false => object.name(),
    };
    vec![
        name,
        object.text("provisioner").into(),
        object.text_or("reclaimPolicy", "Delete").into(),
        object.text_or("volumeBindingMode", "Immediate").into(),
        object.flag("allowVolumeExpansion").into(),
        object.age(),
    ]
}

fn attributes(object: &Object<'_>) -> Vec<Value> {
    vec![
        object.name(),
        object.text("driverName").into(),
        object.age(),
    ]
}

fn attachment(object: &Object<'_>) -> Vec<Value> {
    vec![
        object.name(),
        object.text("spec.attacher").into(),
        object.text("spec.source.persistentVolumeName").into(),
        object.text("spec.nodeName").into(),
        object.flag("status.attached").into(),
        object.age(),
    ]
}

fn driver(object: &Object<'_>) -> Vec<Value> {
    let attach = at(object.value, "spec.attachRequired").and_then(Value::as_bool);
    let audiences = object.list("spec.tokenRequests").iter();
    let audiences: Vec<&str> = audiences.map(|one| text(one, "audience")).collect();
    let tokens = match object.has("spec.tokenRequests") {
        true => audiences.join(","),
        false => "<unset>".to_owned(),
    };
    let modes = match joined(object.value, "spec.volumeLifecycleModes") {
        none if none.is_empty() => "<none>".to_owned(),
        modes => modes,
    };
    vec![
        object.name(),
        attach.unwrap_or(true).into(),
        object.flag("spec.podInfoOnMount").into(),
        object.flag("spec.storageCapacity").into(),
        tokens.into(),
        object.flag("spec.requiresRepublish").into(),
        modes.into(),
        object.age(),
    ]
}

fn csi_node(object: &Object<'_>) -> Vec<Value> {
    let drivers = object.list("spec.drivers").len();
    vec![object.name(), drivers.into(), object.age()]
}

fn capacity(object: &Object<'_>) -> Vec<Value> {
    let capacity = scalar(object.value, "capacity");
    vec![
        object.name(),
        object.text("storageClassName").into(),
        capacity.unwrap_or_else(|| "<unset>".to_owned()).into(),
    ]
}
