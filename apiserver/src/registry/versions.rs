//! Kinds that are served in one version and stored in another.
//!
//! Most of them differ in nothing but the version that they state. Two do not: events, whose fields are
//! called otherwise in `events.k8s.io`, and autoscalers, whose first version knows one target only and
//! keeps the rest in annotations. A few beta versions differ in more and are not converted.

mod autoscaler;
mod event;

use crate::decode::api_version;
use crate::resource::Resource;
use crate::schema::Gvk;
use crate::status::Failure;
use serde_json::Value;

/// Whether objects of a resource can be brought into the form in which they are stored.
///
/// # Errors
/// 500 if nobody here knows how.
pub(super) fn check(resource: &Resource) -> Result<(), Failure> {
    let (served, stored) = (&resource.gvk, &resource.stored);
    let is_flat = served.version == "v1beta1" && served.version != stored.version;
    let names = ["ResourceClaim", "ResourceClaimTemplate", "ResourceSlice"];
    let is_device = served.group == "resource.k8s.io" && names.contains(&served.kind.as_str());
    match is_flat && is_device {
        false => Ok(()),
        true => Err(Failure::internal(&format!(
            "{} {} is stored as {} and cannot be converted",
            api_version(served),
            served.kind,
            stored.version
        ))),
    }
}

/// An object as it is stored, from one of the version that the resource serves.
pub(super) fn incoming(resource: &Resource, object: Value) -> Value {
    match resource.gvk == resource.stored && resource.custom.is_none() {
        true => object,
        false => between(&resource.gvk, &resource.stored, object),
    }
}

/// An object of the version that the resource serves, from one as it is stored.
pub(super) fn outgoing(resource: &Resource, mut object: Value) -> Value {
    if let Some(custom) = &resource.custom {
        // It may have been stored in any version, and under an earlier schema.
        object = between(&resource.stored, &resource.gvk, object);
        if let Err(error) = custom.form(&resource.gvk.version, &mut object) {
            tracing::warn!(%error, "a stored custom resource is out of form");
        }
        return object;
    }
    match resource.gvk == resource.stored {
        true => object,
        false => between(&resource.stored, &resource.gvk, object),
    }
}

/// An object in another version of its kind, as server-side apply asks for it.
pub(super) fn in_version(object: &Value, wanted: &str) -> Option<Value> {
    let kind = object.get("kind")?.as_str()?;
    let of = |api_version: &str| {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        Gvk {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        }
    };
    let from = object.get("apiVersion")?.as_str()?;
    Some(between(&of(from), &of(wanted), object.clone()))
}

fn between(from: &Gvk, to: &Gvk, mut object: Value) -> Value {
    let versions = (
        from.group.as_str(),
        from.version.as_str(),
        to.version.as_str(),
    );
    match (versions, from.kind.as_str()) {
        (("events.k8s.io", ..), "Event") => event::to_core(&mut object),
        (("", "v1", _), "Event") if to.group == "events.k8s.io" => event::from_core(&mut object),
        (("autoscaling", "v1", "v2"), "HorizontalPodAutoscaler") => {
            autoscaler::to_stored(&mut object);
        }
        (("autoscaling", "v2", "v1"), "HorizontalPodAutoscaler") => {
            autoscaler::from_stored(&mut object);
        }
        _ => {}
    }
    if let Some(members) = object.as_object_mut() {
        members.insert("apiVersion".to_owned(), api_version(to).into());
    }
    object
}
