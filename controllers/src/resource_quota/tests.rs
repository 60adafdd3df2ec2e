//! Quotas, with admission in front of a store in memory.

use super::*;
use crate::testing::Cluster;
use keelson_apiserver::status::Reason;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn quota(hard: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
        "spec": {"hard": hard},
    })
}

fn pod(name: &str, resources: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "c", "image": "i", "resources": resources}]},
    })
}

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

fn status(world: &World) -> ResourceQuotaStatus {
    let quota = world.resource_quotas.get(&Key::new("default", "q"));
    quota.map(|quota| quota.status.clone()).unwrap_or_default()
}

async fn until_used(cluster: &Cluster, used: Value) {
    let what = format!("{used} is used");
    cluster
        .until(&what, |world| Value::from(status(world).used) == used)
        .await;
}

#[tokio::test(start_paused = true)]
async fn q1_what_was_there_is_counted_and_what_goes_makes_room() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(ResourceQuotas));
    let half = json!({"requests": {"cpu": "500m", "memory": "64Mi"}});
    for name in ["a", "b"] {
        let pod = pod(name, half.clone());
        cluster.create(Kind::Pod, "default", pod).await;
    }
    cluster.create(Kind::ConfigMap, "default", map("m")).await;
    let hard = json!({
        "pods": "2", "requests.cpu": "2", "requests.memory": "1Gi", "count/configmaps": "5",
        "count/deployments.apps": "3", "services.nodeports": "1", "persistentvolumeclaims": "1",
        "nobody.knows/this": "1",
    });
    cluster
        .create(Kind::ResourceQuota, "default", quota(hard.clone()))
        .await;
    let used = |pods: &str, cpu: &str, memory: &str| {
        json!({
            "pods": pods, "requests.cpu": cpu, "requests.memory": memory, "count/configmaps": "1",
            "count/deployments.apps": "0", "services.nodeports": "0", "persistentvolumeclaims": "0",
        })
    };
    until_used(&cluster, used("2", "1", "128Mi")).await;
    let now = cluster.get(Kind::ResourceQuota, "default/q").await;
    assert_eq!(now.expect("a quota")["status"]["hard"], hard);
    let refused = cluster.try_create(Kind::Pod, "default", pod("c", half.clone()));
    let refused = refused.await.expect_err("there is no room");
    assert_eq!(refused.reason, Reason::Forbidden);
    assert!(refused.message.contains("exceeded quota: q"), "{refused}");
    cluster.delete(Kind::Pod, "default/a", None, None).await;
    until_used(&cluster, used("1", "500m", "64Mi")).await;
    cluster.create(Kind::Pod, "default", pod("c", half)).await;
    until_used(&cluster, used("2", "1", "128Mi")).await;
    let ended = json!({"status": {"phase": "Succeeded"}});
    cluster.patch(Kind::Pod, "default/c", "status", ended).await;
    until_used(&cluster, used("1", "500m", "64Mi")).await;
}

#[tokio::test(start_paused = true)]
async fn q1_what_a_quota_is_about_can_change() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(ResourceQuotas));
    cluster
        .create(Kind::ResourceQuota, "default", quota(json!({"pods": "1"})))
        .await;
    cluster.create(Kind::ConfigMap, "default", map("m")).await;
    until_used(&cluster, json!({"pods": "0"})).await;
    let other = json!({"spec": {"hard": {"pods": null, "configmaps": "7"}}});
    cluster
        .patch(Kind::ResourceQuota, "default/q", "", other)
        .await;
    until_used(&cluster, json!({"configmaps": "1"})).await;
    let now = cluster.get(Kind::ResourceQuota, "default/q").await;
    let now = now.expect("a quota");
    assert_eq!(now["status"]["hard"], json!({"configmaps": "7"}));
}

#[tokio::test(start_paused = true)]
async fn q1_a_wrong_count_is_put_right_and_a_right_one_is_not_written_again() {
    let cluster = Cluster::new().await;
    cluster
        .create(Kind::ResourceQuota, "default", quota(json!({"pods": "3"})))
        .await;
    cluster.lead(|manager| manager.with(ResourceQuotas));
    until_used(&cluster, json!({"pods": "0"})).await;
    cluster.settle().await;
    let revision = cluster.kv.revision();
    cluster.advance(EVERY).await;
    cluster.settle().await;
    assert_eq!(cluster.kv.revision(), revision);
    let wrong = json!({"status": {"used": {"pods": "2"}}});
    cluster
        .patch(Kind::ResourceQuota, "default/q", "status", wrong)
        .await;
    cluster.settle().await;
    until_used(&cluster, json!({"pods": "0"})).await;
}

