//! Each kind that is stored in another version, both ways.

use super::*;
use crate::resource::{builtin, everything, load};
use serde_json::json;

fn row(group: &str, version: &str, plural: &str) -> Arc<Resource> {
    Arc::new(everything().find(group, version, plural).unwrap().clone())
}

fn served(resource: &Arc<Resource>, stored: Value) -> Option<Value> {
    let conversion = Conversion::of(resource).unwrap().unwrap();
    conversion.served(Object::of(stored, 7)).value()
}

#[test]
fn an_event_is_served_under_its_other_names() {
    let resource = row("events.k8s.io", "v1", "events");
    let stored = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "a"},
        "involvedObject": {"kind": "Pod", "name": "x"}, "message": "pulled", "count": 3,
        "source": {"component": "c"}, "reportingComponent": "r", "reportingInstance": "i",
        "firstTimestamp": null, "lastTimestamp": "2024-02-29T12:34:56Z", "type": "Normal",
    });
    let expected = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {"name": "e", "namespace": "a", "resourceVersion": "7"},
        "regarding": {"kind": "Pod", "name": "x"}, "note": "pulled", "deprecatedCount": 3,
        "deprecatedSource": {"component": "c"}, "reportingController": "r", "reportingInstance": "i",
        "deprecatedFirstTimestamp": null, "deprecatedLastTimestamp": "2024-02-29T12:34:56Z", "type": "Normal",
    });
    assert_eq!(served(&resource, stored), Some(expected));
    let table = schema::builtin();
    for (gvk, names) in [
        (&resource.stored, event::NAMES.map(|(_, core)| core)),
        (&resource.gvk, event::NAMES.map(|(new, _)| new)),
    ] {
        let kind = table.get(table.kind(gvk).unwrap());
        for name in names {
            assert!(kind.field(name).is_some(), "{} has {name}", kind.name);
        }
    }
}

#[test]
fn an_autoscaler_is_read_in_its_first_version_and_comes_back_whole() {
    let resource = row("autoscaling", "v1", "horizontalpodautoscalers");
    let cpu = |amount: u32| {
        json!({"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": amount}}})
    };
    let memory = json!({"type": "Resource", "resource": {"name": "memory",
        "target": {"type": "AverageValue", "averageValue": "1Gi"}}});
    let stored = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"},
        "spec": {"maxReplicas": 3, "metrics": [memory, cpu(70)]}, "status": {},
    });
    let found = served(&resource, stored.clone()).unwrap();
    assert_eq!(found["apiVersion"], "autoscaling/v1");
    assert_eq!(found["spec"]["targetCPUUtilizationPercentage"], 70);
    assert_eq!(found["spec"].get("metrics"), None);
    let mut back = incoming(&resource, found);
    back["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("resourceVersion");
    let mut expected = stored;
    // What the first version knows comes first.
    expected["spec"]["metrics"] = json!([cpu(70), memory]);
    assert_eq!(back, expected);
}

#[test]
fn what_somebody_wrote_into_an_autoscalers_annotations_is_read_if_it_has_the_form() {
    let resource = row("autoscaling", "v1", "horizontalpodautoscalers");
    let deep = format!("{}{}", "[".repeat(126), "]".repeat(126));
    for kept in [
        "",
        "{",
        "5",
        "[5]",
        "[[]]",
        "{}",
        r#"[{"type": 5}]"#,
        &deep,
        "null",
    ] {
        let object = json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "a", "annotations": {"autoscaling.alpha.kubernetes.io/metrics": kept}},
            "spec": {"maxReplicas": 3}});
        let stored = incoming(&resource, object);
        assert_eq!(stored["spec"], json!({"maxReplicas": 3}), "{kept}");
    }
}

#[test]
fn versions_that_look_alike_differ_in_their_version() {
    let resource = row("networking.k8s.io", "v1beta1", "ipaddresses");
    let stored =
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "IPAddress", "spec": {"x": 1}});
    let found = served(&resource, stored).unwrap();
    assert_eq!(found["apiVersion"], "networking.k8s.io/v1beta1");
    assert_eq!(found["spec"]["x"], 1);
    let custom = load("z.io/v2 apes Ape cluster key:z.io/apes stored:z.io/v1")
        .unwrap()
        .remove(0);
    let stored = json!({"apiVersion": "z.io/v1", "kind": "Ape", "spec": 1});
    let mut found = served(&Arc::new(custom), stored).unwrap();
    found.as_object_mut().unwrap().remove("metadata");
    assert_eq!(
        found,
        json!({"apiVersion": "z.io/v2", "kind": "Ape", "spec": 1})
    );
}

#[test]
fn what_is_stored_as_it_is_served_is_left_alone() {
    for resource in everything()
        .all()
        .iter()
        .filter(|row| row.gvk == row.stored)
    {
        let conversion = Conversion::of(&Arc::new(resource.clone())).unwrap();
        assert!(conversion.is_none(), "{}", resource.plural);
    }
}

#[test]
fn what_cannot_be_converted_is_refused() {
    let refused = |row: &&Resource| check(row).is_err();
    let all = everything().all().iter().filter(refused);
    let all: Vec<_> = all
        .map(|row| format!("{} {}", row.api_version(), row.plural))
        .collect();
    let expected = [
        "resource.k8s.io/v1beta1 resourceclaims",
        "resource.k8s.io/v1beta1 resourceclaimtemplates",
        "resource.k8s.io/v1beta1 resourceslices",
    ];
    assert_eq!(all, expected);
    // None of them is served without being asked for.
    assert_eq!(builtin().all().iter().filter(refused).count(), 0);
}
