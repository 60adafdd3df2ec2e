//! Rows and small functions of kinds.

use super::*;
use crate::resource::everything;
use serde_json::json;

fn strategy(group: &str, version: &str, plural: &str) -> &'static Strategy {
    of(&everything().find(group, version, plural).unwrap().stored)
}

#[test]
fn kinds_that_are_stored_in_another_version_have_one_row() {
    for (group, version, plural) in [
        ("events.k8s.io", "v1", "events"),
        ("resource.k8s.io", "v1beta1", "resourceclaims"),
        ("autoscaling", "v1", "horizontalpodautoscalers"),
    ] {
        let row = everything().find(group, version, plural).unwrap();
        assert_ne!(row.gvk, row.stored);
    }
    assert_eq!(strategy("events.k8s.io", "v1", "events").ttl_s, Some(3600));
    assert!(strategy("resource.k8s.io", "v1beta1", "resourceclaims").returns_deleted);
}

#[test]
fn a_part_of_an_object_is_known_by_its_subresource() {
    assert_eq!(Part::of(""), Some(Part::Main));
    for name in [
        "status",
        "scale",
        "finalize",
        "approval",
        "ephemeralcontainers",
        "resize",
    ] {
        assert!(Part::of(name).is_some(), "{name}");
    }
    for name in ["binding", "eviction", "log", "token", "proxy"] {
        assert_eq!(Part::of(name), None, "{name}");
    }
}

#[test]
fn metadata_that_the_client_leaves_out_is_as_it_was() {
    let old = json!({"metadata": {"uid": "u", "generation": 3, "creationTimestamp": "t",
        "deletionTimestamp": "d", "deletionGracePeriodSeconds": 0}});
    let mut new = json!({"metadata": {"generation": 9, "creationTimestamp": "x"}});
    keep_system_fields(&mut new, &old);
    assert_eq!(new, old);
}
