//! What control loops may not do, and what may not be there in the end.

use super::*;

const SECOND: u64 = 1_000_000_000;

type Store = Vec<(String, Option<Value>)>;

fn at(resource: &str, name: &str) -> String {
    format!("/registry/{resource}/jepsen-loops/{name}")
}

fn owned(uid: &str, owner: &str) -> Value {
    json!({"uid": uid, "name": uid, "ownerReferences": [{"uid": owner, "controller": true}]})
}

fn serving(uid: &str, owner: &str) -> Value {
    json!({
        "kind": "Pod",
        "metadata": owned(uid, owner),
        "spec": {},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    })
}

fn set(replicas: i64, ready: i64) -> Value {
    json!({
        "kind": "ReplicaSet",
        "metadata": owned("set", "d"),
        "spec": {"replicas": replicas},
        "status": {"replicas": replicas, "readyReplicas": ready},
    })
}

fn deployment(generation: i64) -> Value {
    json!({
        "kind": "Deployment",
        "metadata": {"uid": "d", "name": "d", "generation": 1},
        "spec": {"replicas": 2, "strategy": {"rollingUpdate": {"maxSurge": 1}}},
        "status": {
            "observedGeneration": generation,
            "replicas": 2,
            "updatedReplicas": 2,
            "readyReplicas": 2,
            "availableReplicas": 2,
        },
    })
}

fn part(uid: &str, phase: &str) -> Value {
    let mut pod = serving(uid, "j");
    pod["metadata"]["annotations"] = json!({"batch.kubernetes.io/job-completion-index": "0"});
    pod["status"] = json!({"phase": phase});
    pod
}

fn job(succeeded: i64) -> Value {
    json!({
        "kind": "Job",
        "metadata": {"uid": "j", "name": "j"},
        "spec": {"completions": 2},
        "status": {
            "succeeded": succeeded,
            "conditions": [{"type": "Complete", "status": "True"}],
        },
    })
}

/// A Deployment of two, and a Job whose first part is done.
fn all() -> Store {
    let claim = json!({"fence": 1, "holder": "m1"});
    let lease = json!({"spec": {"holderIdentity": "m1"}});
    vec![
        (
            "/keelson/kubernetes/claims/leader-lease".to_owned(),
            Some(claim),
        ),
        (
            "/registry/leases/kube-system/kube-scheduler".to_owned(),
            Some(lease),
        ),
        (
            "/registry/namespaces/jepsen-loops".to_owned(),
            Some(json!({"metadata": {"uid": "n"}})),
        ),
        (at("deployments", "d"), Some(deployment(1))),
        (at("replicasets", "set"), Some(set(2, 2))),
        (at("pods", "a"), Some(serving("a", "set"))),
        (at("pods", "b"), Some(serving("b", "set"))),
        (at("jobs", "j"), Some(job(2))),
        (at("pods", "j0"), Some(part("j0", "Succeeded"))),
    ]
}

/// What the judge of loops says of a history in which this was stored, and then nothing for so long.
fn verdicts(store: Store, quiet_s: u64) -> Vec<Verdict> {
    let mut scene = Scene::new();
    scene.put_head(|head| head.workloads = vec!["controllers".to_owned()]);
    for (key, object) in store {
        scene.store(&key, object);
    }
    scene.wait(quiet_s * SECOND);
    let findings = judge(&History::of(scene.finish())).findings;
    let mut loops = findings.into_iter().filter(|one| one.checker == "loops");
    let finding = loops.next().unwrap();
    std::iter::once(finding.verdict)
        .chain(finding.more)
        .collect()
}

fn broken(store: Store) -> Vec<String> {
    let verdicts = verdicts(store, 20);
    let rules = verdicts.iter().filter_map(Verdict::rule);
    rules.map(str::to_owned).collect()
}

/// The same with something else in the place of a key.
fn with(key: &str, object: Option<Value>) -> Store {
    let mut store = all();
    store.push((key.to_owned(), object));
    store
}

#[test]
fn what_is_right_passes() {
    assert_eq!(verdicts(all(), 20), [Verdict::Pass]);
}

#[test]
fn an_end_that_was_not_waited_for_is_unknown() {
    let verdicts = verdicts(all(), 2);
    assert!(matches!(verdicts[0], Verdict::Unknown(_)), "{verdicts:?}");
}

#[test]
fn a_run_in_which_loops_did_nothing_is_unknown() {
    let verdicts = verdicts(Vec::new(), 20);
    assert!(
        verdicts
            .iter()
            .any(|one| matches!(one, Verdict::Unknown(_))),
        "{verdicts:?}"
    );
}

#[test]
fn a_second_live_pod_for_an_index_is_flagged() {
    let mut store = all();
    store[8].1 = Some(part("j0", "Running"));
    store.push((at("pods", "j0-again"), Some(part("j1", "Pending"))));
    assert!(broken(store).contains(&"loops.index-twice".to_owned()));
}

#[test]
fn another_pod_for_an_index_that_has_succeeded_is_flagged() {
    let mut store = with(&at("pods", "j0"), None);
    store.push((at("pods", "j0-again"), Some(part("j1", "Pending"))));
    assert!(broken(store).contains(&"loops.index-again".to_owned()));
}

#[test]
fn a_pod_without_a_slot_is_flagged() {
    let store = with(&at("pods", "c"), Some(serving("c", "set")));
    assert!(broken(store).contains(&"loops.rule".to_owned()));
}

#[test]
fn a_claim_of_a_term_that_has_ended_is_flagged() {
    let claim = json!({"fence": 0, "holder": "m2"});
    let store = with("/keelson/kubernetes/claims/leader-lease", Some(claim));
    assert!(broken(store).contains(&"loops.rule".to_owned()));
}

#[test]
fn what_is_not_as_it_was_wished_in_the_end_is_flagged() {
    for (key, object) in [
        (at("pods", "b"), None),
        (at("replicasets", "set"), Some(set(2, 1))),
        (at("deployments", "d"), Some(deployment(0))),
        (at("jobs", "j"), Some(job(1))),
    ] {
        let found = broken(with(&key, object));
        assert!(
            found.contains(&"loops.not-converged".to_owned()),
            "{key}: {found:?}"
        );
    }
}

#[test]
fn what_has_lost_its_owner_or_its_namespace_is_flagged() {
    let found = broken(with(&at("jobs", "j"), None));
    assert!(found.contains(&"loops.orphan".to_owned()), "{found:?}");
    let found = broken(with("/registry/namespaces/jepsen-loops", None));
    assert!(found.contains(&"loops.homeless".to_owned()), "{found:?}");
}

#[test]
fn what_was_to_go_and_is_there_is_flagged() {
    let mut going = serving("a", "set");
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let found = broken(with(&at("pods", "a"), Some(going)));
    assert!(found.contains(&"loops.not-gone".to_owned()), "{found:?}");
}

#[test]
fn a_change_long_after_everything_should_be_still_is_flagged() {
    let mut scene = Scene::new();
    scene.put_head(|head| head.workloads = vec!["controllers".to_owned()]);
    for (key, object) in all() {
        scene.store(&key, object);
    }
    scene.wait(70 * SECOND);
    scene.store(&at("replicasets", "set"), Some(set(2, 2)));
    scene.wait(20 * SECOND);
    let found = rules(scene.finish());
    assert!(found.contains(&"loops.slow".to_owned()), "{found:?}");
}
