//! Events.

use super::at::{At, Errors};
use crate::names;

const WORDS_MAX: usize = 128;
const NOTE_MAX: usize = 1024;

/// An Event of the core API. One with a time of its own is of the newer form, and more is asked of it.
pub(super) fn check(object: &At<'_>, errors: &mut Errors) {
    let namespace = object.dig(&["metadata", "namespace"]);
    let regarding = object.dig(&["involvedObject", "namespace"]);
    let place = namespace.text();
    let is_new = object.get("eventTime").is_set();
    let agrees = match (regarding.text(), is_new) {
        ("", false) => ["", "default"].contains(&place),
        ("", true) => ["default", "kube-system"].contains(&place),
        (_, true) => true,
        (about, false) => about == place,
    };
    if !agrees {
        let what = "does not match event.namespace";
        errors.push(regarding.invalid_as(regarding.text(), what));
    }
    if is_new {
        newer(object, errors);
    }
    let wrong = names::dns1123_subdomain(place).into_iter();
    let at = namespace.called(object, "namespace");
    errors.extend(wrong.map(|what| at.invalid_as(place, what)));
}

fn newer(object: &At<'_>, errors: &mut Errors) {
    let controller = object.get("reportingComponent");
    controller.nonempty(errors);
    let wrong = names::label_key(controller.text()).into_iter();
    errors.extend(wrong.map(|what| controller.invalid_as(controller.text(), what)));
    for (field, most) in [
        ("reportingInstance", WORDS_MAX),
        ("action", WORDS_MAX),
        ("reason", WORDS_MAX),
        ("message", NOTE_MAX),
    ] {
        let at = object.get(field);
        if field != "message" {
            at.nonempty(errors);
        }
        if at.text().len() > most {
            errors.push(at.invalid_as("", format!("can have at most {most} characters")));
        }
    }
}
