//! 76 and 77: who owns the elements of lists.

use super::objects::{map, template};
use super::place::Place;
use super::run::asked;
use crate::check::{Check, holds, same};
use serde_json::{Value, json};

asked![
    s76_elements_of_two_managers_live_side_by_side,
    s76_an_absent_protocol_is_tcp,
    s77_a_set_gives_up_one_value_and_keeps_the_others,
    s77_atomic_lists_and_maps_are_owned_as_a_whole,
];

const TEMPLATES: &str = "podtemplates";

fn names(object: &Value) -> Vec<String> {
    let all = object["template"]["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten();
    all.map(|one| one["name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

async fn s76_elements_of_two_managers_live_side_by_side(p: &Place) -> Check {
    let web = |image: &str| template("a", json!([{"name": "web", "image": image}]));
    let proxy = template("a", json!([{"name": "proxy", "image": "p:1"}]));
    p.apply(TEMPLATES, "app", &web("w:1")).await?.with(201)?;
    p.apply(TEMPLATES, "mesh", &proxy).await?.with(200)?;
    let both = p.apply(TEMPLATES, "app", &web("w:2")).await?.with(200)?;
    same("containers", names(&both), ["web", "proxy"])?;
    let one = &both["template"]["spec"]["containers"][0]["image"];
    same("image", one, &json!("w:2"))?;
    let nothing = template("a", json!([]));
    let left = p.apply(TEMPLATES, "mesh", &nothing).await?.with(200)?;
    same("containers", names(&left), ["web"])
}

async fn s76_an_absent_protocol_is_tcp(p: &Place) -> Check {
    let service = |ports: Value| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"},
            "spec": {"ports": ports, "selector": {"a": "b"}}})
    };
    let dns = json!([{"port": 53, "name": "tcp"}, {"port": 53, "protocol": "UDP", "name": "udp"}]);
    let made = p.apply("services", "a", &service(dns)).await?.with(201)?;
    same(
        "ports",
        made["spec"]["ports"].as_array().map(Vec::len),
        Some(2),
    )?;
    let named = json!([{"port": 53, "protocol": "TCP", "targetPort": 53}]);
    let after = p.apply("services", "b", &service(named)).await?.with(200)?;
    same(
        "ports",
        after["spec"]["ports"].as_array().map(Vec::len),
        Some(2),
    )?;
    let conflict = p
        .apply(
            "services",
            "c",
            &service(json!([{"port": 53, "name": "x"}])),
        )
        .await?;
    let message = "Apply failed with 1 conflict: conflict with \"a\": \
        .spec.ports[port=53,protocol=\"TCP\"].name";
    conflict.says(409, "Conflict", message)?;
    let twice = service(json!([{"port": 80}, {"port": 80, "protocol": "TCP"}]));
    let answer = p.apply("services", "c", &twice).await?;
    let text = answer.text();
    same("code", answer.code, 500)?;
    holds(
        &text,
        text.contains(".spec.ports: duplicate entries for key [port=80,protocol="),
    )
}

async fn s77_a_set_gives_up_one_value_and_keeps_the_others(p: &Place) -> Check {
    let with = |finalizers: Value| {
        let mut config = map("a", "1");
        config["metadata"]["finalizers"] = finalizers;
        config
    };
    let all = "configmaps";
    p.apply(all, "a", &with(json!(["x.io/a", "x.io/both"])))
        .await?
        .with(201)?;
    p.apply(all, "b", &with(json!(["x.io/b", "x.io/both"])))
        .await?
        .with(200)?;
    let after = p
        .apply(all, "a", &with(json!(["x.io/a2"])))
        .await?
        .with(200)?;
    let wanted = json!(["x.io/b", "x.io/both", "x.io/a2"]);
    same("finalizers", &after["metadata"]["finalizers"], &wanted)
}

async fn s77_atomic_lists_and_maps_are_owned_as_a_whole(p: &Place) -> Check {
    let with = |field: &str, value: Value| {
        let mut config = template("a", json!([{"name": "c", "image": "i:1"}]));
        config["template"]["spec"][field] = value;
        config
    };
    let mut whole = with("nodeSelector", json!({"disk": "ssd"}));
    whole["template"]["spec"]["tolerations"] = json!([{"key": "a", "operator": "Exists"}]);
    p.apply(TEMPLATES, "a", &whole).await?.with(201)?;
    for (field, value) in [
        ("nodeSelector", json!({"zone": "z"})),
        ("tolerations", json!([{"key": "b", "operator": "Exists"}])),
    ] {
        let answer = p.apply(TEMPLATES, "b", &with(field, value)).await?;
        let message =
            format!("Apply failed with 1 conflict: conflict with \"a\": .template.spec.{field}");
        answer.says(409, "Conflict", &message)?;
    }
    let forced = with("nodeSelector", json!({"zone": "z"}));
    let after = p
        .apply(TEMPLATES, "b&force=true", &forced)
        .await?
        .with(200)?;
    same(
        "selector",
        &after["template"]["spec"]["nodeSelector"],
        &json!({"zone": "z"}),
    )
}
