//! Slices in a cluster in memory, and plans by themselves.

use super::plan::{Plan, SLICE_MAX, plan};
use super::wanted::{Groups, Wanted, key_of};
use super::*;
use crate::backends::{Family, LAST_CHANGE};
use crate::objects::Service;
use crate::runtime::World;
use crate::testing::Cluster;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn slices_of(world: &World, service: &str) -> Vec<Arc<EndpointSlice>> {
    let all = world.endpoint_slices.in_namespace("default");
    let key = Key::new("default", service);
    all.filter(|slice| service_of(slice).as_ref() == Some(&key))
        .cloned()
        .collect()
}

/// The addresses in the slices of a Service that are ready.
fn ready(world: &World, service: &str) -> BTreeSet<String> {
    let slices = slices_of(world, service);
    let endpoints = slices.iter().flat_map(|slice| slice.endpoints.clone());
    let ready = endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true);
    ready
        .filter_map(|endpoint| Some(endpoint["addresses"][0].as_str()?.to_owned()))
        .collect()
}

fn set<const N: usize>(all: [&str; N]) -> BTreeSet<String> {
    all.into_iter().map(str::to_owned).collect()
}

async fn leading() -> Cluster {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(EndpointSlices::default()));
    cluster.node_in("n1", "east").await;
    cluster
}

