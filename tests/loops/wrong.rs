//! Histories that are wrong: the judge finds each.

use super::judge::judge;
use keelson_kit::kubernetes::Change;
use serde_json::{Value, json};
use std::time::Instant;

fn history(objects: Vec<(&str, Value)>) -> Vec<Change> {
    let changes = objects
        .into_iter()
        .zip(1..)
        .map(|((key, object), revision)| Change {
            revision,
            key: key.to_owned(),
            object: Some(object),
            at: Instant::now(),
        });
    changes.collect()
}

fn pod(uid: &str, owner: &str, node: &str, ip: &str) -> Value {
    json!({
        "kind": "Pod",
        "metadata": {"uid": uid, "ownerReferences": [{"uid": owner, "controller": true}]},
        "spec": {
            "nodeName": node,
            "containers": [{"resources": {"requests": {"cpu": "600m"}}}],
        },
        "status": {"podIP": ip},
    })
}

fn ready(uid: &str, is_ready: bool) -> Value {
    let mut pod = pod(uid, "set", "", "");
    let status = if is_ready { "True" } else { "False" };
    pod["status"]["conditions"] = json!([{"type": "Ready", "status": status}]);
    pod
}

fn going(uid: &str) -> Value {
    let mut pod = ready(uid, true);
    pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    pod
}

fn deployment(replicas: i64) -> (&'static str, Value) {
    let rolling = json!({"maxSurge": "25%", "maxUnavailable": "25%"});
    let object = json!({
        "metadata": {"uid": "d", "name": "d"},
        "spec": {"replicas": replicas, "strategy": {"rollingUpdate": rolling}},
    });
    ("/registry/deployments/n/d", object)
}

/// A Deployment of four with as many Pods, all of which serve.
fn complete() -> Vec<(&'static str, Value)> {
    vec![
        deployment(4),
        ("/registry/replicasets/n/r", set(4)),
        ("/registry/pods/n/a", ready("a", true)),
        ("/registry/pods/n/b", ready("b", true)),
        ("/registry/pods/n/c", ready("c", true)),
        ("/registry/pods/n/d", ready("d", true)),
    ]
}

fn set(replicas: i64) -> Value {
    json!({
        "kind": "ReplicaSet",
        "metadata": {"uid": "set", "name": "r", "ownerReferences": [{"uid": "d", "controller": true}]},
        "spec": {"replicas": replicas},
    })
}

fn node(cpu: &str) -> Value {
    json!({"status": {"allocatable": {"cpu": cpu, "pods": "10"}}})
}

fn found(objects: Vec<(&str, Value)>) -> Vec<String> {
    let (_, violations) = judge(&history(objects));
    violations
        .into_iter()
        .map(|violation| violation.what)
        .collect()
}

#[test]
fn a_second_pod_in_one_slot_is_found() {
    let objects = vec![
        ("/registry/replicasets/n/r", set(1)),
        ("/registry/pods/n/a", pod("a", "set", "", "")),
        ("/registry/pods/n/b", pod("b", "set", "", "")),
    ];
    assert_eq!(found(objects), ["r has 2 Pods and wants 1"]);
}

#[test]
fn a_second_pod_of_a_job_for_one_completion_is_found() {
    let job = json!({
        "kind": "Job",
        "metadata": {"uid": "j", "name": "j"},
        "spec": {"completions": 1, "parallelism": 1},
    });
    let ended = |uid: &str, phase: &str| {
        let mut pod = pod(uid, "j", "", "");
        pod["status"]["phase"] = json!(phase);
        pod
    };
    let after = |phase: &str| {
        found(vec![
            ("/registry/jobs/n/j", job.clone()),
            ("/registry/pods/n/a", ended("a", phase)),
            ("/registry/pods/n/b", ended("b", "Pending")),
        ])
    };
    assert_eq!(after("Succeeded"), ["j has 2 Pods and wants 1"]);
    assert!(after("Failed").is_empty());
}

#[test]
fn too_much_surge_is_found() {
    let objects = vec![
        deployment(1),
        ("/registry/replicasets/n/r", set(2)),
        ("/registry/pods/n/a", pod("a", "set", "", "")),
        ("/registry/pods/n/b", pod("b", "set", "", "")),
        ("/registry/replicasets/n/r", set(3)),
        ("/registry/pods/n/c", pod("c", "set", "", "")),
    ];
    assert_eq!(
        found(objects),
        [
            "d wants 3 Pods and may have 2",
            "d has 3 Pods and may have 2"
        ]
    );
}

