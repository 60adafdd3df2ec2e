//! Two who run the same loop, writes whose outcome nobody knows, Pods that never stand still.

use super::history::{claims, steps, wrong};
use super::*;
use keelson_apiserver::storage::{Call, Fault, KvError};
use std::time::Duration;

async fn up_and_down(cluster: &Cluster) {
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 3))
        .await;
    for wanted in [7, 2, 60, 0, 1, 12, 11, 30] {
        scale(cluster, "a", wanted).await;
        settled(cluster, "a", usize::try_from(wanted).expect("positive")).await;
        // Once without waiting for everything.
        scale(cluster, "a", wanted + 5).await;
        scale(cluster, "a", wanted + 1).await;
    }
    settled(cluster, "a", 31).await;
    cluster.settle().await;
    let steps = steps(cluster).await;
    assert_eq!(wrong(&steps), Vec::<String>::new());
    // Each claim beyond the first two follows on a write that was refused, since the other had claimed.
    let stale = claims(&steps, "replicaset") - 2;
    assert!(stale > 0, "nobody was ever told to look again");
}

#[tokio::test(start_paused = true)]
async fn two_who_run_it_never_make_two_pods_for_one_place() {
    let cluster = Cluster::new().await;
    for _ in 0..2 {
        cluster.lead(|manager| manager.with(sets()));
    }
    cluster.run_pods();
    up_and_down(&cluster).await;
}

#[tokio::test]
async fn two_who_run_it_at_the_same_moment_do_not_either() {
    let cluster = Cluster::new().await;
    let _apart = [(); 2].map(|()| cluster.lead_apart(|manager| manager.with(sets())));
    cluster.run_pods();
    up_and_down(&cluster).await;
}

#[tokio::test(start_paused = true)]
async fn writes_whose_outcome_nobody_knows_are_not_made_twice() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(sets()));
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 0))
        .await;
    for wanted in [20, 3, 40, 0] {
        // All faults of the last round have been used up by the many writes it took.
        cluster.settle().await;
        scale(&cluster, "a", wanted).await;
        for _ in 0..4 {
            let lost = || KvError::Unknown("a lost answer".to_owned());
            cluster.kv.fail_next(Call::Txn, Fault::After(lost()));
            cluster.kv.fail_next(Call::Txn, Fault::Before(lost()));
            let away = KvError::Unavailable("away".to_owned());
            cluster.kv.fail_next(Call::Range, Fault::Before(away));
        }
        settled(&cluster, "a", usize::try_from(wanted).expect("positive")).await;
    }
    assert_eq!(wrong(&steps(&cluster).await), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn pods_that_change_all_the_time_are_deleted_all_the_same() {
    let cluster = Arc::new(Cluster::new().await);
    cluster.lead(|manager| manager.with(sets()));
    let pause = cluster.run_pods();
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 30))
        .await;
    ready(&cluster, "a", 30).await;
    pause.set(true);
    let busy = cluster.clone();
    tokio::spawn(async move {
        for round in 0_u64.. {
            let names: Vec<_> = {
                let world = busy.ground.shared.read();
                world.pods.all().map(|pod| pod.metadata.key()).collect()
            };
            for key in names {
                let status = json!({"status": {"message": round.to_string()}});
                busy.patch(Kind::Pod, &key.to_string(), "status", status)
                    .await;
                tokio::task::yield_now().await;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    scale(&cluster, "a", 0).await;
    settled(&cluster, "a", 0).await;
}
