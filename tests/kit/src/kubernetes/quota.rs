//! 95: quotas hold, whoever asks where.

use super::objects::pod;
use super::place::{Place, names};
use super::run::asked;
use crate::check::{Check, same, some};
use futures::future::try_join_all;
use serde_json::json;

asked![s95_of_ten_creates_at_once_the_one_that_there_is_room_for_succeeds];

async fn s95_of_ten_creates_at_once_the_one_that_there_is_room_for_succeeds(p: &Place) -> Check {
    p.with_account().await?;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
        "spec": {"hard": {"pods": "1"}}});
    p.create("resourcequotas", &quota).await?;
    // It counts when it has been counted once.
    let mut watch = p.watch("resourcequotas", "").await?;
    watch
        .until(|event| event.object["status"]["used"]["pods"] == "0")
        .await?;
    let create = (0..10).map(|n| async move {
        Check::Ok((n, p.try_create("pods", &pod(&format!("x{n}"))).await?))
    });
    let answers = try_join_all(create).await?;
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, one)| one.code == 201);
    same("created", good.len(), 1)?;
    for (n, answer) in bad {
        let message = format!(
            "pods \"x{n}\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"
        );
        answer.says(403, "Forbidden", &message)?;
    }
    let (n, _) = some("the one", good.first())?;
    same("pods", names(&p.list("pods", "").await?), [format!("x{n}")])?;
    let stored = p.get("resourcequotas", "q").await?;
    same("used", &stored["status"]["used"]["pods"], &json!("1"))?;
    // A dry run takes no room, and what goes gives it back.
    p.delete("pods", &format!("x{n}"), &json!({"gracePeriodSeconds": 0}))
        .await?
        .with(200)?;
    watch
        .until(|event| event.object["status"]["used"]["pods"] == "0")
        .await?;
    let dry = format!("{}?dryRun=All", p.all("pods"));
    for name in ["d1", "d2"] {
        p.client.post(&dry, &pod(name)).await?.with(201)?;
    }
    let stored = p.get("resourcequotas", "q").await?;
    same("used", &stored["status"]["used"]["pods"], &json!("0"))
}
