//! Addresses and node ports of Services: V1 and V2.

use super::world::{World, at, seen};
use crate::admission::{Chain, ServiceAllocation, Stored};
use crate::registry::Target;
use crate::request::PatchType;
use crate::status::Failure;
use crate::storage::{At, Kv, Range};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

pub fn service(name: &str) -> Target {
    at("v1", "services", "ns", name)
}

/// A Service with these members of its spec, and one port.
pub fn some_service(name: &str, spec: Value) -> Value {
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80}]},
    });
    if let (Some(all), Some(more)) = (service["spec"].as_object_mut(), spec.as_object()) {
        all.extend(more.clone());
    }
    service
}

impl World {
    /// Gives out addresses and ports of the usual ranges.
    pub fn allocating(self) -> World {
        let allocation = ServiceAllocation::new(Arc::new(rand::random));
        self.with_allocation(allocation)
    }

    /// Gives out addresses and ports of small ranges.
    pub fn allocating_few(self, bits: u32, last_port: u32) -> World {
        let block = (Ipv4Addr::new(10, 96, 0, 0), bits);
        let random = Arc::new(rand::random);
        self.with_allocation(ServiceAllocation::small(random, block, (30_000, last_port)))
    }

    fn with_allocation(mut self, allocation: ServiceAllocation) -> World {
        let objects = Arc::new(Stored::new(Arc::new(self.kv.clone())));
        let chain = Chain::of(vec![Box::new(allocation)], objects);
        self.registry = self.registry.with_admission(Arc::new(chain));
        self
    }

    /// What stands behind a prefix of the keys in the store.
    pub async fn names(&self, prefix: &str) -> BTreeSet<String> {
        let range = Range {
            key: prefix.to_owned().into(),
            end: Some(format!("{prefix}~").into()),
            at: At::Latest,
            limit: 0,
            keys_only: true,
        };
        let ranged = self.kv.range(range).await.expect("the store answers");
        let keys = ranged.keys.iter();
        keys.map(|entry| String::from_utf8_lossy(&entry.key[prefix.len()..]).into_owned())
            .collect()
    }

    pub async fn addresses_taken(&self) -> BTreeSet<String> {
        self.names("/registry/ipaddresses/").await
    }

    pub async fn ports_taken(&self) -> BTreeSet<String> {
        self.names("/keelson/kubernetes/nodeports/").await
    }

    async fn make(&self, name: &str, spec: Value) -> Value {
        self.create(&service(name), &some_service(name, spec)).await
    }

