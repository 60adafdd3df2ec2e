//! 32 to 35 and 39 to 45: what creating checks and fills in.

use super::objects::{deployment, map, pod, with_finalizers};
use super::place::Place;
use super::run::asked;
use super::watch::version;
use crate::check::{Check, holds, same};
use hyper::Method;
use serde_json::{Value, json};

asked![
    s32_names_are_made_up_and_a_given_name_wins,
    s33_the_namespace_is_that_of_the_path,
    s34_what_only_the_server_sets_is_ignored,
    s35_only_another_spec_is_a_new_generation,
    s39_a_dry_run_shows_what_would_be_and_stores_nothing,
    s40_what_is_too_large_is_refused,
    s41_names_follow_the_rule_of_the_kind,
    s42_unknown_fields_are_told_refused_or_ignored,
    s43_doubled_keys_are_told_like_unknown_fields,
    s44_names_of_fields_are_case_sensitive,
    s45_null_is_absent_and_empty_is_left_out,
];

async fn s32_names_are_made_up_and_a_given_name_wins(p: &Place) -> Check {
    let mut object = map("", "1");
    object["metadata"] = json!({"generateName": "web-"});
    let (first, second) = (
        p.create("configmaps", &object).await?,
        p.create("configmaps", &object).await?,
    );
    let mut names = Vec::new();
    for made in [&first, &second] {
        let name = made["metadata"]["name"].as_str().unwrap_or_default();
        let end = name.strip_prefix("web-").unwrap_or_default();
        let is_random = end.len() == 5
            && end
                .chars()
                .all(|c| "bcdfghjklmnpqrstvwxz2456789".contains(c));
        holds(name, is_random)?;
        names.push(name);
    }
    holds("two names", names[0] != names[1])?;
    object["metadata"]["name"] = "mine".into();
    let made = p.create("configmaps", &object).await?;
    same("the name", &made["metadata"]["name"], &json!("mine"))?;
    let long = "a".repeat(250);
    object["metadata"] = json!({"generateName": long});
    let made = p.create("configmaps", &object).await?;
    let name = made["metadata"]["name"].as_str().unwrap_or_default();
    same("the length of a name", name.len(), 63)
}

async fn s33_the_namespace_is_that_of_the_path(p: &Place) -> Check {
    let made = p.map("a").await?;
    same(
        "namespace",
        &made["metadata"]["namespace"],
        &json!(p.namespace),
    )?;
    let mut elsewhere = map("b", "1");
    elsewhere["metadata"]["namespace"] = "other".into();
    let message =
        "the namespace of the provided object does not match the namespace sent on the request";
    p.try_create("configmaps", &elsewhere)
        .await?
        .says(400, "BadRequest", message)?;
    p.try_get("configmaps", "b")
        .await?
        .refused(404, "NotFound")
        .map(|_| ())
}

async fn s34_what_only_the_server_sets_is_ignored(p: &Place) -> Check {
    let mut object = map("a", "1");
    object["metadata"] = json!({
        "name": "a", "uid": "mine", "creationTimestamp": "2000-01-01T00:00:00Z",
        "deletionTimestamp": "2000-01-01T00:00:00Z", "deletionGracePeriodSeconds": 3,
        "selfLink": "/x", "generation": 7,
    });
    let made = p.create("configmaps", &object).await?;
    let metadata = &made["metadata"];
    for absent in [
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
    ] {
        same(absent, metadata.get(absent), None)?;
    }
    let created = metadata["creationTimestamp"].as_str().unwrap_or_default();
    holds(created, created > "2001")?;
    let uid = metadata["uid"].as_str().unwrap_or_default();
    let parts: Vec<usize> = uid.split('-').map(str::len).collect();
    same(uid, parts, [8, 4, 4, 4, 12])?;
    same("what is stored", p.get("configmaps", "a").await?, made)
}

