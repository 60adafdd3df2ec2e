//! Request lines, and the headers about forms.

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

const BUILT_IN: Offer = Offer {
    protobuf: true,
    transforms: true,
    discovery: false,
    streams: false,
};

fn answer(accept: &str, offer: Offer) -> Result<(Encoding, Form), Failure> {
    let answer = negotiate(accept, "kubectl/v1", &query(""), offer)?;
    Ok((answer.encoding, answer.form))
}

#[test]
fn the_first_form_that_can_be_had_is_taken() {
    let custom = Offer {
        protobuf: false,
        ..BUILT_IN
    };
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
    let metadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
    let protobuf_table =
        "application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1, application/yaml";
    let cases = [
        ("", BUILT_IN, Encoding::Json, Form::Object),
        ("*/*", BUILT_IN, Encoding::Json, Form::Object),
        ("application/*", BUILT_IN, Encoding::Json, Form::Object),
        (
            "text/html, application/xhtml+xml, */*;q=0.8",
            BUILT_IN,
            Encoding::Json,
            Form::Object,
        ),
        (
            "application/vnd.kubernetes.protobuf,application/json",
            BUILT_IN,
            Encoding::Protobuf,
            Form::Object,
        ),
        (
            "application/vnd.kubernetes.protobuf,application/json",
            custom,
            Encoding::Json,
            Form::Object,
        ),
        (
            "application/json;q=0.5, application/yaml",
            BUILT_IN,
            Encoding::Yaml,
            Form::Object,
        ),
        (
            "*/*, application/yaml",
            BUILT_IN,
            Encoding::Yaml,
            Form::Object,
        ),
        (
            "application/json;q=0, application/yaml;q=0.1",
            BUILT_IN,
            Encoding::Yaml,
            Form::Object,
        ),
        (table, BUILT_IN, Encoding::Json, Form::Table("v1")),
        (table, Offer::default(), Encoding::Json, Form::Object),
        (
            metadata,
            BUILT_IN,
            Encoding::Protobuf,
            Form::MetadataList("v1"),
        ),
        (metadata, custom, Encoding::Json, Form::MetadataList("v1")),
        (protobuf_table, BUILT_IN, Encoding::Yaml, Form::Object),
        (
            "application/json;as=\"PartialObjectMetadata\";g=meta.k8s.io;v=v1",
            BUILT_IN,
            Encoding::Json,
            Form::Metadata("v1"),
        ),
    ];
    for (accept, offer, encoding, form) in cases {
        assert_eq!(answer(accept, offer), Ok((encoding, form)), "{accept}");
    }
}

#[test]
fn discovery_is_one_document_where_it_is_offered() {
    let offer = Offer {
        discovery: true,
        ..Offer::default()
    };
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
    assert_eq!(
        answer(accept, offer),
        Ok((Encoding::Json, Form::Discovery("v2")))
    );
    assert_eq!(answer(accept, BUILT_IN), Ok((Encoding::Json, Form::Object)));
}

#[test]
fn what_cannot_be_had_is_406_and_names_what_can() {
    let all = "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf";
    for accept in [
        "text/plain",
        "application/cbor",
        "application/json;as=Table;v=v9;g=meta.k8s.io",
        "application/json;stream=watch",
        "nonsense",
        "*/json",
    ] {
        assert_eq!(
            refusal(answer(accept, BUILT_IN)),
            (406, all.to_owned()),
            "{accept}"
        );
    }
    let streams = Offer {
        streams: true,
        ..BUILT_IN
    };
    assert_eq!(
        answer("application/json;stream=watch", streams),
        Ok((Encoding::Json, Form::Object))
    );
    assert_eq!(
        refusal(answer("application/yaml", streams)),
        (406, "only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch".to_owned())
    );
}

#[test]
fn people_get_indented_answers() {
    let pretty = |agent, text| {
        let answer = negotiate("", agent, &query(text), BUILT_IN);
        answer.expect("JSON can be had").is_pretty
    };
    assert!(pretty("curl/8", "") && pretty("x", "pretty=true") && pretty("Mozilla/5.0 (X)", ""));
    assert!(
        !pretty("curl/8", "pretty=false") && !pretty("kubectl/v1", "") && !pretty("x", "pretty=")
    );
}

#[test]
fn bodies_are_of_known_types() {
    assert_eq!(body_encoding("", true), Ok(Encoding::Json));
    assert_eq!(
        body_encoding("Application/JSON; charset=utf-8", true),
        Ok(Encoding::Json)
    );
    assert_eq!(
        body_encoding("application/vnd.kubernetes.protobuf", true),
        Ok(Encoding::Protobuf)
    );
    assert_eq!(
        refusal(body_encoding("application/vnd.kubernetes.protobuf", false)),
        (415, "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml".to_owned())
    );
    assert_eq!(
        patch_type("application/strategic-merge-patch+json", true),
        Ok(PatchType::Strategic)
    );
    assert_eq!(
        patch_type("application/apply-patch+yaml ; x=1", false),
        Ok(PatchType::Apply)
    );
    assert_eq!(
        refusal(patch_type("application/strategic-merge-patch+json", false)),
        (415, "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml".to_owned())
    );
    assert_eq!(refusal(patch_type("", true)).0, 415);
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

    #[test]
    fn no_header_is_too_odd(accept in "[a-z/*;=,.q01\" ]{0,60}", any in any::<String>()) {
        for header in [accept, any] {
            let _ = negotiate(&header, &header, &query(&header), BUILT_IN);
            let _ = body_encoding(&header, true);
            let _ = patch_type(&header, true);
        }
    }
}
