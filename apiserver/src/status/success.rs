//! Status objects of requests that succeeded and have no object to show.

use super::GroupResource;
use super::failure::Details;
use serde_json::{Value, json};

/// The answer to a deletion that took effect at once.
pub fn deleted(resource: &GroupResource, name: &str, uid: &str) -> Value {
    let details = Details {
        name: name.to_owned(),
        group: resource.group.clone(),
        kind: resource.resource.clone(),
        uid: uid.to_owned(),
        ..Details::default()
    };
    success(Some(&details), None)
}

/// The answer to an action that leaves nothing to show, such as binding or eviction.
pub fn done(code: u16) -> Value {
    success(None, Some(code))
}

fn success(details: Option<&Details>, code: Option<u16>) -> Value {
    let mut status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
    });
    if let Some(details) = details {
        status["details"] = details.to_value();
    }
    if let Some(code) = code {
        status["code"] = code.into();
    }
    status
}
