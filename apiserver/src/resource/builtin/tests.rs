//! The rows against the schema table and against what is known from elsewhere.

use super::{builtin, everything};
use crate::resource::{Resource, Scope, Verb};
use crate::schema::{self, Gvk, Node};
use std::collections::{BTreeMap, BTreeSet};

fn core(plural: &str) -> &'static Resource {
    builtin().find("", "v1", plural).unwrap()
}

/// Kinds whose type has no entry because their body is no object: options are query parameters.
fn is_options(gvk: &Gvk) -> bool {
    gvk.kind.ends_with("Options")
}

#[test]
fn every_row_has_a_kind_of_the_schema_table() {
    for resource in everything().all() {
        let bodies = resource.subresources.iter().map(|sub| &sub.gvk);
        for gvk in bodies.chain([&resource.gvk, &resource.stored]) {
            let is_kind = schema::builtin().kind(gvk).is_some();
            assert!(is_kind || is_options(gvk), "{gvk:?}");
        }
    }
}

#[test]
fn every_object_of_the_schema_table_has_a_row() {
    let table = schema::builtin();
    let mut served = BTreeSet::new();
    for resource in everything().all() {
        served.insert(&resource.gvk);
        served.extend(resource.subresources.iter().map(|sub| &sub.gvk));
    }
    for (gvk, id) in &table.kinds {
        let metadata = table.get(*id).field("metadata");
        let is_object = metadata.is_some_and(|field| {
            matches!(field.node, Node::Struct(id) if table.get(id).name.ends_with(".ObjectMeta"))
        });
        assert!(!is_object || served.contains(gvk), "{gvk:?}");
    }
}

#[test]
fn what_can_be_listed_has_a_kind_of_list() {
    for resource in everything().all() {
        let list = Gvk {
            kind: format!("{}List", resource.gvk.kind),
            ..resource.gvk.clone()
        };
        let is_there = schema::builtin().kind(&list).is_some();
        assert_eq!(is_there, resource.can(Verb::List), "{list:?}");
    }
}

/// 95 rows in the swagger of 1.36, counting versions apart; 1.36 has six more that 1.35 has not (mutating
/// admission policies and their bindings in v1, taint rules in v1beta2, status requests of pools, and pod
/// groups and workloads in v1alpha2), and 1.35 has workloads in v1alpha1.
#[test]
fn the_counts_are_those_of_the_release() {
    assert_eq!(everything().all().len(), 95 - 6 + 1);
    assert_eq!(builtin().all().len(), 66);
    assert_eq!(everything().groups().len(), 23);
    assert_eq!(builtin().groups().len(), 21);
}

#[test]
fn a_status_is_a_subresource_of_what_is_kept_and_has_one() {
    let table = schema::builtin();
    for resource in everything().all() {
        let kind = table.get(table.kind(&resource.gvk).unwrap());
        let is_kept = resource.can(Verb::Update);
        let has_status = is_kept && kind.field("status").is_some();
        let place = &resource.gvk;
        assert_eq!(
            has_status,
            resource.subresource("status").is_some(),
            "{place:?}"
        );
    }
}

#[test]
fn selectable_fields_are_fields_of_the_kind() {
    let table = schema::builtin();
    for resource in everything().all() {
        for field in &resource.selectable {
            let mut node = Node::Struct(table.kind(&resource.gvk).unwrap());
            for name in field.path.split('.') {
                let Node::Struct(id) = node else {
                    panic!("{} {}", resource.plural, field.path)
                };
                let found = table.get(id).field(name);
                let found = found.unwrap_or_else(|| panic!("{} {}", resource.plural, field.path));
                node = found.node.clone();
            }
            let is_value = matches!(node, Node::Scalar(_)) || field.label == "status.podIPs";
            assert!(is_value, "{} {}", resource.plural, field.path);
        }
    }
}

