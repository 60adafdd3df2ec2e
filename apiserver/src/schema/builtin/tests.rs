//! The table against numbers and facts that are known from elsewhere.

use super::{FACTS, builtin};
use crate::schema::{Field, Gvk, ListTopology, Node, Scalar, Type, TypeId, load};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

fn named(name: &str) -> &'static Type {
    let found = builtin().types.iter().find(|t| &*t.name == name);
    found.unwrap_or_else(|| panic!("there is no {name}"))
}

fn core(name: &str, field: &str) -> &'static Field {
    let found = named(&format!("io.k8s.api.core.v1.{name}")).field(field);
    found.unwrap_or_else(|| panic!("{name} has no {field}"))
}

/// The structure that a node holds, in whatever lists and maps.
fn structure(node: &Node) -> Option<TypeId> {
    match node {
        Node::Struct(id) => Some(*id),
        Node::List(list) => structure(&list.element),
        Node::Map(map) => structure(&map.value),
        Node::Scalar(_) | Node::Any => None,
    }
}

fn all_fields() -> impl Iterator<Item = (&'static Type, &'static Field)> {
    let types = builtin().types.iter();
    types.flat_map(|owner| owner.fields.iter().map(move |field| (owner, field)))
}

/// How often each flag that begins so stands in the facts.
fn count(prefix: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in FACTS.lines().filter(|line| line.starts_with(' ')) {
        for flag in line.split(' ').skip(4) {
            if let Some(rest) = flag.strip_prefix(prefix) {
                *counts.entry(rest.to_owned()).or_default() += 1;
            }
        }
    }
    counts
}

/// The published swagger of 1.36 has 309 atomic lists, 80 maps, 18 sets; patch strategies 64 `merge`, 6
/// `merge,retainKeys`; merge keys 26 `type`, 25 `name`; 193 types that are kinds. Of these, 1.36 added
/// 17, 7 and 1; 4 and 3; 3 and 4; 10. Both were counted in both releases' definitions.
#[test]
fn the_counts_are_those_of_the_release() {
    let lists = [
        count("atomic").get(""),
        count("set").get(""),
        Some(&count("keys:").values().sum()),
    ]
    .map(|n| *n.unwrap());
    // 292 of the definitions' list types are atomic; four more flags are maps of which OpenAPI says so.
    assert_eq!(lists, [292 + 4, 17, 73]);
    let strategies: Vec<_> = count("patch:").into_iter().collect();
    let strategies: Vec<_> = strategies.iter().map(|(k, n)| (k.as_str(), *n)).collect();
    let expected = [
        ("merge", 60),
        ("merge,retainKeys", 3),
        ("replace", 1),
        ("retainKeys", 1),
    ];
    assert_eq!(strategies, expected);
    let keys = count("merge-key:");
    let keys: Vec<_> = keys.iter().map(|(k, n)| (k.as_str(), *n)).collect();
    let expected = [
        ("containerPort", 2),
        ("devicePath", 2),
        ("ip", 3),
        ("mountPath", 3),
        ("name", 21),
        ("port", 1),
        ("rule", 1),
        ("topologyKey", 1),
        ("type", 23),
        ("uid", 4),
    ];
    assert_eq!(keys, expected);

    let kinds: BTreeSet<_> = builtin().kinds.values().collect();
    assert_eq!(kinds.len(), 183);
    // Two of them are kinds of 62 group versions each: DeleteOptions and WatchEvent.
    assert_eq!(builtin().kinds.len(), 181 + 2 * 62);
    let atomic = builtin().types.iter().filter(|t| t.is_atomic).count();
    assert_eq!(atomic, 36);
}

