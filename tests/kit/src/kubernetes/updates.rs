//! 28 to 31: writes that meet.

use super::client::Patch;
use super::objects::map;
use super::place::Place;
use super::run::asked;
use super::watch::version;
use crate::check::{Check, holds, same, some};
use futures::future::{join_all, try_join_all};
use serde_json::{Value, json};

asked![
    s28_of_two_puts_with_one_version_one_is_refused,
    s29_a_put_about_another_uid_is_refused,
    s30_a_write_that_changes_nothing_writes_nothing,
    s31_twenty_patches_at_once_all_succeed,
    s31_a_patch_that_names_a_state_is_refused_when_it_is_gone,
];

async fn s28_of_two_puts_with_one_version_one_is_refused(p: &Place) -> Check {
    for round in 0..5 {
        let name = format!("a{round}");
        let made = p.map(&name).await?;
        let puts = (0..2).map(|n| {
            let mut changed = made.clone();
            changed["data"]["key"] = format!("new{n}").into();
            async move { p.try_put("configmaps", &changed).await }
        });
        let answers = try_join_all(puts).await?;
        let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|one| one.code == 200);
        same("carried out", good.len(), 1)?;
        let message = format!(
            "Operation cannot be fulfilled on configmaps \"{name}\": the object has been modified; \
             please apply your changes to the latest version and try again"
        );
        for answer in bad {
            answer.says(409, "Conflict", &message)?;
        }
        let stored = p.get("configmaps", &name).await?;
        for answer in good {
            same("what is stored", &stored, &answer.with(200)?)?;
        }
    }
    Ok(())
}

async fn s29_a_put_about_another_uid_is_refused(p: &Place) -> Check {
    let mut old = p.map("a").await?;
    p.delete("configmaps", "a", &json!({})).await?.with(200)?;
    let new = p.map("a").await?;
    old["data"]["key"] = "2".into();
    p.try_put("configmaps", &old)
        .await?
        .refused(409, "Conflict")?;
    old["metadata"]["resourceVersion"] = new["metadata"]["resourceVersion"].clone();
    let status = p
        .try_put("configmaps", &old)
        .await?
        .refused(409, "Conflict")?;
    let message = status["message"].as_str().unwrap_or_default();
    holds(
        message,
        message.contains("Precondition failed: UID in precondition: "),
    )?;
    same("what is stored", p.get("configmaps", "a").await?, new)
}

async fn s30_a_write_that_changes_nothing_writes_nothing(p: &Place) -> Check {
    let made = p.map("a").await?;
    let from = format!(
        "fieldSelector=metadata.name%3Da&resourceVersion={}",
        version(&made)
    );
    let mut watch = p.watch("configmaps", &from).await?;
    same("a put", p.put("configmaps", &made).await?, made.clone())?;
    same(
        "as it was sent",
        p.put("configmaps", &map("a", "1")).await?,
        made.clone(),
    )?;
    for (kind, patch) in [
        (Patch::Merge, json!({"data": {"key": "1"}})),
        (Patch::Strategic, json!({"data": {"key": "1"}})),
        (
            Patch::Json,
            json!([{"op": "test", "path": "/data/key", "value": "1"}]),
        ),
        (
            Patch::Json,
            json!([{"op": "replace", "path": "/data/key", "value": "1"}]),
        ),
    ] {
        let after = p.patch(kind, "configmaps", "a", &patch).await?.with(200)?;
        same(&format!("{kind:?}"), &after, &made)?;
    }
    let changed = p
        .merge("configmaps", "a", &json!({"data": {"key": "2"}}))
        .await?;
    same("the next event", watch.event().await?.object, changed)
}

async fn s31_twenty_patches_at_once_all_succeed(p: &Place) -> Check {
    p.map("a").await?;
    let patches = (0..20).map(|n| async move {
        p.merge(
            "configmaps",
            "a",
            &json!({"data": {format!("key{n}"): "x"}}),
        )
        .await
    });
    for outcome in join_all(patches).await {
        outcome?;
    }
    let stored = p.get("configmaps", "a").await?;
    same(
        "keys",
        stored["data"].as_object().map(|data| data.len()),
        Some(21),
    )
}

async fn s31_a_patch_that_names_a_state_is_refused_when_it_is_gone(p: &Place) -> Check {
    let made = p.map("a").await?;
    let latest = p
        .merge("configmaps", "a", &json!({"data": {"key": "2"}}))
        .await?;
    let with = |name: &str, value: &Value| json!({"metadata": {name: value}, "data": {"x": "y"}});
    let old = some("a version", made["metadata"].get("resourceVersion"))?;
    for patch in [with("resourceVersion", old), with("uid", &json!("other"))] {
        let answer = p.patch(Patch::Merge, "configmaps", "a", &patch).await?;
        answer.refused(409, "Conflict")?;
    }
    same("what is stored", &p.get("configmaps", "a").await?, &latest)?;
    let current = with("resourceVersion", &latest["metadata"]["resourceVersion"]);
    p.merge("configmaps", "a", &current).await.map(|_| ())
}