async fn s35_only_another_spec_is_a_new_generation(p: &Place) -> Check {
    let generation = |object: &Value| object["metadata"]["generation"].as_i64();
    let network = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "a", "finalizers": ["a.io/stay"]},
        "spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}});
    let kind = "networking.k8s.io/v1/ingresses";
    same(
        "at first",
        generation(&p.create(kind, &network).await?),
        Some(1),
    )?;
    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": "10.9.9.9"}]}}});
    for (name, patch, wanted) in [
        ("a", json!({"metadata": {"labels": {"x": "y"}}}), 1),
        ("a", json!({"metadata": {"annotations": {"x": "y"}}}), 1),
        ("a/status", status, 1),
        ("a", json!({"spec": {"ingressClassName": "c"}}), 2),
        ("a", json!({"spec": {"ingressClassName": "c"}}), 2),
        (
            "a",
            json!({"metadata": {"generation": 9}, "spec": {"ingressClassName": "d"}}),
            3,
        ),
    ] {
        let after = p.merge(kind, name, &patch).await?;
        same(&patch.to_string(), generation(&after), Some(wanted))?;
    }
    let going = p.delete(kind, "a", &json!({})).await?.with(200)?;
    same("marked for deletion", generation(&going), Some(4))
}

async fn s39_a_dry_run_shows_what_would_be_and_stores_nothing(p: &Place) -> Check {
    let made = p.create("configmaps", &with_finalizers("a", &[])).await?;
    let from = format!("resourceVersion={}", version(&made));
    let mut watch = p.watch("configmaps", &from).await?;
    let dry = format!("{}?dryRun=All", p.all("configmaps"));
    let shown = p.client.post(&dry, &map("b", "1")).await?.with(201)?;
    holds("a uid", shown["metadata"]["uid"].is_string())?;
    let mut unnamed = map("", "1");
    unnamed["metadata"] = json!({"generateName": "web-"});
    let shown = p.client.post(&dry, &unnamed).await?.with(201)?;
    let name = shown["metadata"]["name"].as_str().unwrap_or_default();
    holds(name, name.len() == 9)?;
    p.client
        .post(&dry, &map("a", "1"))
        .await?
        .refused(409, "AlreadyExists")?;
    p.try_get("configmaps", "b")
        .await?
        .refused(404, "NotFound")?;
    let one = format!("{}?dryRun=All", p.one("configmaps", "a"));
    let mut changed = made.clone();
    changed["data"]["key"] = "2".into();
    let shown = p.client.put(&one, &changed).await?.with(200)?;
    same("what would be", &shown["data"]["key"], &json!("2"))?;
    // Options in a body count instead of those in the query.
    p.client
        .send(Method::DELETE, &one, &[], "")
        .await?
        .with(200)?;
    p.delete("configmaps", "a", &json!({"dryRun": ["All"]}))
        .await?
        .with(200)?;
    same("nothing has changed", p.get("configmaps", "a").await?, made)?;
    p.client
        .post(
            &format!("{}?dryRun=Some", p.all("configmaps")),
            &map("c", "1"),
        )
        .await?
        .with(422)?;
    p.map("z").await?;
    let told = watch.until(|event| event.name() == "z").await?;
    let others = told
        .iter()
        .filter(|event| event.name() != "kube-root-ca.crt");
    same("events", others.count(), 1)
}

async fn s40_what_is_too_large_is_refused(p: &Place) -> Check {
    let body = vec![b' '; 3 * 1024 * 1024 + 1];
    let json_ = [("content-type", "application/json")];
    let answer = p
        .client
        .send(Method::POST, &p.all("configmaps"), &json_, body)
        .await?;
    let message = "Request entity too large: limit is 3145728";
    answer.says(413, "RequestEntityTooLarge", message)?;
    p.with_account().await?;
    let mut large = pod("a");
    let value = "x".repeat(1_600 * 1024);
    large["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": value}]);
    let answer = p.try_create("pods", &large).await?;
    holds(
        &format!("an error: {}", answer.code),
        (400..600).contains(&answer.code),
    )?;
    p.try_get("pods", "a").await?.refused(404, "NotFound")?;
    let mut annotated = map("a", "1");
    annotated["metadata"]["annotations"] = json!({"a": "x".repeat(257 * 1024)});
    let status = p
        .try_create("configmaps", &annotated)
        .await?
        .refused(422, "Invalid")?;
    let cause = &status["details"]["causes"][0];
    same("field", &cause["field"], &json!("metadata.annotations"))?;
    same("reason", &cause["reason"], &json!("FieldValueTooLong"))
}

