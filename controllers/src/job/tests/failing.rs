//! Jobs that fail.

use super::*;
use keelson_apiserver::storage::Call;

#[tokio::test(start_paused = true)]
async fn j3_failed_pods_are_replaced_later_and_later_until_the_limit_is_passed() {
    let cluster = cluster().await;
    start(
        &cluster,
        json!({"backoffLimit": 2, "parallelism": 1, "completions": 1}),
    )
    .await;
    for pause_s in [10, 20] {
        let pod = running(&cluster, 1).await;
        end(&cluster, &pod[0], 1).await;
        running(&cluster, 0).await;
        cluster.advance(Duration::from_secs(pause_s - 2)).await;
        cluster.settle().await;
        assert_eq!(active(&cluster.ground.shared.read()).len(), 0, "too early");
        cluster.advance(Duration::from_secs(3)).await;
    }
    let pod = running(&cluster, 1).await;
    end(&cluster, &pod[0], 1).await;
    let is = "True BackoffLimitExceeded Job has reached the specified backoff limit";
    told(&cluster, "Failed", is).await;
    told(&cluster, "FailureTarget", is).await;
    let stored = cluster.get(Kind::Job, JOB).await.expect("the Job");
    assert_eq!(stored["status"]["failed"], 3);
    assert_eq!(stored["status"].get("completionTime"), None);
    let warning = "Warning BackoffLimitExceeded Job has reached the specified backoff limit";
    cluster.settle().await;
    let told = events(&cluster).await;
    assert!(told.iter().any(|event| event == warning), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn j5_a_job_that_takes_too_long_fails_and_its_pods_go() {
    let cluster = cluster().await;
    start(
        &cluster,
        json!({"activeDeadlineSeconds": 60, "parallelism": 3, "completions": 3}),
    )
    .await;
    running(&cluster, 3).await;
    cluster.advance(Duration::from_secs(59)).await;
    cluster.settle().await;
    assert_eq!(active(&cluster.ground.shared.read()).len(), 3);
    cluster.advance(Duration::from_secs(2)).await;
    let is = "True DeadlineExceeded Job was active longer than specified deadline";
    told(&cluster, "Failed", is).await;
    cluster.settle().await;
    let stored = cluster.get(Kind::Job, JOB).await.expect("the Job");
    assert_eq!(stored["status"]["failed"], 3);
    assert_eq!(pods(&cluster.ground.shared.read()).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn j3_an_index_that_fails_too_often_fails_alone() {
    let cluster = cluster().await;
    start(
        &cluster,
        json!({
            "parallelism": 2, "completions": 2, "completionMode": "Indexed",
            "backoffLimitPerIndex": 1,
        }),
    )
    .await;
    for round in 0..2 {
        let pods = running(&cluster, 2 - round.min(1)).await;
        for pod in pods {
            let is_first = pod.metadata.annotations[crate::job::pod::INDEX] == "0";
            end(&cluster, &pod, i64::from(is_first)).await;
        }
        cluster.settle().await;
        cluster.advance(Duration::from_secs(11)).await;
    }
    told(
        &cluster,
        "Failed",
        "True FailedIndexes Job has failed indexes",
    )
    .await;
    let stored = cluster.get(Kind::Job, JOB).await.expect("the Job");
    let status = &stored["status"];
    assert_eq!(
        (&status["completedIndexes"], &status["failedIndexes"]),
        (&json!("1"), &json!("0"))
    );
    assert_eq!(
        (&status["succeeded"], &status["failed"]),
        (&json!(1), &json!(2))
    );
}

#[tokio::test(start_paused = true)]
async fn j4_an_exit_code_fails_the_job_at_once() {
    let cluster = cluster().await;
    start(
        &cluster,
        json!({"parallelism": 2, "completions": 2, "podFailurePolicy": {"rules": [
            {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
        ]}}),
    )
    .await;
    let pods = running(&cluster, 2).await;
    end(&cluster, &pods[0], 42).await;
    let name = &pods[0].metadata.name;
    let is = format!(
        "True PodFailurePolicy Container main for pod default/{name} failed with exit code 42 matching FailJob rule at index 0"
    );
    told(&cluster, "Failed", &is).await;
    let stored = cluster.get(Kind::Job, JOB).await.expect("the Job");
    assert_eq!(stored["status"]["failed"], 2);
}

#[tokio::test(start_paused = true)]
async fn j6_a_terminal_condition_comes_when_the_last_pod_is_gone() {
    let cluster = cluster().await;
    start(
        &cluster,
        json!({"backoffLimit": 0, "parallelism": 2, "completions": 2}),
    )
    .await;
    let pods = running(&cluster, 2).await;
    cluster
        .bind_pod(&pods[1].metadata.key().to_string(), "node")
        .await;
    end(&cluster, &pods[0], 1).await;
    cluster
        .until("it is told that it fails", |world| {
            condition(world, "FailureTarget").is_some()
        })
        .await;
    cluster.settle().await;
    {
        let world = cluster.ground.shared.read();
        assert_eq!(condition(&world, "Failed"), None);
        let job = work(&world).expect("the Job");
        assert_eq!((job.status.terminating, job.status.failed), (Some(1), 2));
    }
    // Its node says that it has stopped.
    cluster
        .delete(
            Kind::Pod,
            &pods[1].metadata.key().to_string(),
            None,
            Some(0),
        )
        .await;
    cluster
        .until("it has failed", |world| {
            condition(world, "Failed").is_some()
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn m2_a_quota_that_is_used_up_is_not_asked_for_every_pod() {
    let cluster = cluster().await;
    let one = cluster.fill_quota().await;
    let before = cluster.kv.calls(Call::Range);
    start(
        &cluster,
        json!({"parallelism": 60, "completions": 60, "backoffLimit": 0}),
    )
    .await;
    cluster.settle().await;
    let told = cluster.events().await;
    let refused = "Warning FailedCreate: Error creating: pods";
    assert!(
        told.iter().any(|told| told.starts_with(refused)),
        "{told:?}"
    );
    // It was looked at several times meanwhile; all of that is less than 60 attempts in one look.
    let reads = cluster.kv.calls(Call::Range) - before;
    assert!(
        reads < 60 * one,
        "{reads} reads, of which an attempt needs {one}"
    );
}