#[test]
fn a_surge_for_what_was_wanted_once_is_found() {
    let mut objects = complete();
    objects.extend([
        deployment(2),
        ("/registry/replicasets/n/r", set(2)),
        ("/registry/pods/n/a", going("a")),
        ("/registry/pods/n/b", going("b")),
        // Four and one were right before there were two.
        ("/registry/replicasets/n/r", set(4)),
    ]);
    assert_eq!(found(objects), ["d wants 4 Pods and may have 3"]);
}

#[test]
fn too_few_available_pods_are_found() {
    let mut objects = complete();
    assert!(found(objects.clone()).is_empty());
    objects.push(("/registry/pods/n/a", going("a")));
    assert!(found(objects.clone()).is_empty());
    objects.push(("/registry/pods/n/b", going("b")));
    assert_eq!(found(objects), ["d has 2 available Pods and must have 3"]);
}

#[test]
fn a_pod_that_fails_by_itself_is_nobodys_fault_but_another_that_is_deleted_then_is() {
    let mut objects = complete();
    objects.push(("/registry/pods/n/a", ready("a", false)));
    objects.push(("/registry/pods/n/b", ready("b", false)));
    assert!(found(objects.clone()).is_empty());
    objects.push(("/registry/pods/n/c", going("c")));
    assert_eq!(found(objects), ["d has 1 available Pods and must have 2"]);
}

#[test]
fn a_number_that_is_changed_is_not_missing_at_once() {
    let mut objects = complete();
    objects.extend([
        deployment(8),
        // One of four may still be missing.
        ("/registry/pods/n/a", going("a")),
        ("/registry/replicasets/n/r", set(8)),
    ]);
    assert!(found(objects.clone()).is_empty());
    objects.push(("/registry/pods/n/b", going("b")));
    assert_eq!(found(objects), ["d has 2 available Pods and must have 3"]);
}

/// A Deployment of four in the middle of a rollout: three old Pods serve, two new ones do not yet.
fn rolling() -> Vec<(&'static str, Value)> {
    let mut other = set(2);
    other["metadata"]["uid"] = json!("other");
    let mut objects = complete();
    objects.extend([
        ("/registry/replicasets/n/r", set(3)),
        ("/registry/pods/n/d", going("d")),
        ("/registry/replicasets/n/other", other),
        ("/registry/pods/n/e", pod("e", "other", "", "")),
        ("/registry/pods/n/f", pod("f", "other", "", "")),
    ]);
    objects
}

#[test]
fn a_smaller_number_in_a_rollout_is_shared_by_size_and_no_more_than_the_shares_may_be_missing() {
    let mut objects = rolling();
    objects.extend([
        deployment(3),
        // Of the five that there may be no more than four now: the larger set gives one up, and all that serve are its own.
        ("/registry/replicasets/n/r", set(2)),
        ("/registry/pods/n/a", going("a")),
    ]);
    assert!(found(objects.clone()).is_empty());
    let mut more = objects.clone();
    more.push(("/registry/pods/n/b", going("b")));
    assert_eq!(found(more), ["d has 1 available Pods and must have 2"]);
    // Once three serve again, three must.
    let mut new = ready("e", true);
    new["metadata"]["ownerReferences"][0]["uid"] = json!("other");
    objects.extend([
        ("/registry/pods/n/e", new),
        ("/registry/replicasets/n/r", set(2)),
        ("/registry/pods/n/b", going("b")),
    ]);
    assert_eq!(found(objects), ["d has 2 available Pods and must have 3"]);
}

#[test]
fn a_pod_that_was_wanted_before_a_smaller_number_may_come_before_another_goes_and_no_more() {
    let other = |replicas| {
        let mut other = set(replicas);
        other["metadata"]["uid"] = json!("other");
        other
    };
    let mut objects = complete();
    objects.extend([
        ("/registry/replicasets/n/r", set(3)),
        ("/registry/pods/n/d", going("d")),
        // Five, as many as there may be, of which the last is yet to come.
        ("/registry/replicasets/n/other", other(1)),
        ("/registry/pods/n/e", pod("e", "other", "", "")),
        ("/registry/replicasets/n/other", other(2)),
        deployment(3),
        ("/registry/replicasets/n/r", set(2)),
        ("/registry/pods/n/f", pod("f", "other", "", "")),
    ]);
    assert!(found(objects.clone()).is_empty());
    // Then the sets are as they were asked, and four are as many as there may be.
    objects.extend([
        ("/registry/pods/n/a", going("a")),
        ("/registry/replicasets/n/other", other(3)),
        ("/registry/pods/n/g", pod("g", "other", "", "")),
    ]);
    assert_eq!(
        found(objects),
        [
            "d wants 5 Pods and may have 4",
            "d has 5 Pods and may have 4"
        ]
    );
}

