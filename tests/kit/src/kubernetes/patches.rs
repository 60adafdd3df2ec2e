//! 62, 63, 68 and 69: patches of each kind, and what is no patch.

use super::client::Patch;
use super::objects::map;
use super::place::Place;
use super::run::asked;
use crate::check::{Check, holds, same};
use hyper::Method;
use serde_json::{Value, json};

asked![
    s62_json_patches_apply_as_a_whole_or_not_at_all,
    s63_null_deletes_arrays_replace_and_a_missing_object_is_not_made,
    s68_an_unknown_kind_of_patch_is_refused_with_the_known_ones,
    s69_a_patch_does_not_make_an_object_another_one,
];

async fn s62_json_patches_apply_as_a_whole_or_not_at_all(p: &Place) -> Check {
    let made = p.map("a").await?;
    let many: Vec<Value> =
        vec![json!({"op": "test", "path": "/kind", "value": "ConfigMap"}); 10_001];
    let add = json!({"op": "add", "path": "/data/b", "value": "2"});
    for (patch, code) in [
        (
            json!([add, {"op": "test", "path": "/data/key", "value": "9"}]),
            422,
        ),
        (json!([add, {"op": "remove", "path": "/data/none"}]), 422),
        (
            json!([add, {"op": "replace", "path": "/none/x", "value": 1}]),
            422,
        ),
        (json!({"op": "add"}), 400),
        (Value::Array(many), 413),
    ] {
        let answer = p.patch(Patch::Json, "configmaps", "a", &patch).await?;
        let told: String = answer.text().chars().take(300).collect();
        same(&told, answer.code, code)?;
    }
    same("what is stored", &p.get("configmaps", "a").await?, &made)?;
    let answer = p
        .patch(Patch::Json, "configmaps", "a", &json!([add]))
        .await?;
    same(
        "data",
        &answer.with(200)?["data"],
        &json!({"key": "1", "b": "2"}),
    )
}

async fn s63_null_deletes_arrays_replace_and_a_missing_object_is_not_made(p: &Place) -> Check {
    let mut object = map("a", "1");
    object["metadata"]["finalizers"] = json!(["a.io/a", "a.io/b"]);
    p.create("configmaps", &object).await?;
    let patch = json!({"metadata": {"finalizers": ["a.io/b"]}, "data": {"key": null, "b": "2"}});
    let patched = p.merge("configmaps", "a", &patch).await?;
    same("data", &patched["data"], &json!({"b": "2"}))?;
    same(
        "finalizers",
        &patched["metadata"]["finalizers"],
        &json!(["a.io/b"]),
    )?;
    let answer = p.patch(Patch::Merge, "configmaps", "b", &patch).await?;
    answer
        .says(404, "NotFound", "configmaps \"b\" not found")
        .map(|_| ())
}

async fn s68_an_unknown_kind_of_patch_is_refused_with_the_known_ones(p: &Place) -> Check {
    p.map("a").await?;
    for media in ["application/json", "text/plain", "application/x-patch"] {
        let headers = [("content-type", media)];
        let answer = p
            .client
            .send(Method::PATCH, &p.one("configmaps", "a"), &headers, "{}")
            .await?;
        let status = answer.refused(415, "UnsupportedMediaType")?;
        let message = status["message"].as_str().unwrap_or_default();
        for known in [Patch::Json, Patch::Merge, Patch::Strategic, Patch::Apply] {
            holds(message, message.contains(known.media_type()))?;
        }
    }
    Ok(())
}

async fn s69_a_patch_does_not_make_an_object_another_one(p: &Place) -> Check {
    let made = p.map("a").await?;
    for (patch, code, reason) in [
        (json!({"metadata": {"name": "b"}}), 400, "BadRequest"),
        (
            json!({"metadata": {"namespace": "other"}}),
            400,
            "BadRequest",
        ),
        (json!({"metadata": {"uid": "other"}}), 409, "Conflict"),
    ] {
        p.patch(Patch::Merge, "configmaps", "a", &patch)
            .await?
            .refused(code, reason)?;
    }
    same("what is stored", p.get("configmaps", "a").await?, made)
}
