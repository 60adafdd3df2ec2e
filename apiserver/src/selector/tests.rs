//! Selectors: what they mean, how they print, what is refused with which text.

mod fuzz;

use super::*;
use crate::status::Path;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn selector(text: &str) -> LabelSelector {
    text.parse().expect("a selector")
}

fn refused(text: &str) -> String {
    text.parse::<LabelSelector>().expect_err("no selector").0
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    owned.collect()
}

#[test]
fn requirements_mean_what_they_say() {
    let cases = [
        ("", &[("a", "1")][..], true),
        ("a", &[("a", "")], true),
        ("a", &[], false),
        ("!a", &[], true),
        ("! a", &[("a", "")], false),
        ("a=1", &[("a", "1")], true),
        ("a==1", &[("a", "2")], false),
        ("a=", &[("a", "")], true),
        ("a=", &[], false),
        ("a!=1", &[], true),
        ("a!=1", &[("a", "1")], false),
        ("a in (1,2)", &[("a", "2")], true),
        ("a in (1,2)", &[], false),
        ("a in (,1)", &[("a", "")], true),
        ("a notin (1,2)", &[], true),
        ("a notin (1,2)", &[("a", "1")], false),
        ("a notin ()", &[("a", "")], false),
        ("a>1", &[("a", "2")], true),
        ("a>1", &[("a", "1")], false),
        ("a<1", &[("a", "0")], true),
        ("a>1", &[("a", "x")], false),
        ("a>1", &[], false),
        ("a=1,b=2", &[("a", "1"), ("b", "2")], true),
        ("a=1,b=2", &[("a", "1")], false),
        ("in in (in,notin)", &[("in", "notin")], true),
        ("notin", &[("notin", "x")], true),
        ("a=in", &[("a", "in")], true),
    ];
    for (text, pairs, wanted) in cases {
        assert_eq!(
            selector(text).matches(&labels(pairs)),
            wanted,
            "{text} on {pairs:?}"
        );
    }
}

#[test]
fn labels_of_stored_objects_are_looked_up_in_place() {
    let object = json!({"metadata": {"labels": {"a": "1"}}});
    assert!(selector("a=1,!b").matches(&object["metadata"]["labels"]));
    assert!(!selector("b").matches(&object["metadata"]["labels"]));
    assert!(selector("!a").matches(&object["metadata"]["missing"]));
}

#[test]
fn the_canonical_text_is_sorted() {
    let cases = [
        (
            "x in (foo,,baz),y,z notin ()",
            "x in (,baz,foo),y,z notin ()",
        ),
        (" b == 2 , a != 1 ,\t!c", "a!=1,b==2,!c"),
        ("a in (b, b ,a)", "a in (a,b)"),
        ("a>1,b<2", "a>1,b<2"),
        ("a=", "a="),
        ("", ""),
    ];
    for (text, wanted) in cases {
        let selector = selector(text);
        assert_eq!(selector.to_string(), wanted);
        assert_eq!(wanted.parse(), Ok(selector));
    }
}

