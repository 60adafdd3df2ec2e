//! The plan by itself.

use super::*;
use crate::job::observe::Observed;
use crate::job::plan::{Plan, plan};
use crate::job::pod::{FINALIZER, INDEX};
use crate::job::tally::Tally;

const NOW_US: i64 = crate::testing::START_US;

fn observed(spec: Value, status: Value, pods: &[Value]) -> Observed {
    let mut job = job(spec);
    job["metadata"] = json!({"name": "work", "namespace": "default", "uid": "job"});
    job["status"] = status;
    let pods = pods.iter().enumerate().map(|(number, pod)| {
        let mut pod = pod.clone();
        let metadata = &mut pod["metadata"];
        metadata["uid"] = format!("pod-{number}").into();
        metadata["name"] = format!("pod-{number}").into();
        if metadata["finalizers"].is_null() {
            metadata["finalizers"] = json!([FINALIZER]);
        }
        Arc::new(serde_json::from_value(pod).expect("a Pod"))
    });
    Observed {
        pods: pods.collect(),
        job: Arc::new(serde_json::from_value(job).expect("a Job")),
        now_us: NOW_US,
    }
}

fn decide(spec: Value, status: Value, pods: &[Value]) -> Plan {
    let observed = observed(spec, status, pods);
    plan(&observed, &Tally::of(&observed))
}

/// A Pod in a phase, which ended ten minutes ago if it has.
fn pod(phase: &str) -> Value {
    let long_ago = seconds(NOW_US - 600_000_000);
    json!({"status": {"phase": phase, "conditions": [
        {"type": "Ready", "status": "False", "lastTransitionTime": long_ago},
    ]}})
}

fn indexed(phase: &str, index: i32) -> Value {
    let mut pod = pod(phase);
    pod["metadata"]["annotations"][INDEX] = index.to_string().into();
    pod
}

fn indexes(plan: &Plan) -> Vec<i32> {
    plan.made.iter().filter_map(|wanted| wanted.index).collect()
}

fn reason(plan: &Plan) -> Option<&str> {
    plan.verdict.as_ref().map(|verdict| verdict.reason.as_str())
}

#[test]
fn j1_as_many_run_as_are_missing_and_no_more_than_at_once() {
    let (running, succeeded) = (pod("Running"), pod("Succeeded"));
    for (parallelism, completions, noted, pods, made, removed) in [
        (2, Some(5), 0, vec![], 2, 0),
        (2, Some(5), 4, vec![], 1, 0),
        (4, Some(5), 3, vec![running.clone()], 1, 0),
        (
            4,
            Some(5),
            2,
            vec![succeeded.clone(), running.clone()],
            1,
            0,
        ),
        (1, Some(5), 0, vec![running.clone(), running.clone()], 0, 1),
        (3, None, 0, vec![running.clone()], 2, 0),
        // A queue of work: the first success says that it is empty.
        (3, None, 0, vec![succeeded, running], 0, 0),
        (0, Some(1), 0, vec![], 0, 0),
    ] {
        let spec = json!({"parallelism": parallelism, "completions": completions});
        let plan = decide(spec, json!({"succeeded": noted}), &pods);
        assert_eq!(
            (plan.made.len(), plan.removed.len()),
            (made, removed),
            "{plan:?}"
        );
        assert_eq!(plan.verdict, None);
    }
}

#[test]
fn j1_it_is_complete_when_enough_have_succeeded_and_none_runs() {
    let spec = json!({"parallelism": 2, "completions": 2});
    let done = decide(spec, json!({"succeeded": 1}), &[pod("Succeeded")]);
    assert_eq!(reason(&done), Some("CompletionsReached"));
    let spec = json!({"parallelism": 2, "completions": null});
    let pods = [pod("Succeeded"), pod("Running")];
    assert_eq!(reason(&decide(spec.clone(), json!({}), &pods)), None);
    let pods = [pod("Succeeded"), pod("Failed")];
    assert_eq!(
        reason(&decide(spec, json!({}), &pods)),
        Some("CompletionsReached")
    );
}

#[test]
fn j2_the_lowest_missing_index_comes_first_and_one_too_many_goes() {
    let spec = json!({"parallelism": 3, "completions": 8, "completionMode": "Indexed"});
    let status = json!({"completedIndexes": "0-2,4"});
    let plan = decide(spec.clone(), status.clone(), &[indexed("Running", 3)]);
    assert_eq!(indexes(&plan), [5, 6]);
    let twice = [
        indexed("Pending", 3),
        indexed("Running", 3),
        indexed("Running", 9),
    ];
    let plan = decide(spec, status, &twice);
    let removed: Vec<_> = plan.removed.iter().map(|pod| &*pod.metadata.name).collect();
    assert_eq!(removed, ["pod-2", "pod-0"]);
    assert_eq!(indexes(&plan), [0; 0]);
}

#[test]
fn j3_a_failure_delays_its_replacement_and_a_success_makes_up_for_it() {
    let spec = json!({"parallelism": 2, "completions": 5});
    let status = json!({"startTime": seconds(NOW_US - 3_600_000_000)});
    let failed = |seconds_ago: i64| {
        let mut pod = pod("Failed");
        let at = seconds(NOW_US - seconds_ago * 1_000_000);
        pod["status"]["conditions"][0]["lastTransitionTime"] = at.into();
        pod
    };
    for (pods, wait_s) in [
        (vec![failed(1)], Some(9)),
        (vec![failed(1), failed(8)], Some(19)),
        (vec![failed(15), failed(80)], Some(5)),
        (vec![failed(11)], None),
    ] {
        let plan = decide(spec.clone(), status.clone(), &pods);
        let wait = plan.again.map(|again| again.as_secs());
        assert_eq!(wait, wait_s);
        assert_eq!(plan.made.is_empty(), wait_s.is_some());
    }
    let mut succeeded = failed(0);
    succeeded["status"]["phase"] = "Succeeded".into();
    let plan = decide(spec, status, &[failed(1), succeeded]);
    assert_eq!(plan.made.len(), 2);
}

