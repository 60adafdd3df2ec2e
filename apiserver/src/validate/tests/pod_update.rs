//! What may change about a Pod.

use super::*;

fn base() -> Value {
    let mut pod = a_pod();
    edit(
        &mut pod,
        "/spec/tolerations",
        json!([{"key": "a", "operator": "Exists"}]),
    );
    edit(&mut pod, "/spec/activeDeadlineSeconds", json!(100));
    pod
}

const ONLY: &str = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n";

#[test]
fn images_deadlines_and_tolerations_change() {
    updates(
        "v1/Pod",
        &base(),
        vec![
            (vec![("/spec/containers/0/image", json!("j"))], vec![]),
            (vec![("/metadata/labels", json!({"a": "b"}))], vec![]),
            (vec![("/spec/activeDeadlineSeconds", json!(50))], vec![]),
            (
                vec![("/spec/activeDeadlineSeconds", json!(101))],
                vec![
                    "spec.activeDeadlineSeconds: Invalid value: 101: must be less than or equal to previous value",
                ],
            ),
            (
                vec![("/spec/activeDeadlineSeconds", Value::Null)],
                vec![
                    "spec.activeDeadlineSeconds: Invalid value: \"null\": must not update from a positive integer to nil value",
                ],
            ),
            (
                vec![("/spec/tolerations/-", json!({"operator": "Exists"}))],
                vec![],
            ),
            (
                vec![("/spec/tolerations", json!([]))],
                vec![
                    "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds",
                ],
            ),
        ],
    );
}

#[test]
fn nothing_else_changes() {
    let host = format!("{ONLY}  hostNetwork: null -> true");
    let command = format!("{ONLY}  containers[0].command: null -> [\"x\"]");
    let node = format!("{ONLY}  nodeName: null -> \"n\"");
    let more = json!({
        "name": "d", "image": "i", "imagePullPolicy": "Always", "terminationMessagePolicy": "File",
    });
    updates(
        "v1/Pod",
        &base(),
        vec![
            (vec![("/spec/hostNetwork", json!(true))], vec![&host]),
            (
                vec![("/spec/containers/0/command", json!(["x"]))],
                vec![&command],
            ),
            (vec![("/spec/nodeName", json!("n"))], vec![&node]),
            // Empty is as good as absent.
            (vec![("/spec/containers/0/command", json!([]))], vec![]),
            (
                vec![("/spec/containers/-", more)],
                vec!["spec.containers: Forbidden: pod updates may not add or remove containers"],
            ),
        ],
    );
    let mut ended = base();
    edit(&mut ended, "/spec/terminationGracePeriodSeconds", json!(-1));
    let grace = format!("{ONLY}  terminationGracePeriodSeconds: -1 -> 2");
    updates(
        "v1/Pod",
        &ended,
        vec![
            (
                vec![("/spec/terminationGracePeriodSeconds", json!(1))],
                vec![],
            ),
            (
                vec![("/spec/terminationGracePeriodSeconds", json!(2))],
                vec![&grace],
            ),
        ],
    );
}

#[test]
fn a_gated_pod_may_be_told_more_exactly_where_to_run() {
    let mut gated = base();
    edit(
        &mut gated,
        "/spec/schedulingGates",
        json!([{"name": "g"}, {"name": "h"}]),
    );
    edit(&mut gated, "/spec/nodeSelector", json!({"a": "b"}));
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}});
    updates(
        "v1/Pod",
        &gated,
        vec![
            (
                vec![("/spec/schedulingGates", json!([{"name": "h"}]))],
                vec![],
            ),
            (
                vec![(
                    "/spec/schedulingGates",
                    json!([{"name": "h"}, {"name": "i"}]),
                )],
                vec![
                    "spec.schedulingGates[1].name: Forbidden: only deletion is allowed, but found new scheduling gate 'i'",
                ],
            ),
            (
                vec![("/spec/nodeSelector", json!({"a": "b", "c": "d"}))],
                vec![],
            ),
            (
                vec![("/spec/nodeSelector", json!({"a": "c"}))],
                vec![
                    "spec.nodeSelector: Invalid value: {\"a\":\"c\"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)",
                ],
            ),
            (vec![("/spec/affinity", affinity.clone())], vec![]),
        ],
    );
    edit(&mut gated, "/spec/affinity", affinity);
    const TERMS: &str = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let more = json!({"key": "b", "operator": "Exists"});
    updates(
        "v1/Pod",
        &gated,
        vec![
            (
                vec![(
                    "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchExpressions/-",
                    more.clone(),
                )],
                vec![],
            ),
            (
                vec![(TERMS, json!([{"matchExpressions": [more]}]))],
                vec![
                    "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]: Invalid value: {…",
                ],
            ),
        ],
    );
}

#[test]
fn the_status_does_not_go_back() {
    let mut pod = base();
    edit(&mut pod, "/spec/restartPolicy", json!("Never"));
    edit(
        &mut pod,
        "/status/containerStatuses",
        json!([{"name": "c", "state": {"terminated": {"exitCode": 0}}}]),
    );
    edit(&mut pod, "/status/qosClass", json!("BestEffort"));
    statuses(
        "v1/Pod",
        &pod,
        vec![
            (vec![("/status/phase", json!("Succeeded"))], vec![]),
            (
                vec![("/status/containerStatuses/0/state", json!({"running": {}}))],
                vec![
                    "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state",
                ],
            ),
            (
                vec![("/status/qosClass", json!("Burstable"))],
                vec!["status.qosClass: Invalid value: \"Burstable\": field is immutable"],
            ),
            (
                vec![("/spec/nodeName", json!("n"))],
                vec!["status.nodeName: Forbidden: may not be changed directly"],
            ),
        ],
    );
}
