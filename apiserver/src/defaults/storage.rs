//! Volumes, claims and classes.

use super::rule::{Constant::*, Step, Step::*, absent, empty};

pub(super) const VOLUME: &[Step] = &[
    empty("status.phase", Text("Pending")),
    empty("spec.persistentVolumeReclaimPolicy", Text("Retain")),
    absent("spec.volumeMode", Text("Filesystem")),
    Milli("spec.capacity"),
    absent("spec.hostPath.type", Text("")),
    At("spec", NETWORK_DISKS),
    empty("spec.rbd.pool", Text("rbd")),
    empty("spec.rbd.user", Text("admin")),
    empty("spec.rbd.keyring", Text("/etc/ceph/keyring")),
];

/// Sources of volumes that a Pod and a PersistentVolume share.
pub(super) const NETWORK_DISKS: &[Step] = &[
    empty("iscsi.iscsiInterface", Text("default")),
    absent("azureDisk.cachingMode", Text("ReadWrite")),
    absent("azureDisk.kind", Text("Shared")),
    absent("azureDisk.fsType", Text("ext4")),
    absent("azureDisk.readOnly", Bool(false)),
    empty("scaleIO.storageMode", Text("ThinProvisioned")),
    empty("scaleIO.fsType", Text("xfs")),
];

pub(super) const CLAIM: &[Step] = &[
    empty("status.phase", Text("Pending")),
    At("spec", CLAIM_SPEC),
    Milli("status.capacity"),
    Milli("status.allocatedResources"),
];

pub(super) const CLAIM_SPEC: &[Step] = &[
    absent("volumeMode", Text("Filesystem")),
    Milli("resources.limits"),
    Milli("resources.requests"),
];

pub(super) const CLASS: &[Step] = &[
    absent("reclaimPolicy", Text("Delete")),
    absent("volumeBindingMode", Text("Immediate")),
];

pub(super) const CSI_DRIVER: &[Step] = &[
    absent("spec.attachRequired", Bool(true)),
    absent("spec.podInfoOnMount", Bool(false)),
    absent("spec.storageCapacity", Bool(false)),
    absent("spec.fsGroupPolicy", Text("ReadWriteOnceWithFSType")),
    empty("spec.volumeLifecycleModes", List("Persistent")),
    absent("spec.requiresRepublish", Bool(false)),
    absent("spec.seLinuxMount", Bool(false)),
];