#[tokio::test(start_paused = true)]
async fn o15_slices_hold_the_addresses_of_ready_pods_as_they_come_and_go() {
    let cluster = leading().await;
    cluster.service_of("a", "web", json!({})).await;
    cluster
        .until("an empty slice says that there is nothing", |world| {
            let slices = slices_of(world, "web");
            slices.len() == 1 && slices[0].endpoints.is_empty() && slices[0].ports.is_empty()
        })
        .await;
    for number in 1..=5 {
        let name = format!("p{number}");
        cluster.pod_of("a", &name, "n1", json!({})).await;
        let ip = format!("10.0.0.{number}");
        cluster.run_pod(&name, &ip, number != 2).await;
    }
    let four = set(["10.0.0.1", "10.0.0.3", "10.0.0.4", "10.0.0.5"]);
    cluster
        .until("ready Pods are listed", |world| ready(world, "web") == four)
        .await;
    cluster.run_pod("p2", "10.0.0.2", true).await;
    for name in ["p3", "p4", "p5"] {
        let key = format!("default/{name}");
        cluster.delete(Kind::Pod, &key, None, Some(0)).await;
    }
    cluster
        .until("those that are left are listed", |world| {
            ready(world, "web") == set(["10.0.0.1", "10.0.0.2"])
                && slices_of(world, "web").len() == 1
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn v3_v4_a_slice_says_what_upstream_says() {
    let cluster = leading().await;
    let service = cluster.service_of("a", "web", json!({})).await;
    cluster
        .until("its first slice is there", |world| {
            slices_of(world, "web").len() == 1
        })
        .await;
    let more = json!({"hostname": "host", "subdomain": "web"});
    cluster.pod_of("a", "p", "n1", more).await;
    cluster.run_pod("p", "10.0.0.1", true).await;
    cluster
        .until("the Pod is listed", |world| {
            ready(world, "web") == set(["10.0.0.1"])
        })
        .await;
    let name = slices_of(&cluster.ground.shared.read(), "web")[0]
        .metadata
        .key();
    assert!(name.name.starts_with("web-"));
    let slice = cluster.get(Kind::EndpointSlice, &name.to_string()).await;
    let slice = slice.expect("the slice");
    assert_eq!(slice["addressType"], "IPv4");
    assert_eq!(
        slice["metadata"]["labels"],
        json!({"team": "x", SERVICE_NAME: "web", MANAGED_BY: MANAGER})
    );
    let owner = &slice["metadata"]["ownerReferences"][0];
    assert_eq!(owner["uid"], service["metadata"]["uid"]);
    assert_eq!(
        (&owner["controller"], &owner["kind"]),
        (&json!(true), &json!("Service"))
    );
    let since = &slice["metadata"]["annotations"][LAST_CHANGE];
    assert_eq!(since, "2026-01-01T00:00:01Z");
    assert_eq!(
        slice["ports"],
        json!([{"name": "", "port": 8080, "protocol": "TCP"}])
    );
    let pod = cluster.get(Kind::Pod, "default/p").await.expect("the Pod");
    assert_eq!(
        slice["endpoints"],
        json!([{
            "addresses": ["10.0.0.1"],
            "conditions": {"ready": true, "serving": true, "terminating": false},
            "hostname": "host",
            "nodeName": "n1",
            "zone": "east",
            "targetRef": {
                "kind": "Pod", "namespace": "default", "name": "p",
                "uid": pod["metadata"]["uid"],
            },
        }])
    );
    cluster.delete(Kind::Pod, "default/p", None, Some(30)).await;
    cluster
        .until("it serves to its end", |world| {
            let slices = slices_of(world, "web");
            slices.iter().any(|slice| {
                let conditions = slice.endpoints.first().map(|first| &first["conditions"]);
                conditions == Some(&json!({"ready": false, "serving": true, "terminating": true}))
            })
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn v3_pods_with_other_numbers_of_a_named_port_have_slices_of_their_own() {
    let cluster = leading().await;
    cluster.service_of("a", "web", json!({})).await;
    cluster.pod_of("a", "p1", "n1", json!({})).await;
    let other = json!({"containers": [{
        "name": "c", "image": "i", "ports": [{"name": "web", "containerPort": 9090}],
    }]});
    cluster.pod_of("a", "p2", "n1", other).await;
    cluster.run_pod("p1", "10.0.0.1", true).await;
    cluster.run_pod("p2", "10.0.0.2", true).await;
    cluster
        .until("there are two slices", |world| {
            let slices = slices_of(world, "web");
            let ports: BTreeSet<i64> = slices
                .iter()
                .filter_map(|slice| slice.ports.first()?["port"].as_i64())
                .collect();
            slices.len() == 2 && ports == BTreeSet::from([8080, 9090])
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn v4_hints_and_pods_that_are_not_ready_are_shown_if_the_service_wants_it() {
    let cluster = leading().await;
    let spec = json!({
        "clusterIP": "None", "publishNotReadyAddresses": true,
        "trafficDistribution": "PreferClose",
    });
    cluster.service_of("a", "web", spec).await;
    cluster.pod_of("a", "p", "n1", json!({})).await;
    cluster.run_pod("p", "10.0.0.1", false).await;
    cluster
        .until("it is published", |world| {
            ready(world, "web") == set(["10.0.0.1"])
        })
        .await;
    let slice = slices_of(&cluster.ground.shared.read(), "web").remove(0);
    let first = &slice.endpoints[0];
    assert_eq!(first["conditions"]["serving"], false);
    assert_eq!(first["hints"], json!({"forZones": [{"name": "east"}]}));
    assert!(
        slice
            .metadata
            .labels
            .contains_key("service.kubernetes.io/headless")
    );
    let nearest = json!({"spec": {"trafficDistribution": "PreferSameNode"}});
    cluster
        .patch(Kind::Service, "default/web", "", nearest)
        .await;
    let hints = json!({"forZones": [{"name": "east"}], "forNodes": [{"name": "n1"}]});
    cluster
        .until("its node is best", |world| {
            let slices = slices_of(world, "web");
            slices.len() == 1 && slices[0].endpoints[0]["hints"] == hints
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn v5_services_that_select_nothing_have_no_slices_of_ours() {
    let cluster = leading().await;
    cluster.pod_of("a", "p", "n1", json!({})).await;
    cluster.run_pod("p", "10.0.0.1", true).await;
    cluster
        .service_of("a", "open", json!({"selector": null}))
        .await;
    let named = json!({"type": "ExternalName", "externalName": "x.example.com"});
    cluster.service_of("a", "named", named).await;
    cluster.service_of("a", "web", json!({})).await;
    cluster
        .until("the Pod is listed", |world| {
            ready(world, "web") == set(["10.0.0.1"])
        })
        .await;
    cluster.settle().await;
    assert_eq!(cluster.ground.shared.read().endpoint_slices.len(), 1);
    let named = json!({"spec": {"type": "ExternalName", "externalName": "x.example.com"}});
    cluster.patch(Kind::Service, "default/web", "", named).await;
    cluster
        .until("it leads nowhere", |world| world.endpoint_slices.is_empty())
        .await;
}

#[tokio::test(start_paused = true)]
async fn v4_the_zone_follows_the_node_and_a_pod_without_a_node_waits() {
    let cluster = leading().await;
    cluster.service_of("a", "web", json!({})).await;
    cluster.pod_of("a", "p", "n2", json!({})).await;
    cluster.run_pod("p", "10.0.0.1", true).await;
    cluster.settle().await;
    assert!(ready(&cluster.ground.shared.read(), "web").is_empty());
    cluster.node_in("n2", "west").await;
    let in_zone = |zone: &'static str| {
        move |world: &World| {
            let slices = slices_of(world, "web");
            slices
                .iter()
                .any(|slice| slice.endpoints.iter().any(|one| one["zone"] == zone))
        }
    };
    cluster.until("its node is known", in_zone("west")).await;
    let moved = json!({"metadata": {"labels": {"topology.kubernetes.io/zone": "north"}}});
    cluster.patch(Kind::Node, "n2", "", moved).await;
    cluster.until("the zone is another", in_zone("north")).await;
}

fn a_service() -> Service {
    let service = json!({
        "metadata": {"name": "web", "namespace": "default", "uid": "u"},
        "spec": {"clusterIP": "10.96.0.1"},
    });
    serde_json::from_value(service).expect("a Service")
}

fn endpoints(numbers: &BTreeSet<u16>) -> Wanted {
    let ports = vec![json!({"name": "", "port": 1, "protocol": "TCP"})];
    let mut groups = Groups::new();
    for number in numbers {
        let group = groups.entry(key_of(&ports)).or_default();
        group.ports.clone_from(&ports);
        let endpoint = json!({"addresses": [format!("10.0.{}.{}", number / 256, number % 256)]});
        let identity = super::wanted::identity(&endpoint);
        group.endpoints.insert(identity, endpoint);
    }
    Wanted {
        families: vec![(Family::V4, groups)],
        pods: Vec::new(),
    }
}

/// Does what a plan says.
fn apply(slices: &mut Vec<Arc<EndpointSlice>>, plan: &Plan, made: &mut u32) {
    for (key, _) in &plan.delete {
        slices.retain(|slice| slice.metadata.key() != *key);
    }
    for (key, patch) in &plan.change {
        let found = slices.iter_mut().find(|slice| slice.metadata.key() == *key);
        let slice = Arc::make_mut(found.expect("it is there"));
        if let Some(endpoints) = patch["endpoints"].as_array() {
            slice.endpoints.clone_from(endpoints);
        }
    }
    for object in &plan.create {
        *made += 1;
        let mut object = object.clone();
        object["metadata"]["name"] = format!("web-{made}").into();
        let slice = serde_json::from_value(object).expect("a slice");
        slices.push(Arc::new(slice));
    }
}

fn held(slices: &[Arc<EndpointSlice>]) -> Vec<Value> {
    let all = slices.iter().flat_map(|slice| slice.endpoints.clone());
    all.map(|endpoint| endpoint["addresses"][0].clone())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn v3_slices_hold_what_is_wanted_within_their_bounds_and_few_of_them_change(
        rounds in prop::collection::vec(prop::collection::btree_set(0..400_u16, 0..350), 1..6)
    ) {
        let service = a_service();
        let (mut slices, mut made) = (Vec::new(), 0);
        let mut before = BTreeSet::new();
        for numbers in rounds {
            let wanted = endpoints(&numbers);
            let own: Vec<&Arc<EndpointSlice>> = slices.iter().collect();
            let plan = plan(&service, &wanted, &own);
            let gone = before.difference(&numbers).count();
            let new = numbers.difference(&before).count();
            let touched = plan.change.len() + plan.delete.len() + plan.create.len();
            // Each one that goes touches its slice, and new ones those that they need, and one more.
            prop_assert!(touched <= gone + new.div_ceil(SLICE_MAX) + 1);
            apply(&mut slices, &plan, &mut made);
            let mut found: Vec<String> = held(&slices).iter().map(Value::to_string).collect();
            prop_assert_eq!(found.len(), numbers.len());
            found.sort();
            found.dedup();
            prop_assert_eq!(found.len(), numbers.len());
            prop_assert!(slices.iter().all(|slice| slice.endpoints.len() <= SLICE_MAX));
            prop_assert!(!slices.is_empty());
            let own: Vec<&Arc<EndpointSlice>> = slices.iter().collect();
            prop_assert!(super::plan::plan(&service, &wanted, &own).is_empty());
            before = numbers;
        }
    }
}

#[test]
fn v3_a_few_more_go_into_one_slice_that_has_room() {
    let service = a_service();
    let (mut slices, mut made) = (Vec::new(), 0);
    let first: BTreeSet<u16> = (0..250).collect();
    apply(
        &mut slices,
        &plan(&service, &endpoints(&first), &[]),
        &mut made,
    );
    assert_eq!(slices.len(), 3);
    let own: Vec<&Arc<EndpointSlice>> = slices.iter().collect();
    let more: BTreeSet<u16> = (0..260).collect();
    let one = plan(&service, &endpoints(&more), &own);
    assert_eq!(
        (one.create.len(), one.change.len(), one.delete.len()),
        (0, 1, 0)
    );
    let many: BTreeSet<u16> = (0..310).collect();
    let two = plan(&service, &endpoints(&many), &own);
    assert_eq!(
        (two.create.len(), two.change.len(), two.delete.len()),
        (1, 0, 0)
    );
    let none = plan(&service, &endpoints(&BTreeSet::new()), &own);
    assert_eq!(
        (none.create.len(), none.change.len(), none.delete.len()),
        (1, 0, 3)
    );
}

#[test]
fn v3_slices_of_an_earlier_service_of_that_name_go() {
    let service = a_service();
    let stranger = json!({
        "metadata": {
            "name": "web-x", "namespace": "default",
            "ownerReferences": [{"uid": "other", "controller": true}],
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"]}],
    });
    let stranger = Arc::new(serde_json::from_value(stranger).expect("a slice"));
    let plan = plan(&service, &endpoints(&BTreeSet::from([1])), &[&stranger]);
    assert_eq!((plan.create.len(), plan.delete.len()), (1, 1));
}