#[tokio::test(start_paused = true)]
async fn q1_what_nobody_told_is_counted_after_five_minutes() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(ResourceQuotas));
    let cpu = |cpu: &str| json!({"requests": {"cpu": cpu}});
    cluster
        .create(Kind::Pod, "default", pod("a", cpu("500m")))
        .await;
    cluster
        .create(Kind::ResourceQuota, "default", quota(json!({"cpu": "1"})))
        .await;
    until_used(&cluster, json!({"cpu": "500m"})).await;
    let smaller = json!({"spec": {"containers": [
        {"name": "c", "image": "i", "resources": cpu("250m")},
    ]}});
    cluster
        .patch(Kind::Pod, "default/a", "resize", smaller)
        .await;
    cluster.settle().await;
    assert_eq!(status(&cluster.ground.shared.read()).used["cpu"], "500m");
    cluster.advance(EVERY).await;
    until_used(&cluster, json!({"cpu": "250m"})).await;
}

#[tokio::test]
async fn q1_there_is_never_more_than_is_allowed_however_many_write_while_it_is_counted() {
    const WRITERS: usize = 8;
    const HARD: usize = 10;
    let cluster = Arc::new(Cluster::new().await);
    cluster.lead(|manager| manager.with(ResourceQuotas));
    let made = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (cluster, made) = (cluster.clone(), made.clone());
            tokio::spawn(async move {
                for number in 0..12 {
                    let pod = pod(&format!("p-{writer}-{number}"), json!({}));
                    let created = cluster.try_create(Kind::Pod, "default", pod).await;
                    made.fetch_add(usize::from(created.is_ok()), Ordering::SeqCst);
                    if created.is_ok() && number % 3 == 0 {
                        let key = format!("default/p-{writer}-{number}");
                        cluster.delete(Kind::Pod, &key, None, Some(0)).await;
                        made.fetch_sub(1, Ordering::SeqCst);
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    cluster
        .create(
            Kind::ResourceQuota,
            "default",
            quota(json!({"pods": HARD.to_string()})),
        )
        .await;
    // What came before the quota stays; from when it counts on, only what it lets in comes.
    let before = AtomicUsize::new(0);
    cluster
        .until("the quota counts", |world| {
            let there = world.pods.in_namespace("default").count();
            before.store(there, Ordering::SeqCst);
            status(world).used.contains_key("pods")
        })
        .await;
    for writer in writers {
        writer.await.expect("no panic");
    }
    cluster.settle().await;
    let there = cluster
        .ground
        .shared
        .read()
        .pods
        .in_namespace("default")
        .count();
    let most = before.load(Ordering::SeqCst).max(HARD);
    assert!(
        there <= most,
        "{there} pods, and at most {most} may be there"
    );
    assert_eq!(there, made.load(Ordering::SeqCst));
    until_used(&cluster, json!({"pods": there.to_string()})).await;
}

#[test]
fn q1_what_is_new_to_a_quota_lets_nothing_in_before_it_is_counted() {
    let counted = |value: Value| value.as_object().cloned().expect("an object");
    let of = |status: Value| ResourceQuota {
        spec: json!({"hard": {"pods": "1", "secrets": "2"}}),
        status: serde_json::from_value(status).expect("a status"),
        ..ResourceQuota::default()
    };
    let all = counted(json!({"pods": "1", "secrets": "0"}));
    let hard = counted(json!({"pods": "1", "secrets": "2"}));
    for (before, used) in [
        (json!({}), json!({})),
        (
            json!({"hard": {"pods": "5"}, "used": {"pods": "3"}}),
            json!({"pods": "3"}),
        ),
        (
            json!({"hard": {"pods": "1", "secrets": "2"}, "used": {}}),
            json!({"pods": "1", "secrets": "0"}),
        ),
        (
            json!({"hard": {"pods": "1", "secrets": "2", "services": "1"}, "used": {"services": "1"}}),
            json!({"pods": "1", "secrets": "0"}),
        ),
    ] {
        let status = plan(&of(before.clone()), all.clone());
        assert_eq!(status.hard, hard, "{before}");
        assert_eq!(Value::from(status.used), used, "{before}");
    }
}
