//! Ingresses, their classes, and NetworkPolicies.

use super::at::{At, Errors, IMMUTABLE};
use super::format::{domain_path, port_name, port_number, wildcard};
use super::ip;
use crate::names;
use crate::selector::validate_structure;

const CONTROLLER_MAX: usize = 250;

/// A new Ingress.
pub(super) fn create(object: &At<'_>, errors: &mut Errors) {
    check(object, errors);
    const NOTE: &str = "kubernetes.io/ingress.class";
    let note = object.dig(&["metadata", "annotations"]).get(NOTE);
    let class = object.dig(&["spec", "ingressClassName"]);
    if note.is_set() && class.text_if().is_some_and(|class| class != note.text()) {
        let place = note.called(&At::root(object.value()).get("annotations"), NOTE);
        let what = "must match `ingressClassName` when both are specified";
        errors.push(place.invalid(what));
    }
}

/// An Ingress.
pub(super) fn check(object: &At<'_>, errors: &mut Errors) {
    let spec = object.get("spec");
    let (fallback, rules) = (spec.get("defaultBackend"), spec.get("rules"));
    if rules.len() == 0 && !fallback.is_set() {
        let what = "either `defaultBackend` or `rules` must be specified";
        errors.push(spec.holding(rules.value()).invalid(what));
    }
    if fallback.is_set() {
        backend(&fallback, errors);
    }
    for rule in rules.items() {
        ingress_rule(&rule, errors);
    }
    for tls in spec.get("tls").items() {
        for host in tls.get("hosts").items() {
            host_name(&host, errors);
        }
        let secret = tls.get("secretName");
        if !secret.text().is_empty() {
            secret.all(names::dns1123_subdomain(secret.text()), errors);
        }
    }
    let class = spec.get("ingressClassName");
    if let Some(name) = class.text_if() {
        class.all(names::dns1123_subdomain(name), errors);
    }
}

fn host_name(at: &At<'_>, errors: &mut Errors) {
    match at.text().contains('*') {
        true => at.all(wildcard(at.text()), errors),
        false => at.all(names::dns1123_subdomain(at.text()), errors),
    }
}

fn ingress_rule(rule: &At<'_>, errors: &mut Errors) {
    let host = rule.get("host");
    if !host.text().is_empty() {
        if ip::parse(host.text()).is_some() {
            errors.push(host.invalid("must be a DNS name, not an IP address"));
        }
        host_name(&host, errors);
    }
    let http = rule.get("http");
    if !http.is_set() {
        return;
    }
    let paths = http.get("paths");
    if paths.len() == 0 {
        errors.push(paths.required(""));
    }
    for path in paths.items() {
        ingress_path(&path, errors);
    }
}

fn ingress_path(at: &At<'_>, errors: &mut Errors) {
    let (kind, path) = (at.get("pathType"), at.get("path"));
    let text = path.text();
    let absolute = "must be an absolute path";
    match kind.text_if() {
        None => return errors.push(kind.required("pathType must be specified")),
        Some("Exact" | "Prefix") => {
            if !text.starts_with('/') {
                errors.push(path.invalid_as(text, absolute));
            }
            for part in ["//", "/./", "/../", "%2f", "%2F"] {
                if text.contains(part) {
                    errors.push(path.invalid(format!("must not contain '{part}'")));
                }
            }
            for end in ["/..", "/."] {
                if text.ends_with(end) {
                    errors.push(path.invalid(format!("cannot end with '{end}'")));
                }
            }
        }
        Some("ImplementationSpecific") => {
            if !text.is_empty() && !text.starts_with('/') {
                errors.push(path.invalid(absolute));
            }
        }
        Some(_) => {
            errors.push(kind.not_supported(&["Exact", "ImplementationSpecific", "Prefix"]));
        }
    }
    backend(&at.get("backend"), errors);
}

fn backend(at: &At<'_>, errors: &mut Errors) {
    let (resource, service) = (at.get("resource"), at.get("service"));
    match (resource.is_set(), service.is_set()) {
        (true, true) => {
            let what = "cannot set both resource and service backends";
            errors.push(at.invalid_as("", what));
        }
        (true, false) => typed_reference(&resource, errors),
        (false, true) => service_backend(at, &service, errors),
        (false, false) => {
            errors.push(at.invalid_as("", "resource or service backend is required"));
        }
    }
}

fn service_backend(at: &At<'_>, service: &At<'_>, errors: &mut Errors) {
    let name = service.get("name");
    match name.text() {
        "" => errors.push(name.required("")),
        text => name.all(names::dns1035_label(text), errors),
    }
    let (port, number) = (
        service.dig(&["port", "name"]),
        service.dig(&["port", "number"]),
    );
    match (port.text().is_empty(), number.int()) {
        (true, 0) => errors.push(at.required("port name or number is required")),
        (true, port) => number.all(port_number(port), errors),
        (false, 0) => port.all(port_name(port.text()), errors),
        (false, _) => {
            errors.push(at.invalid_as("", "cannot set both port name & port number"));
        }
    }
}

