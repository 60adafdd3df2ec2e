//! 71 to 75 and 78 to 82: server-side apply of plain fields.

use super::client::{Client, Patch};
use super::objects::{map, template};
use super::place::Place;
use super::run::asked;
use super::watch::version;
use crate::check::{Check, holds, same, some};
use crate::wait::wait_until;
use serde_json::{Value, json};
use std::time::Duration;

asked![
    s71_an_apply_creates_and_the_same_again_changes_nothing,
    s71_an_apply_that_creates_needs_both_rights,
    s72_what_cannot_be_applied_is_refused,
    s73_other_values_conflict_the_same_is_shared_and_force_takes,
    s74_what_is_dropped_goes_unless_others_want_it,
    s75_other_writes_never_conflict_and_own_what_they_change,
    s78_the_status_is_owned_through_its_subresource_alone,
    s79_what_nobody_owns_was_there_before_the_first_apply,
    s80_kubectl_goes_over_to_the_server_side_without_conflicts,
    s81_what_does_not_fit_is_refused_in_the_known_texts,
    s82_a_uid_without_an_object_is_a_conflict,
];

const MAPS: &str = "configmaps";

fn config(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
}

/// The entry of a manager, if it has one.
fn entry<'a>(object: &'a Value, manager: &str) -> Option<&'a Value> {
    let all = object["metadata"]["managedFields"].as_array()?;
    all.iter().find(|one| one["manager"] == manager)
}

async fn s71_an_apply_creates_and_the_same_again_changes_nothing(p: &Place) -> Check {
    let wanted = config(json!({"key": "1"}));
    let made = p.apply(MAPS, "me", &wanted).await?.with(201)?;
    let own = some("an entry", entry(&made, "me"))?;
    same("operation", &own["operation"], &json!("Apply"))?;
    same(
        "fields",
        &own["fieldsV1"],
        &json!({"f:data": {"f:key": {}}}),
    )?;
    let again = p.apply(MAPS, "me", &wanted).await?.with(200)?;
    same("again", &again, &made)?;
    let limits = json!({"limits": {"cpu": "1000m"}});
    let pods = template(
        "t",
        json!([{"name": "a", "image": "a:1", "resources": limits}]),
    );
    let made = p.apply("podtemplates", "me", &pods).await?.with(201)?;
    let again = p.apply("podtemplates", "me", &pods).await?.with(200)?;
    same("values in another form", version(&again), version(&made))
}