async fn s41_names_follow_the_rule_of_the_kind(p: &Place) -> Check {
    p.with_account().await?;
    for name in ["Foo".to_owned(), "a/b".to_owned(), "a".repeat(254)] {
        let status = p
            .try_create("pods", &pod(&name))
            .await?
            .refused(422, "Invalid")?;
        let cause = &status["details"]["causes"][0];
        same(&name, &cause["reason"], &json!("FieldValueInvalid"))?;
        same(&name, &cause["field"], &json!("metadata.name"))?;
        same("details.kind", &status["details"]["kind"], &json!("Pod"))?;
    }
    let answer = p.try_get("configmaps", "a/b").await?;
    answer.refused(404, "NotFound")?;
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "system:Any Thing"}, "rules": []});
    p.create("rbac.authorization.k8s.io/v1/roles", &role)
        .await
        .map(|_| ())
}

async fn s42_unknown_fields_are_told_refused_or_ignored(p: &Place) -> Check {
    let kind = "apps/v1/deployments";
    let mut web = deployment("web");
    web["spec"]["replicaz"] = 3.into();
    let answer = p.try_create(kind, &web).await?;
    same(
        "warning",
        answer.all("warning"),
        ["299 - \"unknown field \\\"spec.replicaz\\\"\""],
    )?;
    same("the field", answer.with(201)?["spec"].get("replicaz"), None)?;
    let at = |how: &str| format!("{}?fieldValidation={how}", p.all(kind));
    web["metadata"]["name"] = "strict".into();
    let status = p
        .client
        .post(&at("Strict"), &web)
        .await?
        .refused(400, "BadRequest")?;
    let message = status["message"].as_str().unwrap_or_default();
    holds(
        message,
        message.ends_with("strict decoding error: unknown field \"spec.replicaz\""),
    )?;
    web["metadata"]["name"] = "ignored".into();
    let answer = p.client.post(&at("Ignore"), &web).await?;
    same("warnings", answer.all("warning").len(), 0)?;
    same("the field", answer.with(201)?["spec"].get("replicaz"), None)?;
    p.try_get(kind, "strict")
        .await?
        .refused(404, "NotFound")
        .map(|_| ())
}

async fn s43_doubled_keys_are_told_like_unknown_fields(p: &Place) -> Check {
    let json_ = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "1", "k": "2"}}"#;
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\ndata:\n  k: '1'\n  k: '2'\n";
    for (media, body) in [("application/json", json_), ("application/yaml", yaml)] {
        let headers = [("content-type", media)];
        let strict = format!("{}?fieldValidation=Strict", p.all("configmaps"));
        let answer = p.client.send(Method::POST, &strict, &headers, body).await?;
        let status = answer.refused(400, "BadRequest")?;
        let message = status["message"].as_str().unwrap_or_default();
        holds(message, message.contains("strict decoding error: "))?;
        let answer = p
            .client
            .send(Method::POST, &p.all("configmaps"), &headers, body)
            .await?;
        let warnings = answer.all("warning");
        same("warnings", warnings.len(), 1)?;
        holds(&warnings[0], warnings[0].starts_with("299 - "))?;
        answer.with(201)?;
    }
    Ok(())
}

async fn s44_names_of_fields_are_case_sensitive(p: &Place) -> Check {
    let mut object = map("a", "1");
    object["metaData"] = json!({"labels": {"x": "y"}});
    let answer = p.try_create("configmaps", &object).await?;
    same(
        "warning",
        answer.all("warning"),
        ["299 - \"unknown field \\\"metaData\\\"\""],
    )?;
    let made = answer.with(201)?;
    same("labels", made["metadata"].get("labels"), None)
}

async fn s45_null_is_absent_and_empty_is_left_out(p: &Place) -> Check {
    let mut object = map("a", "1");
    object["metadata"]["labels"] = Value::Null;
    object["metadata"]["annotations"] = json!({});
    object["metadata"]["finalizers"] = json!([]);
    object["binaryData"] = Value::Null;
    p.create("configmaps", &object).await?;
    let stored = p.get("configmaps", "a").await?;
    for absent in ["labels", "annotations", "finalizers"] {
        same(absent, stored["metadata"].get(absent), None)?;
    }
    same("binaryData", stored.get("binaryData"), None)
}
