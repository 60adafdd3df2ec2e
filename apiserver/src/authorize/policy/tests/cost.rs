//! What a decision costs. Run it alone and in a quiet moment:
//! `cargo test -p keelson-apiserver --lib -- --ignored --nocapture cost`.

use super::*;
use crate::authorize::{ResourceTarget, bootstrap};
use serde_json::json;
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 20_000;

#[test]
#[ignore = "it measures"]
fn cost_of_a_decision_with_ten_thousand_bindings() {
    let mut policy = Policy::from_objects(bootstrap::objects()).unwrap();
    let began = Instant::now();
    for number in 0..10_000 {
        let namespace = format!("team-{}", number % 500);
        let (kind, metadata) = match number % 2 {
            0 => (
                "RoleBinding",
                json!({"namespace": namespace, "name": format!("b{number}")}),
            ),
            _ => ("ClusterRoleBinding", json!({"name": format!("b{number}")})),
        };
        let subject = json!({"kind": "User", "name": format!("user-{number}")});
        let binding = json!({"kind": kind, "metadata": metadata, "subjects": [subject],
            "roleRef": {"kind": "ClusterRole", "name": "system:aggregate-to-edit"}});
        policy.put(&binding).unwrap();
    }
    println!("one put: {:?}", began.elapsed() / 10_000);
    let copy = policy.clone();
    let began = Instant::now();
    for object in bootstrap::objects() {
        policy.put(object).unwrap();
    }
    let count = u32::try_from(bootstrap::objects().len()).unwrap();
    println!("one put with a copy held: {:?}", began.elapsed() / count);
    drop(copy);
    let groups = ["system:authenticated", "dev", "ops"];
    for (what, user, verb, resource) in [
        (
            "allowed by one of 15 rules",
            "user-4242",
            "create",
            "deployments",
        ),
        ("refused after 15 rules", "user-4242", "fly", "deployments"),
        (
            "refused without a binding",
            "nobody",
            "create",
            "deployments",
        ),
    ] {
        let user = User::new(user, groups);
        let attributes = Attributes {
            user: &user,
            verb,
            target: Target::Resource(ResourceTarget {
                group: "apps",
                resource,
                namespace: "team-242",
                ..ResourceTarget::default()
            }),
        };
        let began = Instant::now();
        for _ in 0..ROUNDS {
            black_box(policy.authorize(black_box(&attributes)));
        }
        println!("{what}: {:?}", began.elapsed() / ROUNDS);
    }
}
