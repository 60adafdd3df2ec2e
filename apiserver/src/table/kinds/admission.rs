//! The group `admissionregistration.k8s.io`.

use super::Kind;
use crate::table::column::{AGE, Column, NAME};
use crate::table::object::Object;
use crate::table::selector::structure;
use crate::table::value::{at, text};
use serde_json::Value;

const GROUP: &str = "admissionregistration.k8s.io";

pub(super) const KINDS: &[Kind] = &[
    Kind::new(GROUP, "MutatingWebhookConfiguration", WEBHOOKS, webhooks),
    Kind::new(GROUP, "ValidatingWebhookConfiguration", WEBHOOKS, webhooks),
    Kind::new(GROUP, "ValidatingAdmissionPolicy", VALIDATIONS, validations),
    Kind::new(GROUP, "ValidatingAdmissionPolicyBinding", BINDING, binding),
    Kind::new(GROUP, "MutatingAdmissionPolicy", MUTATIONS, mutations),
    Kind::new(GROUP, "MutatingAdmissionPolicyBinding", BINDING, binding),
];

const WEBHOOKS: &[Column] = &[
    NAME,
    Column::integer("Webhooks", "How many webhooks it names"),
    AGE,
];

const PARAM_KIND: Column = Column::text("ParamKind", "The kind of its parameters");

const VALIDATIONS: &[Column] = &[
    NAME,
    Column::integer("Validations", "How many rules it has"),
    PARAM_KIND,
    AGE,
];

const MUTATIONS: &[Column] = &[
    NAME,
    Column::integer("Mutations", "How many changes it makes"),
    PARAM_KIND,
    AGE,
];

const BINDING: &[Column] = &[
    NAME,
    Column::text("PolicyName", "The policy that it puts into force"),
    Column::text("ParamRef", "The parameters that it gives"),
    AGE,
];

fn webhooks(object: &Object<'_>) -> Vec<Value> {
    let webhooks = object.list("webhooks").len();
    vec![object.name(), webhooks.into(), object.age()]
}

fn policy(object: &Object<'_>, rules: &str) -> Vec<Value> {
    let kind = at(object.value, "spec.paramKind");
    let kind = kind.map(|kind| format!("{}/{}", text(kind, "apiVersion"), text(kind, "kind")));
    vec![
        object.name(),
        object.list(rules).len().into(),
        kind.unwrap_or_else(|| "<unset>".to_owned()).into(),
        object.age(),
    ]
}

fn validations(object: &Object<'_>) -> Vec<Value> {
    policy(object, "spec.validations")
}

fn mutations(object: &Object<'_>) -> Vec<Value> {
    policy(object, "spec.mutations")
}

fn binding(object: &Object<'_>) -> Vec<Value> {
    vec![
        object.name(),
        object.text("spec.policyName").into(),
        parameters(object).into(),
        object.age(),
    ]
}

fn parameters(object: &Object<'_>) -> String {
    let given = at(object.value, "spec.paramRef").unwrap_or(&Value::Null);
    match (text(given, "namespace"), text(given, "name")) {
        (_, "") => at(given, "selector").map_or("<unset>".to_owned(), structure),
        // Perhaps its kind has no namespaces; that cannot be told from here.
        ("", name) => format!("*/{name}"),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}
