//! 49: what cannot be changed any more, and at which path that is said.

use super::client::Patch;
use super::objects::{deployment, pod};
use super::place::Place;
use super::run::asked;
use crate::check::{Check, holds, same};
use serde_json::{Value, json};

asked![
    s49_sealed_data_stays,
    s49_a_pods_spec_stays_but_for_few_fields,
    s49_a_deployments_selector_stays,
    s49_a_claims_spec_stays,
    s49_a_services_address_stays,
];

/// A merge patch is refused with one cause: this reason at this field.
async fn refused(
    p: &Place,
    (resource, name): (&str, &str),
    patch: Value,
    (reason, field): (&str, &str),
) -> Check<String> {
    let answer = p.patch(Patch::Merge, resource, name, &patch).await?;
    let status = answer.refused(422, "Invalid")?;
    let causes = status["details"]["causes"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let told = causes
        .iter()
        .map(|cause| (cause["reason"].as_str(), cause["field"].as_str()));
    let told: Vec<_> = told.collect();
    holds(
        &format!("{told:?}"),
        told.contains(&(Some(reason), Some(field))),
    )?;
    Ok(status["message"].as_str().unwrap_or_default().to_owned())
}

async fn s49_sealed_data_stays(p: &Place) -> Check {
    for (resource, kind) in [("secrets", "Secret"), ("configmaps", "ConfigMap")] {
        let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"},
            "data": {"a": "YQ=="}, "immutable": true});
        p.create(resource, &object).await?;
        let wanted = ("FieldValueForbidden", "data");
        refused(p, (resource, "a"), json!({"data": {"a": "Yg=="}}), wanted).await?;
        let wanted = ("FieldValueForbidden", "immutable");
        let text = refused(p, (resource, "a"), json!({"immutable": false}), wanted).await?;
        let told = format!(
            "{kind} \"a\" is invalid: immutable: Forbidden: field is immutable when `immutable` is set"
        );
        same("message", text, told)?;
        p.label(resource, "a", "x").await?;
    }
    Ok(())
}

async fn s49_a_pods_spec_stays_but_for_few_fields(p: &Place) -> Check {
    p.with_account().await?;
    let mut object = pod("a");
    object["spec"]["schedulingGates"] = json!([{"name": "a.io/gate"}]);
    object["spec"]["activeDeadlineSeconds"] = 500.into();
    p.create("pods", &object).await?;
    let one = ("pods", "a");
    let forbidden = ("FieldValueForbidden", "spec");
    let text = refused(p, one, json!({"spec": {"hostname": "h"}}), forbidden).await?;
    holds(
        &text,
        text.contains("pod updates may not change fields other than"),
    )?;
    let order = json!({"spec": {"containers": [{"name": "main", "image": "app:1"}, {"name": "b", "image": "b"}]}});
    refused(p, one, order, ("FieldValueForbidden", "spec.containers")).await?;
    let gates = json!({"spec": {"schedulingGates": [{"name": "a.io/gate"}, {"name": "a.io/b"}]}});
    refused(
        p,
        one,
        gates,
        ("FieldValueForbidden", "spec.schedulingGates[1].name"),
    )
    .await?;
    let image = json!({"spec": {"containers": [{"name": "main", "image": "app:2"}]}});
    for patch in [
        image,
        json!({"spec": {"activeDeadlineSeconds": 100}}),
        json!({"spec": {"tolerations": [{"key": "x", "operator": "Exists"}]}}),
        json!({"spec": {"schedulingGates": []}}),
    ] {
        p.patch(Patch::Strategic, "pods", "a", &added(p, &patch).await?)
            .await?
            .with(200)?;
    }
    Ok(())
}

/// Tolerations are replaced as a whole, and those that are there must stay.
async fn added(p: &Place, patch: &Value) -> Check<Value> {
    let mut patch = patch.clone();
    if let Some(new) = patch["spec"].get("tolerations").cloned() {
        let stored = p.get("pods", "a").await?;
        let mut all = stored["spec"]["tolerations"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        all.extend(new.as_array().cloned().unwrap_or_default());
        patch["spec"]["tolerations"] = all.into();
    }
    if patch["spec"].get("schedulingGates").is_some() {
        patch["spec"]["schedulingGates"] = json!([{"$patch": "replace"}]);
    }
    Ok(patch)
}

async fn s49_a_deployments_selector_stays(p: &Place) -> Check {
    let kind = "apps/v1/deployments";
    p.create(kind, &deployment("web")).await?;
    let labels = json!({"app": "web", "b": "c"});
    let patch = json!({"spec": {"selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}}}});
    let wanted = ("FieldValueInvalid", "spec.selector");
    let text = refused(p, (kind, "web"), patch, wanted).await?;
    holds(
        &text,
        text.starts_with("Deployment.apps \"web\" is invalid: spec.selector: "),
    )?;
    holds(&text, text.ends_with(": field is immutable"))
}

async fn s49_a_claims_spec_stays(p: &Place) -> Check {
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "a"},
        "spec": {"storageClassName": "none", "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}}});
    p.create("persistentvolumeclaims", &claim).await?;
    let patch = json!({"spec": {"accessModes": ["ReadOnlyMany"]}});
    let wanted = ("FieldValueForbidden", "spec");
    refused(p, ("persistentvolumeclaims", "a"), patch, wanted)
        .await
        .map(|_| ())
}

async fn s49_a_services_address_stays(p: &Place) -> Check {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"},
        "spec": {"ports": [{"port": 80}]}});
    let made = p.create("services", &service).await?;
    let address = made["spec"]["clusterIP"].as_str().unwrap_or_default();
    let parts: Vec<&str> = address.split('.').collect();
    same("parts of an address", parts.len(), 4)?;
    let other = if parts[3] == "77" { "78" } else { "77" };
    let other = format!("{}.{}.{}.{other}", parts[0], parts[1], parts[2]);
    let patch = json!({"spec": {"clusterIP": other, "clusterIPs": [other]}});
    let wanted = ("FieldValueInvalid", "spec.clusterIPs[0]");
    refused(p, ("services", "a"), patch, wanted)
        .await
        .map(|_| ())
}
