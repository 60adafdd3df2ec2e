//! What is let in and yet told: fields that do nothing any more, or not what their author thinks. Kubernetes'
//! texts, in its order, because people search for them.
//!
//! | file | what |
//! |---|---|
//! | `mod` | which kinds are looked at, and when |
//! | `pod` | Pods and templates of Pods |
//! | `placing` | where a Pod wants to be: selectors, affinity, spreading |
//! | `container` | its containers, and their ports together |

mod container;
mod placing;
mod pod;

use super::at::At;
use crate::names::dns1123_label;
use crate::schema::Gvk;
use serde_json::Value;

/// Where the template of a workload is.
fn template(gvk: &Gvk) -> Option<&'static [&'static str]> {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "ReplicationController")
        | ("apps", "Deployment" | "DaemonSet" | "ReplicaSet" | "StatefulSet")
        | ("batch", "Job") => Some(&["spec", "template"]),
        ("batch", "CronJob") => Some(&["spec", "jobTemplate", "spec", "template"]),
        ("", "PodTemplate") => Some(&["template"]),
        _ => None,
    }
}

/// What is told about a new object that is let in.
pub(crate) fn of_new(gvk: &Gvk, object: &Value) -> Vec<String> {
    let object = At::root(object);
    let mut warnings = Vec::new();
    match (gvk.kind.as_str(), template(gvk)) {
        ("Pod", _) if gvk.group.is_empty() => {
            name(&object, "the Pod's hostname", &mut warnings);
            pod::warn(&object, false, &mut warnings);
        }
        (_, None) => {}
        (kind, Some(way)) => {
            if !matches!(kind, "DaemonSet" | "PodTemplate") {
                name(&object, "Pod names and hostnames", &mut warnings);
            }
            pod::warn(&object.dig(way), true, &mut warnings);
        }
    }
    warnings
}

/// What is told about a change that is let in: the same about its template, if what is wanted has changed.
/// Nobody is told of Pods: mostly programs change them, and often.
pub(crate) fn of_change(gvk: &Gvk, new: &Value, old: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    let Some(way) = template(gvk) else {
        return warnings;
    };
    // Of these no generations are counted.
    let is_counted = gvk.kind != "PodTemplate";
    let (new, old) = (At::root(new), At::root(old));
    let generation = |object: &At<'_>| object.dig(&["metadata", "generation"]).int();
    if !is_counted || generation(&new) != generation(&old) {
        pod::warn(&new.dig(way), true, &mut warnings);
    }
    warnings
}

/// A name that is no label makes strange names of hosts.
fn name(object: &At<'_>, used_in: &str, warnings: &mut Vec<String>) {
    let name = object.dig(&["metadata", "name"]);
    let wrong = dns1123_label(name.text());
    if !wrong.is_empty() {
        let wrong = wrong.join(" ");
        warnings.push(format!(
            "metadata.name: this is used in {used_in}, which can result in surprising behavior; a DNS \
             label is recommended: [{wrong}]"
        ));
    }
}
