//! Pods, and templates of Pods.

use super::{container, placing};
use crate::status::text::quote;
use crate::validate::at::At;
use std::collections::HashSet;

/// Annotations that do nothing any more, since when, and the fields that do.
const OLD_ANNOTATIONS: [(&str, &str, &str); 3] = [
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        "1.16",
        "priorityClassName",
    ),
    ("security.alpha.kubernetes.io/sysctls", "1.11", "sysctls"),
    (
        "security.alpha.kubernetes.io/unsafe-sysctls",
        "1.11",
        "sysctls",
    ),
];
const SECCOMP: &str = "seccomp.security.alpha.kubernetes.io/pod";

/// Volumes that are on their way out.
const OLD_VOLUMES: [(&str, &str); 9] = [
    (
        "photonPersistentDisk",
        "deprecated in v1.11, non-functional in v1.16+",
    ),
    (
        "gitRepo",
        "deprecated in v1.11, and disabled by default in v1.33+",
    ),
    ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

/// What is told about a Pod or a template.
pub(super) fn warn(pod: &At<'_>, is_template: bool, warnings: &mut Vec<String>) {
    let spec = pod.get("spec");
    let annotations = pod.dig(&["metadata", "annotations"]);
    placing::nodes(&spec, warnings);
    for (key, since, field) in OLD_ANNOTATIONS {
        annotation(&annotations, key, since, field, warnings);
    }
    for volume in spec.get("volumes").items() {
        for (kind, told) in OLD_VOLUMES {
            let at = volume.get(kind);
            if at.is_set() {
                // Upstream calls this one otherwise than its field.
                let at = match kind {
                    "storageos" => at.called(&volume, "storageOS"),
                    _ => at,
                };
                warnings.push(format!("{}: {told}", at.path()));
            }
        }
    }
    twice(&spec.get("hostAliases"), "ip", warnings);
    twice(&spec.get("imagePullSecrets"), "name", warnings);
    for secret in spec.get("imagePullSecrets").items() {
        let name = secret.get("name");
        if name.text().is_empty() {
            warnings.push(format!("{}: invalid empty name \"\"", name.path()));
        }
    }
    for resource in ["memory", "ephemeral-storage"] {
        fraction(&spec.get("overhead").key(resource), warnings);
    }
    if !spec.dig(&["securityContext", "seccompProfile"]).is_set() {
        annotation(&annotations, SECCOMP, "1.27", "seccompProfile", warnings);
    }
    container::warn(&spec, &annotations, is_template, warnings);
    container::ports(&spec, warnings);
    let grace = spec.get("terminationGracePeriodSeconds");
    if grace.int() < 0 {
        let told = "must be >= 0; negative values are invalid and will be treated as 1";
        warnings.push(format!("{}: {told}", grace.path()));
    }
    placing::pods(&spec, warnings);
}

/// An annotation that is there and does nothing any more.
pub(super) fn annotation(
    annotations: &At<'_>,
    key: &str,
    since: &str,
    field: &str,
    warnings: &mut Vec<String>,
) {
    if annotations.value().get(key).is_some() {
        let path = annotations.path().key(key);
        warnings.push(format!(
            "{path}: non-functional in v{since}+; use the \"{field}\" field instead"
        ));
    }
}

/// Elements of a list that have the same text in a field as one before them.
fn twice<'v>(list: &At<'v>, field: &'static str, warnings: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for item in list.items() {
        let at = item.get(field);
        if !seen.insert(at.text()) {
            let text = quote(at.text());
            warnings.push(format!("{}: duplicate {field} {text}", at.path()));
        }
    }
}

/// Bytes that are no whole number.
pub(super) fn fraction(at: &At<'_>, warnings: &mut Vec<String>) {
    let quantity = at.quantity();
    if let Some(quantity) = quantity.filter(|quantity| quantity.milli_value() % 1000 != 0) {
        warnings.push(format!(
            "{}: fractional byte value \"{quantity}\" is invalid, must be an integer",
            at.path()
        ));
    }
}
