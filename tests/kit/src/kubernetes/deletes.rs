//! 50 to 58: how objects go.

use super::client::Patch;
use super::objects::{deployment, with_finalizers};
use super::place::{Place, names};
use super::run::asked;
use super::watch::version;
use crate::check::{Check, holds, same};
use hyper::Method;
use serde_json::{Value, json};

asked![
    s50_finalizers_hold_an_object_until_the_last_is_gone,
    s51_the_time_to_stop_only_gets_shorter,
    s52_a_pod_on_a_node_gets_time_and_others_do_not,
    s53_preconditions_that_do_not_hold_are_conflicts,
    s54_policies_are_finalizers_for_the_collector,
    s55_two_policies_at_once_are_refused,
    s56_what_is_gone_is_answered_with_a_status_and_what_stays_is_shown,
    s57_what_is_going_gets_no_new_finalizers,
    s58_what_is_missing_is_not_found_and_nothing_is_a_list,
];

async fn s50_finalizers_hold_an_object_until_the_last_is_gone(p: &Place) -> Check {
    let made = p
        .create("configmaps", &with_finalizers("a", &["a.io/a", "a.io/b"]))
        .await?;
    let from = format!(
        "fieldSelector=metadata.name%3Da&resourceVersion={}",
        version(&made)
    );
    let mut watch = p.watch("configmaps", &from).await?;
    let going = p.delete("configmaps", "a", &json!({})).await?.with(200)?;
    same("kind", &going["kind"], &json!("ConfigMap"))?;
    holds(
        "it is marked",
        going["metadata"]["deletionTimestamp"].is_string(),
    )?;
    same(
        "finalizers",
        &going["metadata"]["finalizers"],
        &json!(["a.io/a", "a.io/b"]),
    )?;
    same("it stays", &p.get("configmaps", "a").await?, &going)?;
    same(
        "the event",
        watch.expect("MODIFIED a").await?.object,
        going.clone(),
    )?;
    let mut less = going;
    less["metadata"]["finalizers"] = json!(["a.io/b"]);
    less = p.put("configmaps", &less).await?;
    same(
        "the event",
        watch.expect("MODIFIED a").await?.object,
        less.clone(),
    )?;
    less["metadata"]["finalizers"] = json!([]);
    p.put("configmaps", &less).await?;
    p.try_get("configmaps", "a")
        .await?
        .refused(404, "NotFound")?;
    let gone = watch.expect("DELETED a").await?;
    holds("its version is later", gone.version() > version(&less))
}

fn grace(object: &Value) -> Option<i64> {
    object["metadata"]["deletionGracePeriodSeconds"].as_i64()
}

async fn s51_the_time_to_stop_only_gets_shorter(p: &Place) -> Check {
    p.with_account().await?;
    p.node(&p.namespace).await?;
    p.pod("p", &p.namespace).await?;
    let mut last = String::new();
    for (options, wanted) in [
        (json!({"gracePeriodSeconds": 600}), 600),
        (json!({"gracePeriodSeconds": 900}), 600),
        (json!({}), 600),
        (json!({"gracePeriodSeconds": 300}), 300),
    ] {
        let going = p.delete("pods", "p", &options).await?.with(200)?;
        same(&options.to_string(), grace(&going), Some(wanted))?;
        let until = going["metadata"]["deletionTimestamp"]
            .as_str()
            .unwrap_or_default();
        let is_right = last.is_empty() || (wanted == 600) == (until == last);
        holds(&format!("{options} until {until}, before {last}"), is_right)?;
        last = until.to_owned();
    }
    p.delete("pods", "p", &json!({"gracePeriodSeconds": 0}))
        .await?
        .with(200)?;
    p.try_get("pods", "p")
        .await?
        .refused(404, "NotFound")
        .map(|_| ())
}

async fn s52_a_pod_on_a_node_gets_time_and_others_do_not(p: &Place) -> Check {
    p.with_account().await?;
    p.node(&p.namespace).await?;
    let made = p.pod("p", &p.namespace).await?;
    let going = p.delete("pods", "p", &json!({})).await?.with(200)?;
    same("grace", grace(&going), Some(30))?;
    holds("marked", going["metadata"]["deletionTimestamp"].is_string())?;
    let stored = p.get("pods", "p").await?;
    same(
        "it stays",
        &stored["metadata"]["uid"],
        &made["metadata"]["uid"],
    )?;
    // As the node does when it is done.
    p.delete("pods", "p", &json!({"gracePeriodSeconds": 0}))
        .await?
        .with(200)?;
    p.try_get("pods", "p").await?.refused(404, "NotFound")?;
    p.pod("free", "").await?;
    p.delete("pods", "free", &json!({})).await?.with(200)?;
    p.try_get("pods", "free")
        .await?
        .refused(404, "NotFound")
        .map(|_| ())
}

