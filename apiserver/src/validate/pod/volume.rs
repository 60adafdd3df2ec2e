//! Volumes: where the files of a Pod come from.

use super::super::at::{At, Errors};
use super::env::{FILE_FIELDS, amount_ref, field_ref};
use super::projected;
use super::spec::Around;
use crate::names;
use crate::status::text::quote;
use std::collections::{BTreeMap, BTreeSet};

/// Sound volumes by their names.
pub(super) type Volumes<'v> = BTreeMap<&'v str, At<'v>>;

const MODE_MAX: i64 = 0o777;

/// What a kind of volume needs. In the order in which upstream looks at them.
struct Source {
    /// Its field.
    field: &'static str,
    /// What upstream calls the field when it is one too many.
    when_second: &'static str,
    /// Texts that must be there.
    required: &'static [&'static str],
}

const fn source(field: &'static str, required: &'static [&'static str]) -> Source {
    Source {
        field,
        when_second: field,
        required,
    }
}

const SOURCES: &[Source] = &[
    source("emptyDir", &[]),
    source("hostPath", &[]),
    source("gitRepo", &["repository"]),
    source("gcePersistentDisk", &["pdName"]),
    source("awsElasticBlockStore", &["volumeID"]),
    source("secret", &["secretName"]),
    source("nfs", &["server", "path"]),
    source("iscsi", &["targetPortal", "iqn"]),
    source("glusterfs", &["endpoints", "path"]),
    source("flocker", &[]),
    source("persistentVolumeClaim", &["claimName"]),
    source("rbd", &["image"]),
    source("cinder", &["volumeID"]),
    Source {
        field: "cephfs",
        when_second: "cephFS",
        required: &[],
    },
    source("quobyte", &["volume"]),
    Source {
        field: "downwardAPI",
        when_second: "downwarAPI",
        required: &[],
    },
    source("fc", &[]),
    source("flexVolume", &["driver"]),
    source("configMap", &["name"]),
    source("azureFile", &["secretName", "shareName"]),
    source("vsphereVolume", &["volumePath"]),
    source("photonPersistentDisk", &["pdID"]),
    source("portworxVolume", &["volumeID"]),
    source("azureDisk", &["diskName", "diskURI"]),
    source("storageos", &["volumeName"]),
    source("projected", &[]),
    source("scaleIO", &["gateway", "system", "volumeName"]),
    source("csi", &["driver"]),
    source("ephemeral", &[]),
    source("image", &[]),
];

/// What is wrong with volumes. Returns those that are sound, because only they can be mounted.
pub(super) fn check<'v>(list: &At<'v>, around: Around<'_>, errors: &mut Errors) -> Volumes<'v> {
    let mut volumes = Volumes::new();
    let pod = match around {
        Around::Pod(name) => name,
        Around::Template => "",
    };
    let claims: BTreeSet<String> = match pod.is_empty() {
        true => BTreeSet::new(),
        false => {
            let made = list.items().filter(|v| v.get("ephemeral").is_set());
            made.map(|v| format!("{pod}-{}", v.get("name").text()))
                .collect()
        }
    };
    for volume in list.items() {
        let mut wrong = Errors::new();
        one(&volume, around, pod, &mut wrong);
        let name = volume.get("name");
        match name.text() {
            "" => wrong.push(name.required("")),
            text => name.all(names::dns1123_label(text), &mut wrong),
        }
        if volumes.contains_key(name.text()) {
            wrong.push(name.duplicate());
        }
        match wrong.is_empty() {
            true => drop(volumes.insert(name.text(), volume.clone())),
            false => errors.append(&mut wrong),
        }
        let claim = volume.dig(&["persistentVolumeClaim", "claimName"]);
        if claims.contains(claim.text()) {
            let what = "must not reference a PVC that gets created for an ephemeral volume";
            errors.push(claim.invalid(what));
        }
    }
    volumes
}

fn one(volume: &At<'_>, around: Around<'_>, pod: &str, errors: &mut Errors) {
    let mut count = 0;
    for kind in SOURCES {
        let at = volume.get(kind.field);
        if !at.is_set() {
            continue;
        }
        count += 1;
        if count > 1 {
            let what = "may not specify more than 1 volume type";
            errors.push(at.called(volume, kind.when_second).forbidden(what));
            continue;
        }
        for field in kind.required {
            at.get(field).nonempty(errors);
        }
        special(&at, kind.field, around, errors);
        if kind.field == "ephemeral" && !pod.is_empty() && !volume.get("name").text().is_empty() {
            let claim = format!("{pod}-{}", volume.get("name").text());
            for what in names::dns1123_subdomain(&claim) {
                let what = format!("PVC name {}: {what}", quote(&claim));
                errors.push(volume.get("name").invalid(what));
            }
        }
    }
    if count == 0 {
        errors.push(volume.required("must specify a volume type"));
    }
}

/// Whatever is more than a text that must be there.
fn special(at: &At<'_>, kind: &str, around: Around<'_>, errors: &mut Errors) {
    match kind {
        "emptyDir" => {
            let limit = at.get("sizeLimit");
            if limit.quantity().is_some_and(|size| size.sign() < 0) {
                let what = "SizeLimit field must be a valid resource quantity";
                errors.push(limit.forbidden(what));
            }
        }
        "hostPath" => host_path(at, errors),
        "gitRepo" => descending(&at.get("directory"), errors),
        "secret" | "configMap" => {
            mode(&at.get("defaultMode"), errors);
            for item in at.get("items").items() {
                key_to_path(&item, errors);
            }
        }
        "nfs" => {
            let path = at.get("path");
            if !path.text().starts_with('/') {
                errors.push(path.invalid_as(path.text(), "must be an absolute path"));
            }
        }
        "rbd" | "cephfs" if at.get("monitors").len() == 0 => {
            errors.push(at.get("monitors").required(""));
        }
        "quobyte" if at.get("registry").text().is_empty() => {
            let what = "must be a host:port pair or multiple pairs separated by commas";
            errors.push(at.get("registry").required(what));
        }
        "flocker" => flocker(at, errors),
        "fc" => fibre_channel(at, errors),
        "downwardAPI" => {
            mode(&at.get("defaultMode"), errors);
            for file in at.get("items").items() {
                downward_file(at, &file, errors);
            }
        }
        "projected" => projected::check(at, errors),
        "ephemeral" => ephemeral(at, errors),
        "image" => {
            let reference = at.get("reference");
            if matches!(around, Around::Pod(_)) {
                reference.nonempty(errors);
            }
            at.get("pullPolicy")
                .choice(&["Always", "IfNotPresent", "Never"], errors);
        }
        _ => {}
    }
}

fn host_path(at: &At<'_>, errors: &mut Errors) {
    let path = at.get("path");
    if path.text().is_empty() {
        return errors.push(path.required(""));
    }
    no_backsteps(&path, errors);
    at.get("type").choice_if(
        &[
            "",
            "BlockDevice",
            "CharDevice",
            "Directory",
            "DirectoryOrCreate",
            "File",
            "FileOrCreate",
            "Socket",
        ],
        errors,
    );
}

fn flocker(at: &At<'_>, errors: &mut Errors) {
    let (name, uuid) = (at.get("datasetName"), at.get("datasetUUID"));
    match (name.text().is_empty(), uuid.text().is_empty()) {
        (true, true) => {
            errors.push(at.required("one of datasetName and datasetUUID is required"));
        }
        (false, false) => errors.push(at.invalid_as(
            "resource",
            "datasetName and datasetUUID can not be specified simultaneously",
        )),
        _ => {}
    }
    if name.text().contains('/') {
        errors.push(name.invalid("must not contain '/'"));
    }
}

fn fibre_channel(at: &At<'_>, errors: &mut Errors) {
    let (targets, ids) = (at.get("targetWWNs"), at.get("wwids"));
    match (targets.len() > 0, ids.len() > 0) {
        (false, false) => {
            let what = "must specify either targetWWNs or wwids, but not both";
            errors.push(targets.required(what));
        }
        (true, true) => {
            let what = "targetWWNs and wwids can not be specified simultaneously";
            errors.push(targets.invalid(what));
        }
        _ => {}
    }
    let lun = at.get("lun");
    if targets.len() > 0 && !lun.is_set() {
        errors.push(lun.required("lun is required if targetWWNs is specified"));
    } else if targets.len() > 0 && !(0..=255).contains(&lun.int()) {
        errors.push(lun.invalid("must be between 0 and 255, inclusive"));
    }
}

fn ephemeral(at: &At<'_>, errors: &mut Errors) {
    let template = at.get("volumeClaimTemplate");
    if !template.is_set() {
        return errors.push(template.required(""));
    }
    super::super::claim::spec(&template.get("spec"), errors);
}

/// Bits of a file's mode.
pub(super) fn mode(at: &At<'_>, errors: &mut Errors) {
    if at
        .int_if()
        .is_some_and(|mode| !(0..=MODE_MAX).contains(&mode))
    {
        errors.push(at.invalid("must be a number between 0 and 0777 (octal), both inclusive"));
    }
}

/// A key of a map, and the file that it becomes.
pub(super) fn key_to_path(item: &At<'_>, errors: &mut Errors) {
    item.get("key").nonempty(errors);
    let path = item.get("path");
    path.nonempty(errors);
    below(&path, errors);
    mode(&item.get("mode"), errors);
}

/// A file with something about the Pod itself. Errors are about the volume: upstream leaves the item out.
pub(super) fn downward_file(volume: &At<'_>, file: &At<'_>, errors: &mut Errors) {
    let path = file.get("path").called(volume, "path");
    path.nonempty(errors);
    below(&path, errors);
    let field = file.get("fieldRef").called(volume, "fieldRef");
    let amount = file
        .get("resourceFieldRef")
        .called(volume, "resourceFieldRef");
    match (field.is_set(), amount.is_set()) {
        (true, both) => {
            field_ref(&field, FILE_FIELDS, errors);
            if both {
                errors.push(volume.invalid_as(
                    "resource",
                    "fieldRef and resourceFieldRef can not be specified simultaneously",
                ));
            }
        }
        (false, true) => amount_ref(&amount, true, errors),
        (false, false) => {
            errors.push(volume.required("one of fieldRef and resourceFieldRef is required"));
        }
    }
    mode(&file.get("mode").called(volume, "mode"), errors);
}

/// Whether a path goes up somewhere.
pub(super) fn has_backsteps(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

fn no_backsteps(at: &At<'_>, errors: &mut Errors) {
    if has_backsteps(at.text()) {
        errors.push(at.invalid("must not contain '..'"));
    }
}

/// A path below some directory.
pub(in super::super) fn descending(at: &At<'_>, errors: &mut Errors) {
    if at.text().starts_with('/') {
        errors.push(at.invalid("must be a relative path"));
    }
    no_backsteps(at, errors);
}

/// A path below a volume, where names that begin with two points are the kubelet's.
pub(super) fn below(at: &At<'_>, errors: &mut Errors) {
    descending(at, errors);
    let path = at.text();
    if path.starts_with("..") && path != ".." && !path.starts_with("../") {
        errors.push(at.invalid("must not start with '..'"));
    }
}
