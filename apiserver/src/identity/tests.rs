use super::*;
use serde_json::json;

fn impersonation(headers: &[(&str, &str)]) -> Impersonation {
    let read = Impersonation::from_headers(headers.iter().copied());
    read.unwrap().unwrap()
}

#[test]
fn a_service_accounts_name_is_formed_and_parsed() {
    let user = User::service_account("shop", "builder", "u-1");
    assert_eq!(user.name, "system:serviceaccount:shop:builder");
    assert_eq!(
        user.groups,
        [
            "system:serviceaccounts",
            "system:serviceaccounts:shop",
            "system:authenticated"
        ]
    );
    assert_eq!(parse_service_account(&user.name), Some(("shop", "builder")));
    for name in [
        "alice",
        "system:serviceaccount:shop",
        "system:serviceaccount::builder",
        "system:serviceaccount:shop:",
        "system:serviceaccount:shop:a:b",
        "system:serviceaccount:Shop:builder",
        "system:serviceaccount:shop:Builder",
    ] {
        assert_eq!(parse_service_account(name), None, "{name}");
    }
}

#[test]
fn a_node_needs_its_name_and_its_group() {
    assert_eq!(User::new("system:node:n1", [NODES]).node(), Some("n1"));
    assert_eq!(User::new("system:node:", [NODES]).node(), Some(""));
    assert_eq!(User::new("system:node:n1", [AUTHENTICATED]).node(), None);
    assert_eq!(User::new("n1", [NODES]).node(), None);
}

#[test]
fn a_user_shows_itself_without_what_is_empty() {
    assert_eq!(User::default().to_value(), json!({}));
    let mut user = User::new("u", ["g"]);
    user.uid = "1".to_owned();
    user.extra.insert("k".to_owned(), vec!["v".to_owned()]);
    let info = json!({"username": "u", "uid": "1", "groups": ["g"], "extra": {"k": ["v"]}});
    assert_eq!(user.to_value(), info);
}

#[test]
fn anonymous_requests_are_taken_for_the_paths_that_are_named() {
    let health = Anonymous::health_and_version();
    assert!(health.takes("/livez") && health.takes("/version"));
    assert!(!health.takes("/livez/etcd") && !health.takes("/api"));
    assert!(Anonymous::Taken.takes("/api"));
    assert!(!Anonymous::Refused.takes("/livez"));
}

#[test]
fn a_request_without_the_headers_acts_for_itself() {
    let read = Impersonation::from_headers([("Accept", "x"), ("Impersonate-User", "")]);
    assert_eq!(read.unwrap(), None);
}

#[test]
fn headers_say_whom_to_act_as_and_what_must_be_allowed() {
    let wanted = impersonation(&[
        ("Impersonate-User", "jane"),
        ("Impersonate-Group", "dev"),
        ("Impersonate-Extra-acme.com%2Fproject", "one"),
        ("Impersonate-Extra-Scopes", "view"),
        ("Impersonate-Uid", "7"),
    ]);
    let parts: Vec<_> = wanted
        .parts()
        .map(|part| (part.group, part.resource, part.subresource, part.name))
        .collect();
    let authentication = "authentication.k8s.io";
    assert_eq!(
        parts,
        [
            ("", "users", "", "jane"),
            ("", "groups", "", "dev"),
            (authentication, "userextras", "acme.com/project", "one"),
            (authentication, "userextras", "scopes", "view"),
            (authentication, "uids", "", "7"),
        ]
    );
    let user = wanted.becomes();
    assert_eq!(user.groups, ["dev", "system:authenticated"]);
    assert_eq!((user.name.as_str(), user.uid.as_str()), ("jane", "7"));
    assert_eq!(user.extra["scopes"], ["view"]);
}

#[test]
fn a_service_account_brings_its_groups_unless_others_are_named() {
    let name = "system:serviceaccount:shop:builder";
    let wanted = impersonation(&[("impersonate-user", name)]);
    let part = wanted.parts().next().unwrap();
    assert_eq!(
        (part.resource, part.namespace, part.name),
        ("serviceaccounts", "shop", "builder")
    );
    assert_eq!(
        wanted.becomes(),
        User::service_account("shop", "builder", "")
    );
    let wanted = impersonation(&[("impersonate-user", name), ("impersonate-group", "g")]);
    assert_eq!(wanted.becomes().groups, ["g", "system:authenticated"]);
}

#[test]
fn anonymous_stays_unauthenticated() {
    let wanted = impersonation(&[("impersonate-user", ANONYMOUS)]);
    assert_eq!(wanted.becomes(), User::anonymous());
    let named = [
        ("impersonate-user", "a"),
        ("impersonate-group", UNAUTHENTICATED),
    ];
    assert_eq!(impersonation(&named).becomes().groups, [UNAUTHENTICATED]);
}

#[test]
fn headers_without_a_user_are_refused() {
    let refused =
        Impersonation::from_headers([("impersonate-group", "g"), ("impersonate-extra-k", "v")])
            .unwrap_err();
    assert_eq!(
        refused.message,
        "requested [{Group  g    } {UserExtra  v  authentication.k8s.io/v1  k}] without impersonating a user"
    );
    let many = vec![("impersonate-group", "g"); 2_000];
    assert_eq!(Impersonation::from_headers(many).unwrap_err().code(), 400);
}

#[test]
fn a_key_that_is_badly_escaped_stays_as_it_is() {
    for (header, key) in [
        ("impersonate-extra-a%2", "a%2"),
        ("impersonate-extra-a%zz", "a%zz"),
        ("impersonate-extra-a%ff", "a%ff"),
        ("impersonate-extra-a%20b", "a b"),
    ] {
        let wanted = impersonation(&[("impersonate-user", "u"), (header, "v")]);
        assert!(wanted.becomes().extra.contains_key(key), "{header}");
    }
}
