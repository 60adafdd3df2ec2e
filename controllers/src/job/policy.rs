//! What the policies of a Job make of a Pod that failed, and of indexes that succeeded.

use super::index::Indexes;
use super::pod::{statuses, terminated};
use crate::objects::Pod;
use serde_json::Value;

/// What is done about a Pod that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It counts.
    Count,
    /// It is as if it had not been.
    Ignore,
    /// Its index has failed.
    FailIndex,
    /// The Job has failed, with this message.
    FailJob(String),
}

/// What the first rule that matches says; `Count` if none does.
pub fn on_failure(policy: Option<&Value>, pod: &Pod) -> Action {
    let rules = policy.map_or(&[][..], |policy| list(policy, "rules"));
    for (index, rule) in rules.iter().enumerate() {
        let action = text(rule, "action");
        let (namespace, name) = (&pod.metadata.namespace, &pod.metadata.name);
        let message = if let Some(codes) = rule.get("onExitCodes") {
            exit_code(codes, pod).map(|(container, code)| {
                format!(
                    "Container {container} for pod {namespace}/{name} failed with exit code {code} matching {action} rule at index {index}"
                )
            })
        } else {
            pod_condition(list(rule, "onPodConditions"), pod).map(|kind| {
                format!(
                    "Pod {namespace}/{name} has condition {kind} matching {action} rule at index {index}"
                )
            })
        };
        let Some(message) = message else { continue };
        match action {
            "Ignore" => return Action::Ignore,
            "FailIndex" => return Action::FailIndex,
            "Count" => return Action::Count,
            "FailJob" => return Action::FailJob(message),
            // A newer action than we know.
            _ => {}
        }
    }
    Action::Count
}

/// The first container that ended in a way that the requirement means, and its exit code.
fn exit_code<'p>(requirement: &Value, pod: &'p Pod) -> Option<(&'p str, i64)> {
    let wanted = requirement.get("containerName").and_then(Value::as_str);
    let values = list(requirement, "values");
    let is_in = text(requirement, "operator") == "In";
    statuses(pod).find_map(|status| {
        if wanted.is_some_and(|wanted| wanted != status.name) {
            return None;
        }
        let code = terminated(status)?.get("exitCode")?.as_i64()?;
        let is_listed = values.iter().any(|value| value.as_i64() == Some(code));
        (code != 0 && is_listed == is_in).then_some((status.name.as_str(), code))
    })
}

/// The type of the first condition that a pattern means.
fn pod_condition<'r>(patterns: &'r [Value], pod: &Pod) -> Option<&'r str> {
    let matching = patterns.iter().find(|pattern| {
        let status = match text(pattern, "status") {
            "" => "True",
            status => status,
        };
        let mut conditions = pod.status.conditions.iter();
        conditions.any(|found| found.r#type == text(pattern, "type") && found.status == status)
    });
    matching.map(|pattern| text(pattern, "type"))
}

/// The number of the first rule by which the Job has succeeded.
pub fn success_rule(policy: &Value, succeeded: &Indexes, completions: i32) -> Option<usize> {
    list(policy, "rules").iter().position(|rule| {
        let count = rule.get("succeededCount").and_then(Value::as_i64);
        match rule.get("succeededIndexes").and_then(Value::as_str) {
            Some(wanted) => {
                let wanted = Indexes::parse(wanted, completions);
                let reached = i64::from(wanted.common(succeeded));
                reached >= count.unwrap_or_else(|| i64::from(wanted.total()))
            }
            None => count.is_some_and(|count| i64::from(succeeded.total()) >= count),
        }
    })
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    let items = value.get(name).and_then(Value::as_array);
    items.map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn failed(code: i64) -> Pod {
        let pod = json!({
            "metadata": {"name": "p", "namespace": "n"},
            "status": {
                "phase": "Failed",
                "containerStatuses": [{"name": "main", "state": {"terminated": {"exitCode": code}}}],
                "initContainerStatuses": [{"name": "first", "state": {"terminated": {"exitCode": 0}}}],
                "conditions": [{"type": "DisruptionTarget", "status": if code == 143 {"True"} else {"False"}}],
            },
        });
        serde_json::from_value(pod).expect("a Pod")
    }

    #[test]
    fn j4_the_first_rule_that_matches_decides() {
        let policy = json!({"rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "Count", "onExitCodes": {"operator": "In", "values": [1, 2]}},
            {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [3]}},
            {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "NotIn", "values": [4]}},
        ]});
        let fail =
            "Container main for pod n/p failed with exit code 42 matching FailJob rule at index 3";
        for (code, action) in [
            (143, Action::Ignore),
            (1, Action::Count),
            (2, Action::Count),
            (3, Action::FailIndex),
            (4, Action::Count),
            (42, Action::FailJob(fail.to_owned())),
        ] {
            assert_eq!(on_failure(Some(&policy), &failed(code)), action, "{code}");
        }
        assert_eq!(on_failure(None, &failed(42)), Action::Count);
        let policy = json!({"rules": [
            {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget"}]},
        ]});
        let fail = "Pod n/p has condition DisruptionTarget matching FailJob rule at index 0";
        let action = on_failure(Some(&policy), &failed(143));
        assert_eq!(action, Action::FailJob(fail.to_owned()));
    }

    #[test]
    fn j4_a_success_rule_wants_indexes_or_a_number_of_them() {
        let policy = json!({"rules": [
            {"succeededIndexes": "0,2-3"},
            {"succeededIndexes": "5-9", "succeededCount": 2},
            {"succeededCount": 4},
        ]});
        for (succeeded, rule) in [
            (&[0, 2][..], None),
            (&[0, 2, 3], Some(0)),
            (&[1, 5, 4], None),
            (&[5, 9], Some(1)),
            (&[0, 1, 2, 4], Some(2)),
        ] {
            let succeeded = Indexes::default().with(succeeded.iter().copied());
            assert_eq!(success_rule(&policy, &succeeded, 10), rule, "{succeeded}");
        }
    }
}
