//! Options of reading, watching, writing and deleting.

use super::super::*;
use super::{query, refusal};
use crate::status::Failure;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

fn list(text: &str) -> Result<ListOptions, Failure> {
    ListOptions::parse(&query(text), "")
}

fn list_read(text: &str) -> ListRead {
    list(text).expect("the options make sense").read
}

fn watch_from(text: &str) -> WatchFrom {
    let options = WatchOptions::parse(&query(text), "", true);
    options.expect("the options make sense").from
}

fn token(start: &str, revision: Option<u64>) -> ContinueToken {
    ContinueToken {
        start: start.to_owned(),
        revision,
    }
}

#[test]
fn how_fresh_a_read_is_follows_from_all_parameters() {
    let go_on = token("n/x\0", Some(7)).encode();
    let cases = [
        ("", ListRead::Latest),
        ("limit=5", ListRead::Latest),
        ("resourceVersion=", ListRead::Latest),
        ("resourceVersion=0", ListRead::Any),
        ("resourceVersion=0&limit=5", ListRead::Any),
        ("resourceVersion=9", ListRead::NotOlderThan(9)),
        ("resourceVersion=9&limit=5", ListRead::Exactly(9)),
        ("resourceVersion=9&limit=0", ListRead::NotOlderThan(9)),
        (
            "resourceVersion=9&limit=5&resourceVersionMatch=NotOlderThan",
            ListRead::NotOlderThan(9),
        ),
        (
            "resourceVersion=0&resourceVersionMatch=NotOlderThan",
            ListRead::Any,
        ),
        (
            "resourceVersion=9&resourceVersionMatch=Exact",
            ListRead::Exactly(9),
        ),
        (
            &format!("continue={go_on}&limit=2"),
            ListRead::Continue(token("n/x\0", Some(7))),
        ),
        (
            &format!("continue={go_on}&resourceVersion=0"),
            ListRead::Continue(token("n/x\0", Some(7))),
        ),
    ];
    for (text, read) in cases {
        assert_eq!(list_read(text), read, "{text}");
    }
    let get = |text| GetOptions::parse(&query(text)).map(|options| options.read);
    assert_eq!(get(""), Ok(GetRead::Latest));
    assert_eq!(get("resourceVersion=0"), Ok(GetRead::Any));
    assert_eq!(get("resourceVersion=9"), Ok(GetRead::NotOlderThan(9)));
    assert_eq!(refusal(get("resourceVersion=-1")).0, 400);
}

