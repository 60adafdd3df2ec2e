//! The Pods of a Job, as they are made.

use super::plan::Wanted;
use super::pod::{FAILURES, FINALIZER, IGNORED, INDEX};
use crate::objects::Job;
use crate::pods::from_template;
use serde_json::{Value, json};

const VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// What a name that is made up can begin with, at most.
const BASE_MAX: usize = 58;

/// A new Pod of a Job.
pub fn pod(job: &Job, wanted: Wanted) -> Value {
    let meta = &job.metadata;
    let owner = meta.owner_reference("batch/v1", "Job");
    let mut pod = from_template(&job.spec.template, meta, owner);
    track(&mut pod);
    if let Some(index) = wanted.index {
        with_index(&mut pod, &meta.name, index);
    }
    if let Some((counted, ignored)) = wanted.failures {
        let annotations = &mut pod["metadata"]["annotations"];
        annotations[FAILURES] = counted.to_string().into();
        if ignored > 0 {
            annotations[IGNORED] = ignored.to_string().into();
        }
    }
    pod
}

/// It stays until it is counted.
fn track(pod: &mut Value) {
    let finalizers = &mut pod["metadata"]["finalizers"];
    match finalizers.as_array_mut() {
        Some(finalizers) if finalizers.contains(&json!(FINALIZER)) => {}
        Some(finalizers) => finalizers.push(FINALIZER.into()),
        None => *finalizers = json!([FINALIZER]),
    }
}

/// It knows its index, and others can tell it by name, label and host name.
fn with_index(pod: &mut Value, job: &str, index: i32) {
    let metadata = &mut pod["metadata"];
    let suffix = format!("-{index}-");
    let base = job.get(..BASE_MAX - suffix.len()).unwrap_or(job);
    metadata["generateName"] = format!("{base}{suffix}").into();
    metadata["annotations"][INDEX] = index.to_string().into();
    metadata["labels"][INDEX] = index.to_string().into();
    let spec = &mut pod["spec"];
    spec["hostname"] = format!("{job}-{index}").into();
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let env = &mut container["env"];
            let variable = json!({"name": VARIABLE, "valueFrom": {"fieldRef": {
                "apiVersion": "v1",
                "fieldPath": format!("metadata.labels['{INDEX}']"),
            }}});
            match env.as_array_mut() {
                Some(env) if env.iter().any(|known| known["name"] == VARIABLE) => {}
                Some(env) => env.push(variable),
                None => *env = json!([variable]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> Job {
        let job = json!({
            "metadata": {"name": name, "namespace": "n", "uid": "u"},
            "spec": {"template": {
                "metadata": {"labels": {"a": "b"}, "finalizers": ["mine"]},
                "spec": {
                    "initContainers": [{"name": "first", "env": [{"name": VARIABLE, "value": "x"}]}],
                    "containers": [{"name": "main", "env": [{"name": "A", "value": "a"}]}, {"name": "more"}],
                },
            }},
        });
        serde_json::from_value(job).expect("a Job")
    }

    #[test]
    fn j2_a_pod_has_its_index_in_annotation_label_variable_and_host_name() {
        let wanted = Wanted {
            index: Some(7),
            failures: Some((2, 1)),
        };
        let pod = pod(&job("j"), wanted);
        let metadata = &pod["metadata"];
        assert_eq!(metadata["generateName"], "j-7-");
        assert_eq!(metadata["labels"], json!({"a": "b", INDEX: "7"}));
        let annotations = json!({INDEX: "7", FAILURES: "2", IGNORED: "1"});
        assert_eq!(metadata["annotations"], annotations);
        assert_eq!(metadata["finalizers"], json!(["mine", FINALIZER]));
        assert_eq!(metadata["ownerReferences"][0]["kind"], "Job");
        assert_eq!(pod["spec"]["hostname"], "j-7");
        let containers = &pod["spec"]["containers"];
        assert_eq!(containers[0]["env"][1]["name"], VARIABLE);
        assert_eq!(containers[1]["env"][0]["name"], VARIABLE);
        // What the template says about it stays.
        assert_eq!(
            pod["spec"]["initContainers"][0]["env"]
                .as_array()
                .map(Vec::len),
            Some(1)
        );
    }

    #[test]
    fn j2_names_with_an_index_keep_the_index_when_the_job_has_a_long_name() {
        let wanted = Wanted {
            index: Some(123),
            failures: None,
        };
        let pod = pod(&job(&"x".repeat(63)), wanted);
        let base = pod["metadata"]["generateName"].as_str().expect("a name");
        assert_eq!(base, format!("{}-123-", "x".repeat(53)));
    }
}