async fn s71_an_apply_that_creates_needs_both_rights(p: &Place) -> Check {
    let user = format!("{}-user", p.namespace);
    let rbac = "rbac.authorization.k8s.io/v1";
    let role = json!({"apiVersion": rbac, "kind": "Role", "metadata": {"name": "r"},
        "rules": [{"verbs": ["patch", "get"], "apiGroups": [""], "resources": [MAPS]}]});
    p.create(&format!("{rbac}/roles"), &role).await?;
    let binding = json!({"apiVersion": rbac, "kind": "RoleBinding", "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]});
    p.create(&format!("{rbac}/rolebindings"), &binding).await?;
    let client = p.client.acting_as(&[("impersonate-user", &user)]);
    p.map("there").await?;
    for member in 0..client.members() {
        let client = client.at(member);
        may_read(&client, &p.one(MAPS, "there")).await?;
        let path = format!("{}?fieldManager=me", p.one(MAPS, "a"));
        let wanted = config(json!({"key": "1"}));
        let status = client
            .patch(&path, Patch::Apply, &wanted)
            .await?
            .refused(403, "Forbidden")?;
        let message = status["message"].as_str().unwrap_or_default();
        holds(
            message,
            message.contains("cannot create resource \"configmaps\""),
        )?;
    }
    let path = format!("{}?fieldManager=me", p.one(MAPS, "there"));
    let mut wanted = map("there", "1");
    wanted["data"]["more"] = "2".into();
    client
        .patch(&path, Patch::Apply, &wanted)
        .await?
        .with(200)
        .map(|_| ())
}

/// Waits until a member follows a right that was just given.
pub(super) async fn may_read(client: &Client, path: &str) -> Check {
    let may = || async {
        client
            .get(path)
            .await
            .is_ok_and(|answer| answer.code == 200)
    };
    wait_until(
        "the member follows the binding",
        Duration::from_secs(20),
        may,
    )
    .await
}

async fn s72_what_cannot_be_applied_is_refused(p: &Place) -> Check {
    let wanted = config(json!({"key": "1"}));
    let status = p
        .patch(Patch::Apply, MAPS, "a", &wanted)
        .await?
        .refused(422, "Invalid")?;
    let cause = &status["details"]["causes"][0];
    same("field", &cause["field"], &json!("fieldManager"))?;
    let mut managed = wanted.clone();
    managed["metadata"]["managedFields"] = json!([]);
    let answer = p.apply(MAPS, "me", &managed).await?;
    answer.says(400, "BadRequest", "metadata.managedFields must be nil")?;
    let mut other = wanted.clone();
    other["apiVersion"] = "v2".into();
    p.apply(MAPS, "me", &other)
        .await?
        .refused(400, "BadRequest")?;
    let long = "m".repeat(129);
    p.apply(MAPS, &long, &wanted)
        .await?
        .refused(422, "Invalid")?;
    // Only an apply can be forced.
    let forced = format!("{}?force=true", p.one(MAPS, "a"));
    p.client
        .patch(&forced, Patch::Merge, &json!({}))
        .await?
        .refused(422, "Invalid")?;
    p.try_get(MAPS, "a")
        .await?
        .refused(404, "NotFound")
        .map(|_| ())
}

async fn s73_other_values_conflict_the_same_is_shared_and_force_takes(p: &Place) -> Check {
    p.apply(MAPS, "one", &config(json!({"key": "1", "more": "1"})))
        .await?
        .with(201)?;
    let shared = p
        .apply(MAPS, "two", &config(json!({"key": "1"})))
        .await?
        .with(200)?;
    for manager in ["one", "two"] {
        let own = some(manager, entry(&shared, manager))?;
        same(manager, &own["fieldsV1"]["f:data"]["f:key"], &json!({}))?;
    }
    let theirs = config(json!({"key": "2", "more": "2"}));
    let status = p
        .apply(MAPS, "three", &theirs)
        .await?
        .refused(409, "Conflict")?;
    let message = status["message"].as_str().unwrap_or_default();
    holds(
        message,
        message.starts_with("Apply failed with 3 conflicts: conflicts with \"one\":"),
    )?;
    let causes = status["details"]["causes"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let told: Vec<_> = causes
        .iter()
        .map(|one| (one["message"].as_str(), one["field"].as_str()))
        .collect();
    same(
        "causes",
        told,
        [
            (Some("conflict with \"one\""), Some(".data.key")),
            (Some("conflict with \"one\""), Some(".data.more")),
            (Some("conflict with \"two\""), Some(".data.key")),
        ],
    )?;
    let is_right = causes
        .iter()
        .all(|cause| cause["reason"] == "FieldManagerConflict");
    holds("their reason", is_right)?;
    p.apply(MAPS, "three&force=true", &theirs)
        .await?
        .with(200)?;
    let stored = p.get(MAPS, "a").await?;
    same("data", &stored["data"], &json!({"key": "2", "more": "2"}))?;
    same(
        "managers",
        stored["metadata"]["managedFields"].as_array().map(Vec::len),
        Some(1),
    )?;
    some("three", entry(&stored, "three")).map(|_| ())
}

async fn s74_what_is_dropped_goes_unless_others_want_it(p: &Place) -> Check {
    p.apply(MAPS, "one", &config(json!({"key": "1", "more": "1"})))
        .await?
        .with(201)?;
    p.apply(MAPS, "two", &config(json!({"key": "1"})))
        .await?
        .with(200)?;
    let left = p
        .apply(MAPS, "one", &config(json!({"own": "1"})))
        .await?
        .with(200)?;
    same("data", &left["data"], &json!({"key": "1", "own": "1"}))?;
    let own = some("one", entry(&left, "one"))?;
    same("owned", &own["fieldsV1"], &json!({"f:data": {"f:own": {}}}))
}

async fn s75_other_writes_never_conflict_and_own_what_they_change(p: &Place) -> Check {
    p.apply(MAPS, "one", &config(json!({"key": "1", "more": "1"})))
        .await?
        .with(201)?;
    let path = "a?fieldManager=editor";
    let after = p.merge(MAPS, path, &json!({"data": {"key": "2"}})).await?;
    let own = some("editor", entry(&after, "editor"))?;
    same("operation", &own["operation"], &json!("Update"))?;
    same("owned", &own["fieldsV1"], &json!({"f:data": {"f:key": {}}}))?;
    let answer = p.apply(MAPS, "one", &config(json!({"key": "1"}))).await?;
    let message = "Apply failed with 1 conflict: conflict with \"editor\" using v1: .data.key";
    answer.says(409, "Conflict", message).map(|_| ())
}

async fn s78_the_status_is_owned_through_its_subresource_alone(p: &Place) -> Check {
    p.with_account().await?;
    let mut wanted = super::objects::pod("p");
    wanted["status"] = json!({"phase": "Running"});
    let made = p.apply("pods", "me", &wanted).await?.with(201)?;
    same("phase", &made["status"]["phase"], &json!("Pending"))?;
    let own = some("me", entry(&made, "me"))?;
    same("owned", own["fieldsV1"].get("f:status"), None)?;
    let status = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "status": {"message": "hello"}});
    let name = "p/status?fieldManager=agent";
    let after = p
        .patch(Patch::Apply, "pods", name, &status)
        .await?
        .with(200)?;
    same("message", &after["status"]["message"], &json!("hello"))?;
    let own = some("agent", entry(&after, "agent"))?;
    same("subresource", &own["subresource"], &json!("status"))?;
    same(
        "owned",
        &own["fieldsV1"],
        &json!({"f:status": {"f:message": {}}}),
    )
}

async fn s79_what_nobody_owns_was_there_before_the_first_apply(p: &Place) -> Check {
    p.map("a").await?;
    let reset = json!({"metadata": {"managedFields": [{}]}});
    let patched = p.merge(MAPS, "a", &reset).await?;
    same("managers", patched["metadata"].get("managedFields"), None)?;
    let conflict = p.apply(MAPS, "me", &config(json!({"key": "2"}))).await?;
    let message =
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.key";
    conflict.says(409, "Conflict", message)?;
    let applied = p
        .apply(MAPS, "me", &config(json!({"new": "1"})))
        .await?
        .with(200)?;
    let own = some("an owner", entry(&applied, "before-first-apply"))?;
    same("operation", &own["operation"], &json!("Update"))?;
    holds(
        "what was there",
        own["fieldsV1"]["f:data"].get("f:key").is_some(),
    )
}

async fn s80_kubectl_goes_over_to_the_server_side_without_conflicts(p: &Place) -> Check {
    const LAST: &str = "kubectl.kubernetes.io/last-applied-configuration";
    let mut wanted = config(json!({"key": "1", "more": "1"}));
    let mut object = wanted.clone();
    object["metadata"]["annotations"] = json!({LAST: format!("{wanted}\n")});
    let path = format!("{}?fieldManager=kubectl-client-side-apply", p.all(MAPS));
    p.client.post(&path, &object).await?.with(201)?;
    wanted["data"] = json!({"key": "2"});
    p.apply(MAPS, "argo", &wanted)
        .await?
        .refused(409, "Conflict")?;
    let after = p.apply(MAPS, "kubectl", &wanted).await?.with(200)?;
    same("data", &after["data"]["key"], &json!("2"))?;
    // kubectl's second apply, for the annotation alone.
    let text = after["metadata"]["annotations"][LAST].clone();
    holds("the annotation is there", text.is_string())?;
    let mut annotation = config(json!({}));
    annotation["metadata"]["annotations"] = json!({LAST: text});
    if let Some(fields) = annotation.as_object_mut() {
        fields.remove("data");
    }
    p.apply(MAPS, "kubectl-last-applied", &annotation)
        .await?
        .with(200)?;
    wanted["data"] = json!({"key": "3"});
    p.apply(MAPS, "kubectl", &wanted)
        .await?
        .with(200)
        .map(|_| ())
}

async fn s81_what_does_not_fit_is_refused_in_the_known_texts(p: &Place) -> Check {
    let kind = "apps/v1/deployments";
    let start = format!(
        "failed to create typed patch object ({}/web; apps/v1, Kind=Deployment): ",
        p.namespace
    );
    let twice = json!([{"name": "X", "image": "a"}, {"name": "X", "image": "b"}]);
    for (spec, end) in [
        (json!({"foo": 1}), ".spec.foo: field not declared in schema"),
        (
            json!({"template": {"spec": {"containers": twice}}}),
            ".spec.template.spec.containers: duplicate entries for key [name=\"X\"]",
        ),
    ] {
        let wanted = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": p.namespace}, "spec": spec});
        let answer = p.apply(kind, "me", &wanted).await?;
        same("code", answer.code, 500)?;
        let status = answer.with(500)?;
        same(
            "message",
            &status["message"],
            &json!(format!("{start}{end}")),
        )?;
    }
    p.try_get(kind, "web").await?.refused(404, "NotFound")?;
    // An object that has something twice can be read.
    let mut double = template("a", json!([{"name": "a", "image": "a:1"}]));
    double["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "X", "value": "1"}, {"name": "X", "value": "2"}]);
    p.create("podtemplates", &double).await?;
    let stored = p.get("podtemplates", "a").await?;
    let env = stored["template"]["spec"]["containers"][0]["env"]
        .as_array()
        .map(Vec::len);
    same("what is there", env, Some(2))
}

async fn s82_a_uid_without_an_object_is_a_conflict(p: &Place) -> Check {
    let mut wanted = config(json!({"key": "1"}));
    wanted["metadata"]["uid"] = "u".into();
    let message = "Operation cannot be fulfilled on configmaps \"a\": uid mismatch: the provided \
        object specified uid u, and no existing object was found";
    p.apply(MAPS, "me", &wanted)
        .await?
        .says(409, "Conflict", message)?;
    p.try_get(MAPS, "a")
        .await?
        .refused(404, "NotFound")
        .map(|_| ())
}
