//! Request lines: paths, verbs, query parameters.

use super::super::*;
use super::{query, refusal};
use crate::status::Failure;
use proptest::prelude::*;

fn info(method: &str, target: &str) -> Result<Info, Failure> {
    Info::parse(method, &Target::parse(target)?)
}

/// Verb, group, version, namespace, resource, name, subresource.
fn read(method: &str, target: &str) -> [String; 7] {
    let info = info(method, target).expect("the line makes sense");
    let verb = info.verb.name().to_owned();
    let r = info.resource.unwrap_or_default();
    [
        verb,
        r.group,
        r.version,
        r.namespace,
        r.resource,
        r.name,
        r.subresource,
    ]
}

#[test]
fn lines_are_read_into_verbs_and_resources() {
    let cases = [
        (
            "GET",
            "/api/v1/pods",
            ["list", "", "v1", "", "pods", "", ""],
        ),
        (
            "HEAD",
            "/api/v1/namespaces/n/pods/p",
            ["get", "", "v1", "n", "pods", "p", ""],
        ),
        (
            "POST",
            "/api/v1/namespaces/n/pods",
            ["create", "", "v1", "n", "pods", "", ""],
        ),
        (
            "PUT",
            "/apis/apps/v1/namespaces/n/deployments/d/status",
            ["update", "apps", "v1", "n", "deployments", "d", "status"],
        ),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/n/deployments/d/scale",
            ["patch", "apps", "v1", "n", "deployments", "d", "scale"],
        ),
        (
            "DELETE",
            "/api/v1/nodes/x",
            ["delete", "", "v1", "", "nodes", "x", ""],
        ),
        (
            "DELETE",
            "/api/v1/nodes",
            ["deletecollection", "", "v1", "", "nodes", "", ""],
        ),
        (
            "GET",
            "/api/v1/namespaces",
            ["list", "", "v1", "", "namespaces", "", ""],
        ),
        (
            "GET",
            "/api/v1/namespaces/n",
            ["get", "", "v1", "n", "namespaces", "n", ""],
        ),
        (
            "PUT",
            "/api/v1/namespaces/n/finalize",
            ["update", "", "v1", "n", "namespaces", "n", "finalize"],
        ),
        (
            "PUT",
            "/api/v1/namespaces/n/status",
            ["update", "", "v1", "n", "namespaces", "n", "status"],
        ),
        (
            "GET",
            "/api/v1/namespaces/n/pods/p/log?follow=1",
            ["get", "", "v1", "n", "pods", "p", "log"],
        ),
        (
            "GET",
            "/api/v1/pods?watch=true",
            ["watch", "", "v1", "", "pods", "", ""],
        ),
        (
            "GET",
            "/api/v1/pods?watch",
            ["watch", "", "v1", "", "pods", "", ""],
        ),
        (
            "GET",
            "/api/v1/pods?watch=0",
            ["list", "", "v1", "", "pods", "", ""],
        ),
        (
            "GET",
            "/api/v1/pods?watch=False",
            ["list", "", "v1", "", "pods", "", ""],
        ),
        (
            "GET",
            "/api/v1/pods/p?watch=1",
            ["get", "", "v1", "", "pods", "p", ""],
        ),
        (
            "GET",
            "/api/v1/watch/namespaces/n/pods/p",
            ["watch", "", "v1", "n", "pods", "p", ""],
        ),
        (
            "GET",
            "/apis/apps/v1/watch/deployments",
            ["watch", "apps", "v1", "", "deployments", "", ""],
        ),
        (
            "GET",
            "/api/v1/proxy/namespaces/n/services/s/x",
            ["proxy", "", "v1", "n", "services", "s", ""],
        ),
        (
            "GET",
            "/api/v1/pods?fieldSelector=metadata.name%3Dp",
            ["list", "", "v1", "", "pods", "p", ""],
        ),
        (
            "GET",
            "/api/v1/pods?fieldSelector=metadata.name%3Dp,a%3Db&watch=1",
            ["watch", "", "v1", "", "pods", "p", ""],
        ),
        (
            "GET",
            "/api/v1/pods?fieldSelector=metadata.name%21%3Dp",
            ["list", "", "v1", "", "pods", "", ""],
        ),
        (
            "GET",
            "/api/v1/pods?fieldSelector=metadata.name%3D..",
            ["list", "", "v1", "", "pods", "", ""],
        ),
        (
            "GET",
            "/api/v1/pods?fieldSelector=%5C",
            ["list", "", "v1", "", "pods", "", ""],
        ),
        (
            "TRACE",
            "/api/v1/pods",
            ["trace", "", "v1", "", "pods", "", ""],
        ),
        (
            "GET",
            "//api/v1/pods/",
            ["list", "", "v1", "", "pods", "", ""],
        ),
        (
            "GET",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node",
            [
                "get",
                "rbac.authorization.k8s.io",
                "v1",
                "",
                "clusterroles",
                "system:node",
                "",
            ],
        ),
        (
            "GET",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/a%20b",
            [
                "get",
                "rbac.authorization.k8s.io",
                "v1",
                "",
                "clusterroles",
                "a b",
                "",
            ],
        ),
    ];
    for (method, target, wanted) in cases {
        assert_eq!(read(method, target), wanted, "{method} {target}");
    }
}

