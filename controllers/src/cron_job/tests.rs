//! What users see of CronJobs, on a cluster in memory.

use super::CronJobs;
use super::plan::{Observed, plan};
use crate::objects::{CronJobStatus, Job};
use crate::runtime::{Kind, World, seconds};
use crate::testing::{Cluster, START_US, named};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const CRON: &str = "default/tick";

/// A cluster with the loop of CronJobs, and one CronJob with these fields, which ticks every minute.
async fn start(spec: Value) -> Cluster {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(CronJobs));
    let mut cron = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"},
        "spec": {
            "schedule": "* * * * *",
            "jobTemplate": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"template": {"spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "main", "image": "i"}],
                }}},
            },
        },
    });
    for (name, value) in spec.as_object().expect("fields") {
        cron["spec"][name] = value.clone();
    }
    cluster.create(Kind::CronJob, "default", cron).await;
    cluster.settle().await;
    cluster
}

/// Minutes go by, one after another.
async fn minutes(cluster: &Cluster, number: usize) {
    for _ in 0..number {
        cluster.advance(Duration::from_secs(60)).await;
        cluster.settle().await;
    }
}

fn jobs(cluster: &Cluster) -> Vec<Arc<Job>> {
    cluster.ground.shared.read().jobs.all().cloned().collect()
}

fn names(cluster: &Cluster) -> Vec<String> {
    let jobs = jobs(cluster);
    let minute = START_US / 60_000_000;
    // Minutes since the test began.
    let names = jobs.iter().map(|job| {
        let (cron, number) = job.metadata.name.rsplit_once('-').expect("a minute");
        format!(
            "{cron}+{}",
            number.parse::<i64>().expect("a number") - minute
        )
    });
    names.collect()
}

fn status(world: &World) -> CronJobStatus {
    let cron = world.cron_jobs.get(&named(CRON)).expect("the CronJob");
    cron.status.clone()
}

async fn finish(cluster: &Cluster, job: &Job, condition: &str) {
    let now = seconds(cluster.ground.clock.now_us());
    let mut status = json!({
        "startTime": job.metadata.creation_timestamp,
        "conditions": [{"type": condition, "status": "True"}],
    });
    if condition == "Complete" {
        status["completionTime"] = now.into();
    }
    let key = job.metadata.key().to_string();
    cluster
        .patch(Kind::Job, &key, "status", json!({"status": status}))
        .await;
}

#[tokio::test(start_paused = true)]
async fn cj1_a_job_is_started_at_each_time_and_named_after_it() {
    let cluster = start(json!({})).await;
    assert_eq!(names(&cluster), [""; 0]);
    minutes(&cluster, 2).await;
    assert_eq!(names(&cluster), ["tick+1", "tick+2"]);
    let job = &jobs(&cluster)[0].metadata;
    let timestamp = &job.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"];
    assert_eq!(timestamp, "2026-01-01T00:01:00Z");
    assert_eq!(job.labels["a"], "b");
    let status = status(&cluster.ground.shared.read());
    assert_eq!(
        status.last_schedule_time.as_deref(),
        Some("2026-01-01T00:02:00Z")
    );
    assert_eq!(status.active.len(), 2);
    assert_eq!(status.active[0]["uid"], job.uid);
}

