//! 64 to 67: strategic merge patches.

use super::client::Patch;
use super::objects::{deployment, template};
use super::place::Place;
use super::run::asked;
use crate::check::{Check, holds, same};
use serde_json::{Value, json};

asked![
    s64_lists_are_merged_by_their_keys_or_replaced,
    s65_directives_delete_and_replace,
    s66_values_are_deleted_order_is_set_and_siblings_are_cleared,
    s67_an_element_without_its_key_is_refused,
];

const KIND: &str = "podtemplates";

/// The Pod's spec of the object `a` after a patch of it.
async fn patched(p: &Place, spec: Value) -> Check<Value> {
    let patch = json!({"template": {"spec": spec}});
    let after = p
        .patch(Patch::Strategic, KIND, "a", &patch)
        .await?
        .with(200)?;
    Ok(after["template"]["spec"].clone())
}

/// One field of each element.
fn each(list: &Value, field: &str) -> Vec<Value> {
    let all = list.as_array().into_iter().flatten();
    all.map(|one| one[field].clone()).collect()
}

async fn s64_lists_are_merged_by_their_keys_or_replaced(p: &Place) -> Check {
    let mut object = template(
        "a",
        json!([
            {"name": "a", "image": "a:1", "ports": [{"containerPort": 80, "name": "web"}],
             "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
            {"name": "b", "image": "b:1"},
        ]),
    );
    object["metadata"]["finalizers"] = json!(["a.io/a", "a.io/b"]);
    object["template"]["spec"]["tolerations"] =
        json!([{"key": "x", "operator": "Exists"}, {"key": "y", "operator": "Exists"}]);
    p.create(KIND, &object).await?;
    let patch = json!({
        "metadata": {"finalizers": ["a.io/c", "a.io/b"]},
        "template": {"spec": {
            "containers": [{"name": "a", "image": "a:2", "env": [{"name": "Y", "value": "3"}],
                "ports": [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}]}],
            "tolerations": [{"key": "z", "operator": "Exists"}],
        }},
    });
    let after = p
        .patch(Patch::Strategic, KIND, "a", &patch)
        .await?
        .with(200)?;
    let spec = &after["template"]["spec"];
    same(
        "containers",
        each(&spec["containers"], "name"),
        [json!("a"), json!("b")],
    )?;
    let first = &spec["containers"][0];
    same("image", &first["image"], &json!("a:2"))?;
    same(
        "env",
        &first["env"],
        &json!([{"name": "X", "value": "1"}, {"name": "Y", "value": "3"}]),
    )?;
    let mut ports = first["ports"].as_array().cloned().unwrap_or_default();
    ports.sort_by_key(|port| port["containerPort"].as_u64());
    same("ports", ports.len(), 2)?;
    same("the port's name", &ports[0]["name"], &json!("web"))?;
    same("the port's host", &ports[0]["hostPort"], &json!(8080))?;
    same(
        "tolerations",
        each(&spec["tolerations"], "key"),
        [json!("z")],
    )?;
    let mut finalizers = after["metadata"]["finalizers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    finalizers.sort_by_key(Value::to_string);
    same(
        "finalizers",
        Value::Array(finalizers),
        json!(["a.io/a", "a.io/b", "a.io/c"]),
    )
}

async fn s65_directives_delete_and_replace(p: &Place) -> Check {
    let mut object = template(
        "a",
        json!([
            {"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}, {"name": "c", "image": "c:1"},
        ]),
    );
    object["metadata"]["labels"] = json!({"x": "1", "y": "2"});
    p.create(KIND, &object).await?;
    let spec = patched(
        p,
        json!({"containers": [{"name": "b", "$patch": "delete"}]}),
    )
    .await?;
    same(
        "deleted",
        each(&spec["containers"], "name"),
        [json!("a"), json!("c")],
    )?;
    let replace = json!({"containers": [{"$patch": "replace"}, {"name": "d", "image": "d:1"}]});
    let spec = patched(p, replace).await?;
    same("replaced", each(&spec["containers"], "name"), [json!("d")])?;
    let patch = json!({"metadata": {"labels": {"$patch": "replace", "z": "3"}}});
    let after = p
        .patch(Patch::Strategic, KIND, "a", &patch)
        .await?
        .with(200)?;
    same("labels", &after["metadata"]["labels"], &json!({"z": "3"}))?;
    let patch = json!({"template": {"spec": {"containers": [{"name": "d", "$patch": "merge"}]}}});
    let answer = p.patch(Patch::Strategic, KIND, "a", &patch).await?;
    holds(&answer.text(), (400..600).contains(&answer.code))?;
    same("what is stored", p.get(KIND, "a").await?, after)
}

async fn s66_values_are_deleted_order_is_set_and_siblings_are_cleared(p: &Place) -> Check {
    let named = |name: &str| json!({"name": name, "image": "i:1"});
    let mut object = template(
        "a",
        json!([named("a"), named("server"), named("b"), named("c")]),
    );
    object["metadata"]["finalizers"] = json!(["a.io/a", "a.io/b", "a.io/c"]);
    object["template"]["spec"]["volumes"] = json!([{"name": "v", "emptyDir": {}}]);
    p.create(KIND, &object).await?;
    let patch = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a.io/b"]}});
    let after = p
        .patch(Patch::Strategic, KIND, "a", &patch)
        .await?
        .with(200)?;
    same(
        "finalizers",
        &after["metadata"]["finalizers"],
        &json!(["a.io/a", "a.io/c"]),
    )?;
    let spec = patched(p, json!({
        "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}, {"name": "d"}, {"name": "b"}],
        "containers": [named("d")],
    })).await?;
    let names: Vec<String> = each(&spec["containers"], "name")
        .iter()
        .map(Value::to_string)
        .collect();
    let order: Vec<&str> = names.iter().map(|name| name.trim_matches('"')).collect();
    same("the order", order, ["server", "c", "a", "d", "b"])?;
    let spec = patched(
        p,
        json!({"volumes": [
            {"name": "v", "$retainKeys": ["name", "configMap"], "configMap": {"name": "m"}},
        ]}),
    )
    .await?;
    same("the union", spec["volumes"][0].get("emptyDir"), None)?;
    same(
        "its new branch",
        &spec["volumes"][0]["configMap"]["name"],
        &json!("m"),
    )?;
    let kind = "apps/v1/deployments";
    p.create(kind, &deployment("web")).await?;
    let patch = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
    let after = p
        .patch(Patch::Strategic, kind, "web", &patch)
        .await?
        .with(200)?;
    same(
        "strategy",
        &after["spec"]["strategy"],
        &json!({"type": "Recreate"}),
    )
}

async fn s67_an_element_without_its_key_is_refused(p: &Place) -> Check {
    let made = p
        .create(KIND, &template("a", json!([{"name": "a", "image": "a:1"}])))
        .await?;
    let patch = json!({"template": {"spec": {"containers": [{"image": "x"}]}}});
    let answer = p.patch(Patch::Strategic, KIND, "a", &patch).await?;
    let told = answer.text();
    holds(&told, (400..500).contains(&answer.code))?;
    holds(
        &told,
        told.contains("does not contain declared merge key: name"),
    )?;
    same("what is stored", p.get(KIND, "a").await?, made)
}