    async fn refused(&self, name: &str, spec: Value) -> Failure {
        let (target, object) = (service(name), some_service(name, spec));
        let made = self.try_create(&target, &object).await;
        made.expect_err("it is refused")
    }
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn v1_a_new_service_has_an_address_of_the_upper_part_and_an_object_says_so() {
    let world = World::new().allocating();
    let made = world.make("a", json!({})).await;
    let address = made["spec"]["clusterIP"].as_str().unwrap();
    assert_eq!(made["spec"]["clusterIPs"], json!([address]));
    assert_eq!(made["spec"]["ipFamilies"], json!(["IPv4"]));
    assert_eq!(made["spec"]["ipFamilyPolicy"], "SingleStack");
    let number = u32::from(address.parse::<Ipv4Addr>().unwrap());
    let range = [[10, 96, 1, 1], [10, 111, 255, 254]].map(|ip| u32::from(Ipv4Addr::from(ip)));
    assert!((range[0]..=range[1]).contains(&number), "{address}");
    let target = at("networking.k8s.io/v1", "ipaddresses", "", address);
    let object = world.get(&target).await.unwrap();
    assert_eq!(
        object["metadata"]["labels"],
        json!({
            "ipaddress.kubernetes.io/ip-family": "IPv4",
            "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
        })
    );
    assert_eq!(
        object["spec"]["parentRef"],
        json!({"resource": "services", "namespace": "ns", "name": "a"})
    );
    assert_eq!(
        object["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"],
        "both are one write"
    );
    assert_eq!(
        object["metadata"]["creationTimestamp"],
        made["metadata"]["creationTimestamp"]
    );
    assert_eq!(object["metadata"]["uid"].as_str().unwrap().len(), 36);
}

#[tokio::test]
async fn v1_a_stated_address_is_honoured_once_and_refused_in_the_words_of_upstream() {
    let world = World::new().allocating();
    let made = world.make("dns", json!({"clusterIP": "10.96.0.10"})).await;
    assert_eq!(made["spec"]["clusterIPs"], json!(["10.96.0.10"]));
    for (spec, why) in [
        (
            json!({"clusterIP": "10.96.0.10"}),
            r#"Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated"#,
        ),
        (
            json!({"clusterIP": "10.95.0.1"}),
            r#"Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.95.0.1"]: failed to allocate IP 10.95.0.1: the provided network does not match the current range"#,
        ),
        (
            json!({"clusterIP": "fd00::1"}),
            r#"Service "b" is invalid: spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster"#,
        ),
        (
            json!({"ipFamilyPolicy": "RequireDualStack"}),
            r#"Service "b" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services"#,
        ),
        (
            json!({"ipFamilies": ["IPv6"]}),
            r#"Service "b" is invalid: spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster"#,
        ),
    ] {
        let failure = world.refused("b", spec).await;
        assert_eq!((failure.code(), failure.message.as_str()), (422, why));
    }
    assert_eq!(world.addresses_taken().await, set(["10.96.0.10"]));
}

#[tokio::test]
async fn v1_headless_and_named_services_have_no_address() {
    let world = World::new().allocating();
    let headless = world.make("a", json!({"clusterIP": "None"})).await;
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    assert_eq!(headless["spec"]["ipFamilyPolicy"], "SingleStack");
    let open = world
        .make("b", json!({"clusterIP": "None", "selector": null}))
        .await;
    assert_eq!(open["spec"]["ipFamilies"], json!(["IPv4", "IPv6"]));
    assert_eq!(open["spec"]["ipFamilyPolicy"], "RequireDualStack");
    let named = json!({"type": "ExternalName", "externalName": "x.example.com"});
    let named = world.make("c", named).await;
    assert_eq!(named["spec"].get("clusterIP"), None);
    assert_eq!(named["spec"].get("ipFamilies"), None);
    assert!(world.addresses_taken().await.is_empty());
}

#[tokio::test]
async fn v1_an_address_comes_and_goes_with_the_type_and_does_not_change_otherwise() {
    let world = World::new().allocating();
    let made = world.make("a", json!({})).await;
    let other = world
        .try_patch(
            &service("a"),
            PatchType::Merge,
            &json!({"spec": {"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"]}}),
        )
        .await
        .expect_err("it is refused");
    assert!(
        other.message.contains("spec.clusterIPs[0]")
            && other.message.contains("may not change once set"),
        "{}",
        other.message
    );
    // A client that does not know what was given to it.
    let put = world
        .put(&service("a"), &some_service("a", json!({})))
        .await;
    assert_eq!(put["spec"]["clusterIP"], made["spec"]["clusterIP"]);
    let named = json!({"spec": {"type": "ExternalName", "externalName": "x.example.com"}});
    let named = world.merge(&service("a"), named).await;
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        assert_eq!(named["spec"].get(field), None, "{field}");
    }
    assert!(world.addresses_taken().await.is_empty());
    let back = json!({"spec": {"type": "ClusterIP", "externalName": null}});
    let back = world.merge(&service("a"), back).await;
    let address = back["spec"]["clusterIP"].as_str().unwrap();
    assert_eq!(world.addresses_taken().await, set([address]));
}

