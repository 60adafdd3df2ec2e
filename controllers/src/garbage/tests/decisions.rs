//! What is decided, and what becomes of decisions that come too late.

use super::super::plan::step;
use super::super::sight::Dependent;
use super::super::*;
use super::{BACKGROUND, FOREGROUND, ORPHAN, delete, is_there, map, own, owners, to};
use crate::objects::OwnerReference;
use crate::runtime::{Kind, Reference};
use crate::testing::Cluster;
use keelson_apiserver::request::Propagation;
use keelson_apiserver::resource;
use parking_lot::Mutex;
use std::sync::Arc;

#[tokio::test(start_paused = true)]
async fn g1_more_dependents_than_one_look_is_about_all_go() {
    const MANY: usize = 1100;
    let cluster = Cluster::new().await;
    let a = map(&cluster, "a", vec![]).await;
    for number in 0..MANY {
        map(&cluster, &format!("d{number}"), vec![to(&a, true)]).await;
    }
    delete(&cluster, "a", FOREGROUND).await;
    cluster
        .until("all are seen", |world| world.config_maps.len() == MANY + 1)
        .await;
    let uid = a["metadata"]["uid"].as_str().expect("a uid");
    let sight = Sight::of(&cluster.ground.shared.read().graph, uid);
    assert_eq!(sight.dependents.len(), 1024, "a look is bounded");
    assert!(sight.has_more);
    cluster.lead(|manager| manager.with(GarbageCollector));
    cluster
        .until("all are gone", |world| world.config_maps.is_empty())
        .await;
}

/// Lends its client to a test.
struct Lender(Arc<Mutex<Option<Client>>>);

