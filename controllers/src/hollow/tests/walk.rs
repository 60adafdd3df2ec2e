//! Pods walked through the stages, without a cluster: what is said about them is put into them, and the next
//! stage is asked for.

use crate::hollow::look::{Look, Phase, Waits};
use crate::hollow::pod_status::{Facts, patch};
use crate::hollow::seen::Pod;
use crate::hollow::stage::{STAGES, Then, next};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const FACTS: Facts<'static> = Facts {
    now: "2026-01-01T00:00:00Z",
    host_ip: "172.16.0.1",
    pod_ip: Some("10.128.0.2"),
};

fn pod(change: impl FnOnce(&mut Value)) -> Value {
    let mut pod = json!({
        "metadata": {"name": "p", "namespace": "default", "uid": "u", "generation": 1, "annotations": {}},
        "spec": {
            "nodeName": "hollow-0",
            "restartPolicy": "Always",
            "containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}],
        },
        "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]},
    });
    change(&mut pod);
    pod
}

fn seen(pod: &Value) -> Pod {
    serde_json::from_value(pod.clone()).expect("a Pod")
}

/// Puts what is said into the Pod: conditions by type, everything else as it is.
fn put(pod: &mut Value, patch: &Value) {
    for (field, value) in patch["status"].as_object().expect("a status") {
        if field != "conditions" {
            pod["status"][field] = value.clone();
            continue;
        }
        for condition in value.as_array().expect("a list") {
            let all = pod["status"]["conditions"].as_array_mut().expect("a list");
            all.retain(|old| old["type"] != condition["type"]);
            let mut condition = condition.clone();
            condition
                .as_object_mut()
                .expect("an object")
                .retain(|_, value| !value.is_null());
            all.push(condition);
        }
    }
}

/// The stages that come, up to a bound.
fn walk(pod: &mut Value, most: usize) -> Vec<&'static str> {
    let mut names = Vec::new();
    while names.len() < most
        && let Some(stage) = next(&Look::of(&seen(pod)))
    {
        names.push(STAGES[stage].name);
        let Then::Say(saying) = STAGES[stage].then else {
            break;
        };
        let said = patch(&seen(pod), saying, &FACTS);
        put(pod, &said);
    }
    names
}

fn condition(pod: &Value, name: &str) -> Value {
    let all = pod["status"]["conditions"].as_array().expect("a list");
    all.iter()
        .find(|one| one["type"] == name)
        .cloned()
        .unwrap_or_default()
}

#[test]
fn pods_go_through_the_stages_that_their_kind_goes_through() {
    let annotated = |name: &'static str, value: &'static str| {
        move |pod: &mut Value| pod["metadata"]["annotations"][name] = value.into()
    };
    let policy =
        |policy: &'static str| move |pod: &mut Value| pod["spec"]["restartPolicy"] = policy.into();
    type Case = (Value, &'static [&'static str], &'static str);
    let table: [Case; 9] = [
        (pod(|_| {}), &["create", "start"], "Running"),
        (
            pod(policy("Never")),
            &["create", "start", "finish"],
            "Succeeded",
        ),
        (
            pod(policy("OnFailure")),
            &["create", "start", "finish"],
            "Succeeded",
        ),
        (
            pod(|pod| {
                policy("Never")(pod);
                annotated("keelson.io/exit-code", "3")(pod);
            }),
            &["create", "start", "finish"],
            "Failed",
        ),
        (
            pod(|pod| {
                policy("OnFailure")(pod);
                annotated("keelson.io/exit-code", "3")(pod);
            }),
            &["create", "start", "crash", "restart", "crash", "restart"],
            "Running",
        ),
        (
            pod(|pod| {
                policy("Never")(pod);
                annotated("keelson.io/run-for", "forever")(pod);
            }),
            &["create", "start"],
            "Running",
        ),
        (
            pod(annotated("keelson.io/fail", "image-pull")),
            &["create", "pull-error", "pull-back-off"],
            "Pending",
        ),
        (
            pod(|pod| pod["spec"]["containers"][1]["image"] = "x/does-not-exist:1".into()),
            &["create", "pull-error", "pull-back-off"],
            "Pending",
        ),
        (
            pod(annotated("keelson.io/ready", "false")),
            &["create", "start"],
            "Running",
        ),
    ];
    for (mut pod, stages, phase) in table {
        let text = pod.to_string();
        assert_eq!(walk(&mut pod, 6), stages, "{text}");
        assert_eq!(pod["status"]["phase"], phase, "{text}");
    }
}

#[test]
fn whatever_a_pod_is_like_when_it_is_to_go_it_goes() {
    for policy in ["Always", "OnFailure", "Never"] {
        for stages in 0..5 {
            let mut pod = pod(|pod| pod["spec"]["restartPolicy"] = policy.into());
            walk(&mut pod, stages);
            pod["metadata"]["deletionTimestamp"] = FACTS.now.into();
            let way = walk(&mut pod, 9);
            let last = way.last().copied().unwrap_or_default();
            assert!(last.ends_with("remove"), "{policy} after {stages}: {way:?}");
            // Who counts how Pods end sees that these ended.
            if policy != "Always" && stages == 2 {
                assert_eq!(way, ["stop", "remove"]);
                assert_eq!(pod["status"]["phase"], "Failed");
                let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
                assert_eq!(ended["exitCode"], 143);
            }
        }
    }
}

