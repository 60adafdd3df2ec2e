//! Nodes.

use super::at::{At, Errors};
use super::{ip, pod, resources};
use crate::names;
use std::collections::BTreeSet;

/// A new node.
pub(super) fn create(object: &At<'_>, errors: &mut Errors) {
    taints(object, errors);
    amounts(object, errors);
    let list = object.dig(&["spec", "podCIDRs"]);
    for block in list.items() {
        ip::cidr(&block, errors);
    }
    if list.len() < 2 {
        return;
    }
    let firsts: Vec<&str> = list
        .texts()
        .filter_map(|block| block.split_once('/').map(|(first, _)| first))
        .collect();
    if list.len() > 2 || !ip::is_dual(&firsts) {
        errors.push(list.invalid("may specify no more than one CIDR for each IP family"));
    }
    let mut seen = BTreeSet::new();
    for block in list.items() {
        if !seen.insert(block.text()) {
            errors.push(block.duplicate());
        }
    }
}

/// Taints. Upstream finds them in the metadata.
fn taints(object: &At<'_>, errors: &mut Errors) {
    let list = object.dig(&["spec", "taints"]);
    let list = list.called(&object.get("metadata"), "taints");
    let mut seen = BTreeSet::new();
    for taint in list.items() {
        let (key, value) = (taint.get("key"), taint.get("value"));
        let wrong = names::label_key(key.text()).into_iter();
        errors.extend(wrong.map(|what| key.invalid_as(key.text(), what)));
        let wrong = names::label_value(value.text());
        if !wrong.is_empty() {
            errors.push(value.invalid(wrong.join(";")));
        }
        let effect = taint.get("effect");
        pod::taint_effect(&effect, errors);
        if !seen.insert((key.text(), effect.text())) {
            let mut error = taint.duplicate();
            error.detail = "taints must be unique by key and effect pair".to_owned();
            errors.push(error);
        }
    }
}

fn amounts(object: &At<'_>, errors: &mut Errors) {
    for field in ["capacity", "allocatable"] {
        let list = object.get("status").get(field);
        for (name, _) in list.entries() {
            // The name is a field here to upstream, and no key.
            resources::amount(&list.get(name), name, errors);
        }
    }
}

/// A node that changes, its status included.
pub(super) fn update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    amounts(new, errors);
    let mut seen = BTreeSet::new();
    for address in new.dig(&["status", "addresses"]).items() {
        let pair = (address.get("type").text(), address.get("address").text());
        if !seen.insert(pair) {
            errors.push(address.duplicate());
        }
    }
    let blocks = new.dig(&["spec", "podCIDRs"]);
    let before = old.dig(&["spec", "podCIDRs"]);
    // The older field says the first of them, and means a change, too, if it says another one.
    let first = new.dig(&["spec", "podCIDR"]);
    let is_other = !first.text().is_empty() && Some(first.text()) != before.texts().next();
    if before.len() > 0 && (is_other || !blocks.texts().eq(before.texts())) {
        let what = "node updates may not change podCIDR except from \"\" to valid";
        errors.push(blocks.forbidden(what));
    }
    let provider = new.dig(&["spec", "providerID"]);
    let before = old.dig(&["spec", "providerID"]);
    if !before.text().is_empty() && before.text() != provider.text() {
        let what = "node updates may not change providerID except from \"\" to valid";
        errors.push(provider.forbidden(what));
    }
    taints(new, errors);
}