#[tokio::test]
async fn v2_node_ports_are_given_kept_and_freed() {
    let world = World::new().allocating();
    let ports = json!([
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
        {"name": "web", "port": 80, "nodePort": 30_080},
    ]);
    let made = world
        .make("a", json!({"type": "NodePort", "ports": ports}))
        .await;
    let given: Vec<i64> = made["spec"]["ports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|port| port["nodePort"].as_i64().unwrap())
        .collect();
    assert_eq!(given[0], given[1], "one number for one port");
    assert!((30_086..=32_767).contains(&given[0]), "{given:?}");
    assert_eq!(given[2], 30_080);
    let first = given[0].to_string();
    assert_eq!(world.ports_taken().await, set(["30080", &first]));
    for (port, why) in [
        (30_080, "provided port is already allocated"),
        (
            80,
            "provided port is not in the valid range. The range of valid ports is 30000-32767",
        ),
    ] {
        let spec = json!({"type": "NodePort", "ports": [{"port": 1, "nodePort": port}]});
        let failure = world.refused("b", spec).await;
        let expected = format!(
            r#"Service "b" is invalid: spec.ports[0].nodePort: Invalid value: {port}: {why}"#
        );
        assert_eq!((failure.code(), failure.message), (422, expected));
    }
    let fewer = json!({"spec": {"ports": [{"name": "web", "port": 80, "nodePort": 30_081}]}});
    world.merge(&service("a"), fewer).await;
    assert_eq!(world.ports_taken().await, set(["30081"]));
    let inner = world
        .merge(&service("a"), json!({"spec": {"type": "ClusterIP"}}))
        .await;
    assert_eq!(inner["spec"]["ports"][0].get("nodePort"), None);
    assert_eq!(inner["spec"].get("externalTrafficPolicy"), None);
    assert!(world.ports_taken().await.is_empty());
}

#[tokio::test]
async fn v2_local_traffic_has_a_port_for_health_checks() {
    let world = World::new().allocating();
    let spec = json!({
        "type": "LoadBalancer", "externalTrafficPolicy": "Local",
        "allocateLoadBalancerNodePorts": false,
    });
    let made = world.make("a", spec).await;
    let port = made["spec"]["healthCheckNodePort"]
        .as_i64()
        .unwrap()
        .to_string();
    assert_eq!(made["spec"]["ports"][0].get("nodePort"), None);
    assert_eq!(world.ports_taken().await, set([&port]));
    let cluster = json!({"spec": {"externalTrafficPolicy": "Cluster"}});
    let cluster = world.merge(&service("a"), cluster).await;
    assert_eq!(cluster["spec"].get("healthCheckNodePort"), None);
    assert!(world.ports_taken().await.is_empty());
}

#[tokio::test]
async fn v1_a_dry_run_shows_an_address_and_takes_none() {
    let world = World::new().allocating();
    let object = some_service("a", json!({"type": "NodePort"}));
    let target = Target {
        name: String::new(),
        ..service("a")
    };
    let body = super::world::body(&object);
    let dry = world.dry();
    let written = world
        .registry
        .create(&world.caller, &target, &body, &dry)
        .await;
    let shown = seen(written.expect("it would be made"));
    assert!(
        shown["spec"]["clusterIP"]
            .as_str()
            .unwrap()
            .starts_with("10.")
    );
    assert!(shown["spec"]["ports"][0]["nodePort"].as_i64().unwrap() >= 30_000);
    assert_eq!(world.kv.revision(), World::new().kv.revision());
}

#[tokio::test]
async fn v1_v2_what_a_service_has_is_freed_when_it_is_gone_for_good_and_not_before() {
    let world = World::new().allocating();
    world
        .make("a", json!({"type": "NodePort", "clusterIP": "10.96.0.7"}))
        .await;
    world.delete(&service("a"), json!({})).await;
    assert!(world.addresses_taken().await.is_empty());
    assert!(world.ports_taken().await.is_empty());
    world
        .make("a", json!({"type": "NodePort", "clusterIP": "10.96.0.7"}))
        .await;
    let held = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    world.merge(&service("a"), held).await;
    world.delete(&service("a"), json!({})).await;
    assert_eq!(world.addresses_taken().await, set(["10.96.0.7"]));
    let failure = world.refused("b", json!({"clusterIP": "10.96.0.7"})).await;
    assert!(
        failure
            .message
            .ends_with("provided IP is already allocated")
    );
    // The last finalizer goes together with a change that takes more.
    let last = json!({"metadata": {"finalizers": null}, "spec": {"ports": [
        {"port": 80, "nodePort": 30_001},
    ]}});
    world.merge(&service("a"), last).await;
    assert_eq!(world.get(&service("a")).await, None);
    assert!(world.addresses_taken().await.is_empty());
    assert!(world.ports_taken().await.is_empty());
}

#[tokio::test]
async fn v1_the_address_of_a_service_cannot_be_deleted_from_under_it() {
    let world = World::new().allocating();
    world.make("a", json!({"clusterIP": "10.96.0.7"})).await;
    let address = |name: &str| at("networking.k8s.io/v1", "ipaddresses", "", name);
    let failure = world.try_delete(&address("10.96.0.7"), &json!({})).await;
    assert_eq!(failure.expect_err("it is refused").code(), 403);
    let free = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IPAddress",
        "metadata": {"name": "10.96.0.8"},
        "spec": {"parentRef": {"resource": "services", "namespace": "ns", "name": "a"}},
    });
    world.create(&address(""), &free).await;
    let failure = world.refused("b", json!({"clusterIP": "10.96.0.8"})).await;
    assert_eq!(failure.code(), 422, "what a user sets aside is taken");
    world.delete(&address("10.96.0.8"), json!({})).await;
}

