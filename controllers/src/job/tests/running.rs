//! Jobs that run well, are suspended, or change hands.

use super::*;
use crate::job::pod::{FINALIZER, INDEX};
use keelson_apiserver::request::Propagation;

#[tokio::test(start_paused = true)]
async fn j1_a_job_runs_its_pods_and_is_complete() {
    let cluster = cluster().await;
    start(&cluster, json!({"parallelism": 2, "completions": 3})).await;
    let first = running(&cluster, 2).await;
    let labels = &first[0].metadata.labels;
    assert_eq!(labels["batch.kubernetes.io/job-name"], "work");
    assert!(labels.contains_key("controller-uid"));
    assert_eq!(first[0].metadata.finalizers, [FINALIZER]);
    for pod in first {
        end(&cluster, &pod, 0).await;
    }
    let last = running(&cluster, 1).await;
    end(&cluster, &last[0], 0).await;
    let message = "CompletionsReached Reached expected number of succeeded pods";
    told(&cluster, "Complete", &format!("True {message}")).await;
    told(&cluster, "SuccessCriteriaMet", &format!("True {message}")).await;
    let stored = cluster.get(Kind::Job, JOB).await.expect("the Job");
    let status = &stored["status"];
    assert_eq!(status["succeeded"], 3);
    assert_eq!(status["uncountedTerminatedPods"], json!({}));
    assert_eq!(
        (&status["ready"], &status["terminating"]),
        (&json!(0), &json!(0))
    );
    assert!(status["completionTime"].is_string() && status["startTime"].is_string());
    assert_eq!(status.get("active"), None);
    cluster.settle().await;
    assert!(
        pods(&cluster.ground.shared.read())
            .iter()
            .all(|pod| pod.metadata.finalizers.is_empty())
    );
    let told = events(&cluster).await;
    let created = told
        .iter()
        .filter(|event| event.starts_with("Normal SuccessfulCreate Created pod: work-"));
    assert_eq!(created.count(), 3);
    assert!(
        told.contains(&"Normal Completed Job completed".to_owned()),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn j2_an_indexed_job_completes_each_index() {
    let cluster = cluster().await;
    start(
        &cluster,
        json!({"parallelism": 3, "completions": 5, "completionMode": "Indexed"}),
    )
    .await;
    let first = running(&cluster, 3).await;
    let index = |pod: &Pod| pod.metadata.annotations[INDEX].clone();
    let mut indexes: Vec<_> = first.iter().map(|pod| index(pod)).collect();
    indexes.sort();
    assert_eq!(indexes, ["0", "1", "2"]);
    for pod in first.iter().filter(|pod| index(pod) != "1") {
        end(&cluster, pod, 0).await;
    }
    cluster
        .until("two indexes are complete", |world| {
            work(world).is_some_and(|job| job.status.completed_indexes == "0,2")
        })
        .await;
    for pod in running(&cluster, 3).await {
        assert_eq!(pod.spec.hostname, format!("work-{}", index(&pod)));
        end(&cluster, &pod, 0).await;
    }
    cluster
        .until("it is complete", |world| {
            condition(world, "Complete").is_some()
        })
        .await;
    let stored = cluster.get(Kind::Job, JOB).await.expect("the Job");
    assert_eq!(stored["status"]["completedIndexes"], "0-4");
    assert_eq!(stored["status"]["succeeded"], 5);
}

#[tokio::test(start_paused = true)]
async fn j4_a_success_policy_ends_what_still_runs() {
    let cluster = cluster().await;
    start(
        &cluster,
        json!({
            "parallelism": 3, "completions": 3, "completionMode": "Indexed",
            "successPolicy": {"rules": [{"succeededIndexes": "1"}]},
        }),
    )
    .await;
    let pods = running(&cluster, 3).await;
    let leader = pods
        .iter()
        .find(|pod| pod.metadata.annotations[INDEX] == "1");
    end(&cluster, leader.expect("index 1"), 0).await;
    told(
        &cluster,
        "Complete",
        "True SuccessPolicy Matched rules at index 0",
    )
    .await;
    let stored = cluster.get(Kind::Job, JOB).await.expect("the Job");
    assert_eq!(
        (
            &stored["status"]["succeeded"],
            stored["status"].get("failed")
        ),
        (&json!(1), None)
    );
}

#[tokio::test(start_paused = true)]
async fn j5_a_suspended_job_runs_nothing_and_starts_anew_when_it_is_resumed() {
    let cluster = cluster().await;
    start(&cluster, json!({"parallelism": 2, "completions": 2})).await;
    running(&cluster, 2).await;
    cluster
        .patch(Kind::Job, JOB, "", json!({"spec": {"suspend": true}}))
        .await;
    running(&cluster, 0).await;
    told(&cluster, "Suspended", "True JobSuspended Job suspended").await;
    cluster.settle().await;
    let stored = cluster.get(Kind::Job, JOB).await.expect("the Job");
    assert_eq!(stored["status"].get("startTime"), None);
    // Those that were let go have not failed.
    assert_eq!(stored["status"].get("failed"), None);
    cluster.advance(Duration::from_secs(5)).await;
    cluster
        .patch(Kind::Job, JOB, "", json!({"spec": {"suspend": false}}))
        .await;
    running(&cluster, 2).await;
    told(&cluster, "Suspended", "False JobResumed Job resumed").await;
    let stored = cluster.get(Kind::Job, JOB).await.expect("the Job");
    assert_eq!(stored["status"]["startTime"], "2026-01-01T00:00:05Z");
    let told = events(&cluster).await;
    for event in [
        "Normal Suspended Job suspended",
        "Normal Resumed Job resumed",
    ] {
        assert!(told.iter().any(|told| told == event), "{event}: {told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn j5_a_job_that_somebody_else_manages_is_left_alone() {
    let cluster = cluster().await;
    start(&cluster, json!({"managedBy": "example.com/other"})).await;
    cluster.settle().await;
    let stored = cluster.get(Kind::Job, JOB).await.expect("the Job");
    assert_eq!(stored.get("status").unwrap_or(&json!({})), &json!({}));
    assert_eq!(pods(&cluster.ground.shared.read()).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn j1_a_smaller_parallelism_lets_pods_go_without_counting_them() {
    let cluster = cluster().await;
    start(&cluster, json!({"parallelism": 4, "completions": 8})).await;
    running(&cluster, 4).await;
    cluster
        .patch(Kind::Job, JOB, "", json!({"spec": {"parallelism": 1}}))
        .await;
    running(&cluster, 1).await;
    cluster.settle().await;
    let stored = cluster.get(Kind::Job, JOB).await.expect("the Job");
    assert_eq!(stored["status"].get("failed"), None);
}

#[tokio::test(start_paused = true)]
async fn j6_pods_of_a_job_that_is_gone_wait_for_nobody() {
    let cluster = cluster().await;
    start(&cluster, json!({"parallelism": 2, "completions": 2})).await;
    running(&cluster, 2).await;
    cluster
        .delete(Kind::Job, JOB, Some(Propagation::Background), None)
        .await;
    cluster
        .until("no Pod has the finalizer", |world| {
            pods(world)
                .iter()
                .all(|pod| pod.metadata.finalizers.is_empty())
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn m4_a_job_takes_in_what_it_selects_and_lets_go_what_it_does_not() {
    let cluster = cluster().await;
    let lone = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "lone", "labels": {"batch": "mine"}},
        "spec": {"containers": [{"name": "main", "image": "i"}]},
    });
    cluster.create(Kind::Pod, "default", lone).await;
    let mut wanted = job(json!({
        "parallelism": 2, "completions": 2, "manualSelector": true,
        "selector": {"matchLabels": {"batch": "mine"}},
    }));
    wanted["spec"]["template"]["metadata"] = json!({"labels": {"batch": "mine"}});
    cluster.create(Kind::Job, "default", wanted).await;
    let both = running(&cluster, 2).await;
    assert!(both.iter().any(|pod| pod.metadata.name == "lone"));
    assert!(
        both.iter()
            .all(|pod| pod.metadata.finalizers == [FINALIZER])
    );
    let away = json!({"metadata": {"labels": {"batch": "other"}}});
    cluster.patch(Kind::Pod, "default/lone", "", away).await;
    cluster.settle().await;
    let lone = cluster
        .get(Kind::Pod, "default/lone")
        .await
        .expect("the Pod");
    assert_eq!(lone["metadata"].get("ownerReferences"), None);
    assert_eq!(lone["metadata"].get("finalizers"), None);
    // Another one takes its place.
    assert_eq!(active(&cluster.ground.shared.read()).len(), 3);
}
