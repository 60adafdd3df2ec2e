//! 46 to 48: how values are written down.

use super::objects::pod;
use super::place::Place;
use super::run::asked;
use crate::check::{Check, holds, same};
use serde_json::json;

asked![
    s46_quantities_have_one_form,
    s47_times_have_seconds_and_micro_times_six_digits,
    s48_words_of_a_secret_become_data_and_a_key_is_there_once,
];

async fn s46_quantities_have_one_form(p: &Place) -> Check {
    p.with_account().await?;
    let mut object = pod("a");
    object["spec"]["containers"][0]["resources"] = json!({
        "requests": {"cpu": "0.5", "memory": "1024Mi", "a.io/x": "1e3"},
        "limits": {"cpu": "1000m", "memory": 2147483648_u64, "a.io/x": "1000"},
    });
    p.create("pods", &object).await?;
    let stored = p.get("pods", "a").await?;
    let resources = &stored["spec"]["containers"][0]["resources"];
    let wanted = json!({"cpu": "500m", "memory": "1Gi", "a.io/x": "1e3"});
    same("requests", &resources["requests"], &wanted)?;
    let wanted = json!({"cpu": "1", "memory": "2147483648", "a.io/x": "1e3"});
    let limits = &resources["limits"];
    same("cpu", &limits["cpu"], &wanted["cpu"])?;
    same("memory", &limits["memory"], &wanted["memory"])?;
    object["metadata"]["name"] = "b".into();
    object["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "one"}});
    p.try_create("pods", &object)
        .await?
        .refused(400, "BadRequest")
        .map(|_| ())
}

async fn s47_times_have_seconds_and_micro_times_six_digits(p: &Place) -> Check {
    let made = p.map("a").await?;
    let created = made["metadata"]["creationTimestamp"]
        .as_str()
        .unwrap_or_default();
    let shape: String = created
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    same("a time", shape.as_str(), "0000-00-00T00:00:00Z")?;
    let kind = "coordination.k8s.io/v1/leases";
    let lease = |time: &str| {
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"generateName": "a-"}, "spec": {"renewTime": time}})
    };
    for (sent, wanted) in [
        ("2025-01-01T01:02:03.000000Z", "2025-01-01T01:02:03.000000Z"),
        (
            "2025-01-01T03:02:03.123456+02:00",
            "2025-01-01T01:02:03.123456Z",
        ),
    ] {
        let made = p.create(kind, &lease(sent)).await?;
        same(sent, &made["spec"]["renewTime"], &json!(wanted))?;
    }
    let other = lease("2025-01-01T01:02:03Z");
    p.try_create(kind, &other)
        .await?
        .refused(400, "BadRequest")
        .map(|_| ())
}

async fn s48_words_of_a_secret_become_data_and_a_key_is_there_once(p: &Place) -> Check {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
        "data": {"k": "b2xk", "other": "eA=="}, "stringData": {"k": "new"}});
    let made = p.create("secrets", &secret).await?;
    let stored = p.get("secrets", "a").await?;
    for object in [&made, &stored] {
        same(
            "data",
            &object["data"],
            &json!({"k": "bmV3", "other": "eA=="}),
        )?;
        same("stringData", object.get("stringData"), None)?;
    }
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
        "data": {"k": "1"}, "binaryData": {"k": "eA=="}});
    let status = p
        .try_create("configmaps", &map)
        .await?
        .refused(422, "Invalid")?;
    let message = status["message"].as_str().unwrap_or_default();
    holds(message, message.contains("ConfigMap \"a\" is invalid: "))
}