impl Controller for Lender {
    fn name(&self) -> &'static str {
        "lender"
    }

    fn concerns(&self, _: &World, _: &Change, _: &mut Wanted) {}

    fn all(&self, _: &World, wanted: &mut Wanted) {
        wanted.add(Key::cluster("x"));
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        _: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        *self.0.lock() = Some(client.clone());
        Box::pin(std::future::ready(Ok(Next::Settled)))
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_adopted_since_it_was_looked_at_is_not_deleted() {
    let cluster = Cluster::new().await;
    let lent = Arc::new(Mutex::new(None));
    let lender = lent.clone();
    cluster.lead(move |manager| manager.with(Lender(lender)));
    let [a, other] = ["a", "other"].map(|name| map(&cluster, name, vec![]));
    let (a, other) = (a.await, other.await);
    map(&cluster, "b", vec![to(&a, false)]).await;
    delete(&cluster, "a", BACKGROUND).await;
    cluster.settle().await;
    let uid = a["metadata"]["uid"].as_str().expect("a uid");
    let mut sight = Sight::of(&cluster.ground.shared.read().graph, uid);
    let client = lent.lock().clone().expect("a client");
    let dependent = sight.dependents.pop().expect("b");
    let decided = step(&dependent, &[Standing::Absent]).expect("it goes");
    own(&cluster, "b", vec![to(&other, false)]).await;
    let outcome = act::carry_out(&client, vec![(dependent.node, decided)]).await;
    assert_eq!(outcome, Err(Problem::Stale));
    assert_eq!(owners(&cluster, "b").await, ["other"]);
}

#[tokio::test(start_paused = true)]
async fn whatever_owns_whatever_nothing_is_left_that_is_going_or_has_a_dead_owner() {
    const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for round in 0..24 {
        let cluster = Cluster::new().await;
        let mut made = Vec::new();
        for name in NAMES {
            made.push(map(&cluster, name, vec![]).await);
        }
        let mut said = Vec::new();
        for name in NAMES {
            let count = rand::random_range(0..3);
            let owners: Vec<usize> = (0..count).map(|_| rand::random_range(0..8)).collect();
            let references = owners.iter().map(|at| to(&made[*at], rand::random()));
            own(&cluster, name, references.collect()).await;
            said.push((name, owners));
        }
        if round % 2 == 0 {
            cluster.lead(|manager| manager.with(GarbageCollector));
        }
        for name in ["b", "d", "f"] {
            let how = [BACKGROUND, FOREGROUND, ORPHAN][rand::random_range(0..3)];
            let key = format!("default/{name}");
            if cluster.get(Kind::ConfigMap, &key).await.is_some() {
                delete(&cluster, name, how).await;
                said.push((name, vec![100 + how.map_or(0, |how| how as usize)]));
            }
        }
        if round % 2 == 1 {
            cluster.lead(|manager| manager.with(GarbageCollector));
        }
        cluster.settle().await;
        let world = cluster.ground.shared.read();
        for left in world.config_maps.all() {
            let meta = &left.metadata;
            assert!(!meta.is_deleting(), "{} is going: {said:?}", meta.name);
            for owner in &meta.owner_references {
                let is_alive = world.graph.by_uid(&owner.uid).is_some();
                assert!(is_alive, "{} has a dead owner: {said:?}", meta.name);
            }
        }
        for (name, owners) in &said[..8] {
            let was_deleted = ["b", "d", "f"].contains(name);
            assert!(
                was_deleted || !owners.is_empty() || is_there(&world, name),
                "{name} has had no owner and is gone: {said:?}"
            );
        }
    }
}

fn dependent(owners: &[(&str, Option<bool>)]) -> Dependent {
    let row = resource::builtin().find("", "v1", "configmaps");
    let owners = owners.iter().map(|(uid, blocks)| OwnerReference {
        uid: (*uid).to_owned(),
        block_owner_deletion: *blocks,
        ..OwnerReference::default()
    });
    Dependent {
        node: GraphNode {
            reference: Reference {
                resource: Arc::new(row.expect("config maps").clone()),
                key: Key::new("default", "x"),
            },
            uid: "x".into(),
            revision: 1,
            owners: owners.collect(),
            finalizers: Vec::new(),
            is_deleting: false,
        },
        seen: Vec::new(),
        has_dependents: false,
        is_in_circle: false,
        is_misplaced: false,
    }
}

#[test]
fn what_becomes_of_a_dependent_follows_from_its_owners() {
    use Standing::{Absent, Nowhere, Solid, Unknown, Waiting};
    let delete = |how| Some(Step::Delete(how));
    let drop = |uids: &[&str]| Some(Step::Drop(uids.iter().map(ToString::to_string).collect()));
    for (standings, leaf, parent) in [
        ([Solid, Solid], None, None),
        ([Solid, Absent], drop(&["2"]), drop(&["2"])),
        ([Waiting, Solid], drop(&["1"]), drop(&["1"])),
        ([Absent, Unknown], None, None),
        ([Solid, Unknown], None, None),
        ([Nowhere, Absent], None, None),
        (
            [Absent, Absent],
            delete(Propagation::Background),
            delete(Propagation::Background),
        ),
        (
            [Waiting, Absent],
            delete(Propagation::Background),
            delete(Propagation::Foreground),
        ),
    ] {
        let mut one = dependent(&[("1", Some(true)), ("2", None)]);
        assert_eq!(step(&one, &standings), leaf, "{standings:?}");
        one.has_dependents = true;
        assert_eq!(step(&one, &standings), parent, "{standings:?}");
    }
    let mut one = dependent(&[("1", None)]);
    for (finalizer, how) in [
        ("orphan", Propagation::Orphan),
        ("foregroundDeletion", Propagation::Foreground),
    ] {
        one.node.finalizers = vec![finalizer.to_owned()];
        assert_eq!(step(&one, &[Absent]), delete(how), "{finalizer}");
    }
    one.node.is_deleting = true;
    assert_eq!(step(&one, &[Absent]), None, "it goes already");
    let mut one = dependent(&[("1", Some(true))]);
    (one.has_dependents, one.is_in_circle) = (true, true);
    assert_eq!(step(&one, &[Waiting]), Some(Step::Unblock));
}