#[tokio::test(start_paused = true)]
async fn cj1_forbid_waits_and_replace_ends_what_still_runs() {
    let cluster = start(json!({"concurrencyPolicy": "Forbid"})).await;
    minutes(&cluster, 3).await;
    assert_eq!(names(&cluster), ["tick+1"]);
    finish(&cluster, &jobs(&cluster)[0], "Complete").await;
    cluster.settle().await;
    // The time that has come meanwhile is made up for.
    assert_eq!(names(&cluster), ["tick+1", "tick+3"]);

    let cluster = start(json!({"concurrencyPolicy": "Replace"})).await;
    minutes(&cluster, 3).await;
    assert_eq!(names(&cluster), ["tick+3"]);
    assert_eq!(status(&cluster.ground.shared.read()).active.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn cj1_after_a_long_pause_only_the_last_time_counts_if_it_is_not_too_late() {
    let cluster = start(json!({"suspend": true})).await;
    minutes(&cluster, 1).await;
    cluster.advance(Duration::from_secs(3600 * 5 + 20)).await;
    cluster
        .patch(Kind::CronJob, CRON, "", json!({"spec": {"suspend": false}}))
        .await;
    cluster.settle().await;
    assert_eq!(names(&cluster), ["tick+301"]);

    let late = json!({"suspend": true, "startingDeadlineSeconds": 10});
    let cluster = start(late).await;
    cluster.advance(Duration::from_secs(3600 + 20)).await;
    cluster
        .patch(Kind::CronJob, CRON, "", json!({"spec": {"suspend": false}}))
        .await;
    cluster.settle().await;
    assert_eq!(names(&cluster), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn cj2_the_history_is_so_long_and_the_last_success_is_told() {
    let limits = json!({"successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 1});
    let cluster = start(limits).await;
    for number in 0..6 {
        minutes(&cluster, 1).await;
        let condition = if number % 2 == 0 {
            "Complete"
        } else {
            "Failed"
        };
        let running = jobs(&cluster);
        let running = running.iter().find(|job| job.status.conditions.is_empty());
        finish(&cluster, running.expect("a Job"), condition).await;
    }
    cluster.settle().await;
    assert_eq!(names(&cluster), ["tick+3", "tick+5", "tick+6"]);
    let status = status(&cluster.ground.shared.read());
    assert!(status.active.is_empty());
    let last = status.last_successful_time.expect("a time");
    assert!(last.starts_with("2026-01-01T00:05:"), "{last}");
}

#[test]
fn cj1_what_was_started_and_not_noted_is_noted_and_not_started_again() {
    let cron = json!({
        "metadata": {"name": "tick", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"schedule": "*/5 * * * *"},
    });
    let mut observed = Observed {
        cron: Arc::new(serde_json::from_value(cron).expect("a CronJob")),
        jobs: Vec::new(),
        now_us: START_US + 301 * 1_000_000,
    };
    let due = plan(&observed);
    assert_eq!(due.started, Some(START_US / 1_000_000 + 300));
    assert_eq!(due.again, Some(Duration::from_millis(299_100)));
    let name = format!("tick-{}", START_US / 60_000_000 + 5);
    let job = json!({"metadata": {"name": name, "uid": "u"}});
    observed
        .jobs
        .push(Arc::new(serde_json::from_value(job).expect("a Job")));
    let noted = plan(&observed);
    assert_eq!(noted.started, None);
    assert_eq!(noted.status.active[0]["uid"], "u");
    assert_eq!(
        noted.status.last_schedule_time.as_deref(),
        Some("2026-01-01T00:05:00Z")
    );
    let mut cron = (*observed.cron).clone();
    cron.status = noted.status;
    observed.cron = Arc::new(cron);
    let settled = plan(&observed);
    assert_eq!((settled.started, settled.told.len()), (None, 0));
}

#[test]
fn cj1_many_missed_times_are_told() {
    let cron = json!({
        "metadata": {"name": "tick", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"schedule": "* * * * *"},
    });
    let cron = Arc::new(serde_json::from_value(cron).expect("a CronJob"));
    for (minutes, reasons) in [(100, vec![]), (101, vec!["TooManyMissedTimes"])] {
        let observed = Observed {
            cron: Arc::clone(&cron),
            jobs: Vec::new(),
            now_us: START_US + minutes * 60_000_000,
        };
        let plan = plan(&observed);
        let told: Vec<_> = plan.told.iter().map(|(_, reason, _)| *reason).collect();
        assert_eq!(told, reasons);
        assert_eq!(plan.started, Some(observed.now_us / 1_000_000));
    }
}

#[tokio::test(start_paused = true)]
async fn cj1_the_clocks_of_a_zone_decide_and_the_annotation_shows_them() {
    // Midnight in UTC is 05:45 there.
    let spec = json!({"schedule": "50 5 * * *", "timeZone": "Asia/Kathmandu"});
    let cluster = start(spec).await;
    minutes(&cluster, 10).await;
    assert_eq!(names(&cluster), ["tick+5"]);
    let job = &jobs(&cluster)[0].metadata;
    let timestamp = &job.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"];
    assert_eq!(timestamp, "2026-01-01T05:50:00+05:45");
}

#[test]
fn cj1_a_zone_that_nobody_knows_starts_nothing_and_is_told() {
    let cron = json!({
        "metadata": {"name": "tick", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"schedule": "* * * * *", "timeZone": "Middle/Earth"},
    });
    let observed = Observed {
        cron: Arc::new(serde_json::from_value(cron).expect("a CronJob")),
        jobs: Vec::new(),
        now_us: START_US + 60_000_000,
    };
    let plan = plan(&observed);
    assert_eq!((plan.started, plan.again), (None, None));
    let message = "invalid timeZone: \"Middle/Earth\": unknown time zone Middle/Earth";
    assert_eq!(plan.told, [(true, "UnknownTimeZone", message.to_owned())]);
}