#[test]
fn names_that_people_type_mean_one_resource_within_a_version() {
    for group in everything().groups() {
        for version in &group.versions {
            let mut seen = BTreeMap::new();
            for resource in everything().of_version(&group.name, version) {
                let names = [&resource.plural, &resource.singular];
                for name in names.into_iter().chain(&resource.short_names) {
                    let previous = seen.insert(name, &resource.plural);
                    let is_own = previous.is_none_or(|plural| *plural == resource.plural);
                    assert!(is_own, "{name} in {}/{version}", group.name);
                }
            }
        }
    }
}

#[test]
fn resources_that_share_a_place_share_scope_and_stored_kind() {
    let mut seen: BTreeMap<&str, &Resource> = BTreeMap::new();
    for resource in everything().all() {
        if !resource.can(Verb::List) || resource.plural == "componentstatuses" {
            continue;
        }
        let other = seen.entry(&resource.key).or_insert(resource);
        assert_eq!(other.scope, resource.scope, "{}", resource.key);
        assert_eq!(other.stored, resource.stored, "{}", resource.key);
    }
}

#[test]
fn objects_lie_where_other_servers_of_the_same_store_look() {
    for (plural, key) in [
        ("pods", "pods"),
        ("services", "services/specs"),
        ("endpoints", "services/endpoints"),
        ("nodes", "minions"),
        ("replicationcontrollers", "controllers"),
    ] {
        assert_eq!(core(plural).key, key);
    }
    let find = |group, plural| builtin().find(group, "v1", plural).unwrap();
    assert_eq!(find("networking.k8s.io", "ingresses").key, "ingress");
    let definitions = find("apiextensions.k8s.io", "customresourcedefinitions");
    assert_eq!(
        definitions.key,
        "apiextensions.k8s.io/customresourcedefinitions"
    );
    assert_eq!(find("events.k8s.io", "events").key, core("events").key);
    assert_eq!(find("apps", "deployments").key, "deployments");
}

#[test]
fn only_namespaces_among_what_is_kept_cannot_be_deleted_at_once() {
    let odd: Vec<_> = builtin()
        .all()
        .iter()
        .filter(|r| r.can(Verb::Delete) && r.verbs != Verb::ALL)
        .map(|r| r.plural.as_str())
        .collect();
    assert_eq!(odd, ["namespaces"]);
    assert!(!core("namespaces").can(Verb::DeleteCollection));
}

#[test]
fn who_may_be_created_by_an_update() {
    let found: BTreeSet<_> = builtin()
        .all()
        .iter()
        .filter(|r| r.creates_on_update)
        .map(|r| r.plural.as_str())
        .collect();
    let expected = [
        "clusterrolebindings",
        "clusterroles",
        "endpoints",
        "events",
        "leases",
        "limitranges",
        "rolebindings",
        "roles",
        "runtimeclasses",
    ];
    assert_eq!(found, BTreeSet::from(expected));
}

#[test]
fn a_pod_is_found_under_all_its_names() {
    let pods = core("pods");
    assert_eq!(pods.scope, Scope::Namespaced);
    assert_eq!(pods.short_names, ["po"]);
    assert_eq!(pods.categories, ["all"]);
    assert_eq!(pods.selectable_path("spec.host"), Some("spec.nodeName"));
    assert_eq!(pods.selectable_path("spec.hostname"), None);
    let eviction = pods.subresource("eviction").unwrap();
    assert_eq!(eviction.gvk.group, "policy");
    assert_eq!(eviction.verbs, [Verb::Create]);
    let scale = builtin().find("apps", "v1", "deployments").unwrap();
    let scale = scale.subresource("scale").unwrap();
    assert_eq!(
        (&*scale.gvk.group, &*scale.gvk.kind),
        ("autoscaling", "Scale")
    );
}

#[test]
fn autoscaling_prefers_its_second_version() {
    assert_eq!(
        builtin().group("autoscaling").unwrap().versions,
        ["v2", "v1"]
    );
}