#[test]
fn every_stage_is_the_next_one_for_some_pod() {
    let mut met = BTreeSet::new();
    let waits = [
        Waits::Nothing,
        Waits::PullError,
        Waits::PullBackOff,
        Waits::CrashLoop,
    ];
    for phase in [Phase::Pending, Phase::Running, Phase::Ended] {
        for waits in waits {
            for bits in 0_u32..512 {
                let bit = |at: u32| bits & (1 << at) != 0;
                let look = Look {
                    is_going: bit(0),
                    phase,
                    is_accepted: bit(1),
                    waits,
                    is_ready: bit(2),
                    wants_ready: bit(3),
                    lacks_image: bit(4),
                    runs_to_end: bit(5),
                    retries: bit(6),
                    fails: bit(7),
                    may_end: bit(8),
                };
                met.extend(next(&look));
            }
        }
    }
    assert_eq!(
        met.len(),
        STAGES.len(),
        "a stage is hidden by those before it"
    );
}

#[test]
fn what_is_said_of_a_running_pod_has_upstreams_shape() {
    let mut pod = pod(|_| {});
    assert_eq!(walk(&mut pod, 1), ["create"]);
    let unready = "containers with unready status: [a b]";
    let ready = condition(&pod, "Ready");
    assert_eq!(ready["status"], "False");
    assert_eq!(
        (&ready["reason"], &ready["message"]),
        (&json!("ContainersNotReady"), &json!(unready))
    );
    assert_eq!(
        condition(&pod, "PodReadyToStartContainers")["status"],
        "False"
    );
    assert_eq!(
        pod["status"]["containerStatuses"][0],
        json!({
            "name": "a", "image": "a:1", "imageID": "", "lastState": {}, "ready": false,
            "started": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ContainerCreating"}},
        })
    );
    walk(&mut pod, 9);
    let types = pod["status"]["conditions"]
        .as_array()
        .expect("a list")
        .iter();
    let types: Vec<&str> = types.filter_map(|one| one["type"].as_str()).collect();
    assert_eq!(
        types,
        [
            "PodScheduled",
            "PodReadyToStartContainers",
            "Initialized",
            "Ready",
            "ContainersReady"
        ]
    );
    assert_eq!(
        condition(&pod, "Ready"),
        json!({
            "type": "Ready", "status": "True", "lastTransitionTime": FACTS.now, "observedGeneration": 1,
        })
    );
    let status = &pod["status"];
    assert_eq!(status["podIPs"], json!([{"ip": "10.128.0.2"}]));
    assert_eq!(
        (&status["podIP"], &status["hostIP"]),
        (&json!("10.128.0.2"), &json!("172.16.0.1"))
    );
    assert_eq!(status["startTime"], FACTS.now);
    let first = &status["containerStatuses"][0];
    assert_eq!(
        (&first["ready"], &first["started"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(first["state"], json!({"running": {"startedAt": FACTS.now}}));
    assert!(
        first["containerID"]
            .as_str()
            .is_some_and(|id| id.starts_with("hollow://"))
    );
}

#[test]
fn a_condition_keeps_the_time_at_which_it_last_changed() {
    let mut pod = pod(|_| {});
    walk(&mut pod, 1);
    let later = Facts {
        now: "2026-01-01T00:01:00Z",
        ..FACTS
    };
    let say = STAGES
        .iter()
        .find(|stage| stage.name == "start")
        .map(|stage| stage.then);
    let Some(Then::Say(saying)) = say else {
        panic!("nothing is said at the start");
    };
    let said = patch(&seen(&pod), saying, &later);
    put(&mut pod, &said);
    assert_eq!(
        condition(&pod, "Initialized")["lastTransitionTime"],
        FACTS.now
    );
    assert_eq!(condition(&pod, "Ready")["lastTransitionTime"], later.now);
    assert_eq!(pod["status"]["startTime"], FACTS.now);
}

#[test]
fn a_container_that_fails_is_counted_and_its_end_is_kept() {
    let mut pod = pod(|pod| {
        pod["spec"]["restartPolicy"] = "OnFailure".into();
        pod["metadata"]["annotations"]["keelson.io/exit-code"] = "2".into();
    });
    walk(&mut pod, 3);
    let first = &pod["status"]["containerStatuses"][0];
    assert_eq!(first["restartCount"], 0);
    assert_eq!(first["lastState"]["terminated"]["exitCode"], 2);
    let waiting = &first["state"]["waiting"];
    assert_eq!(waiting["reason"], "CrashLoopBackOff");
    assert_eq!(
        waiting["message"],
        "back-off 10s restarting failed container=a pod=p_default(u)"
    );
    assert_eq!(condition(&pod, "Ready")["status"], "False");
    walk(&mut pod, 1);
    let first = &pod["status"]["containerStatuses"][0];
    assert_eq!(
        (&first["restartCount"], &first["ready"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(first["lastState"]["terminated"]["exitCode"], 2);
}

#[test]
fn init_containers_come_first_and_sidecars_stay() {
    let mut pod = pod(|pod| {
        pod["spec"]["initContainers"] = json!([
            {"name": "i", "image": "i:1"},
            {"name": "s", "image": "s:1", "restartPolicy": "Always"},
        ]);
    });
    walk(&mut pod, 1);
    let initialized = condition(&pod, "Initialized");
    assert_eq!(
        initialized["message"],
        "containers with incomplete status: [i s]"
    );
    let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
    assert_eq!(waiting["reason"], "PodInitializing");
    walk(&mut pod, 9);
    let init = &pod["status"]["initContainerStatuses"];
    assert_eq!(init[0]["state"]["terminated"]["reason"], "Completed");
    assert_eq!(
        (&init[0]["ready"], &init[0]["started"]),
        (&json!(true), &json!(false))
    );
    assert!(init[1]["state"]["running"].is_object());
    assert_eq!(condition(&pod, "Initialized")["status"], "True");
    assert_eq!(condition(&pod, "Initialized")["reason"], Value::Null);
}
