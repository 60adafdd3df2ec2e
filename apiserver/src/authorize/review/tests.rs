use super::*;
use crate::authorize::{Policy, RBAC, Union};
use serde_json::json;

/// Jane, and everybody in `dev`, gets pods in `shop` and reads `/metrics`.
fn policy() -> Policy {
    let objects = [
        json!({"kind": "ClusterRole", "metadata": {"name": "r"}, "rules": [
            {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["p"]},
            {"verbs": ["get"], "nonResourceURLs": ["/metrics"]}]}),
        json!({"kind": "RoleBinding", "metadata": {"namespace": "shop", "name": "b"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "r"},
            "subjects": [{"kind": "User", "name": "jane"}, {"kind": "Group", "name": "dev"}]}),
        json!({"kind": "ClusterRoleBinding", "metadata": {"name": "b"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "r"},
            "subjects": [{"kind": "User", "name": "root"}]}),
    ];
    Policy::from_objects(&objects).unwrap()
}

fn pods(namespace: &str) -> Value {
    json!({"verb": "get", "resource": "pods", "name": "p", "namespace": namespace})
}

fn wrong(kind: fn(Value) -> Result<Value, Failure>, review: Value) -> String {
    kind(review).unwrap_err().message
}

fn subject_of(review: Value) -> Result<Value, Failure> {
    subject_access(review, &policy())
}

fn own_of(review: Value) -> Result<Value, Failure> {
    self_subject_access(review, &User::new("jane", ["g"]), &policy())
}

fn local_of(review: Value) -> Result<Value, Failure> {
    local_subject_access(review, "shop", &policy())
}

#[test]
fn a_review_says_what_the_request_would_be_told() {
    let reason = "RBAC: allowed by RoleBinding \"b/shop\" of ClusterRole \"r\" to Group \"dev\"";
    let review = json!({"kind": "SubjectAccessReview", "spec":
        {"user": "x", "groups": ["dev"], "resourceAttributes": pods("shop")}});
    let answered = subject_of(review.clone()).unwrap();
    assert_eq!(
        answered["status"],
        json!({"allowed": true, "reason": reason})
    );
    assert_eq!(answered["spec"], review["spec"]);
    let review = json!({"spec": {"user": "x", "resourceAttributes": pods("other")}});
    assert_eq!(
        subject_of(review).unwrap()["status"],
        json!({"allowed": false})
    );
    let path = json!({"verb": "get", "path": "/metrics"});
    let review = json!({"spec": {"user": "root", "nonResourceAttributes": path}});
    assert_eq!(subject_of(review).unwrap()["status"]["allowed"], true);
    let review = json!({"spec": {"resourceAttributes": pods("shop")}});
    assert_eq!(own_of(review).unwrap()["status"]["allowed"], true);
    let review = json!({"metadata": {"namespace": "shop"},
        "spec": {"user": "jane", "resourceAttributes": pods("shop")}});
    assert_eq!(local_of(review).unwrap()["status"]["allowed"], true);
}

#[test]
fn a_review_that_asks_about_nothing_or_too_much_is_invalid() {
    let nothing = "spec.resourceAttributes: Invalid value: \"null\": exactly one of \
        nonResourceAttributes or resourceAttributes must be specified";
    assert_eq!(
        wrong(subject_of, json!({"spec": {}})),
        format!(
            "SubjectAccessReview.authorization.k8s.io \"\" is invalid: [{nothing}, spec.user: Invalid \
             value: \"\": at least one of user or group must be specified]"
        )
    );
    assert_eq!(
        wrong(own_of, json!({})),
        format!("SelfSubjectAccessReview.authorization.k8s.io \"\" is invalid: {nothing}")
    );
    let path = json!({"verb": "get", "path": "/x"});
    let both = json!({"spec": {"resourceAttributes": pods("a"), "nonResourceAttributes": path}});
    assert_eq!(
        wrong(own_of, both),
        "SelfSubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.nonResourceAttributes: \
         Invalid value: {\"Path\":\"/x\",\"Verb\":\"get\"}: cannot be specified in combination with \
         resourceAttributes"
    );
    let named = json!({"metadata": {"name": "x"}, "spec": {"resourceAttributes": pods("a")}});
    let message = wrong(own_of, named);
    assert!(message.ends_with(": must be empty"), "{message}");
    let empty = json!({"metadata": {"name": "", "creationTimestamp": null, "managedFields": [{}]},
        "spec": {"resourceAttributes": pods("shop")}});
    assert!(own_of(empty).is_ok());
}

#[test]
fn a_local_review_stays_in_its_namespace() {
    let review = |namespace: &str, asked: &str| {
        json!({"metadata": {"namespace": namespace},
            "spec": {"user": "jane", "resourceAttributes": pods(asked)}})
    };
    let message = wrong(local_of, review("shop", "other"));
    assert_eq!(
        message,
        "LocalSubjectAccessReview.authorization.k8s.io \"\" is invalid: \
         spec.resourceAttributes.namespace: Invalid value: \"other\": must match metadata.namespace"
    );
    assert_eq!(
        wrong(local_of, review("other", "other")),
        "spec.resourceAttributes.namespace must match namespace: shop"
    );
    let path = json!({"metadata": {"namespace": "shop"},
        "spec": {"user": "jane", "nonResourceAttributes": {"path": "/"}}});
    let message = wrong(local_of, path);
    assert!(
        message.ends_with("disallowed on this kind of request"),
        "{message}"
    );
}

