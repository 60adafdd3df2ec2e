//! Since when it is as it is now, for those who measure how long it took.

use crate::objects::{Pod, Service, condition};
use std::sync::Arc;

/// The annotation that says it.
pub const LAST_CHANGE: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// When a Pod last became ready or unready, or began to go.
fn of_pod(pod: &Pod) -> Option<&str> {
    let ready = condition(&pod.status.conditions, "Ready");
    let ready = ready.and_then(|ready| ready.last_transition_time.as_deref());
    ready.max(pod.metadata.deletion_timestamp.as_deref())
}

/// The earliest change that what is there (`known`: what it says of itself) does not have yet. `None`:
/// nothing that has a time. Times are of one form, in which later ones are greater.
pub fn since(service: &Service, pods: &[&Arc<Pod>], known: Option<&str>) -> Option<String> {
    let times = pods.iter().filter_map(|pod| of_pod(pod));
    let all = times.chain(service.metadata.creation_timestamp.as_deref());
    let new = all.filter(|time| known.is_none_or(|known| *time > known));
    new.min().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(ready_at: &str, deleted_at: Value) -> Arc<Pod> {
        let pod = json!({
            "metadata": {"deletionTimestamp": deleted_at},
            "status": {"conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": ready_at},
            ]},
        });
        Arc::new(serde_json::from_value(pod).expect("a pod"))
    }

    #[test]
    fn v5_the_first_change_that_is_new_counts() {
        let service = json!({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}});
        let service: Service = serde_json::from_value(service).expect("a service");
        let pods = [
            pod("2026-01-01T00:00:05Z", Value::Null),
            pod("2026-01-01T00:00:07Z", Value::Null),
            pod("2026-01-01T00:00:02Z", json!("2026-01-01T00:00:09Z")),
        ];
        let pods: Vec<&Arc<Pod>> = pods.iter().collect();
        for (known, expected) in [
            (None, Some("2026-01-01T00:00:00Z")),
            (Some("2026-01-01T00:00:05Z"), Some("2026-01-01T00:00:07Z")),
            (Some("2026-01-01T00:00:07Z"), Some("2026-01-01T00:00:09Z")),
            (Some("2026-01-01T00:00:09Z"), None),
        ] {
            assert_eq!(
                since(&service, &pods, known).as_deref(),
                expected,
                "{known:?}"
            );
        }
    }
}
