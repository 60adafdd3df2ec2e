//! Bodies that are refused, and with which words.

use super::super::limits::{MAX_BODY, MAX_DEPTH, MAX_PARTS};
use super::super::{Error, FieldValidation, MediaType, json_any};
use super::{decode, refusal};

#[test]
fn values_of_the_wrong_type_are_refused_in_go_s_words() {
    for (kind, body, message) in [
        (
            "Deployment",
            r#"{"spec": {"replicas": "3"}}"#,
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "Deployment",
            r#"{"spec": {"replicas": 1.5}}"#,
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "Deployment",
            r#"{"spec": {"replicas": 3000000000}}"#,
            "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "Deployment",
            r#"{"spec": {"paused": "true"}}"#,
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool",
        ),
        (
            "Deployment",
            r#"{"spec": {"template": []}}"#,
            "json: cannot unmarshal array into Go struct field DeploymentSpec.spec.template of type v1.PodTemplateSpec",
        ),
        (
            "Pod",
            r#"{"spec": {"containers": {}}}"#,
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            "Pod",
            r#"{"spec": {"containers": ["a"]}}"#,
            "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type v1.Container",
        ),
        (
            "Pod",
            r#"{"spec": {"containers": [{"args": [1]}]}}"#,
            "json: cannot unmarshal number into Go struct field Container.spec.containers.args of type string",
        ),
        (
            "Pod",
            r#"{"metadata": {"labels": {"a": true}}}"#,
            "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            "Pod",
            r#"{"metadata": {"labels": []}}"#,
            "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        (
            "Pod",
            r#"{"spec": {"overhead": {"cpu": "one"}}}"#,
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            "Pod",
            r#"{"spec": {"overhead": {"cpu": "1K"}}}"#,
            "unable to parse quantity's suffix",
        ),
        (
            "Pod",
            r#"{"metadata": {"creationTimestamp": "today"}}"#,
            "parsing time \"today\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"today\" as \"2006\"",
        ),
        (
            "Pod",
            r#"{"metadata": {"creationTimestamp": 5}}"#,
            "json: cannot unmarshal number into Go value of type string",
        ),
        (
            "Service",
            r#"{"spec": {"ports": [{"targetPort": true}]}}"#,
            "json: cannot unmarshal bool into Go value of type int32",
        ),
        (
            "Secret",
            r#"{"data": {"a": "plain text"}}"#,
            "illegal base64 data at input byte 5",
        ),
        (
            "Everything",
            r#"{"wait": "soon"}"#,
            "time: invalid duration \"soon\"",
        ),
    ] {
        let expected = format!("{kind} in version \"v1\" cannot be handled as a {kind}: {message}");
        assert_eq!(refusal(kind, body), expected);
    }
}

#[test]
fn yaml_is_refused_in_the_same_words() {
    let body = b"spec:\n  replicas: many\n";
    let refused = decode(MediaType::Yaml, "Deployment", body, FieldValidation::Ignore);
    let message = "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot \
                   unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32";
    assert_eq!(refused, Err(Error::Bad(message.into())));
}

#[test]
fn what_is_no_json_is_refused_in_go_s_words() {
    for (body, message) in [
        ("", "unexpected end of JSON input"),
        ("{", "unexpected end of JSON input"),
        ("{\"a", "unexpected end of JSON input"),
        ("[1,", "unexpected end of JSON input"),
        ("nul", "unexpected end of JSON input"),
        ("<", "invalid character '<' looking for beginning of value"),
        (
            "'",
            r"invalid character '\'' looking for beginning of value",
        ),
        (
            "{a: 1}",
            "invalid character 'a' looking for beginning of object key string",
        ),
        (
            "{\"a\":1,}",
            "invalid character '}' looking for beginning of object key string",
        ),
        ("{\"a\" 1}", "invalid character '1' after object key"),
        (
            "{\"a\":1 \"b\":2}",
            "invalid character '\"' after object key:value pair",
        ),
        ("[1 2]", "invalid character '2' after array element"),
        (
            "[1,]",
            "invalid character ']' looking for beginning of value",
        ),
        ("1 2", "invalid character '2' after top-level value"),
        (
            "trye",
            "invalid character 'y' in literal true (expecting 'u')",
        ),
        ("-x", "invalid character 'x' in numeric literal"),
        ("01", "invalid character '1' after top-level value"),
        (
            "1.x",
            "invalid character 'x' after decimal point in numeric literal",
        ),
        (
            "1ex",
            "invalid character 'x' in exponent of numeric literal",
        ),
        ("\"\\x\"", "invalid character 'x' in string escape code"),
        (
            "\"\\u12g4\"",
            "invalid character 'g' in \\u hexadecimal character escape",
        ),
        ("\"a\nb\"", "invalid character '\\n' in string literal"),
        (
            "1e999",
            "json: cannot unmarshal number 1e999 into Go value of type float64",
        ),
    ] {
        assert_eq!(
            json_any(body.as_bytes()),
            Err(Error::Bad(message.into())),
            "{body}"
        );
    }
}

