//! The group `certificates.k8s.io`.

use super::Kind;
use crate::table::column::{AGE, Column, NAME};
use crate::table::duration::human_duration;
use crate::table::object::Object;
use crate::table::selector::labels;
use crate::table::value::{at, condition, text};
use serde_json::Value;

const GROUP: &str = "certificates.k8s.io";

pub(super) const KINDS: &[Kind] = &[
    Kind::new(GROUP, "CertificateSigningRequest", REQUEST, request),
    Kind::new(GROUP, "ClusterTrustBundle", BUNDLE, bundle),
    Kind::new(GROUP, "PodCertificateRequest", POD_REQUEST, pod_request),
];

const REQUEST: &[Column] = &[
    NAME,
    AGE,
    Column::text("SignerName", "Who is to sign"),
    Column::text("Requestor", "Who asks for it"),
    Column::text("RequestedDuration", "For how long it is wanted"),
    Column::text("Condition", "How far it has got"),
];

const BUNDLE: &[Column] = &[
    NAME,
    Column::text("SignerName", "Whose certificates these are"),
];

const POD_REQUEST: &[Column] = &[
    NAME,
    Column::text("PodName", "The pod that it is for"),
    Column::text("ServiceAccountName", "As whom that pod runs"),
    Column::text("NodeName", "Where that pod runs"),
    Column::text("SignerName", "Who is to sign"),
    Column::text("State", "How far it has got"),
    Column::text(
        "UnverifiedUserAnnotations",
        "What the pod says that nobody has checked",
    ),
];

fn request(object: &Object<'_>) -> Vec<Value> {
    let seconds = at(object.value, "spec.expirationSeconds").and_then(Value::as_i64);
    let duration = seconds.map(|seconds| human_duration(seconds.saturating_mul(1_000_000)));
    vec![
        object.name(),
        object.age(),
        object.text_or("spec.signerName", "<none>").into(),
        object.text("spec.username").into(),
        duration.unwrap_or_else(|| "<none>".to_owned()).into(),
        state(object).into(),
    ]
}

fn state(object: &Object<'_>) -> String {
    let conditions = object.list("status.conditions");
    let has = |kind| condition(conditions, kind).is_some();
    let decision = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    };
    let failed = if has("Failed") { ",Failed" } else { "" };
    let issued = match object.text("status.certificate") {
        "" => "",
        _ => ",Issued",
    };
    format!("{decision}{failed}{issued}")
}

fn bundle(object: &Object<'_>) -> Vec<Value> {
    let signer = object.text_or("spec.signerName", "<none>");
    vec![object.name(), signer.into()]
}

fn pod_request(object: &Object<'_>) -> Vec<Value> {
    let conditions = object.list("status.conditions").iter().rev();
    let mut kinds = conditions.map(|one| text(one, "type"));
    let state = kinds.find(|kind| ["Issued", "Denied", "Failed"].contains(kind));
    vec![
        object.name(),
        object.text("spec.podName").into(),
        object.text("spec.serviceAccountName").into(),
        object.text("spec.nodeName").into(),
        object.text("spec.signerName").into(),
        state.unwrap_or("Pending").into(),
        labels(object.value, "spec.unverifiedUserAnnotations").into(),
    ]
}
