//! Amounts of resources: which names there are, and what may be asked for.

use super::at::{At, Errors, NEGATIVE};
use crate::canonical::Quantity;
use crate::names;

/// Resources that a container can be given.
const CONTAINER: &[&str] = &["cpu", "memory", "ephemeral-storage"];

/// Everything that has a name of one word.
const STANDARD: &[&str] = &[
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
    "requests.storage",
    "services.nodeports",
    "services.loadbalancers",
];

/// What is counted in whole pieces.
const COUNTED: &[&str] = &[
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// Where a name of a resource stands, which decides what names there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the requirements of a container.
    Container,
    /// In the requirements of a whole Pod.
    Pod,
    /// In a quota.
    Quota,
    /// Anywhere else.
    Other,
}

/// Whether the resource is one of the system's own.
pub(super) fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Whether it is memory in large pages.
pub(super) fn is_huge_pages(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Whether it is somebody else's, such as `example.com/gpu`.
pub(super) fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && names::label_key(&format!("requests.{name}")).is_empty()
}

/// Whether more can be promised than there is.
pub(super) fn is_overcommittable(name: &str) -> bool {
    is_native(name) && !is_huge_pages(name)
}

/// Whether the name is known to quotas.
pub(super) fn is_quota(name: &str) -> bool {
    let is_standard = STANDARD.contains(&name) && name != "storage";
    is_standard || is_huge_pages(name) || name.starts_with("requests.hugepages-")
}

fn is_standard(name: &str) -> bool {
    STANDARD.contains(&name) || is_huge_pages(name) || name.starts_with("requests.hugepages-")
}

/// The name of a resource; `at` is where its amount stands.
pub(super) fn name(at: &At<'_>, name: &str, place: Place, errors: &mut Errors) {
    let wrong = names::label_key(name);
    if !wrong.is_empty() {
        return errors.extend(wrong.into_iter().map(|what| at.invalid_as(name, what)));
    }
    let is_one_word = !name.contains('/');
    let mut wrong = |what: &str| errors.push(at.invalid_as(name, what));
    if is_one_word && !is_standard(name) {
        wrong("must be a standard resource type or fully qualified");
    }
    match place {
        Place::Container if is_one_word && !CONTAINER.contains(&name) && !is_huge_pages(name) => {
            wrong("must be a standard resource for containers");
        }
        Place::Container if !is_native(name) && !is_extended(name) => {
            wrong("doesn't follow extended resource name standard");
        }
        Place::Pod if !["cpu", "memory"].contains(&name) && !is_huge_pages(name) => {
            let at = at.clone();
            let error = crate::status::FieldError::not_supported(
                &at.path(),
                name,
                &["cpu", "hugepages-", "memory"],
            );
            errors.push(error);
        }
        Place::Quota if is_one_word && !is_quota(name) => {
            wrong("must be a standard resource for quota");
        }
        _ => {}
    }
}

/// An amount of a resource: not negative, and whole where only whole ones make sense.
pub(super) fn amount(at: &At<'_>, name: &str, errors: &mut Errors) {
    let Some(quantity) = at.quantity() else {
        return;
    };
    if quantity.sign() < 0 {
        errors.push(at.invalid_as(quantity.to_string(), NEGATIVE));
    }
    let is_counted = COUNTED.contains(&name) || is_extended(name);
    if is_counted && quantity.milli_value() % 1000 != 0 {
        errors.push(at.invalid_as(quantity.to_string(), "must be an integer"));
    }
}

/// Names and amounts of a list of resources.
pub(super) fn list(at: &At<'_>, place: Place, errors: &mut Errors) {
    for (resource, quantity) in at.entries() {
        name(&quantity, resource, place, errors);
        amount(&quantity, resource, errors);
    }
}

/// What a container or a Pod asks for at least (`requests`) and gets at most (`limits`).
pub(super) fn requirements(at: &At<'_>, place: Place, claims: &[&str], errors: &mut Errors) {
    let (limits, requests) = (at.get("limits"), at.get("requests"));
    for (resource, limit) in limits.entries() {
        name(&limit, resource, place, errors);
        amount(&limit, resource, errors);
        huge_pages(&limit, resource, errors);
    }
    for (resource, request) in requests.entries() {
        name(&request, resource, place, errors);
        amount(&request, resource, errors);
        against_limit(&requests, &limits, resource, errors);
        huge_pages(&request, resource, errors);
    }
    let asks_for = |wanted: &dyn Fn(&str) -> bool| {
        let mut all = limits.entries().chain(requests.entries());
        all.any(|(name, _)| wanted(name))
    };
    let has_main = asks_for(&|name| ["cpu", "memory"].contains(&name));
    if !has_main && asks_for(&is_huge_pages) {
        errors.push(at.forbidden("HugePages require cpu or memory"));
    }
    claim_names(&at.get("claims"), claims, errors);
}

fn against_limit(requests: &At<'_>, limits: &At<'_>, resource: &str, errors: &mut Errors) {
    let request = requests.value().get(resource).and_then(as_quantity);
    let limit = limits.value().get(resource).and_then(as_quantity);
    let shares = is_overcommittable(resource);
    match (request, limit) {
        (Some(request), Some(limit)) if request != limit && !shares => {
            let what = format!("must be equal to {resource} limit of {limit}");
            errors.push(requests.invalid_as(request.to_string(), what));
        }
        (Some(request), Some(limit)) if request > limit => {
            let what = format!("must be less than or equal to {resource} limit of {limit}");
            errors.push(requests.invalid_as(request.to_string(), what));
        }
        (Some(_), None) if !shares => {
            errors.push(limits.required("Limit must be set for non overcommitable resources"));
        }
        _ => {}
    }
}

fn as_quantity(value: &serde_json::Value) -> Option<Quantity> {
    Quantity::parse(value.as_str()?).ok()
}

/// Memory in large pages comes in whole pages.
fn huge_pages(at: &At<'_>, resource: &str, errors: &mut Errors) {
    let Some(size) = resource.strip_prefix("hugepages-") else {
        return;
    };
    let (Some(amount), Ok(page)) = (at.quantity(), Quantity::parse(size)) else {
        return;
    };
    let is_whole = page.sign() > 0 && amount.value() % page.value() == 0;
    if !is_whole {
        let what = format!("{amount} is not positive integer multiple of {resource}");
        errors.push(at.invalid_as(amount.to_string(), what));
    }
}

/// Claims of devices, which the Pod must have.
fn claim_names(at: &At<'_>, claims: &[&str], errors: &mut Errors) {
    let mut seen: Vec<&str> = Vec::new();
    for claim in at.items() {
        let name = claim.get("name").text();
        if name.is_empty() {
            errors.push(claim.required(""));
            continue;
        }
        if seen.contains(&name) && claim.get("request").text().is_empty() {
            errors.push(claim.duplicate_as(name));
        }
        seen.push(name);
        if !claims.contains(&name) {
            let mut error = crate::status::FieldError::not_found(&claim.path(), name);
            let mut known = claims.to_vec();
            known.sort_unstable();
            error.detail = match known.is_empty() {
                true => {
                    "must be one of the names in pod.spec.resourceClaims which is empty".to_owned()
                }
                false => format!(
                    "must be one of the names in pod.spec.resourceClaims: {}",
                    known.join(", ")
                ),
            };
            errors.push(error);
        }
    }
}
