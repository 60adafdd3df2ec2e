//! The kinds that ask for a decision: an object goes in, the same object with its status comes out.
//! Nothing is stored.
//!
//! Whoever may create a SubjectAccessReview asks about anybody; a LocalSubjectAccessReview asks about
//! anybody in one namespace; the kinds that begin with `Self` ask about the user who creates them.
//!
//! What may enter: decoded objects, who asks, an authorizer, the time as a text. What never happens here:
//! a decision that differs from what the authorizer would say to the request itself.

mod selectors;
#[cfg(test)]
mod tests;
mod validate;

use super::attributes::{Attributes, Decision, ResourceTarget, Target, Verdict};
use super::chain::Authorizer;
use super::rule::Rule;
use super::subject::text;
use crate::identity::User;
use crate::status::{Failure, FieldError, GroupKind};
use selectors::Selectors;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const AUTHORIZATION: &str = "authorization.k8s.io";

/// Answers a SubjectAccessReview.
///
/// # Errors
/// 422 if it asks about nothing, about nobody, or about two things.
pub fn subject_access(review: Value, authorizer: &dyn Authorizer) -> Result<Value, Failure> {
    invalid("SubjectAccessReview", &validate::subject(&review))?;
    let user = subject(&review["spec"]);
    Ok(answer(review, &user, authorizer))
}

/// Answers a LocalSubjectAccessReview that was sent to a namespace.
///
/// # Errors
/// 422 as for a SubjectAccessReview, or if it asks about another namespace or about a path; 400 if the
/// object itself says another namespace than the request.
pub fn local_subject_access(
    review: Value,
    namespace: &str,
    authorizer: &dyn Authorizer,
) -> Result<Value, Failure> {
    invalid("LocalSubjectAccessReview", &validate::local(&review))?;
    if namespace.is_empty() {
        let message = "namespace is required on this type: ";
        return Err(Failure::bad_request(message));
    }
    if text(&review["metadata"], "namespace") != namespace {
        let message =
            format!("spec.resourceAttributes.namespace must match namespace: {namespace}");
        return Err(Failure::bad_request(message));
    }
    let user = subject(&review["spec"]);
    Ok(answer(review, &user, authorizer))
}

/// Answers a SelfSubjectAccessReview of a user.
///
/// # Errors
/// 422 if it asks about nothing or about two things.
pub fn self_subject_access(
    review: Value,
    user: &User,
    authorizer: &dyn Authorizer,
) -> Result<Value, Failure> {
    invalid("SelfSubjectAccessReview", &validate::own(&review))?;
    Ok(answer(review, user, authorizer))
}

/// Answers a SelfSubjectRulesReview of a user: what the user may do in a namespace.
///
/// # Errors
/// 400 if it names no namespace.
pub fn self_subject_rules(
    review: &Value,
    user: &User,
    authorizer: &dyn Authorizer,
) -> Result<Value, Failure> {
    let namespace = review
        .get("spec")
        .map_or("", |spec| text(spec, "namespace"));
    if namespace.is_empty() {
        return Err(Failure::bad_request("no namespace on request"));
    }
    let found = authorizer.rules_for(user, namespace);
    let of_resources = |rule: &&Rule| !rule.resources.is_empty();
    let of_paths = |rule: &&Rule| !rule.paths.is_empty();
    let resources = found.rules.iter().filter(of_resources).map(|rule| {
        let rule = Rule {
            paths: Vec::new(),
            ..rule.clone()
        };
        rule.to_value()
    });
    let paths = found.rules.iter().filter(of_paths).map(|rule| {
        let rule = Rule {
            verbs: rule.verbs.clone(),
            paths: rule.paths.clone(),
            ..Rule::default()
        };
        rule.to_value()
    });
    let mut status = json!({
        "resourceRules": resources.collect::<Vec<_>>(),
        "nonResourceRules": paths.collect::<Vec<_>>(),
        "incomplete": found.is_incomplete,
    });
    if !found.errors.is_empty() {
        status["evaluationError"] = super::policy::together(found.errors).into();
    }
    Ok(json!({
        "kind": "SelfSubjectRulesReview",
        "apiVersion": review.get("apiVersion").cloned().unwrap_or_else(|| v1(AUTHORIZATION)),
        "metadata": {},
        "spec": {},
        "status": status,
    }))
}

/// Answers a SelfSubjectReview: who the user is. `now` is the time as objects have it.
pub fn self_subject(review: &Value, user: &User, now: &str) -> Value {
    let api_version = review.get("apiVersion").cloned();
    json!({
        "kind": "SelfSubjectReview",
        "apiVersion": api_version.unwrap_or_else(|| v1("authentication.k8s.io")),
        "metadata": {"creationTimestamp": now},
        "status": {"userInfo": user.to_value()},
    })
}

fn v1(group: &str) -> Value {
    format!("{group}/v1").into()
}

fn invalid(kind: &str, errors: &[FieldError]) -> Result<(), Failure> {
    match errors.is_empty() {
        true => Ok(()),
        false => {
            let kind = GroupKind::new(AUTHORIZATION, kind);
            Err(Failure::invalid(&kind, "", errors))
        }
    }
}

/// The review with what the authorizer says.
fn answer(mut review: Value, user: &User, authorizer: &dyn Authorizer) -> Value {
    let status = decide(&review["spec"], user, authorizer);
    if let Some(fields) = review.as_object_mut() {
        fields.insert("status".to_owned(), status);
    }
    review
}

fn decide(spec: &Value, user: &User, authorizer: &dyn Authorizer) -> Value {
    let asked = spec.get("resourceAttributes").filter(|one| !one.is_null());
    let selectors = asked.map(Selectors::read).unwrap_or_default();
    let target = match asked {
        Some(resource) => Target::Resource(ResourceTarget {
            group: text(resource, "group"),
            version: match text(resource, "version") {
                "" => "*",
                version => version,
            },
            resource: text(resource, "resource"),
            subresource: text(resource, "subresource"),
            namespace: text(resource, "namespace"),
            name: text(resource, "name"),
            fields: selectors.fields.as_ref(),
            labels: selectors.labels.as_ref(),
        }),
        None => Target::Path(text(&spec["nonResourceAttributes"], "path")),
    };
    let asked = asked.unwrap_or(&spec["nonResourceAttributes"]);
    let verdict = authorizer.authorize(&Attributes {
        user,
        verb: text(asked, "verb"),
        target,
    });
    status(&verdict, &selectors.complaints.join("; "))
}

fn status(verdict: &Verdict, error: &str) -> Value {
    let mut status = Map::new();
    status.insert("allowed".to_owned(), verdict.is_allowed().into());
    if verdict.decision == Decision::Deny {
        status.insert("denied".to_owned(), true.into());
    }
    for (field, text) in [("reason", verdict.reason()), ("evaluationError", error)] {
        if !text.is_empty() {
            status.insert(field.to_owned(), text.into());
        }
    }
    Value::Object(status)
}

/// The user that a spec asks about.
fn subject(spec: &Value) -> User {
    let texts = |list: &Value| -> Vec<String> {
        let items = list.as_array().into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let extra = spec.get("extra").and_then(Value::as_object);
    let extra = extra.into_iter().flatten();
    User {
        name: text(spec, "user").to_owned(),
        uid: text(spec, "uid").to_owned(),
        groups: spec.get("groups").map(texts).unwrap_or_default(),
        extra: extra
            .map(|(key, values)| (key.clone(), texts(values)))
            .collect::<BTreeMap<_, _>>(),
    }
}