#[test]
fn exactly_three_lists_have_a_key_with_a_default_that_counts() {
    let mut found = BTreeSet::new();
    let mut empty = BTreeSet::new();
    for (owner, field) in all_fields() {
        let Node::List(list) = &field.node else {
            continue;
        };
        let ListTopology::Map(keys) = &list.topology else {
            continue;
        };
        let element = builtin().get(structure(&list.element).unwrap());
        for key in keys.iter() {
            let key = element.field(key).unwrap();
            assert!(
                matches!(key.node, Node::Scalar(_)),
                "{} {key:?}",
                owner.name
            );
            let place = format!("{} {} {}", owner.name, field.name, key.name);
            match &key.default {
                None => continue,
                Some(value) if *value == json!("") => empty.insert(place),
                Some(value) => found.insert(format!("{place} {value}")),
            };
        }
    }
    let expected = ["Container", "EphemeralContainer", "ServiceSpec"]
        .map(|owner| format!("io.k8s.api.core.v1.{owner} ports protocol \"TCP\""));
    assert_eq!(found, BTreeSet::from(expected));
    // Besides, a reference to a secret may leave its name out.
    let expected = "io.k8s.api.core.v1.PodSpec imagePullSecrets name";
    assert_eq!(empty, BTreeSet::from([expected.to_owned()]));
}

#[test]
fn merge_keys_are_fields_of_the_elements() {
    for (owner, field) in all_fields() {
        let Some(key) = &field.patch.merge_key else {
            continue;
        };
        let element = builtin().get(structure(&field.node).unwrap());
        assert!(
            element.field(key).is_some(),
            "{} {}: {key}",
            owner.name,
            field.name
        );
        assert!(field.patch.merges, "{} {}", owner.name, field.name);
    }
}

#[test]
fn tags_are_unique_within_a_message() {
    for owner in &builtin().types {
        let mut seen = BTreeSet::new();
        for field in owner.fields.iter().filter(|f| !f.tags.is_empty()) {
            assert!(seen.insert(&field.tags), "{} {}", owner.name, field.name);
        }
        let whole: Vec<_> = seen.iter().filter(|t| t.len() == 1).map(|t| t[0]).collect();
        let nested = seen.iter().filter(|t| t.len() > 1);
        for tags in nested {
            assert!(!whole.contains(&tags[0]), "{} {tags:?}", owner.name);
        }
    }
}

#[test]
fn kinds_have_the_fields_that_make_them_kinds() {
    for (gvk, id) in &builtin().kinds {
        if gvk.kind == "WatchEvent" {
            continue;
        }
        let kind = builtin().get(*id);
        for name in ["apiVersion", "kind"] {
            let field = kind.field(name).unwrap();
            assert!(field.tags.is_empty(), "{gvk:?}: not in protobuf");
        }
    }
}

#[test]
fn pointers_and_what_is_always_printed() {
    let deployment = named("io.k8s.api.apps.v1.DeploymentSpec");
    let field = |name| deployment.field(name).unwrap();
    assert!(field("replicas").is_pointer);
    assert!(!field("minReadySeconds").is_pointer);
    assert!(!field("minReadySeconds").is_always_present);
    assert!(field("strategy").is_always_present && !field("strategy").is_required);
    assert!(field("strategy").patch.retains_keys);
    assert!(field("selector").is_pointer && field("selector").is_always_present);
    assert!(core("Container", "resources").is_always_present);
    assert!(!core("Container", "securityContext").is_always_present);
    assert!(core("PodCondition", "lastProbeTime").is_always_present);
    let meta = named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
    // Printed as null for ten years, left out since the standard library knows `omitzero`.
    assert!(!meta.field("creationTimestamp").unwrap().is_always_present);
    assert!(meta.field("deletionTimestamp").unwrap().is_pointer);
}

#[test]
fn fields_of_inlined_structures_are_siblings_with_both_tags() {
    assert_eq!(core("Volume", "hostPath").tags, [2, 1]);
    assert_eq!(core("Probe", "exec").tags, [1, 1]);
    assert_eq!(core("EphemeralContainer", "image").tags, [1, 2]);
    assert_eq!(core("ConfigMapKeySelector", "name").tags, [1, 1]);
    let rule = named("io.k8s.api.admissionregistration.v1.NamedRuleWithOperations");
    assert_eq!(rule.field("scope").unwrap().tags, [2, 2, 4]);
}

