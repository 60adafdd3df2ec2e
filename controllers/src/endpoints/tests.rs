//! Endpoints in a cluster in memory, and subsets by themselves.

use super::subsets::{ADDRESSES_MAX, of};
use super::*;
use crate::testing::Cluster;

fn addresses(subset: &Value, field: &str) -> Vec<String> {
    let all = subset[field].as_array().into_iter().flatten();
    all.filter_map(|address| Some(address["ip"].as_str()?.to_owned()))
        .collect()
}

fn listed(world: &World, field: &str) -> Vec<String> {
    let found = world.endpoints.get(&Key::new("default", "web"));
    let subsets = found.map(|found| found.subsets.clone()).unwrap_or_default();
    subsets
        .iter()
        .flat_map(|subset| addresses(subset, field))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn o15_endpoints_are_the_addresses_of_ready_pods_and_beside_them_the_others() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(EndpointsController::default()));
    cluster.node_in("n1", "east").await;
    cluster.service_of("a", "web", json!({})).await;
    cluster
        .until("there are empty Endpoints", |world| {
            let found = world.endpoints.get(&Key::new("default", "web"));
            found.is_some_and(|found| found.subsets.is_empty())
        })
        .await;
    for number in 1..=5 {
        let name = format!("p{number}");
        cluster.pod_of("a", &name, "n1", json!({})).await;
        let ip = format!("10.0.0.{}", 10 - number);
        cluster.run_pod(&name, &ip, number != 2).await;
    }
    cluster
        .until("all are listed", |world| {
            listed(world, "addresses") == ["10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.9"]
                && listed(world, "notReadyAddresses") == ["10.0.0.8"]
        })
        .await;
    let object = cluster.get(Kind::Endpoints, "default/web").await;
    let object = object.expect("the Endpoints");
    assert_eq!(
        object["metadata"]["labels"],
        json!({"team": "x", MANAGED_BY: MANAGER})
    );
    assert_eq!(
        object["subsets"][0]["ports"],
        json!([{"port": 8080, "protocol": "TCP"}])
    );
    let first = &object["subsets"][0]["addresses"][0];
    assert_eq!(
        (&first["nodeName"], &first["targetRef"]["name"]),
        (&json!("n1"), &json!("p5"))
    );
    assert!(object["metadata"]["annotations"].get(LAST_CHANGE).is_some());
    // One that stops is not listed, although it still is ready.
    cluster
        .delete(Kind::Pod, "default/p1", None, Some(30))
        .await;
    for name in ["p2", "p3", "p4"] {
        let key = format!("default/{name}");
        cluster.delete(Kind::Pod, &key, None, Some(0)).await;
    }
    cluster
        .until("one is left", |world| {
            listed(world, "addresses") == ["10.0.0.5"]
                && listed(world, "notReadyAddresses").is_empty()
        })
        .await;
    cluster
        .delete(Kind::Service, "default/web", None, None)
        .await;
    cluster
        .until("Endpoints go with their Service", |world| {
            world.endpoints.is_empty()
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn v5_endpoints_of_others_are_left_alone() {
    let cluster = Cluster::new().await;
    let own = |name: &str| {
        json!({
            "apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name},
            "subsets": [{"addresses": [{"ip": "10.9.9.9"}], "ports": [{"port": 1}]}],
        })
    };
    cluster
        .create(Kind::Endpoints, "default", own("open"))
        .await;
    cluster
        .create(Kind::Endpoints, "default", own("alone"))
        .await;
    cluster.lead(|manager| manager.with(EndpointsController::default()));
    cluster
        .service_of("a", "open", json!({"selector": null}))
        .await;
    cluster.service_of("a", "web", json!({})).await;
    cluster
        .until("ours are made", |world| world.endpoints.len() == 3)
        .await;
    cluster.settle().await;
    for name in ["default/open", "default/alone"] {
        let found = cluster
            .get(Kind::Endpoints, name)
            .await
            .expect("it is there");
        assert_eq!(found["subsets"][0]["addresses"][0]["ip"], "10.9.9.9");
    }
}

fn service(spec: Value) -> Service {
    let service = json!({"metadata": {"name": "web", "namespace": "default"}, "spec": spec});
    serde_json::from_value(service).expect("a Service")
}

fn pod(number: usize, is_ready: bool, ports: Value) -> Arc<Pod> {
    let pod = json!({
        "metadata": {"name": format!("p{number}"), "namespace": "default", "uid": format!("{number:05}")},
        "spec": {"containers": [{"ports": ports}]},
        "status": {
            "podIP": format!("10.0.{}.{}", number / 250, number % 250),
            "conditions": [{"type": "Ready", "status": if is_ready { "True" } else { "False" }}],
        },
    });
    Arc::new(serde_json::from_value(pod).expect("a Pod"))
}

#[test]
fn v4_ports_that_the_same_addresses_have_are_together() {
    let service = service(json!({"ports": [
        {"name": "a", "port": 1, "targetPort": 1},
        {"name": "b", "port": 2, "targetPort": 2},
        {"name": "c", "port": 3, "targetPort": "web"},
    ]}));
    let pods = [
        pod(1, true, json!([{"name": "web", "containerPort": 8080}])),
        pod(2, true, json!([])),
    ];
    let packed = of(&service, &pods.iter().collect::<Vec<_>>());
    let shown: Vec<(Vec<String>, Value)> = packed
        .subsets
        .iter()
        .map(|subset| (addresses(subset, "addresses"), subset["ports"].clone()))
        .collect();
    let both = vec!["10.0.0.1".to_owned(), "10.0.0.2".to_owned()];
    let port = |name: &str, number: i32| json!({"name": name, "port": number, "protocol": "TCP"});
    assert_eq!(shown.len(), 2);
    assert!(shown.contains(&(both, json!([port("a", 1), port("b", 2)]))));
    assert!(shown.contains(&(vec!["10.0.0.1".to_owned()], json!([port("c", 8080)]))));
}

#[test]
fn v5_headless_services_may_have_no_ports() {
    let headless = service(json!({"clusterIP": "None"}));
    let pods = [pod(1, true, json!([])), pod(2, false, json!([]))];
    let pods: Vec<&Arc<Pod>> = pods.iter().collect();
    let packed = of(&headless, &pods);
    assert_eq!(packed.subsets.len(), 1);
    assert_eq!(addresses(&packed.subsets[0], "addresses"), ["10.0.0.1"]);
    assert_eq!(
        addresses(&packed.subsets[0], "notReadyAddresses"),
        ["10.0.0.2"]
    );
    assert_eq!(packed.subsets[0].get("ports"), None);
    let published = service(json!({"clusterIP": "None", "publishNotReadyAddresses": true}));
    let packed = of(&published, &pods);
    assert_eq!(
        addresses(&packed.subsets[0], "addresses"),
        ["10.0.0.1", "10.0.0.2"]
    );
}

#[test]
fn v4_a_thousand_are_listed_and_those_that_are_ready_first() {
    let service = service(json!({"ports": [{"port": 1, "targetPort": 1}]}));
    for (ready, others, expected) in [
        (900, 100, (900, 100, false)),
        (900, 200, (900, 100, true)),
        (1200, 300, (ADDRESSES_MAX, 0, true)),
    ] {
        let pods: Vec<Arc<Pod>> = (0..ready + others)
            .map(|number| pod(number, number < ready, json!([])))
            .collect();
        let packed = of(&service, &pods.iter().collect::<Vec<_>>());
        let count = |field: &str| -> usize {
            packed
                .subsets
                .iter()
                .map(|subset| addresses(subset, field).len())
                .sum()
        };
        let found = (
            count("addresses"),
            count("notReadyAddresses"),
            packed.is_truncated,
        );
        assert_eq!(found, expected, "{ready} {others}");
    }
}
