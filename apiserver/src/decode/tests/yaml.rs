//! YAML documents.

use super::super::limits::MAX_ALIASED;
use super::super::{Error, yaml_any};
use serde_json::{Value, json};

fn yaml(text: &str) -> Value {
    let (value, strict) = yaml_any(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"));
    assert!(strict.is_empty(), "{text}");
    value
}

#[test]
fn documents_become_values() {
    for (text, expected) in [
        ("", json!(null)),
        ("# nothing\n", json!(null)),
        (
            "a: 1\nb: [x, \"1\", '2']\n",
            json!({"a": 1, "b": ["x", "1", "2"]}),
        ),
        (
            "mode: 0644\nquoted: \"0644\"\n",
            json!({"mode": 420, "quoted": "0644"}),
        ),
        (
            "on: yes\n1: a\n1.5: b\n",
            json!({"true": true, "1": "a", "1.5": "b"}),
        ),
        (
            "a: |\n  x\n  y\nb: >-\n  x\n  y\n",
            json!({"a": "x\ny\n", "b": "x y"}),
        ),
        (
            "a: !!str 5\nb: !!int \"5\"\nc: !mine yes\n",
            json!({"a": "5", "b": 5, "c": "yes"}),
        ),
        (
            "a:\nb: ~\nc: {}\nd: []\n",
            json!({"a": null, "b": null, "c": {}, "d": []}),
        ),
        ("---\na: 1\n---\na: 2\n", json!({"a": 1})),
        (
            "a: &x {b: 1}\nc: *x\n",
            json!({"a": {"b": 1}, "c": {"b": 1}}),
        ),
        (
            "a: &x {b: 1, c: 2}\nd:\n  b: 5\n  <<: *x\n",
            json!({"a": {"b": 1, "c": 2}, "d": {"b": 5, "c": 2}}),
        ),
        (
            "a: &x {b: 1}\nd:\n  <<: [*x, {b: 2, c: 3}]\n  c: 4\n",
            json!({"a": {"b": 1}, "d": {"b": 1, "c": 4}}),
        ),
        (
            "  {\"a\": {\"b\": [1, null]}}\n",
            json!({"a": {"b": [1, null]}}),
        ),
        ("{a: 1, \"b\": yes}", json!({"a": 1, "b": true})),
        (
            "t: 2001-12-14T21:59:43Z\n",
            json!({"t": "2001-12-14T21:59:43Z"}),
        ),
    ] {
        assert_eq!(yaml(text), expected, "{text}");
    }
}

#[test]
fn a_key_that_stands_there_twice_is_listed_with_its_line() {
    let (value, strict) = yaml_any(b"a: 1\nb:\n- c: 1\n  c: 2\na: 3\n").expect("YAML");
    assert_eq!(value, json!({"a": 3, "b": [{"c": 2}]}));
    let lines = [
        "line 4: key \"c\" already set in map",
        "line 5: key \"a\" already set in map",
    ];
    assert_eq!(strict.warnings(), lines);
    // JSON is YAML here, too.
    let (_, strict) = yaml_any(b"{\"a\": 1,\n\"a\": 2}").expect("YAML");
    assert_eq!(strict.warnings(), ["line 2: key \"a\" already set in map"]);
}

#[test]
fn what_is_no_yaml_is_refused() {
    for text in [
        "a: b: c",
        "a: [",
        "a: *nothing",
        "a: &x [*x]",
        "a: \"",
        "? [a]\n: b",
        "~: 1",
        "a: .inf",
        "<<: 1",
        "a: !!int x",
    ] {
        assert!(yaml_any(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn aliases_cannot_stand_for_more_than_there_is_room_for() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let below = format!("*a{}", level - 1);
        let list = [below.as_str(); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    let refused = yaml_any(text.as_bytes());
    let expected = "yaml: document contains excessive aliasing";
    assert_eq!(refused, Err(Error::Bad(expected.into())));
    // Anchors in each other copy as well.
    let values = "1, ".repeat(MAX_ALIASED);
    assert!(yaml_any(format!("a: &x [{values}]").as_bytes()).is_err());
    let values = "1, ".repeat(MAX_ALIASED / 2);
    assert!(yaml_any(format!("a: &x [{values}]").as_bytes()).is_ok());
}