#[tokio::test]
async fn v1_v2_a_full_range_says_so_and_has_room_again_when_something_goes() {
    // Six addresses: a range so small has no lower part.
    let world = World::new().allocating_few(29, 30_003);
    for number in 0..6 {
        world.make(&format!("s{number}"), json!({})).await;
    }
    assert_eq!(world.addresses_taken().await.len(), 6);
    let failure = world.refused("x", json!({})).await;
    assert_eq!(failure.code(), 500);
    assert!(
        failure
            .message
            .contains("failed to allocate a serviceIP: range is full")
    );
    world.delete(&service("s3"), json!({})).await;
    world.make("x", json!({})).await;
    for number in [0, 1, 2, 4] {
        let typed = json!({"spec": {"type": "NodePort"}});
        world.merge(&service(&format!("s{number}")), typed).await;
    }
    let typed = json!({"spec": {"type": "NodePort"}});
    let failure = world
        .try_patch(&service("s5"), PatchType::Merge, &typed)
        .await;
    let failure = failure.expect_err("it is refused");
    assert!(
        failure
            .message
            .contains("failed to allocate a nodePort: range is full")
    );
    assert_eq!(world.ports_taken().await.len(), 4);
}

#[tokio::test]
async fn v1_those_who_come_together_never_get_one_address_twice() {
    // Thirty addresses for thirty Services, all at once: nearly everyone meets somebody.
    let world = World::new().allocating_few(27, 30_031);
    let made = futures::future::join_all((0..30).map(|number| {
        let world = &world;
        async move {
            world
                .make(&format!("s{number}"), json!({"type": "NodePort"}))
                .await
        }
    }));
    let made = made.await;
    let addresses: BTreeSet<&str> = made
        .iter()
        .filter_map(|made| made["spec"]["clusterIP"].as_str())
        .collect();
    assert_eq!(addresses.len(), 30);
    let ports: BTreeSet<i64> = made
        .iter()
        .filter_map(|made| made["spec"]["ports"][0]["nodePort"].as_i64())
        .collect();
    assert_eq!(ports.len(), 30);
}

#[tokio::test]
async fn v1_an_address_says_whose_it_is_and_keeps_to_it() {
    let world = World::new().allocating();
    world.make("a", json!({"clusterIP": "10.96.0.7"})).await;
    let address = |name: &str| at("networking.k8s.io/v1", "ipaddresses", "", name);
    let theirs = json!({"spec": {"parentRef": {"name": "b"}}});
    let failure = world
        .try_patch(&address("10.96.0.7"), PatchType::Merge, &theirs)
        .await
        .expect_err("it is refused");
    assert!(
        failure.message.contains("spec.parentRef: Invalid value")
            && failure.message.contains("field is immutable"),
        "{}",
        failure.message
    );
    let labelled = json!({"metadata": {"labels": {"a": "b"}}});
    world.merge(&address("10.96.0.7"), labelled).await;
    for (name, parent, why) in [
        ("10.96.0.8", Value::Null, "spec.parentRef: Required value"),
        (
            "10.96.0.8",
            json!({"resource": "services"}),
            "spec.parentRef.name: Required value",
        ),
        (
            "x",
            json!({"resource": "services", "name": "b"}),
            "metadata.name: Invalid value",
        ),
        (
            "fd00:0::1",
            json!({"resource": "services", "name": "b"}),
            "must be in canonical form (\"fd00::1\")",
        ),
    ] {
        let object = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "IPAddress",
            "metadata": {"name": name}, "spec": {"parentRef": parent},
        });
        let failure = world.try_create(&address(""), &object).await;
        let failure = failure.expect_err("it is refused");
        assert!(failure.message.contains(why), "{}", failure.message);
    }
    // The Service still has it, and lets go of it.
    world.delete(&service("a"), json!({})).await;
    assert!(world.addresses_taken().await.is_empty());
}