#[test]
fn j3_the_limit_is_passed_by_one_failure_more_or_by_restarts() {
    let spec = json!({"backoffLimit": 1});
    let pods = [pod("Failed"), pod("Failed")];
    assert_eq!(reason(&decide(spec.clone(), json!({}), &pods[..1])), None);
    let over = decide(spec, json!({}), &[&pods[..], &[pod("Running")]].concat());
    assert_eq!(reason(&over), Some("BackoffLimitExceeded"));
    assert_eq!(over.removed.len(), 1);
    let mut spec = job(json!({"backoffLimit": 3}))["spec"].clone();
    spec["template"]["spec"]["restartPolicy"] = "OnFailure".into();
    let mut restarted = pod("Running");
    for (restarts, is_over) in [(2, false), (3, true)] {
        restarted["status"]["containerStatuses"] =
            json!([{"name": "main", "restartCount": restarts}]);
        let plan = decide(spec.clone(), json!({}), std::slice::from_ref(&restarted));
        assert_eq!(plan.verdict.is_some(), is_over);
    }
}

#[test]
fn j3_each_index_has_its_own_limit_and_its_own_pause() {
    let spec = json!({
        "parallelism": 3, "completions": 3, "completionMode": "Indexed",
        "backoffLimit": 100, "backoffLimitPerIndex": 1,
    });
    let mut second = indexed("Failed", 0);
    second["metadata"]["annotations"][crate::job::pod::FAILURES] = "1".into();
    let mut fresh = indexed("Failed", 1);
    fresh["status"]["conditions"][0]["lastTransitionTime"] = seconds(NOW_US).into();
    let plan = decide(spec.clone(), json!({}), &[second.clone(), fresh]);
    // The first has failed for good, the second waits, the third is made.
    assert_eq!(indexes(&plan), [2]);
    assert_eq!(plan.again.map(|again| again.as_secs()), Some(10));
    let plan = decide(
        spec.clone(),
        json!({}),
        &[second.clone(), indexed("Failed", 1)],
    );
    assert_eq!(indexes(&plan), [1, 2]);
    assert_eq!(plan.made[0].failures, Some((1, 0)));
    assert_eq!(plan.made[1].failures, Some((0, 0)));
    let status = json!({"completedIndexes": "1,2"});
    let over = decide(spec.clone(), status, std::slice::from_ref(&second));
    assert_eq!(reason(&over), Some("FailedIndexes"));
    let mut spec = spec;
    spec["maxFailedIndexes"] = 0.into();
    let over = decide(spec, json!({}), &[second]);
    assert_eq!(reason(&over), Some("MaxFailedIndexesExceeded"));
}

#[test]
fn j4_policies_end_a_job_early() {
    let spec = json!({
        "parallelism": 3, "completions": 3, "completionMode": "Indexed",
        "successPolicy": {"rules": [{"succeededIndexes": "1"}]},
    });
    let plan = decide(
        spec,
        json!({}),
        &[indexed("Running", 0), indexed("Succeeded", 1)],
    );
    assert_eq!(reason(&plan), Some("SuccessPolicy"));
    assert_eq!(
        plan.verdict.as_ref().map(|verdict| verdict.is_success),
        Some(true)
    );
    assert_eq!(plan.removed.len(), 1);
    let spec = json!({"podFailurePolicy": {"rules": [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [7]}},
    ]}, "backoffLimit": 0});
    let failed = |code: i64| {
        let mut pod = pod("Failed");
        pod["status"]["containerStatuses"] = ended(code, 0)["status"]["containerStatuses"].clone();
        pod
    };
    let plan = decide(spec.clone(), json!({}), &[failed(42)]);
    assert_eq!(reason(&plan), Some("PodFailurePolicy"));
    assert_eq!(reason(&decide(spec.clone(), json!({}), &[failed(7)])), None);
    assert_eq!(
        reason(&decide(spec, json!({}), &[failed(1)])),
        Some("BackoffLimitExceeded")
    );
}

#[test]
fn j5_a_job_has_so_much_time_and_a_suspended_one_runs_nothing() {
    let spec = json!({"activeDeadlineSeconds": 60});
    for (ran_s, is_over) in [(59, false), (60, true)] {
        let status = json!({"startTime": seconds(NOW_US - ran_s * 1_000_000)});
        let plan = decide(spec.clone(), status, &[pod("Running")]);
        assert_eq!(plan.verdict.is_some(), is_over);
        assert_eq!(plan.again.is_some(), !is_over);
    }
    let spec = json!({"activeDeadlineSeconds": 60, "suspend": true, "parallelism": 2});
    let status = json!({"startTime": seconds(NOW_US - 3_600_000_000)});
    let plan = decide(spec, status, &[pod("Running"), pod("Pending")]);
    assert_eq!(
        (plan.removed.len(), plan.lets_go, plan.verdict),
        (2, true, None)
    );
}

#[test]
fn j5_a_pod_that_goes_is_replaced_at_once_or_when_it_has_ended() {
    let mut going = pod("Running");
    going["metadata"]["deletionTimestamp"] = seconds(NOW_US - 600_000_000).into();
    for (policy, made) in [("Failed", 0), ("TerminatingOrFailed", 1)] {
        let spec = json!({"podReplacementPolicy": policy, "completions": 2});
        let plan = decide(spec, json!({}), std::slice::from_ref(&going));
        assert_eq!(plan.made.len(), made, "{policy}");
    }
}
