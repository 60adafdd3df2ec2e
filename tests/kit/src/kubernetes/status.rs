//! 36 to 38 and 70: parts of objects that are written apart.

use super::client::Patch;
use super::objects::stateful_set;
use super::place::Place;
use super::run::asked;
use crate::check::{Check, holds, same, some};
use serde_json::{Value, json};

asked![
    s36_status_and_spec_are_written_apart,
    s37_what_a_status_write_may_change_of_the_metadata_is_the_kinds,
    s38_the_scale_is_an_object_that_can_be_written,
    s70_a_patch_of_the_status_touches_nothing_else,
];

const JOBS: &str = "batch/v1/cronjobs";

/// A kind that no loop touches as long as it is suspended.
fn cron_job(name: &str) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": {
        "schedule": "0 0 1 1 *", "suspend": true,
        "jobTemplate": {"spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "main", "image": "app:1"}],
        }}}},
    }})
}

const TIME: &str = "2025-01-01T00:00:00Z";

async fn s36_status_and_spec_are_written_apart(p: &Place) -> Check {
    let mut job = cron_job("a");
    job["status"] = json!({"lastScheduleTime": TIME});
    let made = p.create(JOBS, &job).await?;
    same(
        "status at first",
        made["status"].get("lastScheduleTime"),
        None,
    )?;
    let mut both = made.clone();
    both["status"] = json!({"lastScheduleTime": TIME});
    both["spec"]["schedule"] = "1 1 1 1 *".into();
    both["metadata"]["labels"] = json!({"x": "y"});
    let path = format!("{}/status", p.one(JOBS, "a"));
    let after = p.client.put(&path, &both).await?.with(200)?;
    same("status", &after["status"]["lastScheduleTime"], &json!(TIME))?;
    same("spec", &after["spec"], &made["spec"])?;
    same("generation", &after["metadata"]["generation"], &json!(1))?;
    let managers = after["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten();
    let mut own = managers.filter(|one| one["subresource"] == "status");
    let own = some("an entry of the status", own.next())?;
    same("owned", own["fieldsV1"].get("f:spec"), None)?;
    // One version locks both.
    p.try_put(JOBS, &both).await?.refused(409, "Conflict")?;
    both["metadata"]["resourceVersion"] = after["metadata"]["resourceVersion"].clone();
    both["status"] = json!({});
    let after = p.put(JOBS, &both).await?;
    same("status", &after["status"]["lastScheduleTime"], &json!(TIME))?;
    same("spec", &after["spec"]["schedule"], &json!("1 1 1 1 *"))
}

async fn s37_what_a_status_write_may_change_of_the_metadata_is_the_kinds(p: &Place) -> Check {
    p.with_account().await?;
    let names = ["labels", "annotations", "ownerReferences"];
    let patch = json!({"metadata": {
        "labels": {"new": "x"}, "annotations": {"new": "x"},
        "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "p", "uid": "u"}],
    }});
    p.map("p").await?;
    let owner = p.get("configmaps", "p").await?["metadata"]["uid"].clone();
    let mut patch_ = patch;
    patch_["metadata"]["ownerReferences"][0]["uid"] = owner;
    p.pod("p", "").await?;
    let web = super::objects::deployment("web");
    p.create("apps/v1/deployments", &web).await?;
    for (resource, name, wanted) in [
        ("pods", "p", vec!["labels", "annotations"]),
        (
            "apps/v1/deployments",
            "web",
            vec!["annotations", "ownerReferences"],
        ),
    ] {
        let after = p
            .merge(resource, &format!("{name}/status"), &patch_)
            .await?;
        let has = |field: &&str| match *field {
            "ownerReferences" => after["metadata"].get("ownerReferences").is_some(),
            field => after["metadata"][field]["new"] == "x",
        };
        same(
            resource,
            names.into_iter().filter(has).collect::<Vec<_>>(),
            wanted,
        )?;
    }
    Ok(())
}

async fn s38_the_scale_is_an_object_that_can_be_written(p: &Place) -> Check {
    let kind = "apps/v1/statefulsets";
    let made = p.create(kind, &stateful_set("web")).await?;
    let path = format!("{}/scale", p.one(kind, "web"));
    let first = p.client.get(&path).await?.with(200)?;
    same("kind", &first["kind"], &json!("Scale"))?;
    same("apiVersion", &first["apiVersion"], &json!("autoscaling/v1"))?;
    same("selector", &first["status"]["selector"], &json!("app=web"))?;
    same("uid", &first["metadata"]["uid"], &made["metadata"]["uid"])?;
    // As kubectl scales. The set's loop makes Pods of it, which nobody runs.
    let patch = json!({"spec": {"replicas": 1}});
    let scaled = p
        .client
        .patch(&path, Patch::Merge, &patch)
        .await?
        .with(200)?;
    same("kind", &scaled["kind"], &json!("Scale"))?;
    same("replicas", &scaled["spec"]["replicas"], &json!(1))?;
    let stored = p.get(kind, "web").await?;
    same("stored", &stored["spec"]["replicas"], &json!(1))?;
    let mut late = first;
    late["spec"]["replicas"] = 5.into();
    p.client.put(&path, &late).await?.refused(409, "Conflict")?;
    late["metadata"] = json!({"name": "web", "namespace": p.namespace});
    late["spec"]["replicas"] = 0.into();
    let put = p.client.put(&path, &late).await?.with(200)?;
    same(
        "replicas",
        put["spec"]
            .get("replicas")
            .and_then(Value::as_i64)
            .unwrap_or(0),
        0,
    )?;
    late["spec"]["replicas"] = (-1).into();
    let status = p.client.put(&path, &late).await?.refused(422, "Invalid")?;
    let message = status["message"].as_str().unwrap_or_default();
    holds(
        message,
        message.contains("must be greater than or equal to 0"),
    )
}

async fn s70_a_patch_of_the_status_touches_nothing_else(p: &Place) -> Check {
    let made = p.create(JOBS, &cron_job("a")).await?;
    let patch = json!({"spec": {"schedule": "1 1 1 1 *"}, "status": {"lastScheduleTime": TIME}});
    let after = p.merge(JOBS, "a/status", &patch).await?;
    same("spec", &after["spec"], &made["spec"])?;
    same("status", &after["status"]["lastScheduleTime"], &json!(TIME))
}
