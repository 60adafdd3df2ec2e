//! 86 to 88, 91, 93: definitions, what is refused of them, and how they come and go. Also 54, 59 and 95 for kinds
//! that users define.

use super::definition::{
    DEFINITIONS, Own, PATIENCE, condition, define, is, try_define, undefine, until,
};
use super::objects::namespace;
use super::place::Place;
use super::run::asked;
use crate::check::{Check, holds, same, some};
use crate::wait::wait_until;
use serde_json::{Value, json};

asked![
    s86_what_is_not_structural_is_refused,
    s87_s88_rules_are_refused_as_long_as_nobody_keeps_them,
    s86_webhooks_that_convert_are_refused,
    s91_a_definition_that_goes_takes_its_objects_along,
    s93_a_name_that_somebody_has_is_given_to_nobody_else,
    s54_what_owns_custom_resources_takes_them_along,
    s59_a_namespace_takes_custom_resources_along,
    s95_quotas_count_custom_resources,
];

fn spec() -> Value {
    json!({"type": "object", "properties": {"name": {"type": "string"}}})
}

const SPEC: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";

/// The definition with something else at a place, which must be refused with this text.
async fn refused(p: &Place, place: &str, value: Value, text: &str) -> Check {
    let mut definition = Own::of(p).definition("apes", "Ape", &spec());
    let (parent, last) = place.rsplit_once('/').unwrap_or_default();
    let parent = some(place, definition.pointer_mut(parent))?;
    parent[last] = value;
    let answer = try_define(p, &definition).await?;
    let status = answer.refused(422, "Invalid")?;
    let message = status["message"].as_str().unwrap_or_default();
    holds(message, message.contains(text))
}

async fn s86_what_is_not_structural_is_refused(p: &Place) -> Check {
    for (place, value, text) in [
        (
            SPEC,
            json!({"properties": {}}),
            "must not be empty for specified object fields",
        ),
        (
            SPEC,
            json!({"type": "array"}),
            "items: Required value: must be specified",
        ),
        (
            SPEC,
            json!({"type": "object", "properties": {"a": {"type": "string"}},
                "additionalProperties": {"type": "string"}}),
            "mutual exclusive",
        ),
        (
            SPEC,
            json!({"type": "object", "$ref": "#/x"}),
            "$ref is not supported",
        ),
        (
            SPEC,
            json!({"type": "string", "pattern": "("}),
            "must be a valid regular expression",
        ),
        (
            SPEC,
            json!({"type": "object", "anyOf": [{"type": "object"}]}),
            "must be empty to be structural",
        ),
        (
            "/spec/versions/0/schema/openAPIV3Schema/type",
            json!("string"),
            "must be object at the root",
        ),
        (
            "/spec/versions/0/storage",
            json!(false),
            "must have exactly one version marked as storage version",
        ),
        (
            "/metadata/name",
            json!("other"),
            "must be spec.names.plural+\".\"+spec.group",
        ),
        (
            "/spec/group",
            json!("example.k8s.io"),
            "protected groups must have approval annotation",
        ),
        (
            "/spec/scope",
            json!("Everywhere"),
            "supported values: \"Cluster\", \"Namespaced\"",
        ),
    ] {
        refused(p, place, value, text).await?;
    }
    Ok(())
}

async fn s87_s88_rules_are_refused_as_long_as_nobody_keeps_them(p: &Place) -> Check {
    let rules = json!({"type": "object", "x-kubernetes-validations": [{"rule": "true"}]});
    refused(
        p,
        SPEC,
        rules,
        "validation rules in CEL are not supported yet",
    )
    .await
}

async fn s86_webhooks_that_convert_are_refused(p: &Place) -> Check {
    let webhook = json!({"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://example.org"}}});
    refused(
        p,
        "/spec/conversion",
        webhook,
        "conversion by webhooks is not supported yet",
    )
    .await
}

async fn s91_a_definition_that_goes_takes_its_objects_along(p: &Place) -> Check {
    let own = Own::of(p);
    let apes = own.resource("apes");
    define(p, &own.definition("apes", "Ape", &spec())).await?;
    let mut held = own.object("Ape", "held", &json!({}));
    held["metadata"]["finalizers"] = json!(["a.io/stay"]);
    p.create(&apes, &held).await?;
    p.create(&apes, &own.object("Ape", "free", &json!({})))
        .await?;
    let mut watch = p.watch(&apes, "").await?;
    watch.until(|event| event.name() == "held").await?;
    let path = format!("{DEFINITIONS}/{}", own.name("apes"));
    p.client.delete(&path, &json!({})).await?.with(200)?;
    let going = until(p, &own.name("apes"), "it is going", |found| {
        is(found, "Terminating", "True")
    })
    .await?;
    let finalizers = json!(["customresourcecleanup.apiextensions.k8s.io"]);
    same("finalizers", &going["metadata"]["finalizers"], &finalizers)?;
    watch.until(|event| event.short() == "DELETED free").await?;
    // Nothing new comes meanwhile, at no member.
    for member in 0..p.client.members() {
        let ape = own.object("Ape", &format!("new{member}"), &json!({}));
        let answer = p.client.at(member).post(&p.all(&apes), &ape).await?;
        answer.refused(405, "MethodNotAllowed")?;
    }
    let patch = json!({"metadata": {"finalizers": null}});
    p.merge(&apes, "held", &patch).await?;
    watch.until(|event| event.short() == "DELETED held").await?;
    for member in 0..p.client.members() {
        let (client, all) = (&p.client.at(member), &p.all(&apes));
        wait_until("the path is gone", PATIENCE, || async {
            client.get(all).await.is_ok_and(|one| one.code == 404)
        })
        .await?;
    }
    // One of the same name finds nothing of what was.
    define(p, &own.definition("apes", "Ape", &spec())).await?;
    same("items", &p.list(&apes, "").await?["items"], &json!([]))?;
    undefine(p, &own, "apes").await
}

