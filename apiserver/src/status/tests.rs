//! Texts, codes and shapes of Status objects, compared with what clients know.

use super::*;
use serde_json::json;

fn deployments() -> GroupResource {
    GroupResource::new("apps", "deployments")
}

fn pods() -> GroupResource {
    GroupResource::new("", "pods")
}

#[test]
fn a_missing_object_is_named_with_its_group() {
    let failure = Failure::not_found(&deployments(), "web");
    assert_eq!(
        failure.to_value(),
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "deployments.apps \"web\" not found", "reason": "NotFound", "code": 404,
            "details": {"name": "web", "group": "apps", "kind": "deployments"},
        })
    );
}

#[test]
fn invalid_names_the_kind_and_has_a_cause_for_each_error_in_order() {
    let spec = Path::new("spec");
    let errors = [
        FieldError::required(&spec.child("selector"), ""),
        FieldError::invalid(
            &spec.child("replicas"),
            -1,
            "must be greater than or equal to 0",
        ),
        FieldError::required(&spec.child("selector"), ""),
    ];
    let failure = Failure::invalid(&GroupKind::new("apps", "Deployment"), "web", &errors);
    assert_eq!(
        failure.message,
        "Deployment.apps \"web\" is invalid: [spec.selector: Required value, \
         spec.replicas: Invalid value: -1: must be greater than or equal to 0]"
    );
    let value = failure.to_value();
    assert_eq!(value["code"], 422);
    assert_eq!(value["details"]["kind"], "Deployment");
    assert_eq!(
        value["details"]["causes"],
        json!([
            {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.selector"},
            {"reason": "FieldValueInvalid", "field": "spec.replicas",
             "message": "Invalid value: -1: must be greater than or equal to 0"},
            {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.selector"},
        ])
    );
}

#[test]
fn one_error_stands_without_brackets_even_if_it_was_found_twice() {
    let error = FieldError::required(&Path::new("spec").child("selector"), "");
    let kind = GroupKind::new("apps", "Deployment");
    let wanted = "Deployment.apps \"x\" is invalid: spec.selector: Required value";
    let once = Failure::invalid(&kind, "x", std::slice::from_ref(&error));
    let twice = Failure::invalid(&kind, "x", &[error.clone(), error]);
    assert_eq!(
        (once.message.as_str(), twice.message.as_str()),
        (wanted, wanted)
    );
    assert_eq!(
        Failure::invalid(&kind, "x", &[]).message,
        "Deployment.apps \"x\" is invalid"
    );
}

#[test]
fn each_kind_of_field_error_has_its_text_and_reason() {
    let at = Path::new("a").child("b").index(2).key("c");
    let cases = [
        (
            FieldError::required(&at, "say it"),
            "Required value: say it",
            "FieldValueRequired",
        ),
        (
            FieldError::duplicate(&at, "x"),
            "Duplicate value: \"x\"",
            "FieldValueDuplicate",
        ),
        (
            FieldError::not_supported(&at, "x", &["y", "z"]),
            "Unsupported value: \"x\": supported values: \"y\", \"z\"",
            "FieldValueNotSupported",
        ),
        (
            FieldError::not_supported::<&str>(&at, "x", &[]),
            "Unsupported value: \"x\"",
            "FieldValueNotSupported",
        ),
        (
            FieldError::forbidden(&at, "no"),
            "Forbidden: no",
            "FieldValueForbidden",
        ),
        (
            FieldError::too_long(&at, 63),
            "Too long: may not be more than 63 bytes",
            "FieldValueTooLong",
        ),
        (
            FieldError::too_many(&at, 9, 1),
            "Too many: 9: must have at most 1 item",
            "FieldValueTooMany",
        ),
        (
            FieldError::type_invalid(&at, json!([1]), "must be a string"),
            "Invalid value: [1]: must be a string",
            "FieldValueTypeInvalid",
        ),
        (
            FieldError::not_found(&at, "x"),
            "Not found: \"x\"",
            "FieldValueNotFound",
        ),
        (
            FieldError::internal(&at, "broken"),
            "Internal error: broken",
            "InternalError",
        ),
    ];
    for (error, body, reason) in cases {
        assert_eq!(error.body(), body);
        assert_eq!(error.kind.reason(), reason);
        assert_eq!(error.to_string(), format!("a.b[2][c]: {body}"));
    }
}

#[test]
fn values_are_shown_as_clients_know_them() {
    let shown = |value| text::in_field_error(&value);
    assert_eq!(shown(json!(null)), "\"null\"");
    assert_eq!(shown(json!(true)), "true");
    assert_eq!(shown(json!(-5)), "-5");
    assert_eq!(shown(json!(1.5)), "1.5");
    assert_eq!(shown(json!(1e21)), "1e+21");
    assert_eq!(shown(json!(0.00001)), "1e-05");
    assert_eq!(shown(json!(1.0)), "1");
    assert_eq!(shown(json!({"a": ["b"]})), "{\"a\":[\"b\"]}");
    assert_eq!(
        text::plain(&json!({"b": [1, null, "x"], "a": true})),
        "map[a:true b:[1 <nil> x]]"
    );
}

#[test]
fn quoting_escapes_what_cannot_be_seen() {
    assert_eq!(
        text::quote("a\"\\\n\t\u{7}\u{0}\u{7f}"),
        r#""a\"\\\n\t\a\x00\x7f""#
    );
    assert_eq!(text::quote("é\u{301}日"), "\"é\u{301}日\"");
    assert_eq!(
        text::quote("\u{a0}\u{200b}\u{e0001}"),
        r#""\u00a0\u200b\U000e0001""#
    );
}

#[test]
fn a_path_without_parts_is_nil_and_its_child_stands_alone() {
    assert_eq!(Path::none().to_string(), "<nil>");
    assert_eq!(Path::none().child("key").to_string(), "key");
    assert_eq!(
        Path::new("spec")
            .child("containers")
            .index(0)
            .child("ports")
            .index(1)
            .child("name")
            .to_string(),
        "spec.containers[0].ports[1].name"
    );
    assert_eq!(
        Path::new("metadata").child("labels").key("a/b").to_string(),
        "metadata.labels[a/b]"
    );
}

#[test]
fn who_may_not_do_what_is_said_with_scope_and_group() {
    let (pods, deployments) = (pods(), deployments());
    let attempt = |resource, subresource, namespace, name| Attempt::Resource {
        verb: "list",
        resource,
        subresource,
        namespace,
        name,
    };
    let message = |attempt| Failure::not_allowed("u", &attempt, "").message;
    assert_eq!(
        message(attempt(&pods, "", "ns", "")),
        "pods is forbidden: User \"u\" cannot list resource \"pods\" in API group \"\" in the namespace \"ns\""
    );
    assert_eq!(
        message(attempt(&deployments, "scale", "", "web")),
        "deployments.apps \"web\" is forbidden: User \"u\" cannot list resource \"deployments/scale\" \
         in API group \"apps\" at the cluster scope"
    );
    let path = Attempt::Path {
        verb: "get",
        path: "/x",
    };
    let failure = Failure::not_allowed("u", &path, "no RBAC policy matched");
    assert_eq!(
        failure.message,
        "forbidden: User \"u\" cannot get path \"/x\": no RBAC policy matched"
    );
    assert_eq!(failure.to_value()["details"], json!({}));
}

#[test]
fn messages_of_the_table_are_byte_for_byte() {
    let pods = pods();
    let cases = [
        (Failure::unauthorized(), 401, "Unauthorized"),
        (
            Failure::unknown_path(),
            404,
            "the server could not find the requested resource",
        ),
        (
            Failure::method_not_allowed(&deployments(), "create"),
            405,
            "create is not supported on resources of kind \"deployments.apps\"",
        ),
        (
            Failure::not_acceptable(&["application/json", "application/yaml"]),
            406,
            "only the following media types are accepted: application/json, application/yaml",
        ),
        (
            Failure::unsupported_media_type(&["application/json"]),
            415,
            "the body of the request was in an unknown format - accepted media types include: application/json",
        ),
        (
            Failure::already_exists(&pods, "x"),
            409,
            "pods \"x\" already exists",
        ),
        (
            Failure::modified(&pods, "x"),
            409,
            "Operation cannot be fulfilled on pods \"x\": the object has been modified; please apply your changes to the latest version and try again",
        ),
        (
            Failure::list_expired(),
            410,
            "The resourceVersion for the provided list is too old.",
        ),
        (
            Failure::body_too_large(3_145_728),
            413,
            "Request entity too large: limit is 3145728",
        ),
        (
            Failure::patch_does_not_apply(),
            422,
            "the server rejected our request due to an error in our request",
        ),
        (
            Failure::internal("boom"),
            500,
            "Internal error occurred: boom",
        ),
        (Failure::timeout("slow", 0), 504, "Timeout: slow"),
        (
            Failure::name_mismatch("a", "b"),
            400,
            "the name of the object (a) does not match the name on the URL (b)",
        ),
    ];
    for (failure, code, message) in cases {
        assert_eq!((failure.code(), failure.message.as_str()), (code, message));
    }
}

#[test]
fn an_expired_token_brings_a_fresh_one_in_the_metadata() {
    let failure = Failure::continue_expired(Some("t".to_owned()));
    assert_eq!(
        failure.message,
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list."
    );
    assert_eq!(failure.to_value()["metadata"], json!({"continue": "t"}));
    assert_eq!(failure.to_value()["reason"], "Expired");
    assert_eq!(
        Failure::continue_expired(None).message,
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter."
    );
}

#[test]
fn a_revision_from_the_future_says_so_in_a_cause_and_when_to_try_again() {
    let failure = Failure::version_too_large(9, 5);
    assert_eq!(failure.retry_after_seconds(), Some(1));
    assert_eq!(failure.reason.next(), Next::FindOut);
    let value = failure.to_value();
    assert_eq!(
        value["message"],
        "Timeout: Too large resource version: 9, current: 5"
    );
    assert_eq!(
        value["details"],
        json!({"retryAfterSeconds": 1, "causes":
            [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]})
    );
    assert_eq!(
        Failure::no_free_name(&pods(), "x").retry_after_seconds(),
        Some(1)
    );
    assert_eq!(Failure::not_found(&pods(), "x").retry_after_seconds(), None);
}

#[test]
fn a_terminating_namespace_is_told_by_its_cause() {
    let value = Failure::namespace_terminating(&pods(), "x", "ns").to_value();
    assert_eq!(value["code"], 403);
    assert_eq!(
        value["message"],
        "pods \"x\" is forbidden: unable to create new content in namespace ns because it is being terminated"
    );
    assert_eq!(
        value["details"]["causes"],
        json!([{"reason": "NamespaceTerminating", "field": "metadata.namespace",
            "message": "namespace ns is being terminated"}])
    );
}

#[test]
fn a_deletion_answers_with_what_was_deleted() {
    assert_eq!(
        deleted(&deployments(), "web", "u1"),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": "web", "group": "apps", "kind": "deployments", "uid": "u1"}})
    );
    assert_eq!(
        done(201),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})
    );
}

