//! IPAddresses: who has an address.

use super::at::{At, Errors};
use crate::names;
use std::net::IpAddr;

/// An IPAddress.
pub(super) fn check(object: &At<'_>, errors: &mut Errors) {
    let name = object.dig(&["metadata", "name"]);
    match name.text().parse::<IpAddr>() {
        Ok(address) if address.to_string() == name.text() => {}
        Ok(address) => {
            let what = format!("must be in canonical form (\"{address}\")");
            errors.push(name.invalid_as(name.text(), what));
        }
        // What is missing altogether is said about all names.
        Err(_) if name.text().is_empty() => {}
        Err(_) => {
            super::ip::address(&name, errors);
        }
    }
    let parent = object.dig(&["spec", "parentRef"]);
    if !parent.is_set() {
        return errors.push(parent.required(""));
    }
    // The core group has no name.
    let group = parent.get("group");
    if !group.text().is_empty() {
        group.all(names::dns1123_subdomain(group.text()), errors);
    }
    for field in ["resource", "name"] {
        let at = parent.get(field);
        match at.text() {
            "" => errors.push(at.required("")),
            text => at.all(names::path_segment(text), errors),
        }
    }
    let namespace = parent.get("namespace");
    if !namespace.text().is_empty() {
        namespace.all(names::path_segment(namespace.text()), errors);
    }
}

/// What an IPAddress may not change: who has it, or somebody could be made to lose it.
pub(super) fn update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let parent = new.dig(&["spec", "parentRef"]);
    parent.unchanged(&old.dig(&["spec", "parentRef"]), errors);
    check(new, errors);
}