#[test]
fn json_text_is_read_as_go_reads_it() {
    for (text, expected) in [
        (r#""\u00e9\n\/\"""#, "é\n/\""),
        (r#""\ud83d\ude00""#, "😀"),
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""\ud83dx""#, "\u{fffd}x"),
        (r#""\ud83d\u0041""#, "\u{fffd}A"),
        (r#""\ude00""#, "\u{fffd}"),
    ] {
        let (value, _) = json_any(text.as_bytes()).expect("a string");
        assert_eq!(value.as_str(), Some(expected), "{text}");
    }
    let (value, _) = json_any(b"\"a\xff\\n\xfe\"").expect("a string");
    assert_eq!(value.as_str(), Some("a\u{fffd}\n\u{fffd}"));
    for (text, expected) in [
        ("-0", serde_json::json!(0)),
        ("9223372036854775807", serde_json::json!(i64::MAX)),
        (
            "9223372036854775808",
            serde_json::json!(9.223_372_036_854_776e18),
        ),
        ("1.0", serde_json::json!(1.0)),
        (" [ ] ", serde_json::json!([])),
    ] {
        assert_eq!(json_any(text.as_bytes()).expect("a value").0, expected);
    }
}

#[test]
fn a_body_must_be_of_a_known_kind() {
    let message = "no kind \"Pod\" is registered for version \"apps/v1\"";
    assert_eq!(refusal("Pod", r#"{"apiVersion": "apps/v1"}"#), message);
    assert_eq!(refusal("Deployment", r#"{"kind": "Pod"}"#), message);
    let message = "unexpected GroupVersion string: \"a/b/c\"";
    assert_eq!(refusal("Pod", r#"{"apiVersion": "a/b/c"}"#), message);
    let message = "couldn't get version/kind; json parse error: json: cannot unmarshal number into \
                   Go struct field .kind of type string";
    assert_eq!(refusal("Pod", r#"{"kind": 5}"#), message);
    let refused = refusal("Pod", "[]");
    assert!(refused.starts_with("couldn't get version/kind; json parse error"));
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    let body = vec![b' '; MAX_BODY + 1];
    for media in [MediaType::Json, MediaType::Yaml, MediaType::Protobuf] {
        let refused = decode(media, "Pod", &body, FieldValidation::Ignore);
        assert_eq!(refused, Err(Error::TooLarge { limit: MAX_BODY }));
    }
    assert_eq!(json_any(&body), Err(Error::TooLarge { limit: MAX_BODY }));
    let text = Error::TooLarge { limit: MAX_BODY }.to_string();
    assert_eq!(text, "Request entity too large: limit is 3145728");
}

/// `depth` lists in each other.
fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[test]
fn nesting_has_a_limit_everywhere() {
    assert!(json_any(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert!(json_any(nested(MAX_DEPTH + 1).as_bytes()).is_err());
    // Two levels are the object and the field.
    for (media, depth, is_ok) in [
        (MediaType::Json, MAX_DEPTH - 1, true),
        (MediaType::Json, MAX_DEPTH, false),
        (MediaType::Json, 100_000, false),
        (MediaType::Yaml, MAX_DEPTH - 1, true),
        (MediaType::Yaml, MAX_DEPTH, false),
        (MediaType::Yaml, 100_000, false),
    ] {
        for field in ["any", "unknown"] {
            let body = format!("{{\"{field}\": {}}}", nested(depth));
            let decoded = decode(
                media,
                "Everything",
                body.as_bytes(),
                FieldValidation::Ignore,
            );
            assert_eq!(decoded.is_ok(), is_ok, "{media:?} {field} {depth}");
        }
    }
    let deep = "{\"self\":".repeat(MAX_DEPTH + 1) + "null" + &"}".repeat(MAX_DEPTH + 1);
    assert!(refusal("Everything", &deep).ends_with("exceeded max depth"));
}

#[test]
fn a_message_within_messages_has_the_same_limit() {
    for (depth, is_ok) in [(MAX_DEPTH - 2, true), (MAX_DEPTH + 1, false), (5000, false)] {
        let mut message = Vec::new();
        for _ in 0..depth {
            message = frame(16, &message);
        }
        let body = [b"k8s\0".as_slice(), &frame(2, &message)].concat();
        let decoded = decode(
            MediaType::Protobuf,
            "Everything",
            &body,
            FieldValidation::Ignore,
        );
        assert_eq!(decoded.is_ok(), is_ok, "{depth}");
    }
}

/// A tag, a length and a message.
fn frame(tag: u64, message: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    for mut number in [tag << 3 | 2, message.len() as u64] {
        while number >= 0x80 {
            frame.push(number as u8 | 0x80);
            number >>= 7;
        }
        frame.push(number as u8);
    }
    frame.extend_from_slice(message);
    frame
}

#[test]
fn a_body_cannot_ask_for_more_structures_than_there_is_room_for() {
    let body = format!("{{\"selves\": [{}{{}}]}}", "{},".repeat(MAX_PARTS));
    let message = format!("exceeded max number of lists and objects, {MAX_PARTS}");
    assert!(refusal("Everything", &body).ends_with(&message));
    let body = [
        b"k8s\0".as_slice(),
        &frame(2, &frame(17, b"").repeat(MAX_PARTS + 1)),
    ]
    .concat();
    let refused = decode(
        MediaType::Protobuf,
        "Everything",
        &body,
        FieldValidation::Ignore,
    );
    assert!(refused.is_err());
}
