//! The Service in a cluster in memory, and where it may lead.

use super::plan::{SKIP_MIRROR, endpoints, places, plan, slice_steps};
use super::*;
use crate::testing::Cluster;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;

fn member(ip: &str, port: u16) -> Member {
    Member {
        ip: ip.parse().expect("an address"),
        port,
    }
}

fn addresses(endpoints: &Value) -> Vec<String> {
    let subsets = endpoints["subsets"].as_array().into_iter().flatten();
    let all = subsets.flat_map(|subset| subset["addresses"].as_array().into_iter().flatten());
    all.filter_map(|address| Some(address["ip"].as_str()?.to_owned()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_service_leads_to_the_members_that_are_there_now() {
    let cluster = Cluster::new().await;
    let members = Arc::new(Mutex::new(vec![
        member("10.0.0.2", 6443),
        member("10.0.0.1", 6443),
    ]));
    let told = members.clone();
    let service = KubernetesService::new(move || told.lock().clone());
    cluster.lead(|manager| manager.with(service));
    cluster
        .until("the slice is there", |world| {
            world.endpoint_slices.get(&key()).is_some()
        })
        .await;
    let service = cluster.get(Kind::Service, "default/kubernetes").await;
    let service = service.expect("the Service");
    assert_eq!(service["spec"]["clusterIP"], "10.96.0.1");
    assert_eq!(
        service["spec"]["ports"],
        json!([{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}])
    );
    assert_eq!(
        service["metadata"]["labels"],
        json!({"component": "apiserver", "provider": "kubernetes"})
    );
    let endpoints = cluster.get(Kind::Endpoints, "default/kubernetes").await;
    let endpoints = endpoints.expect("the Endpoints");
    assert_eq!(addresses(&endpoints), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(endpoints["metadata"]["labels"][SKIP_MIRROR], "true");
    let slice = cluster.get(Kind::EndpointSlice, "default/kubernetes").await;
    let slice = slice.expect("the slice");
    assert_eq!(slice["metadata"]["labels"], json!({SERVICE_NAME: NAME}));
    assert_eq!(
        slice["endpoints"],
        json!([
            {"addresses": ["10.0.0.1"], "conditions": {"ready": true}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": true}},
        ])
    );
    *members.lock() = vec![member("10.0.0.3", 6443)];
    cluster
        .until("the new member is listed alone", |world| {
            let endpoints = world.endpoints.get(&key());
            endpoints.is_some_and(|now| addresses(&json!({"subsets": now.subsets})) == ["10.0.0.3"])
        })
        .await;
    cluster
        .delete(Kind::Service, "default/kubernetes", None, None)
        .await;
    cluster
        .until("the Service is there again", |world| {
            world.services.get(&key()).is_some()
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn once_it_is_settled_nothing_is_written() {
    let cluster = Cluster::new().await;
    let service = KubernetesService::new(|| {
        vec![
            member("10.0.0.1", 6443),
            member("10.0.0.1", 6444),
            member("10.0.0.2", 6444),
        ]
    });
    cluster.lead(|manager| manager.with(service));
    cluster
        .until("both slices are there", |world| {
            world.endpoint_slices.in_namespace("default").count() == 2
        })
        .await;
    cluster.settle().await;
    let revision = cluster.kv.revision();
    cluster.advance(AGAIN * 5).await;
    cluster.settle().await;
    assert_eq!(cluster.kv.revision(), revision);
}

#[test]
fn addresses_of_one_machine_lead_nowhere() {
    let local = [
        member("127.0.0.1", 6443),
        member("0.0.0.0", 6443),
        member("::1", 6443),
        member("169.254.1.1", 6443),
    ];
    assert!(places(&local).is_empty());
    let world = World::default();
    assert!(plan(&world, 6443, &places(&local)).is_empty());
    assert_eq!(slice_steps(&[], &places(&local)), []);
    assert_eq!(
        endpoints(world.endpoints.get(&key()), &places(&local)),
        None
    );
}