#[test]
fn special_types_are_scalars() {
    let is = |owner: &str, field: &str, scalar: Scalar| {
        let Node::Scalar(found) = &named(owner).field(field).unwrap().node else {
            panic!("{owner}.{field} is no scalar")
        };
        assert_eq!(*found, scalar, "{owner}.{field}");
    };
    let meta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    is(meta, "creationTimestamp", Scalar::Time);
    is(meta, "generation", Scalar::Int(64));
    let lease = "io.k8s.api.coordination.v1.LeaseSpec";
    is(lease, "renewTime", Scalar::MicroTime);
    let action = "io.k8s.api.core.v1.HTTPGetAction";
    is(action, "port", Scalar::IntOrString);
    let volume = "io.k8s.api.core.v1.EmptyDirVolumeSource";
    is(volume, "sizeLimit", Scalar::Quantity);
    let entry = "io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry";
    is(entry, "fieldsV1", Scalar::Fields);
    let webhook = "io.k8s.api.admissionregistration.v1.WebhookClientConfig";
    is(webhook, "caBundle", Scalar::Bytes);
    let Node::Map(data) = &core("Secret", "data").node else {
        panic!("no map")
    };
    assert!(matches!(data.value, Node::Scalar(Scalar::Bytes)));
    let revision = named("io.k8s.api.apps.v1.ControllerRevision");
    assert!(matches!(revision.field("data").unwrap().node, Node::Any));
}

#[test]
fn a_claim_reference_is_owned_field_by_field() {
    let owned = |field: &Field| builtin().get(structure(&field.node).unwrap()).is_atomic;
    assert!(owned(core("Event", "involvedObject")));
    assert!(!owned(core("PersistentVolumeSpec", "claimRef")));
}

#[test]
fn enumerations_and_defaults_come_along() {
    let Node::Scalar(Scalar::String(values)) = &core("Container", "imagePullPolicy").node else {
        panic!("no text")
    };
    let values: Vec<&str> = values.iter().map(|v| &**v).collect();
    assert_eq!(values, ["Always", "IfNotPresent", "Never"]);
    assert_eq!(
        core("AzureDiskVolumeSource", "cachingMode").default,
        Some(json!("ReadWrite"))
    );
    assert_eq!(
        core("ReplicationControllerSpec", "replicas").default,
        Some(json!(1))
    );
}

#[test]
fn a_kind_of_this_release_is_there_and_one_of_the_next_is_not() {
    let has = |group: &str, version: &str, kind: &str| {
        let gvk = Gvk {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        };
        builtin().kind(&gvk).is_some()
    };
    assert!(has("", "v1", "Pod") && has("policy", "v1", "Eviction"));
    assert!(has("scheduling.k8s.io", "v1alpha1", "Workload"));
    assert!(!has("scheduling.k8s.io", "v1alpha2", "Workload"));
    assert!(!has(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingAdmissionPolicy"
    ));
}

#[test]
fn every_line_is_read() {
    let types = FACTS.lines().filter(|l| l.starts_with("type ")).count();
    let fields = FACTS.lines().filter(|l| l.starts_with(' ')).count();
    let table = load(FACTS).unwrap();
    // And one copy: the claim reference.
    assert_eq!(table.types.len(), types + 1);
    let reference = named("io.k8s.api.core.v1.ObjectReference");
    let loaded: usize = table.types.iter().map(|t| t.fields.len()).sum();
    assert_eq!(loaded, fields + reference.fields.len());
}

/// Printed, not judged: a machine that is busy must not fail it. 6 ms in a release build, 10 ms in a debug
/// build when it was written.
#[test]
fn how_long_loading_takes() {
    let start = std::time::Instant::now();
    for _ in 0..20 {
        std::hint::black_box(load(FACTS).unwrap());
    }
    println!("the table loads in {:?}", start.elapsed() / 20);
}