#[test]
fn lists_that_make_no_sense_are_refused() {
    let go_on = token("x\0", Some(7)).encode();
    let invalid = |what: &str| {
        (
            422,
            format!("ListOptions.meta.k8s.io \"\" is invalid: {what}"),
        )
    };
    let cases = [
        (
            "resourceVersionMatch=NotOlderThan".to_owned(),
            invalid("resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"),
        ),
        (
            "resourceVersionMatch=Exact&resourceVersion=0".to_owned(),
            invalid("resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""),
        ),
        (
            "resourceVersionMatch=Newest&resourceVersion=1".to_owned(),
            invalid("resourceVersionMatch: Unsupported value: \"Newest\": supported values: \"Exact\", \"NotOlderThan\", \"\""),
        ),
        (
            format!("resourceVersionMatch=Exact&resourceVersion=1&continue={go_on}"),
            invalid("resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided"),
        ),
        (
            "sendInitialEvents=false".to_owned(),
            invalid("sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"),
        ),
        (
            format!("continue={go_on}&resourceVersion=7"),
            (400, "specifying resource version is not allowed when using continue".to_owned()),
        ),
        (
            "resourceVersion=x".to_owned(),
            (400, "invalid resource version: resourceVersion: Invalid value: \"x\": strconv.ParseUint: parsing \"x\": invalid syntax".to_owned()),
        ),
        (
            "labelSelector=a,".to_owned(),
            (400, "found '', expected: identifier after ','".to_owned()),
        ),
        (
            "fieldSelector=a".to_owned(),
            (400, "invalid selector: 'a'; can't understand 'a'".to_owned()),
        ),
        (
            "limit=x".to_owned(),
            (400, "strconv.ParseInt: parsing \"x\": invalid syntax".to_owned()),
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(refusal(list(&text)), wanted, "{text}");
    }
    assert_eq!(refusal(list("resourceVersion=%2B1")).0, 400);
}

#[test]
fn selectors_and_limits_are_read() {
    let options = list("labelSelector=a%3D1&limit=-1&timeoutSeconds=5").expect("they make sense");
    assert_eq!(options.labels.to_string(), "a=1");
    assert_eq!(
        (options.limit, options.timeout),
        (None, Some(Duration::from_secs(5)))
    );
    assert_eq!(
        list("limit=3")
            .expect("they make sense")
            .limit
            .map(u64::from),
        Some(3)
    );
}

#[test]
fn a_name_and_a_selector_must_agree() {
    let named = |text| ListOptions::parse(&query(text), "x").map(|o| o.fields.to_string());
    assert_eq!(named(""), Ok("metadata.name=x".to_owned()));
    assert_eq!(
        named("fieldSelector=metadata.name%3Dx"),
        Ok("metadata.name=x".to_owned())
    );
    let text = "fieldSelector metadata.name doesn't match requested name".to_owned();
    assert_eq!(
        refusal(named("fieldSelector=metadata.name%3Dy")),
        (400, text.clone())
    );
    let watch = WatchOptions::parse(&query("fieldSelector=a%3Db"), "x", true);
    assert_eq!(refusal(watch), (400, text));
}

#[test]
fn tokens_are_like_those_of_other_servers() {
    let text = URL_SAFE_NO_PAD.encode(r#"{"v":"meta.k8s.io/v1","rv":7,"start":"ns/web\u0000"}"#);
    assert_eq!(
        ContinueToken::decode(&text),
        Ok(ContinueToken::after("ns/web", Some(7)))
    );
    assert_eq!(ContinueToken::after("ns/web", Some(7)).encode(), text);
    let latest = URL_SAFE_NO_PAD.encode(r#"{"v":"meta.k8s.io/v1","rv":-1,"start":"web\u0000"}"#);
    assert_eq!(
        ContinueToken::decode(&latest),
        Ok(ContinueToken::after("web", None))
    );
    assert_eq!(ContinueToken::after("web", None).encode(), latest);
}

#[test]
fn tokens_cannot_lead_out_of_the_list() {
    let of = |start: &str| token(start, Some(1)).encode();
    for start in [
        "/etc", "..", "../x", "a/../b", "a//b", "a/", ".", "a/./b", "//",
    ] {
        let (code, text) = refusal(ContinueToken::decode(&of(start)));
        assert_eq!(
            (code, text),
            (
                400,
                format!("invalid continue token: continue key is not valid: {start}")
            )
        );
    }
    let raw = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let cases = [
        (
            raw(r#"{"v":"v0","rv":1,"start":"a"}"#),
            "server does not recognize this encoded version v0",
        ),
        (
            raw(r#"{"v":"meta.k8s.io/v1","rv":0,"start":"a"}"#),
            "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
        ),
        (
            raw(r#"{"v":"meta.k8s.io/v1","rv":"1","start":"a"}"#),
            "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
        ),
        (of(""), "encoded start key empty (version meta.k8s.io/v1)"),
    ];
    for (text, why) in cases {
        assert_eq!(
            refusal(list(&format!("continue={text}"))),
            (
                400,
                format!("invalid continue token: continue key is not valid: {why}")
            )
        );
    }
    for text in ["!", "e30=", "e30", "bnVsbA"] {
        assert_eq!(refusal(ContinueToken::decode(text)).0, 400, "{text}");
    }
}

#[test]
fn where_a_watch_begins_follows_from_all_parameters() {
    let existing = |state, marks_end| WatchFrom::Existing { state, marks_end };
    let (latest, any) = (Freshness::Latest, Freshness::Any);
    let initial = "resourceVersionMatch=NotOlderThan&sendInitialEvents";
    let cases = [
        (String::new(), existing(latest, false)),
        ("allowWatchBookmarks=1".to_owned(), existing(latest, true)),
        ("resourceVersion=0".to_owned(), existing(any, false)),
        (
            "resourceVersion=5&allowWatchBookmarks=1".to_owned(),
            WatchFrom::After(5),
        ),
        (
            format!("{initial}=true&allowWatchBookmarks=true"),
            existing(latest, true),
        ),
        (
            format!("{initial}=true&resourceVersion=0"),
            existing(any, false),
        ),
        (
            format!("{initial}=true&resourceVersion=5&allowWatchBookmarks=true"),
            existing(Freshness::NotOlderThan(5), true),
        ),
        (format!("{initial}=false"), WatchFrom::Changes(latest)),
        (
            format!("{initial}=false&resourceVersion=0"),
            WatchFrom::Changes(any),
        ),
        (
            format!("{initial}=false&resourceVersion=5"),
            WatchFrom::After(5),
        ),
    ];
    for (text, from) in cases {
        assert_eq!(watch_from(&text), from, "{text}");
    }
    let old =
        WatchOptions::parse(&query("allowWatchBookmarks=1"), "", false).expect("it makes sense");
    assert_eq!(old.from, existing(latest, false));
    assert!(old.allows_bookmarks);
}

#[test]
fn watches_that_make_no_sense_are_refused() {
    let refused =
        |text, initial_events| refusal(WatchOptions::parse(&query(text), "", initial_events));
    let invalid = |what: &str| {
        (
            422,
            format!("ListOptions.meta.k8s.io \"\" is invalid: {what}"),
        )
    };
    assert_eq!(
        refused("sendInitialEvents=true", true),
        invalid(
            "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        )
    );
    assert_eq!(
        refused("resourceVersionMatch=NotOlderThan&resourceVersion=1", true),
        invalid(
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        )
    );
    assert_eq!(
        refused("resourceVersionMatch=Exact&sendInitialEvents=1", true),
        invalid(
            "[resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, resourceVersionMatch: Unsupported value: \"Exact\": supported values: \"NotOlderThan\"]"
        )
    );
    assert_eq!(
        refused(
            "resourceVersionMatch=NotOlderThan&sendInitialEvents=1",
            false
        ),
        invalid(
            "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        )
    );
    assert_eq!(
        refused(
            "resourceVersionMatch=NotOlderThan&sendInitialEvents=1&continue=x",
            true
        ),
        invalid(
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided"
        )
    );
}

#[test]
fn writes_have_a_manager_and_may_be_dry() {
    let create = |text, agent| WriteOptions::create(&query(text), agent);
    let options = create("", "kubectl/v1.34 (linux)").expect("they make sense");
    assert_eq!(
        (options.is_dry_run, options.field_manager.as_str()),
        (false, "kubectl")
    );
    assert_eq!(options.field_validation, FieldValidation::Warn);
    let options =
        create("dryRun=All&fieldManager=me&fieldValidation=Strict", "x").expect("they make sense");
    assert_eq!(
        (options.is_dry_run, options.field_manager.as_str()),
        (true, "me")
    );
    assert_eq!(options.field_validation, FieldValidation::Strict);
    let agent = format!("a\u{7}{}", "é".repeat(100));
    let manager = create("", &agent).expect("they make sense").field_manager;
    assert_eq!(manager, format!("a{}", "é".repeat(63)));
    assert_eq!(
        refusal(create("dryRun=None&fieldManager=a%07&fieldValidation=x", "")),
        (422, "CreateOptions.meta.k8s.io \"\" is invalid: [fieldManager: Invalid value: \"a\\a\": invalid character U+0007 (at position 1), dryRun: Unsupported value: [\"None\"]: supported values: \"All\", fieldValidation: Unsupported value: \"x\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"]".to_owned())
    );
    let long = format!("fieldManager={}", "x".repeat(129));
    assert_eq!(
        refusal(WriteOptions::update(&query(&long), "")),
        (422, "UpdateOptions.meta.k8s.io \"\" is invalid: fieldManager: Too long: may not be more than 128 bytes".to_owned())
    );
}

#[test]
fn only_apply_is_forced_and_needs_a_manager() {
    let patch = |text, patch| PatchOptions::parse(&query(text), "kubectl/v1", patch);
    assert!(
        patch("fieldManager=m&force=true", PatchType::Apply)
            .expect("it makes sense")
            .force
    );
    assert_eq!(
        patch("", PatchType::Merge)
            .expect("it makes sense")
            .write
            .field_manager,
        "kubectl"
    );
    assert_eq!(
        refusal(patch("", PatchType::Apply)),
        (422, "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch".to_owned())
    );
    assert_eq!(
        refusal(patch("force=false", PatchType::Strategic)),
        (422, "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch".to_owned())
    );
}

#[test]
fn the_body_of_a_deletion_counts_and_not_the_query() {
    let text = "gracePeriodSeconds=5&propagationPolicy=Orphan&dryRun=All";
    let in_query = DeleteOptions::parse(&query(text), None).expect("it makes sense");
    assert_eq!(
        in_query,
        DeleteOptions {
            is_dry_run: true,
            grace_period_seconds: Some(5),
            propagation: Some(Propagation::Orphan),
            preconditions: Preconditions::default(),
        }
    );
    let body = json!({
        "kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0, "dryRun": null,
        "preconditions": {"uid": "u", "resourceVersion": "7"}, "propagationPolicy": "Foreground",
    });
    assert_eq!(
        DeleteOptions::parse(&query(text), Some(&body)),
        Ok(DeleteOptions {
            is_dry_run: false,
            grace_period_seconds: Some(0),
            propagation: Some(Propagation::Foreground),
            preconditions: Preconditions {
                uid: Some("u".to_owned()),
                resource_version: Some("7".to_owned()),
            },
        })
    );
    let orphans =
        |text| DeleteOptions::parse(&query(text), None).map(|options| options.propagation);
    assert_eq!(
        orphans("orphanDependents=true"),
        Ok(Some(Propagation::Orphan))
    );
    assert_eq!(
        orphans("orphanDependents=false"),
        Ok(Some(Propagation::Background))
    );
    assert_eq!(orphans(""), Ok(None));
}

#[test]
fn deletions_that_make_no_sense_are_refused() {
    let parse = |text, body: Option<serde_json::Value>| {
        refusal(DeleteOptions::parse(&query(text), body.as_ref()))
    };
    assert_eq!(
        parse("orphanDependents=true&propagationPolicy=Orphan", None),
        (422, "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: \"Orphan\": orphanDependents and deletionPropagation cannot be both set".to_owned())
    );
    assert_eq!(
        parse("", Some(json!({"propagationPolicy": "Never", "dryRun": ["x"]}))),
        (422, "DeleteOptions.meta.k8s.io \"\" is invalid: [propagationPolicy: Unsupported value: \"Never\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\", dryRun: Unsupported value: [\"x\"]: supported values: \"All\"]".to_owned())
    );
    for body in [
        json!({"kind": "Pod"}),
        json!([]),
        json!("x"),
        json!({"gracePeriodSeconds": "5"}),
        json!({"gracePeriodSeconds": 1.5}),
        json!({"dryRun": "All"}),
        json!({"dryRun": [1]}),
        json!({"preconditions": "u"}),
        json!({"preconditions": {"uid": 1}}),
        json!({"orphanDependents": "true"}),
    ] {
        assert_eq!(parse("", Some(body.clone())).0, 400, "{body}");
    }
    assert_eq!(parse("gracePeriodSeconds=x", None).0, 400);
}

#[test]
fn a_request_takes_a_minute_at_most() {
    let timeout = |text: &str| request_timeout(&query(&format!("timeout={text}")));
    let cases = [
        ("", 60_000),
        ("0", 60_000),
        ("0s", 60_000),
        ("34s", 34_000),
        ("1500ms", 1_500),
        ("0m1.5s", 1_500),
        ("2h", 60_000),
        ("-5s", 60_000),
        (".5s", 500),
    ];
    for (text, millis) in cases {
        assert_eq!(timeout(text), Ok(Duration::from_millis(millis)), "{text}");
    }
    for text in ["5", "s", ".s", "5x", "1s2", "--1s", "1.2.3s", "1s ", "é"] {
        let wanted = format!(
            "invalid timeout specified in the request URL - time: invalid duration \"{text}\""
        );
        assert_eq!(refusal(timeout(text)), (400, wanted));
    }
}

#[test]
fn rows_of_tables_have_the_metadata_unless_told_otherwise() {
    let include = |text| IncludeObject::parse(&query(text));
    assert_eq!(include(""), Ok(IncludeObject::Metadata));
    assert_eq!(include("includeObject=None"), Ok(IncludeObject::None));
    assert_eq!(include("includeObject=Object"), Ok(IncludeObject::Object));
    assert_eq!(
        refusal(include("includeObject=All")),
        (422, "TableOptions.meta.k8s.io \"\" is invalid: includeObject: Invalid value: \"All\": must be 'Metadata', 'Object', 'None', or empty".to_owned())
    );
}

proptest! {
    #[test]
    fn tokens_come_back_as_they_went(key in "[a-z]([a-z.é\"\\\\-]{0,10}[a-z])?(/[a-z]([a-z.-]{0,10}[a-z])?)?", revision in prop::option::of(1..u64::MAX)) {
        let token = ContinueToken::after(&key, revision);
        prop_assert_eq!(ContinueToken::decode(&token.encode()), Ok(token));
    }

    #[test]
    fn no_query_is_too_odd(text in "(resourceVersion|resourceVersionMatch|limit|continue|sendInitialEvents|timeoutSeconds|labelSelector|fieldSelector|dryRun|&|=|0|1|-|Exact|NotOlderThan|e30){0,12}", any in any::<String>(), body in any::<String>()) {
        for text in [text, any] {
            let query = query(&text);
            let _ = (list(&text), GetOptions::parse(&query), WatchOptions::parse(&query, "x", true));
            let _ = (WriteOptions::create(&query, &text), DeleteOptions::parse(&query, None));
            let _ = DeleteOptions::parse(&query, Some(&json!({"dryRun": [body.as_str()], "kind": body.as_str()})));
            let _ = (ContinueToken::decode(&text), request_timeout(&query));
        }
    }
}
