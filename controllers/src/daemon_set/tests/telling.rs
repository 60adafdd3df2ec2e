//! Status, old templates, and what changes hands: DS5, M4.

use super::*;
use crate::daemon_set::template::HASH;
use keelson_apiserver::request::Propagation;
use keelson_apiserver::storage::Call;

#[tokio::test(start_paused = true)]
async fn ds5_the_status_counts_nodes_and_waits_until_pods_have_served_long_enough() {
    let cluster = cluster(3).await;
    start(&cluster, "i", json!({"minReadySeconds": 30})).await;
    cluster.settle().await;
    assert_eq!(told(&cluster), [3, 3, 0, 0, 3, 0, 3]);
    run(&cluster).await;
    assert_eq!(told(&cluster), [3, 3, 0, 3, 3, 0, 3]);
    advance(&cluster, 31).await;
    cluster.settle().await;
    assert_eq!(told(&cluster), [3, 3, 0, 3, 3, 3, 0]);
    let stored = cluster
        .get(Kind::DaemonSet, SET)
        .await
        .expect("the DaemonSet");
    assert_eq!(stored["status"]["observedGeneration"], 1);
    assert_eq!(stored["status"]["numberMisscheduled"], 0);
    assert_eq!(stored["status"].get("numberUnavailable"), None);
}

#[tokio::test(start_paused = true)]
async fn ds5_each_template_is_kept_and_going_back_uses_it_again() {
    let cluster = cluster(1).await;
    start(&cluster, "one", json!({"revisionHistoryLimit": 1})).await;
    run(&cluster).await;
    let first = revisions(&cluster);
    assert_eq!(first.len(), 1);
    let hash = &first[0].metadata.labels[HASH];
    assert_eq!(&pods(&cluster)[0].metadata.labels[HASH], hash);
    assert_eq!(first[0].metadata.name, format!("agent-{hash}"));
    let template = &first[0].data["spec"]["template"];
    assert_eq!(template["$patch"], "replace");
    assert_eq!(template["spec"]["containers"][0]["image"], "one");
    change_image(&cluster, "two").await;
    run(&cluster).await;
    let numbers: Vec<_> = revisions(&cluster).iter().map(|one| one.revision).collect();
    assert_eq!(numbers, [1, 2]);
    // As `kubectl rollout undo` does.
    change_image(&cluster, "one").await;
    run(&cluster).await;
    let again = revisions(&cluster);
    assert_eq!(again.len(), 2);
    assert_eq!(
        (again[1].revision, &again[1].metadata.uid),
        (3, &first[0].metadata.uid)
    );
    assert_eq!(images(&cluster), ["node-0 one"]);
    change_image(&cluster, "three").await;
    run(&cluster).await;
    let numbers: Vec<_> = revisions(&cluster).iter().map(|one| one.revision).collect();
    assert_eq!(numbers, [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn m4_a_daemon_set_takes_in_what_an_earlier_one_left() {
    let cluster = cluster(2).await;
    start(&cluster, "i", json!({})).await;
    run(&cluster).await;
    let before: Vec<_> = pods(&cluster)
        .iter()
        .map(|pod| pod.metadata.uid.clone())
        .collect();
    // What the collector of garbage does when it orphans.
    cluster
        .delete(Kind::DaemonSet, SET, Some(Propagation::Background), None)
        .await;
    let nobody = json!({"metadata": {"ownerReferences": null}});
    for pod in pods(&cluster) {
        let key = pod.metadata.key().to_string();
        cluster.patch(Kind::Pod, &key, "", nobody.clone()).await;
    }
    for one in revisions(&cluster) {
        let key = one.metadata.key().to_string();
        cluster
            .patch(Kind::ControllerRevision, &key, "", nobody.clone())
            .await;
    }
    start(&cluster, "i", json!({})).await;
    run(&cluster).await;
    let after: Vec<_> = pods(&cluster)
        .iter()
        .map(|pod| pod.metadata.uid.clone())
        .collect();
    assert_eq!(after, before);
    assert_eq!(revisions(&cluster).len(), 1);
    assert_eq!(told(&cluster), [2, 2, 0, 2, 2, 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn m2_a_quota_that_is_used_up_is_not_asked_for_every_node() {
    let cluster = cluster(60).await;
    let one = cluster.fill_quota().await;
    let before = cluster.kv.calls(Call::Range);
    start(&cluster, "i", json!({})).await;
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
