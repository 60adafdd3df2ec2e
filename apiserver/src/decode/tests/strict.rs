//! Fields that are unknown or stand there twice (statements 42 to 44 of the contract).

use super::super::limits::MAX_STRICT;
use super::super::{Error, FieldValidation, MediaType, json_any};
use super::{decode, refusal};

const BODY: &str = r#"{
    "metadata": {"name": "x", "labels": {"a": "1", "a": "2"}},
    "metaData": {},
    "spec": {
        "unknown1": "val1",
        "unknownDupe": "valDupe",
        "unknownDupe": "valDupe2",
        "paused": true,
        "paused": false,
        "template": {"spec": {"containers": [{}, {
            "name": "nginx", "unknownNested": {"deep": [1]},
            "imagePullPolicy": "Always", "imagePullPolicy": "Never"
        }]}}
    }
}"#;

const COMPLAINTS: [&str; 7] = [
    r#"duplicate field "metadata.labels.a""#,
    r#"unknown field "metaData""#,
    r#"unknown field "spec.unknown1""#,
    r#"unknown field "spec.unknownDupe""#,
    r#"duplicate field "spec.paused""#,
    r#"unknown field "spec.template.spec.containers[1].unknownNested""#,
    r#"duplicate field "spec.template.spec.containers[1].imagePullPolicy""#,
];

#[test]
fn complaints_are_in_the_order_of_the_text() {
    let decoded = decode(
        MediaType::Json,
        "Deployment",
        BODY.as_bytes(),
        FieldValidation::Warn,
    );
    let decoded = decoded.expect("only warnings");
    assert_eq!(decoded.warnings, COMPLAINTS);
    assert!(decoded.value["spec"].get("unknown1").is_none());
    assert_eq!(decoded.value["metadata"]["labels"]["a"], "2");
}

#[test]
fn strict_refuses_with_all_of_them() {
    let message = format!(
        "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: {}",
        COMPLAINTS.join(", ")
    );
    assert_eq!(refusal("Deployment", BODY), message);
}

#[test]
fn ignore_says_nothing() {
    let decoded = decode(
        MediaType::Json,
        "Deployment",
        BODY.as_bytes(),
        FieldValidation::Ignore,
    );
    assert!(decoded.expect("ignored").warnings.is_empty());
}

#[test]
fn yaml_names_lines_for_keys_that_stand_there_twice() {
    let body = "\
apiVersion: apps/v1
kind: Deployment
spec:
  unknown1: val1
  unknownDupe: valDupe
  unknownDupe: valDupe2
  paused: true
  paused: false
  template:
    spec:
      containers:
      - name: nginx
        unknownNested: val1
        imagePullPolicy: Always
        imagePullPolicy: Never
";
    let read = |validation| decode(MediaType::Yaml, "Deployment", body.as_bytes(), validation);
    let lines = [
        "line 6: key \"unknownDupe\" already set in map",
        "line 8: key \"paused\" already set in map",
        "line 15: key \"imagePullPolicy\" already set in map",
    ];
    let fields = [
        "unknown field \"spec.template.spec.containers[0].unknownNested\"",
        "unknown field \"spec.unknown1\"",
        "unknown field \"spec.unknownDupe\"",
    ];
    let decoded = read(FieldValidation::Warn).expect("only warnings");
    assert_eq!(decoded.warnings, [lines, fields].concat());
    let message = format!(
        "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: \
         yaml: unmarshal errors:\n  {}, {}",
        lines.join("\n  "),
        fields.join(", ")
    );
    assert_eq!(read(FieldValidation::Strict), Err(Error::Bad(message)));
}

#[test]
fn without_a_table_every_key_is_looked_at() {
    let (value, strict) = json_any(br#"{"a": {"b": [{"c": 1, "c": 2}]}, "a": 1}"#).expect("JSON");
    assert_eq!(value, serde_json::json!({"a": 1}));
    let expected = [r#"duplicate field "a.b[0].c""#, r#"duplicate field "a""#];
    assert_eq!(strict.warnings(), expected);
}

#[test]
fn the_list_of_complaints_has_an_end_and_repeats_nothing() {
    let fields: Vec<String> = (0..MAX_STRICT + 50)
        .map(|n| format!("\"u{n}\":1"))
        .collect();
    let body = format!("{{{},{}}}", fields[0], fields.join(","));
    let decoded = decode(
        MediaType::Json,
        "Pod",
        body.as_bytes(),
        FieldValidation::Warn,
    );
    let warnings = decoded.expect("only warnings").warnings;
    assert_eq!(warnings.len(), MAX_STRICT);
    assert_eq!(warnings[1], "unknown field \"u1\"");
}

#[test]
fn parameters_are_read() {
    assert_eq!(FieldValidation::of("Strict"), Some(FieldValidation::Strict));
    assert_eq!(FieldValidation::of(""), Some(FieldValidation::Warn));
    assert_eq!(FieldValidation::of("strict"), None);
    for (header, media) in [
        ("application/json; charset=utf-8", Some(MediaType::Json)),
        ("", Some(MediaType::Json)),
        ("application/apply-patch+yaml", Some(MediaType::Yaml)),
        ("Application/YAML", Some(MediaType::Yaml)),
        (
            "application/vnd.kubernetes.protobuf",
            Some(MediaType::Protobuf),
        ),
        ("text/plain", None),
    ] {
        assert_eq!(MediaType::of(header), media, "{header}");
    }
}
