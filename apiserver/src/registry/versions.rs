//! Kinds that are served in one version and stored in another.
//!
//! Most of them differ in nothing but the version that they state, and so do all versions of a custom
//! resource. Two do not: events, whose fields are called otherwise in `events.k8s.io`, and autoscalers,
//! whose first version knows one target only and keeps the rest in annotations. A few beta versions differ
//! in more; they are refused, since half an object would be worse than none.

mod alike;
mod autoscaler;
mod event;
#[cfg(test)]
mod tests;

use crate::decode::api_version;
use crate::resource::Resource;
use crate::schema::{self, Gvk};
use crate::status::Failure;
use crate::storage::Object;
use alike::is_alike;
use serde_json::Value;
use std::sync::Arc;

/// Whether objects of a resource can be brought into the form in which they are stored, and back.
///
/// # Errors
/// 500 if nobody here knows how.
pub(super) fn check(resource: &Resource) -> Result<(), Failure> {
    let (served, stored) = (&resource.gvk, &resource.stored);
    let has_rules = matches!(
        (served.group.as_str(), served.kind.as_str()),
        ("events.k8s.io", "Event") | ("autoscaling", "HorizontalPodAutoscaler")
    );
    if served == stored || has_rules {
        return Ok(());
    }
    let table = schema::builtin();
    let is_known = match (table.kind(served), table.kind(stored)) {
        (None, None) => true,
        (Some(a), Some(b)) => is_alike(table, a, b),
        _ => false,
    };
    match is_known {
        true => Ok(()),
        false => Err(Failure::internal(&format!(
            "{} {} is stored as {} and cannot be converted",
            api_version(served),
            served.kind,
            stored.version
        ))),
    }
}

/// How stored objects become those that a resource serves.
#[derive(Clone, Debug)]
pub(super) struct Conversion(Arc<Resource>);

impl Conversion {
    /// The conversion that a resource needs; `None` if its objects are stored as they are served.
    ///
    /// # Errors
    /// 500 if it is none that is known here.
    pub(super) fn of(resource: &Arc<Resource>) -> Result<Option<Conversion>, Failure> {
        check(resource)?;
        let is_needed = resource.gvk != resource.stored || resource.custom.is_some();
        Ok(is_needed.then(|| Conversion(resource.clone())))
    }

    /// A stored object as it is served. What is no object stays what it is.
    pub(super) fn served(&self, object: Object) -> Object {
        match serde_json::from_slice(object.stored()) {
            Ok(value @ Value::Object(_)) => Object::of(outgoing(&self.0, value), object.revision()),
            _ => object,
        }
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
