//! Random interleavings of writes of Services: no two share an address or a port, and none is lost.

use super::services::{service, some_service};
use super::world::World;
use crate::request::PatchType;
use crate::storage::{Call, Fault, KvError};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Step {
    Create { name: u8, kind: u8, address: u8 },
    Type { name: u8, kind: u8 },
    Port { name: u8, port: u8 },
    Hold { name: u8 },
    Release { name: u8 },
    Delete { name: u8 },
    LoseNext { after: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..6_u8;
    prop_oneof![
        4 => (name.clone(), 0..5_u8, 0..8_u8)
            .prop_map(|(name, kind, address)| Step::Create { name, kind, address }),
        3 => (name.clone(), 0..5_u8).prop_map(|(name, kind)| Step::Type { name, kind }),
        2 => (name.clone(), 0..8_u8).prop_map(|(name, port)| Step::Port { name, port }),
        1 => name.clone().prop_map(|name| Step::Hold { name }),
        2 => name.clone().prop_map(|name| Step::Release { name }),
        3 => name.prop_map(|name| Step::Delete { name }),
        1 => any::<bool>().prop_map(|after| Step::LoseNext { after }),
    ]
}

/// The members of a spec by which a Service is of a type.
fn kind(kind: u8) -> Value {
    match kind {
        0 => json!({"type": "ClusterIP", "externalName": null}),
        1 => json!({"type": "NodePort", "externalName": null}),
        2 => json!({"type": "LoadBalancer", "externalName": null}),
        3 => json!({
            "type": "LoadBalancer", "externalTrafficPolicy": "Local", "externalName": null,
        }),
        _ => json!({"type": "ExternalName", "externalName": "x.example.com"}),
    }
}

async fn carry_out(world: &World, step: &Step) {
    let named = |name: u8| service(&format!("s{name}"));
    let patch = |name: u8, patch: Value| async move {
        drop(
            world
                .try_patch(&named(name), PatchType::Merge, &patch)
                .await,
        );
    };
    match step {
        Step::Create {
            name,
            kind: of,
            address,
        } => {
            let mut spec = kind(*of);
            if *address < 4 && *of != 4 {
                spec["clusterIP"] = format!("10.96.0.{}", address + 1).into();
            }
            let object = some_service(&format!("s{name}"), spec);
            drop(world.try_create(&named(*name), &object).await);
        }
        Step::Type { name, kind: of } => patch(*name, json!({"spec": kind(*of)})).await,
        Step::Port { name, port } => {
            let ports = json!([
                {"name": "a", "port": 80, "nodePort": 30_000 + i64::from(*port)},
                {"name": "b", "port": 81},
            ]);
            patch(*name, json!({"spec": {"ports": ports}})).await;
        }
        Step::Hold { name } => {
            patch(
                *name,
                json!({"metadata": {"finalizers": ["example.com/hold"]}}),
            )
            .await;
        }
        Step::Release { name } => patch(*name, json!({"metadata": {"finalizers": null}})).await,
        Step::Delete { name } => drop(world.try_delete(&named(*name), &json!({})).await),
        Step::LoseNext { after } => {
            let lost = KvError::Unknown("lost".into());
            let fault = if *after {
                Fault::After(lost)
            } else {
                Fault::Before(lost)
            };
            world.kv.fail_next(Call::Txn, fault);
        }
    }
}

/// What Services have is what is taken, and nobody has what another one has.
async fn check(world: &World) {
    let (mut addresses, mut ports) = (BTreeSet::new(), BTreeSet::new());
    for name in world.names("/registry/services/specs/ns/").await {
        let object = world.get(&service(&name)).await.expect("it is there");
        let spec = &object["spec"];
        if spec["type"] != "ExternalName" {
            let address = spec["clusterIP"].as_str().expect("an address").to_owned();
            assert!(addresses.insert(address), "{name} shares its address");
        }
        if !["NodePort", "LoadBalancer"]
            .map(Value::from)
            .contains(&spec["type"])
        {
            continue;
        }
        let own = spec["ports"].as_array().expect("ports").iter();
        let own = own
            .map(|port| &port["nodePort"])
            .chain([&spec["healthCheckNodePort"]]);
        let own: BTreeSet<i64> = own.filter_map(Value::as_i64).collect();
        for port in own {
            assert!(ports.insert(port.to_string()), "{name} shares port {port}");
        }
    }
    assert_eq!(addresses, world.addresses_taken().await, "addresses");
    assert_eq!(ports, world.ports_taken().await, "ports");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn v1_v2_no_interleaving_shares_or_loses_an_address_or_a_port(
        rounds in prop::collection::vec(prop::collection::vec(step(), 1..6), 1..12)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let world = World::new().allocating_few(28, 30_011);
            for round in rounds {
                // All steps of a round at once: each gives way to the others at every call of the store.
                futures::future::join_all(round.iter().map(|step| carry_out(&world, step))).await;
                check(&world).await;
            }
        });
    }
}