async fn s93_a_name_that_somebody_has_is_given_to_nobody_else(p: &Place) -> Check {
    let own = Own::of(p);
    let mut first = own.definition("apes", "Ape", &spec());
    first["spec"]["names"]["shortNames"] = json!(["ap"]);
    define(p, &first).await?;
    let mut second = own.definition("monkeys", "Monkey", &spec());
    second["spec"]["names"]["shortNames"] = json!(["ap"]);
    try_define(p, &second).await?.with(201)?;
    let name = own.name("monkeys");
    let found = until(p, &name, "its names are refused", |found| {
        is(found, "NamesAccepted", "False")
    })
    .await?;
    let refused = some("a condition", condition(&found, "NamesAccepted"))?;
    same("reason", &refused["reason"], &json!("ShortNamesConflict"))?;
    let message = json!("\"ap\" is already in use");
    same("message", &refused["message"], &message)?;
    let established = some("a condition", condition(&found, "Established"))?;
    same("established", &established["status"], &json!("False"))?;
    same("why", &established["reason"], &json!("NotAccepted"))?;
    for member in 0..p.client.members() {
        let all = p.all(&own.resource("monkeys"));
        let answer = p.client.at(member).get(&all).await?;
        answer.refused(404, "NotFound")?;
    }
    // Once the name is free it gets it.
    undefine(p, &own, "apes").await?;
    until(p, &name, "it is established", |found| {
        is(found, "Established", "True")
    })
    .await?;
    undefine(p, &own, "monkeys").await
}

async fn s54_what_owns_custom_resources_takes_them_along(p: &Place) -> Check {
    let own = Own::of(p);
    let apes = own.resource("apes");
    define(p, &own.definition("apes", "Ape", &spec())).await?;
    let owner = p
        .create(&apes, &own.object("Ape", "owner", &json!({})))
        .await?;
    let reference = json!([{"apiVersion": owner["apiVersion"], "kind": "Ape", "name": "owner",
        "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true}]);
    let mut child = own.object("Ape", "child", &json!({}));
    child["metadata"]["ownerReferences"] = reference.clone();
    p.create(&apes, &child).await?;
    let mut map = super::objects::map("child", "1");
    map["metadata"]["ownerReferences"] = reference;
    p.create("configmaps", &map).await?;
    let foreground = json!({"propagationPolicy": "Foreground"});
    p.delete(&apes, "owner", &foreground).await?.with(200)?;
    for (resource, name) in [
        (apes.as_str(), "child"),
        ("configmaps", "child"),
        (&apes, "owner"),
    ] {
        wait_until("dependents go, and then their owner", PATIENCE, || async {
            p.try_get(resource, name)
                .await
                .is_ok_and(|one| one.code == 404)
        })
        .await?;
    }
    undefine(p, &own, "apes").await
}

async fn s59_a_namespace_takes_custom_resources_along(p: &Place) -> Check {
    let own = Own::of(p);
    define(p, &own.definition("apes", "Ape", &spec())).await?;
    let name = format!("{}-going", p.namespace);
    let made = namespace(&name);
    p.client
        .post("/api/v1/namespaces", &made)
        .await?
        .with(201)?;
    let all = format!("/apis/{}/v1/namespaces/{name}/apes", own.group);
    let ape = own.object("Ape", "a", &json!({}));
    p.client.post(&all, &ape).await?.with(201)?;
    let path = format!("/api/v1/namespaces/{name}");
    p.client.delete(&path, &json!({})).await?.with(200)?;
    wait_until("the namespace is gone", PATIENCE, || async {
        p.client.get(&path).await.is_ok_and(|one| one.code == 404)
    })
    .await?;
    let left = p.client.get(&all).await?.with(200)?;
    same("left", &left["items"], &json!([]))?;
    undefine(p, &own, "apes").await
}

async fn s95_quotas_count_custom_resources(p: &Place) -> Check {
    let own = Own::of(p);
    let apes = own.resource("apes");
    define(p, &own.definition("apes", "Ape", &spec())).await?;
    p.create(&apes, &own.object("Ape", "a", &json!({}))).await?;
    let counted = format!("count/{}", own.name("apes"));
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
        "spec": {"hard": {&counted: "2"}}});
    p.create("resourcequotas", &quota).await?;
    let used = async |wanted: &str| -> Check {
        wait_until("the quota has counted", PATIENCE, || async {
            let found = p.get("resourcequotas", "q").await;
            found.is_ok_and(|one| one["status"]["used"][&counted] == wanted)
        })
        .await
    };
    used("1").await?;
    p.create(&apes, &own.object("Ape", "b", &json!({}))).await?;
    let refused = p
        .try_create(&apes, &own.object("Ape", "c", &json!({})))
        .await?;
    let status = refused.refused(403, "Forbidden")?;
    let message = status["message"].as_str().unwrap_or_default();
    let text = format!(
        "exceeded quota: q, requested: {counted}=1, used: {counted}=2, limited: {counted}=2"
    );
    holds(message, message.contains(&text))?;
    p.delete(&apes, "a", &json!({})).await?.with(200)?;
    used("1").await?;
    undefine(p, &own, "apes").await
}