#[test]
fn what_is_wrong_and_huge_is_not_repeated_in_full() {
    let huge = "x".repeat(1 << 20);
    let kind = GroupKind::new("", "Pod");
    let at = Path::new("metadata").child("labels");
    let errors = [
        FieldError::invalid(&at, huge.as_str(), "is wrong"),
        FieldError::required(&at.key(&huge), ""),
        FieldError::invalid(&at, json!({ &huge: [&huge] }), format!("is not {huge}")),
    ];
    let status = Failure::invalid(&kind, &huge, &errors).to_value();
    assert!(
        status.to_string().len() < 300_000,
        "{}",
        status.to_string().len()
    );
    let causes = &status["details"]["causes"];
    let message = causes[0]["message"].as_str().expect("a text");
    let told = format!(
        "Invalid value: \"{}\"... (1048576 bytes)",
        &huge[..16 * 1024]
    );
    assert!(message.starts_with(&told[..16_000]), "{message:.100}");
    let field = causes[1]["field"].as_str().expect("a text");
    assert!(field.ends_with("x... (1048576 bytes)]"), "{field}");
    assert!(
        status["message"]
            .as_str()
            .expect("a text")
            .starts_with("Pod \"xxx")
    );
    let refused = Failure::bad_request(format!("no: {huge}")).to_value();
    assert!(refused.to_string().len() < 100_000);
}

#[test]
fn very_many_errors_are_told_as_far_as_there_is_room() {
    let at = Path::new("spec");
    let errors: Vec<_> = (0..100_000)
        .map(|number| FieldError::invalid(&at.index(number), number, "is wrong"))
        .collect();
    let status = Failure::invalid(&GroupKind::new("", "Pod"), "p", &errors).to_value();
    assert!(
        status.to_string().len() < 400_000,
        "{}",
        status.to_string().len()
    );
    let causes = status["details"]["causes"].as_array().expect("causes");
    assert!(causes.len() > 1_000, "{}", causes.len());
    let message = status["message"].as_str().expect("a text");
    assert!(
        message.ends_with(", ... (100000 errors)]"),
        "{message:.100}"
    );
    assert!(message.contains("spec[999]: Invalid value: 999: is wrong"));
}
