//! Pods, and templates of them: what every kind that runs something has in common.
//!
//! | file | what |
//! |---|---|
//! | `spec` | a specification as a whole |
//! | `container` | containers of the three kinds |
//! | `env` | their variables |
//! | `mount` | volumes and devices in them |
//! | `probe` | questions whether they are well, and what is done when they come and go |
//! | `volume` | where files come from |
//! | `projected` | volumes that are put together |
//! | `scheduling` | affinity, tolerations, spreading, gates |
//! | `security` | who the processes are and what they may |
//! | `update` | what may change |
//!
//! What may enter: specifications with defaults. What never happens here: what the kinds around them want.

mod container;
mod env;
mod mount;
mod probe;
mod projected;
mod scheduling;
mod security;
mod spec;
mod update;
mod volume;

use super::at::{At, Errors};
use super::meta;

pub(super) use scheduling::{node_selector, taint_effect, tolerations, topology_terms};
pub(super) use update::{status, update};
pub(super) use volume::descending;

/// A new Pod.
pub(super) fn create(pod: &At<'_>, errors: &mut Errors) {
    body(pod, errors);
    let spec = pod.get("spec");
    let ephemeral = spec.get("ephemeralContainers");
    if ephemeral.len() > 0 {
        errors.push(ephemeral.forbidden("cannot be set on create"));
    }
    let node = spec.get("nodeName");
    if !node.text().is_empty() && spec.get("schedulingGates").len() > 0 {
        let what = "cannot be set until all schedulingGates have been cleared";
        errors.push(node.forbidden(what));
    }
}

/// What is checked of a Pod whether it is new or not.
pub(super) fn body(pod: &At<'_>, errors: &mut Errors) {
    let spec = pod.get("spec");
    annotations(&pod.dig(&["metadata", "annotations"]), &spec, errors);
    let name = pod.dig(&["metadata", "name"]).text();
    spec::check(&spec, spec::Around::Pod(name), errors);
    if spec.get("serviceAccountName").text().is_empty() {
        for volume in spec.get("volumes").items() {
            for source in volume.dig(&["projected", "sources"]).items() {
                let token = source.get("serviceAccountToken");
                if token.is_set() {
                    let what = "must not be specified when serviceAccountName is not set";
                    errors.push(token.forbidden(what));
                }
            }
        }
    }
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in spec.get(list).items() {
            container::trimmed_image(&container.get("image"), errors);
        }
    }
}

/// A template of Pods: labels, annotations and the specification.
pub(super) fn template(template: &At<'_>, errors: &mut Errors) {
    template_metadata(template, errors);
    let spec = template.get("spec");
    spec::check(&spec, spec::Around::Template, errors);
    let ephemeral = spec.get("ephemeralContainers");
    if ephemeral.len() > 0 {
        errors.push(ephemeral.forbidden("ephemeral containers not allowed in pod template"));
    }
}

/// A PodTemplate.
pub(super) fn pod_template(object: &At<'_>, errors: &mut Errors) {
    template(&object.get("template"), errors);
}

/// What a template says about its Pods besides the specification. Paths are upstream's, which leave
/// `metadata` out.
pub(super) fn template_metadata(template: &At<'_>, errors: &mut Errors) {
    let metadata = template.get("metadata");
    meta::labels(&metadata.get("labels").called(template, "labels"), errors);
    let notes = metadata.get("annotations").called(template, "annotations");
    meta::annotations(&notes, errors);
    annotations(&notes, &template.get("spec"), errors);
}

/// Annotations that mean something for Pods.
fn annotations(at: &At<'_>, spec: &At<'_>, errors: &mut Errors) {
    let mirror = at.key("kubernetes.io/config.mirror");
    if mirror.is_set() && spec.get("nodeName").text().is_empty() {
        let what = "must set spec.nodeName if mirror pod annotation is set";
        errors.push(mirror.invalid(what));
    }
    let cost = at.key("controller.kubernetes.io/pod-deletion-cost");
    // No leading plus or zeros: another text for the same number is not taken.
    let is_number = |text: &str| text.parse::<i32>().is_ok_and(|n| n.to_string() == text);
    if cost.is_set() && !is_number(cost.text()) {
        errors.push(cost.invalid("must be a 32bit integer"));
    }
}