fn typed_reference(at: &At<'_>, errors: &mut Errors) {
    let group = at.get("apiGroup");
    if let Some(name) = group.text_if() {
        group.all(names::dns1123_subdomain(name), errors);
    }
    for field in ["kind", "name"] {
        let at = at.get(field);
        match at.text() {
            "" => errors.push(at.required("")),
            text => at.all(names::path_segment(text), errors),
        }
    }
}

/// An IngressClass.
pub(super) fn class(object: &At<'_>, errors: &mut Errors) {
    let controller = object.dig(&["spec", "controller"]);
    if controller.text().len() > CONTROLLER_MAX {
        errors.push(controller.too_long(CONTROLLER_MAX));
    }
    domain_path(&controller, errors);
    let parameters = object.dig(&["spec", "parameters"]);
    if !parameters.is_set() {
        return;
    }
    typed_reference(&parameters, errors);
    let (scope, namespace) = (parameters.get("scope"), parameters.get("namespace"));
    match scope.text_if() {
        None => errors.push(scope.required("")),
        Some("Namespace") => match namespace.text_if() {
            None => {
                errors.push(namespace.required("`parameters.scope` is set to 'Namespace'"));
            }
            Some(name) => namespace.all(names::dns1123_label(name), errors),
        },
        Some("Cluster") if namespace.is_set() => {
            errors.push(namespace.forbidden("`parameters.scope` is set to 'Cluster'"));
        }
        Some("Cluster") => {}
        Some(_) => errors.push(scope.not_supported(&["Cluster", "Namespace"])),
    }
}

/// What an IngressClass may not change.
pub(super) fn class_update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    const WAY: &[&str] = &["spec", "controller"];
    let controller = new.dig(WAY);
    if controller.text() != old.dig(WAY).text() {
        errors.push(controller.invalid(IMMUTABLE));
    }
}

/// A NetworkPolicy.
pub(super) fn policy(object: &At<'_>, errors: &mut Errors) {
    let spec = object.get("spec");
    let selector = spec.get("podSelector");
    errors.extend(validate_structure(selector.value(), &selector.path()));
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.get(direction).items() {
            for port in rule.get("ports").items() {
                policy_port(&port, errors);
            }
            for peer in rule.get(peers).items() {
                policy_peer(&peer, errors);
            }
        }
    }
    let kinds = spec.get("policyTypes");
    if kinds.len() > 2 {
        return errors.push(kinds.invalid("may not specify more than two policyTypes"));
    }
    for kind in kinds.items() {
        if !["Ingress", "Egress"].contains(&kind.text()) {
            errors.push(kind.not_supported(&["Ingress", "Egress"]));
        }
    }
}

fn policy_port(at: &At<'_>, errors: &mut Errors) {
    at.get("protocol")
        .choice_if(&["TCP", "UDP", "SCTP"], errors);
    let (port, end) = (at.get("port"), at.get("endPort"));
    if let Some(name) = port.text_if() {
        if end.is_set() {
            errors.push(end.invalid("may not be specified when `port` is non-numeric"));
        }
        port.all(port_name(name), errors);
    } else if let Some(number) = port.int_if() {
        port.all(port_number(number), errors);
        if let Some(last) = end.int_if() {
            if last < number {
                errors.push(end.invalid("must be greater than or equal to `port`"));
            }
            end.all(port_number(last), errors);
        }
    } else if end.is_set() {
        errors.push(end.invalid("may not be specified when `port` is not specified"));
    }
}

fn policy_peer(at: &At<'_>, errors: &mut Errors) {
    let mut count = 0;
    for field in ["podSelector", "namespaceSelector"] {
        let selector = at.get(field);
        if selector.is_set() {
            count += 1;
            errors.extend(validate_structure(selector.value(), &selector.path()));
        }
    }
    let block = at.get("ipBlock");
    if block.is_set() {
        count += 1;
        ip_block(&block, errors);
    }
    if count == 0 {
        errors.push(at.required("must specify a peer"));
    } else if count > 1 && block.is_set() {
        errors.push(at.forbidden("may not specify both ipBlock and another peer"));
    }
}

fn ip_block(at: &At<'_>, errors: &mut Errors) {
    let cidr = at.get("cidr");
    if cidr.text().is_empty() {
        return errors.push(cidr.required(""));
    }
    ip::cidr(&cidr, errors);
    let Some(block) = ip::parse_cidr(cidr.text()) else {
        return;
    };
    for except in at.get("except").items() {
        ip::cidr(&except, errors);
        if let Some((first, bits)) = ip::parse_cidr(except.text())
            && (!ip::contains(block, first) || block.1 >= bits)
        {
            errors.push(except.invalid("must be a strict subset of `cidr`"));
        }
    }
}
