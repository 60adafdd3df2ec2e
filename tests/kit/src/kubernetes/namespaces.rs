//! 59 to 61: namespaces, and how they go.

use super::client::Patch;
use super::objects::{map, namespace};
use super::place::Place;
use super::run::asked;
use crate::check::{Check, same};
use crate::wait::wait_for;
use serde_json::json;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

asked![
    s59_a_namespace_takes_nothing_new_and_goes_when_it_is_empty,
    s59_only_its_subresource_lets_a_namespace_go,
    s59_what_has_no_namespace_is_not_found,
    s60_three_namespaces_stay,
    s61_a_namespace_is_labelled_with_its_name,
];

const ALL: &str = "/api/v1/namespaces";

async fn s59_a_namespace_takes_nothing_new_and_goes_when_it_is_empty(p: &Place) -> Check {
    // Something that the namespace's loop cannot take away holds it.
    let held = super::objects::with_finalizers("held", &["a.io/stay"]);
    p.create("configmaps", &held).await?;
    let path = format!("{ALL}/{}", p.namespace);
    let query = format!("{ALL}?fieldSelector=metadata.name%3D{}", p.namespace);
    let mut watch = p.client.watch(&query).await?;
    let going = p.client.delete(&path, &json!({})).await?.with(200)?;
    same("phase", &going["status"]["phase"], &json!("Terminating"))?;
    same(
        "finalizers",
        &going["spec"]["finalizers"],
        &json!(["kubernetes"]),
    )?;
    let status = p
        .try_create("configmaps", &map("b", "1"))
        .await?
        .refused(403, "Forbidden")?;
    let cause = &status["details"]["causes"][0];
    same("cause", &cause["reason"], &json!("NamespaceTerminating"))?;
    // Nothing but the subresource takes the finalizer away.
    let patch = json!({"spec": {"finalizers": []}});
    let after = p
        .client
        .patch(&path, Patch::Merge, &patch)
        .await?
        .with(200)?;
    same(
        "finalizers",
        &after["spec"]["finalizers"],
        &json!(["kubernetes"]),
    )?;
    let patch = json!({"metadata": {"finalizers": []}});
    p.merge("configmaps", "held", &patch).await?;
    watch.until(|event| event.kind == "DELETED").await?;
    p.client
        .get(&path)
        .await?
        .refused(404, "NotFound")
        .map(|_| ())
}

async fn s59_only_its_subresource_lets_a_namespace_go(p: &Place) -> Check {
    let held = super::objects::with_finalizers("held", &["a.io/stay"]);
    p.create("configmaps", &held).await?;
    let path = format!("{ALL}/{}", p.namespace);
    p.client.delete(&path, &json!({})).await?.with(200)?;
    // The namespace's loop writes too: it says what it waits for.
    let let_go = || async {
        let mut stored = p.client.get(&path).await.ok()?.with(200).ok()?;
        stored["spec"]["finalizers"] = json!([]);
        let put = p.client.put(&format!("{path}/finalize"), &stored).await;
        put.ok().filter(|put| put.code != 409)
    };
    wait_for("the finalizer is taken", PATIENCE, let_go)
        .await?
        .with(200)?;
    p.client
        .get(&path)
        .await?
        .refused(404, "NotFound")
        .map(|_| ())
}

async fn s59_what_has_no_namespace_is_not_found(p: &Place) -> Check {
    let gone = format!("{}-not", p.namespace);
    let path = format!("{ALL}/{gone}/configmaps");
    let message = format!("namespaces \"{gone}\" not found");
    let status = p
        .client
        .post(&path, &map("a", "1"))
        .await?
        .says(404, "NotFound", &message)?;
    let details = json!({"name": gone, "kind": "namespaces"});
    same("details", &status["details"], &details)
}

async fn s60_three_namespaces_stay(p: &Place) -> Check {
    for name in ["default", "kube-system", "kube-public"] {
        let message =
            format!("namespaces \"{name}\" is forbidden: this namespace may not be deleted");
        let answer = p
            .client
            .delete(&format!("{ALL}/{name}"), &json!({}))
            .await?;
        answer.says(403, "Forbidden", &message)?;
    }
    Ok(())
}

async fn s61_a_namespace_is_labelled_with_its_name(p: &Place) -> Check {
    let label = "kubernetes.io/metadata.name";
    let name = format!("{}-b", p.namespace);
    let mut object = namespace(&name);
    object["metadata"]["labels"] = json!({label: "other"});
    let path = format!("{ALL}/{name}");
    let made = p.client.post(ALL, &object).await?.with(201)?;
    same("at first", &made["metadata"]["labels"][label], &json!(name))?;
    for labels in [json!(null), json!({label: null}), json!({label: "other"})] {
        let patch = json!({"metadata": {"labels": labels}});
        let after = p
            .client
            .patch(&path, Patch::Merge, &patch)
            .await?
            .with(200)?;
        same(
            "after a patch",
            &after["metadata"]["labels"][label],
            &json!(name),
        )?;
    }
    Ok(())
}