#[test]
fn what_is_no_selector_is_refused_with_the_known_text() {
    let cases = [
        ("a=1,", "found '', expected: identifier after ','"),
        (
            ",",
            "found ',', expected: !, identifier, or 'end of string'",
        ),
        (
            "a b",
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
        ),
        (
            "a in",
            "unable to parse requirement: found '' expected: '('",
        ),
        (
            "a in b",
            "unable to parse requirement: found 'b' expected: '('",
        ),
        (
            "a in (b",
            "unable to parse requirement: found '', expected: ',' or ')'",
        ),
        (
            "a in (b c)",
            "unable to parse requirement: found 'c', expected: ',' or ')'",
        ),
        (
            "a in (>",
            "unable to parse requirement: found '>', expected: ',', ')' or identifier",
        ),
        (
            "a in (b,>)",
            "unable to parse requirement: found '>', expected: ',', or identifier",
        ),
        (
            "a=(",
            "unable to parse requirement: found '(', expected: identifier",
        ),
        ("a=1 b", "found 'b', expected: ',' or 'end of string'"),
        ("!a=1", "found '=', expected: ',' or 'end of string'"),
        (
            "!",
            "unable to parse requirement: found '', expected: identifier",
        ),
        (
            "a===1",
            "unable to parse requirement: found '=', expected: identifier",
        ),
        (
            "a>x",
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
        ),
        (
            "a/b/c",
            "unable to parse requirement: <nil>: Invalid value: \"a/b/c\": a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(refused(text), wanted, "{text}");
    }
    let long = format!("a={}", "x".repeat(64));
    assert!(
        refused(&long).starts_with("unable to parse requirement: values[0][a]: Invalid value: ")
    );
}

#[test]
fn requirements_are_shown_to_whoever_plans_a_list() {
    let selector = selector("a=1,b in (2),c in (3,4),!d");
    assert_eq!(selector.exact("a"), Some("1"));
    assert_eq!(selector.exact("b"), Some("2"));
    assert_eq!(selector.exact("c"), None);
    let shown = selector.requirements().expect("it selects something");
    assert_eq!((shown[2].key(), shown[2].operator()), ("c", Operator::In));
    assert_eq!(shown[2].values(), ["3", "4"]);
    assert!(LabelSelector::everything().is_everything());
    assert!(!LabelSelector::nothing().is_everything());
    assert!(!LabelSelector::nothing().matches(&labels(&[])));
}

#[test]
fn a_structure_selects_like_its_text() {
    let structure = json!({
        "matchLabels": {"b": "2", "a": "1"},
        "matchExpressions": [
            {"key": "c", "operator": "In", "values": ["y", "x"]},
            {"key": "d", "operator": "DoesNotExist"},
            {"key": "e", "operator": "NotIn", "values": ["z"]},
            {"key": "f", "operator": "Exists"},
        ],
    });
    assert_eq!(validate_structure(&structure, &Path::new("spec")), []);
    let selector = from_structure(Some(&structure)).expect("it is valid");
    assert_eq!(selector.to_string(), "a=1,b=2,c in (x,y),!d,e notin (z),f");
    assert_eq!(from_structure(None), Ok(LabelSelector::nothing()));
    assert_eq!(
        from_structure(Some(&Value::Null)),
        Ok(LabelSelector::nothing())
    );
    assert_eq!(
        from_structure(Some(&json!({}))),
        Ok(LabelSelector::everything())
    );
}

#[test]
fn what_is_wrong_with_a_structure_is_told_field_by_field() {
    let structure = json!({
        "matchLabels": {"a b": "x", "a": "-"},
        "matchExpressions": [
            {"key": "c", "operator": "In"},
            {"key": "d", "operator": "Exists", "values": ["x"]},
            {"key": "", "operator": "Maybe"},
            {"key": "e", "operator": "NotIn", "values": ["x", "y z"]},
        ],
    });
    let errors = validate_structure(&structure, &Path::new("spec").child("selector"));
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let begin = [
        "spec.selector.matchLabels: Invalid value: \"-\": a valid label must be an empty string",
        "spec.selector.matchLabels: Invalid value: \"a b\": name part must consist of",
        "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        "spec.selector.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        "spec.selector.matchExpressions[2].operator: Invalid value: \"Maybe\": not a valid selector operator",
        "spec.selector.matchExpressions[2].key: Invalid value: \"\": name part must be non-empty",
        "spec.selector.matchExpressions[2].key: Invalid value: \"\": name part must consist of",
        "spec.selector.matchExpressions[3].values[1]: Invalid value: \"y z\": a valid label must be",
    ];
    assert_eq!(texts.len(), begin.len(), "{texts:#?}");
    for (text, begin) in texts.iter().zip(begin) {
        assert!(text.starts_with(begin), "{text}");
    }
    let operator = json!({"matchExpressions": [{"key": "a", "operator": "Maybe"}]});
    assert_eq!(
        from_structure(Some(&operator))
            .expect_err("no such operator")
            .0,
        "\"Maybe\" is not a valid label selector operator"
    );
}

#[test]
fn field_selectors_compare_and_absent_is_empty() {
    let fields = |name: &str| match name {
        "metadata.name" => Some("x"),
        "status.phase" => Some("a,b=c\\"),
        _ => None,
    };
    let cases = [
        ("", true),
        ("metadata.name=x", true),
        ("metadata.name==x", true),
        ("metadata.name!=x", false),
        ("spec.nodeName=", true),
        ("spec.nodeName!=", false),
        ("spec.nodeName!=n", true),
        ("status.phase=a\\,b\\=c\\\\", true),
        ("metadata.name=x,spec.nodeName=n", false),
        (",metadata.name=x,", true),
    ];
    for (text, wanted) in cases {
        let selector: FieldSelector = text.parse().expect("a selector");
        assert_eq!(selector.matches(fields), wanted, "{text}");
        assert_eq!(selector.to_string().parse(), Ok(selector));
    }
}

#[test]
fn field_selectors_that_say_the_same_are_the_same() {
    let parsed = |text: &str| text.parse::<FieldSelector>();
    assert_eq!(parsed("a==b,a=a"), parsed("a=a,a=b"));
    assert_ne!(parsed("a=b"), parsed("a!=b"));
}

#[test]
fn what_is_no_field_selector_is_refused_with_the_known_text() {
    let cases = [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        ("a=b,c", "invalid selector: 'a=b,c'; can't understand 'c'"),
        // Of two, the first in order.
        ("d,c", "invalid selector: 'd,c'; can't understand 'c'"),
        (
            "a=b=c",
            "invalid field selector: unescaped character in value: 61",
        ),
        (
            "a=\\b",
            "invalid field selector: invalid escape sequence: \\b",
        ),
        (
            "a=\\",
            "invalid field selector: invalid escape sequence: \\",
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(
            text.parse::<FieldSelector>().expect_err("no selector").0,
            wanted
        );
    }
}

#[test]
fn a_kind_offers_its_fields_and_no_others() {
    let restricted = |text: &str, is_namespaced, fields: &[&str]| {
        let selector: FieldSelector = text.parse().expect("a selector");
        selector.restricted(is_namespaced, fields, &[("spec.host", "spec.nodeName")])
    };
    let pod = ["spec.nodeName", "status.phase"];
    let selector =
        restricted("spec.host=n,metadata.name!=x", true, &pod).expect("both are offered");
    assert_eq!(selector.exact("spec.nodeName"), Some("n"));
    assert_eq!(selector.exact_name(), None);
    assert_eq!(
        restricted("spec.foo=bar", true, &pod)
            .expect_err("not offered")
            .0,
        "field label not supported: spec.foo"
    );
    assert_eq!(
        restricted("spec.foo=bar", true, &[])
            .expect_err("not offered")
            .0,
        "\"spec.foo\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    );
    assert!(restricted("metadata.namespace=x", true, &[]).is_ok());
    assert!(restricted("metadata.namespace=x", false, &["status.phase"]).is_err());
    assert_eq!(FieldSelector::name("x").exact_name(), Some("x"));
}

fn requirement() -> impl Strategy<Value = String> {
    let (key, value) = ("[a-c]", "[a-c0-9]?");
    prop_oneof![
        (key, prop::sample::select(vec!["=", "==", "!="]), value)
            .prop_map(|(k, o, v)| format!("{k}{o}{v}")),
        (
            key,
            prop::sample::select(vec![" in ", " notin "]),
            prop::collection::vec(value, 1..4)
        )
            .prop_map(|(k, o, v)| format!("{k}{o}({})", v.join(","))),
        (key, prop::sample::select(vec![">", "<"]), 0..9_i64)
            .prop_map(|(k, o, v)| format!("{k}{o}{v}")),
        key.prop_map(String::from),
        key.prop_map(|k| format!("!{k}")),
    ]
}

proptest! {
    #[test]
    fn the_canonical_text_selects_the_same(
        parts in prop::collection::vec(requirement(), 0..4),
        labels in prop::collection::btree_map("[a-c]", "[a-c0-9]?", 0..4),
    ) {
        let selector = selector(&parts.join(","));
        let again = super::tests::selector(&selector.to_string());
        prop_assert_eq!(&again, &selector);
        let each = parts.iter().all(|part| super::tests::selector(part).matches(&labels));
        prop_assert_eq!(again.matches(&labels), each);
    }

    #[test]
    fn no_text_is_too_odd(text in "[a!=<>(), in\\\\é\0-]{0,30}", any in any::<String>()) {
        for text in [text, any] {
            if let Ok(selector) = text.parse::<LabelSelector>() {
                prop_assert_eq!(selector.to_string().parse(), Ok(selector));
            }
            if let Ok(selector) = text.parse::<FieldSelector>() {
                let printed = selector.to_string().parse::<FieldSelector>();
                prop_assert_eq!(printed.map(|s| s.terms().len()), Ok(selector.terms().len()));
            }
        }
    }
}