/// What the authorizer is told about selectors.
struct Selecting;

impl Authorizer for Selecting {
    fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        let Target::Resource(target) = &attributes.target else {
            return Verdict::NO_OPINION;
        };
        let fields = target.fields.map(ToString::to_string).unwrap_or_default();
        let labels = target.labels.map(ToString::to_string).unwrap_or_default();
        Verdict {
            decision: Decision::Deny,
            reason: Some(format!("{fields}|{labels}").into()),
        }
    }
}

fn selecting(fields: Value, labels: Value) -> Result<Value, Failure> {
    let mut asked = pods("shop");
    asked["fieldSelector"] = fields;
    asked["labelSelector"] = labels;
    let review = json!({"spec": {"resourceAttributes": asked}});
    let user = User::new("jane", ["g"]);
    let authorizer = Union::new(vec![Box::new(Selecting)]);
    Ok(self_subject_access(review, &user, &authorizer)?["status"].take())
}

#[test]
fn selectors_are_read_from_texts_and_requirements() {
    let texts = selecting(
        json!({"rawSelector": "a=b,c!=d"}),
        json!({"rawSelector": "x in (y)"}),
    );
    let expected = json!({"allowed": false, "denied": true, "reason": "a=b,c!=d|x in (y)"});
    assert_eq!(texts.unwrap(), expected);
    let fields = json!({"requirements": [
        {"key": "a", "operator": "In", "values": ["b,=\\"]},
        {"key": "c", "operator": "NotIn", "values": ["d"]}]});
    let labels = json!({"requirements": [{"key": "x", "operator": "Exists"}]});
    let status = selecting(fields, labels).unwrap();
    assert_eq!(status["reason"], "a=b\\,\\=\\\\,c!=d|x");
    assert!(status.get("evaluationError").is_none());
}

#[test]
fn what_is_not_understood_is_left_out_and_told() {
    let raw = json!({"rawSelector": "=!"});
    let status = selecting(json!({"rawSelector": "a"}), raw).unwrap();
    assert_eq!(
        status["evaluationError"],
        "spec.resourceAttributes.fieldSelector ignored due to parse error; \
         spec.resourceAttributes.labelSelector ignored due to parse error"
    );
    assert_eq!(status["reason"], "|");
    let fields = json!({"requirements": [
        {"key": "a", "operator": "In", "values": ["b"]},
        {"key": "c", "operator": "In", "values": ["d", "e"]},
        {"key": "x=1,y", "operator": "In", "values": ["z"]},
        {"key": "a", "operator": "Like", "values": ["b"]}]});
    let status = selecting(fields, Value::Null).unwrap();
    assert_eq!(status["reason"], "a=b|");
    assert_eq!(
        status["evaluationError"],
        "spec.resourceAttributes.fieldSelector partially ignored due to parse error"
    );
}

#[test]
fn a_selector_that_cannot_be_meant_is_invalid() {
    let is_wrong = |fields: Value, labels: Value, expected: &str| {
        let message = selecting(fields, labels).unwrap_err().message;
        assert!(message.ends_with(expected), "{message}");
    };
    is_wrong(
        json!({}),
        Value::Null,
        "spec.resourceAttributes.fieldSelector.requirements: Required value: when \
         spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required",
    );
    is_wrong(
        json!({"rawSelector": "a=b", "requirements": [{"key": "a", "operator": "Exists"}]}),
        Value::Null,
        "rawSelector: Invalid value: \"a=b\": may not specified at the same time as requirements",
    );
    is_wrong(
        json!({"requirements": [{"key": "", "operator": "Exists"}]}),
        Value::Null,
        "fieldSelector.requirements[0].key: Required value: must be specified",
    );
    is_wrong(
        Value::Null,
        json!({"requirements": [{"key": "a", "operator": "In"}]}),
        "requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    );
    is_wrong(
        Value::Null,
        json!({"requirements": [{"key": "a", "operator": "Exists", "values": ["b"]}]}),
        "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    );
}

#[test]
fn rules_of_a_user_are_listed_by_what_they_are_about() {
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "spec": {"namespace": "shop"}});
    let jane = User::new("jane", ["g"]);
    let answered = self_subject_rules(&review, &jane, &policy()).unwrap();
    assert_eq!(
        answered,
        json!({"kind": "SelfSubjectRulesReview", "apiVersion": "authorization.k8s.io/v1",
            "metadata": {}, "spec": {}, "status": {
                "resourceRules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"],
                    "resourceNames": ["p"]}],
                "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/metrics"]}],
                "incomplete": false}})
    );
    let missing = self_subject_rules(&json!({"spec": {}}), &jane, &policy()).unwrap_err();
    assert_eq!(missing.message, "no namespace on request");
}

#[test]
fn a_user_is_told_who_it_is() {
    let jane = User::new("jane", ["g"]);
    let answered = self_subject(&json!({}), &jane, "2026-01-01T00:00:00Z");
    assert_eq!(
        answered,
        json!({"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
            "status": {"userInfo": {"username": "jane", "groups": ["g"]}}})
    );
}