async fn s53_preconditions_that_do_not_hold_are_conflicts(p: &Place) -> Check {
    let made = p.map("a").await?;
    for wanted in [json!({"uid": "other"}), json!({"resourceVersion": "1"})] {
        let options = json!({"preconditions": wanted});
        let answer = p.delete("configmaps", "a", &options).await?;
        let status = answer.refused(409, "Conflict")?;
        let message = status["message"].as_str().unwrap_or_default();
        holds(message, message.contains("in the precondition"))?;
    }
    same("it stays", &p.get("configmaps", "a").await?, &made)?;
    let wanted = json!({"uid": made["metadata"]["uid"],
        "resourceVersion": made["metadata"]["resourceVersion"]});
    p.delete("configmaps", "a", &json!({"preconditions": wanted}))
        .await?
        .with(200)
        .map(|_| ())
}

async fn s54_policies_are_finalizers_for_the_collector(p: &Place) -> Check {
    for (policy, wanted) in [
        ("Foreground", json!(["a.io/stay", "foregroundDeletion"])),
        ("Orphan", json!(["a.io/stay", "orphan"])),
        ("Background", json!(["a.io/stay"])),
    ] {
        let name = policy.to_lowercase();
        p.create("configmaps", &with_finalizers(&name, &["a.io/stay"]))
            .await?;
        let options = json!({"propagationPolicy": policy});
        let going = p.delete("configmaps", &name, &options).await?.with(200)?;
        let mut finalizers = going["metadata"]["finalizers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        finalizers.sort_by_key(Value::to_string);
        same(policy, Value::Array(finalizers), wanted)?;
    }
    Ok(())
}

async fn s55_two_policies_at_once_are_refused(p: &Place) -> Check {
    p.map("a").await?;
    let options = json!({"orphanDependents": true, "propagationPolicy": "Orphan"});
    p.delete("configmaps", "a", &options)
        .await?
        .refused(422, "Invalid")?;
    p.get("configmaps", "a").await.map(|_| ())
}

async fn s56_what_is_gone_is_answered_with_a_status_and_what_stays_is_shown(p: &Place) -> Check {
    let kind = "coordination.k8s.io/v1/leases";
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "a"}, "spec": {}});
    let made = p.create(kind, &lease).await?;
    let answer = p.delete(kind, "a", &json!({})).await?.with(200)?;
    let details = json!({"name": "a", "group": "coordination.k8s.io", "kind": "leases",
        "uid": made["metadata"]["uid"]});
    same("status", &answer["status"], &json!("Success"))?;
    same("kind", &answer["kind"], &json!("Status"))?;
    same("details", &answer["details"], &details)?;
    p.create("configmaps", &with_finalizers("a", &["a.io/stay"]))
        .await?;
    let answer = p.delete("configmaps", "a", &json!({})).await?.with(200)?;
    same("kind", &answer["kind"], &json!("ConfigMap"))
}

async fn s57_what_is_going_gets_no_new_finalizers(p: &Place) -> Check {
    p.create("configmaps", &with_finalizers("a", &["a.io/a", "a.io/b"]))
        .await?;
    p.delete("configmaps", "a", &json!({})).await?.with(200)?;
    let more = json!({"metadata": {"finalizers": ["a.io/a", "a.io/c"]}});
    let answer = p.patch(Patch::Merge, "configmaps", "a", &more).await?;
    let status = answer.refused(422, "Invalid")?;
    let cause = &status["details"]["causes"][0];
    same("reason", &cause["reason"], &json!("FieldValueForbidden"))?;
    same("field", &cause["field"], &json!("metadata.finalizers"))
}

async fn s58_what_is_missing_is_not_found_and_nothing_is_a_list(p: &Place) -> Check {
    let message = "deployments.apps \"a\" not found";
    let answer = p.delete("apps/v1/deployments", "a", &json!({})).await?;
    let status = answer.says(404, "NotFound", message)?;
    let details = json!({"name": "a", "group": "apps", "kind": "deployments"});
    same("details", &status["details"], &details)?;
    let all = p.all("apps/v1/deployments");
    let list = p
        .client
        .send(Method::DELETE, &all, &[], "")
        .await?
        .with(200)?;
    same("items", names(&list).len(), 0)?;
    p.create("apps/v1/deployments", &deployment("a")).await?;
    p.client
        .send(Method::DELETE, &all, &[], "")
        .await?
        .with(200)?;
    p.try_get("apps/v1/deployments", "a")
        .await?
        .refused(404, "NotFound")
        .map(|_| ())
}
