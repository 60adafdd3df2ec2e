//! Who tells events, as `kubectl describe` shows it in the column `From`: upstream's names.

use crate::cron_job::CronJobs;
use crate::daemon_set::DaemonSets;
use crate::endpoint_slices::EndpointSlices;
use crate::endpoints::EndpointsController;
use crate::garbage::GarbageCollector;
use crate::job::Jobs;
use crate::node_ipam::{NodeIpam, Range};
use crate::node_lifecycle::{NodeLifecycle, Timings};
use crate::runtime::{Controller, Kind};
use crate::taint_eviction::TaintEviction;
use crate::testing::Cluster;
use crate::ttl_after_finished::TtlAfterFinished;
use keelson_apiserver::storage::{At, Kv, Range as Keys};
use serde_json::{Value, json};

#[test]
fn each_loop_tells_events_in_upstreams_name() {
    let loops: [(Box<dyn Controller>, &str); 10] = [
        (Box::new(Jobs), "job-controller"),
        (Box::new(DaemonSets::default()), "daemonset-controller"),
        (Box::new(CronJobs), "cronjob-controller"),
        (
            Box::new(NodeLifecycle::new(Timings::default())),
            "node-controller",
        ),
        (Box::new(TaintEviction::new()), "taint-eviction-controller"),
        (Box::new(NodeIpam::new(Range::default())), "cidrAllocator"),
        (
            Box::new(EndpointSlices::default()),
            "endpoint-slice-controller",
        ),
        (
            Box::new(EndpointsController::default()),
            "endpoint-controller",
        ),
        (Box::new(TtlAfterFinished), "ttl-after-finished-controller"),
        (Box::new(GarbageCollector), "garbage-collector-controller"),
    ];
    for (one, name) in loops {
        assert_eq!(one.reports_as(), name, "{}", one.name());
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_job_is_from_the_job_controller() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(Jobs));
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "work"},
        "spec": {"template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "main", "image": "i"}],
        }}},
    });
    cluster.create(Kind::Job, "default", job).await;
    cluster
        .until("the Job has a Pod", |world| world.pods.all().count() == 1)
        .await;
    cluster.settle().await;
    let range = Keys {
        key: "/registry/events/".into(),
        end: Some("/registry/events0".into()),
        at: At::Latest,
        limit: 0,
        keys_only: false,
    };
    let found = cluster.kv.range(range).await.expect("the store answers");
    let events = found.keys.iter();
    let events = events.map(|found| serde_json::from_slice(&found.value).expect("an event"));
    let events: Vec<Value> = events.collect();
    assert!(!events.is_empty());
    for event in events {
        assert_eq!(event["source"]["component"], "job-controller", "{event}");
        assert_eq!(event["reportingComponent"], "job-controller", "{event}");
    }
}