#[test]
fn other_paths_are_no_resources() {
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/apis",
        "/apis/apps",
        "/apis/apps/v1",
        "/healthz",
        "/livez/ping",
        "/version",
        "/openapi/v3/api/v1",
    ] {
        let info = info("POST", path).expect("the line makes sense");
        assert_eq!((info.path.as_str(), info.verb.name()), (path, "post"));
        assert_eq!(info.resource, None, "{path}");
    }
}

#[test]
fn a_path_can_be_read_in_one_way_only() {
    let missing = "the server could not find the requested resource";
    let cases = [
        (
            "/api/v1/pods/..",
            400,
            "Name parameter invalid: \"..\": may not be '..'",
        ),
        (
            "/api/v1/pods/.",
            400,
            "Name parameter invalid: \".\": may not be '.'",
        ),
        (
            "/api/v1/pods/%2e%2e",
            400,
            "Name parameter invalid: \"..\": may not be '..'",
        ),
        (
            "/api/v1/pods/a%2Fb",
            400,
            "Name parameter invalid: \"a/b\": may not contain '/'",
        ),
        (
            "/api/v1/pods/a%25b",
            400,
            "Name parameter invalid: \"a%b\": may not contain '%'",
        ),
        (
            "/api/v1/namespaces/../pods",
            400,
            "Namespace parameter invalid: \"..\": may not be '..'",
        ),
        (
            "/api/v1/namespaces/a%2fb/pods",
            400,
            "Namespace parameter invalid: \"a/b\": may not contain '/'",
        ),
        ("/api/v1/namespaces//pods", 404, missing),
        ("/api/v1//pods", 404, missing),
        ("/api/v1/pods//log", 404, missing),
        ("/api/v1/pods/p//x", 404, missing),
        ("/api//pods/p", 404, missing),
        ("/apis//v1/pods", 404, missing),
        ("/api/../pods", 404, missing),
        ("/apis/a%2Fb/v1/pods", 404, missing),
        ("/api/v1/a%2Fb", 404, missing),
        ("/api/v1/pods/p/..", 404, missing),
        ("/healthz/../metrics", 404, missing),
        ("/healthz%2Fping", 404, missing),
        (
            "/api/v1/watch",
            400,
            "unable to determine kind and namespace from url, /api/v1/watch",
        ),
        (
            "/api/v1/pods/%",
            400,
            "the path of the request URL has an invalid escape",
        ),
        (
            "/api/v1/pods/%ff",
            400,
            "the path of the request URL has an invalid escape",
        ),
        (
            "/api/v1/pods/%+1",
            400,
            "the path of the request URL has an invalid escape",
        ),
        ("api/v1/pods", 400, "the request URL has no absolute path"),
        ("", 400, "the request URL has no absolute path"),
    ];
    for (target, code, message) in cases {
        assert_eq!(
            refusal(info("GET", target)),
            (code, message.to_owned()),
            "{target}"
        );
    }
    let long = format!("/api/v1/pods?x={}", "y".repeat(MAX_TARGET_BYTES));
    assert_eq!(refusal(info("GET", &long)).0, 400);
}

#[test]
fn what_follows_a_connection_is_kept_as_it_was_written() {
    let rest = |target| {
        let info = info("GET", target).expect("the line makes sense");
        info.resource.expect("it is a resource").rest
    };
    assert_eq!(rest("/api/v1/namespaces/n/services/s/proxy"), "");
    assert_eq!(rest("/api/v1/namespaces/n/services/s/proxy/"), "/");
    assert_eq!(
        rest("/api/v1/namespaces/n/services/s/proxy/a%2Fb/../c//d/?x=1"),
        "/a%2Fb/../c//d/"
    );
    assert_eq!(rest("//api/v1/nodes/x/proxy/logs/"), "/logs/");
    assert_eq!(rest("/api/v1/nodes/x"), "");
}

#[test]
fn query_parameters_are_decoded_and_the_first_counts() {
    let query = query("a=1&a=2&b=x%20y+z&c&d=%zz&e=1;f=2&=g&h=%C3%A9");
    assert_eq!(query.get("a"), Some("1"));
    assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(query.get("b"), Some("x y z"));
    assert_eq!((query.get("c"), query.flag("c")), (Some(""), Some(true)));
    assert_eq!(
        (query.get("d"), query.get("e"), query.get("f")),
        (None, None, None)
    );
    assert_eq!(query.get("h"), Some("é"));
    assert_eq!(query.flag("missing"), None);
    let text = "strconv.ParseInt: parsing \"x y z\": invalid syntax";
    assert_eq!(refusal(query.integer("b")), (400, text.to_owned()));
    let query = super::query("n=99999999999999999999");
    let text = "strconv.ParseInt: parsing \"99999999999999999999\": value out of range";
    assert_eq!(refusal(query.integer("n")), (400, text.to_owned()));
}

proptest! {
    #[test]
    fn no_line_is_too_odd(method in "[A-Z]{0,6}", target in any::<String>(), parts in prop::collection::vec("(api|apis|v1|watch|namespaces|pods|\\.\\.|%2[fF]|%|)", 0..8), text in "[a-z=&%+;]{0,20}") {
        let _ = info(&method, &target);
        let target = format!("/{}?{text}", parts.join("/"));
        if let Ok(Info { resource: Some(resource), .. }) = info(&method, &target) {
            for part in [&resource.name, &resource.namespace, &resource.resource] {
                prop_assert!(!part.contains('/') && part != "..", "{}", part);
            }
        }
    }
}