#[test]
fn a_smaller_number_without_a_rollout_takes_no_more_than_it_says() {
    let mut objects = complete();
    objects.extend([
        deployment(3),
        ("/registry/replicasets/n/r", set(3)),
        ("/registry/pods/n/a", going("a")),
        ("/registry/pods/n/b", going("b")),
    ]);
    assert_eq!(found(objects), ["d has 2 available Pods and must have 3"]);
}

#[test]
fn all_pods_of_a_namespace_that_ends_may_go_and_those_of_another_may_not() {
    let of = |namespace: &str| {
        let (key, mut object) = deployment(4);
        object["metadata"]["namespace"] = json!(namespace);
        let ends = json!({"metadata": {"name": "n", "deletionTimestamp": "2026-01-01T00:00:00Z"}});
        let mut objects = complete();
        objects[0] = (key, object);
        objects.extend([
            ("/registry/namespaces/n", ends),
            ("/registry/pods/n/a", going("a")),
            ("/registry/pods/n/b", going("b")),
        ]);
        objects
    };
    assert!(found(of("n")).is_empty());
    assert_eq!(
        found(of("other")),
        ["d has 2 available Pods and must have 3"]
    );
}

#[test]
fn a_pod_that_moves_is_found() {
    let objects = vec![
        ("/registry/minions/n1", node("1")),
        ("/registry/pods/n/a", pod("a", "x", "n1", "")),
        ("/registry/pods/n/a", pod("a", "x", "n2", "")),
    ];
    assert_eq!(found(objects), ["/registry/pods/n/a moves from n1 to n2"]);
}

#[test]
fn a_node_that_has_too_much_is_found() {
    let objects = vec![
        ("/registry/minions/n1", node("1")),
        ("/registry/pods/n/a", pod("a", "x", "n1", "")),
        ("/registry/pods/n/b", pod("b", "x", "n1", "")),
    ];
    assert_eq!(found(objects), ["n1: 2 Pods on 10, 1200m CPU on 1000m"]);
}

#[test]
fn a_pod_on_a_node_that_is_not_there_is_found() {
    let objects = vec![("/registry/pods/n/a", pod("a", "x", "n1", ""))];
    let what = "/registry/pods/n/a is bound to n1, which is not there";
    assert_eq!(found(objects), [what]);
}

#[test]
fn an_address_that_is_given_twice_is_found() {
    let objects = vec![
        ("/registry/pods/n/a", pod("a", "x", "", "10.0.0.1")),
        ("/registry/pods/n/b", pod("b", "x", "", "10.0.0.1")),
        (
            "/registry/services/specs/n/a",
            json!({"spec": {"clusterIP": "10.96.0.9"}}),
        ),
        (
            "/registry/services/specs/n/b",
            json!({"spec": {"clusterIP": "10.96.0.9"}}),
        ),
        (
            "/registry/minions/a",
            json!({"spec": {"podCIDR": "10.1.0.0/24"}}),
        ),
        (
            "/registry/minions/b",
            json!({"spec": {"podCIDR": "10.1.0.0/24"}}),
        ),
    ];
    assert_eq!(found(objects).len(), 3);
}

#[test]
fn a_claim_of_a_term_that_has_ended_is_found() {
    let claim = |fence: u64| ("/keelson/kubernetes/claims/job", json!({"fence": fence}));
    assert_eq!(
        found(vec![claim(3), claim(4), claim(3)]),
        ["/keelson/kubernetes/claims/job under 3 after 4"]
    );
    assert!(found(vec![claim(3), claim(3), claim(4)]).is_empty());
}

#[test]
fn a_write_by_somebody_whose_claim_has_ended_is_found() {
    let claim = |fence: u64, member: &str| {
        let object = json!({"fence": fence, "holder": member});
        ("/keelson/kubernetes/claims/leader-lease", object)
    };
    let lease = |holder: &str| {
        let object = json!({"spec": {"holderIdentity": holder}});
        ("/registry/leases/kube-system/kube-scheduler", object)
    };
    let good = vec![claim(3, "a"), lease("a"), claim(4, "b"), lease("b")];
    assert!(found(good.clone()).is_empty());
    let mut late = good;
    late.push(lease("a"));
    assert_eq!(found(late), ["a writes, and b has claimed"]);
}
