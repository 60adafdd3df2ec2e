//! Variables of containers.

use super::super::at::{At, Errors};
use super::super::format::{config_key, variable};
use crate::names;

/// Fields of a Pod that a variable can show. Sorted.
const FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Fields that a file can show. Sorted.
pub(super) const FILE_FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

/// Everything of a Pod that has a label at all.
const KNOWN: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Amounts of a container that can be shown. Sorted.
const AMOUNTS: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

const BYTES: &[&str] = &[
    "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
];

/// `env`.
pub(super) fn variables(at: &At<'_>, errors: &mut Errors) {
    for item in at.items() {
        let name = item.get("name");
        match name.text() {
            "" => errors.push(name.required("")),
            text => name.all(variable(text), errors),
        }
        value_from(&item, errors);
    }
}

fn value_from(item: &At<'_>, errors: &mut Errors) {
    let from = item.get("valueFrom");
    if !from.is_set() {
        return;
    }
    let mut sources = 0;
    let field = from.get("fieldRef");
    if field.is_set() {
        sources += 1;
        field_ref(&field, FIELDS, errors);
    }
    let amount = from.get("resourceFieldRef");
    if amount.is_set() {
        sources += 1;
        amount_ref(&amount, false, errors);
    }
    for name in ["configMapKeyRef", "secretKeyRef"] {
        let reference = from.get(name);
        if reference.is_set() {
            sources += 1;
            key_ref(&reference, errors);
        }
    }
    // Files as a source are still behind a gate; they count, so that such a variable is no error.
    sources += usize::from(from.get("fileKeyRef").is_set());
    let what = match sources {
        0 => {
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        }
        _ if !item.get("value").text().is_empty() => {
            "may not be specified when `value` is not empty"
        }
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    errors.push(from.invalid_as("", what));
}

fn key_ref(at: &At<'_>, errors: &mut Errors) {
    let name = at.get("name");
    let wrong = names::dns1123_subdomain(name.text());
    errors.extend(
        wrong
            .into_iter()
            .map(|what| name.invalid_as(name.text(), what)),
    );
    let key = at.get("key");
    match key.text() {
        "" => errors.push(key.required("")),
        text => key.all(config_key(text), errors),
    }
}

/// A field of the Pod, perhaps with a key in brackets.
pub(super) fn field_ref(at: &At<'_>, allowed: &[&str], errors: &mut Errors) {
    let (version, field) = (at.get("apiVersion"), at.get("fieldPath"));
    if version.text().is_empty() {
        return errors.push(version.required(""));
    }
    let path = field.text();
    if path.is_empty() {
        return errors.push(field.required(""));
    }
    let subscripted = path
        .strip_suffix("']")
        .and_then(|path| path.split_once("['"));
    let base = subscripted.map_or(path, |(base, _)| base);
    if !KNOWN.contains(&base) || version.text() != "v1" {
        let what = format!("error converting fieldPath: field label not supported: {base}");
        return errors.push(field.invalid(what));
    }
    match subscripted {
        Some(("metadata.annotations", key)) => {
            let key = key.to_lowercase();
            let wrong = names::label_key(&key).into_iter();
            errors.extend(wrong.map(|what| at.invalid_as(key.as_str(), what)));
        }
        Some(("metadata.labels", key)) => {
            let wrong = names::label_key(key).into_iter();
            errors.extend(wrong.map(|what| at.invalid_as(key, what)));
        }
        Some((base, _)) => errors.push(at.invalid_as(base, "does not support subscript")),
        None if !allowed.contains(&path) => errors.push(field.not_supported(allowed)),
        None => {}
    }
}

/// An amount of a container's resources. In files the container is named.
pub(super) fn amount_ref(at: &At<'_>, is_file: bool, errors: &mut Errors) {
    let (container, resource) = (at.get("containerName"), at.get("resource"));
    let name = resource.text();
    let is_pages = ["limits.hugepages-", "requests.hugepages-"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    if is_file && container.text().is_empty() {
        errors.push(container.required(""));
    } else if name.is_empty() {
        errors.push(resource.required(""));
    } else if !AMOUNTS.contains(&name) && !is_pages {
        errors.push(resource.not_supported(AMOUNTS));
    }
    let divisor = at.get("divisor");
    let Some(amount) = divisor.quantity().filter(|amount| !amount.is_zero()) else {
        return;
    };
    let kind = name.split_once('.').map_or("", |(_, kind)| kind);
    let (allowed, what): (&[&str], _) = match kind {
        "cpu" => (&["1m", "1"], "cpu"),
        "memory" => (BYTES, "memory"),
        "ephemeral-storage" => (BYTES, "local ephemeral storage"),
        _ if is_pages => (BYTES, "hugepages"),
        _ => return,
    };
    if !allowed.contains(&amount.to_string().as_str()) {
        let list = match kind {
            "cpu" => "1m and 1".to_owned(),
            _ => BYTES.join(", "),
        };
        let text = format!("only divisor's values {list} are supported with the {what} resource");
        errors.push(divisor.invalid_as(name, text));
    }
}

/// `envFrom`.
pub(super) fn sources(at: &At<'_>, errors: &mut Errors) {
    for item in at.items() {
        let prefix = item.get("prefix");
        if !prefix.text().is_empty() {
            prefix.all(variable(prefix.text()), errors);
        }
        let mut count = 0;
        for name in ["configMapRef", "secretRef"] {
            let reference = item.get(name);
            if !reference.is_set() {
                continue;
            }
            count += 1;
            let name = reference.get("name");
            match name.text() {
                "" => errors.push(name.required("")),
                // A prefix of a name is enough for upstream here.
                text => name.all(names::Rule::DnsSubdomain.check_prefix(text), errors),
            }
        }
        match count {
            0 => {
                errors.push(at.invalid_as("", "must specify one of: `configMapRef` or `secretRef`"))
            }
            1 => {}
            _ => {
                let what = "may not have more than one field specified at a time";
                errors.push(at.invalid_as("", what));
            }
        }
    }
}
