//! Questions to containers, and what is done when they come and go.

use super::super::at::{At, Errors};
use super::super::format::{header, port};
use super::container::Pod;

/// The three probes of a container.
pub(super) fn all(container: &At<'_>, pod: &Pod<'_, '_>, errors: &mut Errors) {
    for field in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let at = container.get(field);
        if !at.is_set() {
            continue;
        }
        probe(&at, pod, errors);
        if field == "readinessProbe" {
            let grace = at.get("terminationGracePeriodSeconds");
            if grace.is_set() {
                errors.push(grace.invalid("must not be set for readinessProbes"));
            }
        } else if at.get("successThreshold").int() != 1 {
            let threshold = at.get("successThreshold");
            errors.push(threshold.invalid_as(threshold.int(), "must be 1"));
        }
    }
}

fn probe(at: &At<'_>, pod: &Pod<'_, '_>, errors: &mut Errors) {
    handler(at, &["exec", "httpGet", "tcpSocket", "grpc"], pod, errors);
    for field in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        at.get(field).nonnegative(errors);
    }
    let grace = at.get("terminationGracePeriodSeconds");
    if grace.int_if().is_some_and(|seconds| seconds <= 0) {
        errors.push(grace.invalid("must be greater than 0"));
    }
}

/// What is done after the start and before the end.
pub(super) fn lifecycle(at: &At<'_>, pod: &Pod<'_, '_>, errors: &mut Errors) {
    for field in ["postStart", "preStop"] {
        let hook = at.get(field);
        if hook.is_set() {
            handler(
                &hook,
                &["exec", "httpGet", "tcpSocket", "sleep"],
                pod,
                errors,
            );
        }
    }
}

fn handler(at: &At<'_>, kinds: &[&'static str], pod: &Pod<'_, '_>, errors: &mut Errors) {
    let mut count = 0;
    for kind in kinds {
        let action = at.get(kind);
        if !action.is_set() {
            continue;
        }
        count += 1;
        if count > 1 {
            errors.push(action.forbidden("may not specify more than 1 handler type"));
            continue;
        }
        match *kind {
            "exec" if action.get("command").len() == 0 => {
                errors.push(action.get("command").required(""));
            }
            "httpGet" => http(&action, errors),
            "tcpSocket" | "grpc" => port(&action.get("port"), errors),
            "sleep" => sleep(&action, pod, errors),
            _ => {}
        }
    }
    if count == 0 {
        errors.push(at.required("must specify a handler type"));
    }
}

fn http(at: &At<'_>, errors: &mut Errors) {
    at.get("path").nonempty(errors);
    port(&at.get("port"), errors);
    let scheme = at.get("scheme");
    if !["HTTP", "HTTPS"].contains(&scheme.text()) {
        errors.push(scheme.not_supported(&["HTTP", "HTTPS"]));
    }
    let headers = at.get("httpHeaders");
    for item in headers.items() {
        let name = item.get("name").text();
        let wrong = header(name).into_iter();
        errors.extend(wrong.map(|what| headers.invalid_as(name, what)));
    }
}

fn sleep(at: &At<'_>, pod: &Pod<'_, '_>, errors: &mut Errors) {
    let seconds = at.get("seconds").int();
    if let Some(grace) = pod.grace
        && !(0..=grace).contains(&seconds)
    {
        errors.push(at.invalid_as(
            seconds,
            format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})"),
        ));
    }
}
