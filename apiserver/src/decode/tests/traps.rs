//! Messages as gogo's encoder writes them, byte by byte.

use super::super::{Error, FieldValidation, MediaType};
use super::decode;
use serde_json::{Value, json};

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A tag with a number behind it.
fn number(tag: usize, value: usize) -> Vec<u8> {
    [varint(tag << 3), varint(value)].concat()
}

/// A tag with text or a message behind it.
fn bytes(tag: usize, content: &[u8]) -> Vec<u8> {
    let frame = [varint(tag << 3 | 2), varint(content.len())].concat();
    [frame.as_slice(), content].concat()
}

fn envelope(kind: &str, raw: &[u8]) -> Vec<u8> {
    let meta = [bytes(1, b"v1"), bytes(2, kind.as_bytes())].concat();
    let api = match kind {
        "Deployment" => [bytes(1, b"apps/v1"), bytes(2, kind.as_bytes())].concat(),
        // The request's path says it.
        "Everything" => Vec::new(),
        _ => meta,
    };
    [
        b"k8s\0".to_vec(),
        bytes(1, &api),
        bytes(2, raw),
        bytes(3, b""),
        bytes(4, b""),
    ]
    .concat()
}

fn read(kind: &str, raw: &[u8]) -> Result<Value, Error> {
    let body = envelope(kind, raw);
    decode(MediaType::Protobuf, kind, &body, FieldValidation::Strict).map(|decoded| decoded.value)
}

fn value(kind: &str, raw: &[u8]) -> Value {
    read(kind, raw).expect("a message")
}

#[test]
fn zeros_mean_something_only_behind_a_pointer() {
    // replicas: 0 is meant, minReadySeconds: 0 and paused: false are not.
    let spec = [
        number(1, 0),
        number(5, 0),
        number(7, 0),
        bytes(3, b""),
        bytes(4, b""),
    ]
    .concat();
    let value = value("Deployment", &bytes(2, &spec));
    assert_eq!(
        value["spec"],
        json!({
            "replicas": 0, "selector": null, "strategy": {},
            "template": {"metadata": {"creationTimestamp": null}, "spec": {"containers": null}}
        })
    );
    assert_eq!(value["apiVersion"], "apps/v1");
}

#[test]
fn empty_messages_are_structures_and_an_empty_time_is_none() {
    let meta = [bytes(1, b"x"), bytes(3, b""), number(7, 0), bytes(8, b"")].concat();
    let volume = [bytes(1, b"v"), bytes(2, &bytes(2, &bytes(1, b"")))].concat();
    let spec = [bytes(1, &volume), bytes(14, b"")].concat();
    let value = value(
        "Pod",
        &[bytes(1, &meta), bytes(2, &spec), bytes(3, b"")].concat(),
    );
    assert_eq!(
        value,
        json!({
            "apiVersion": "v1", "kind": "Pod", "status": {},
            "metadata": {"name": "x", "creationTimestamp": null},
            "spec": {
                "containers": null, "securityContext": {},
                "volumes": [{"name": "v", "emptyDir": {}}]
            }
        })
    );
}

#[test]
fn special_types_are_one_value_each() {
    let quantity = bytes(1, b"1000m");
    let limits = [bytes(1, b"cpu"), bytes(2, &quantity)].concat();
    let probe = bytes(
        1,
        &bytes(
            2,
            &bytes(2, &[number(1, 1), number(2, 0), bytes(3, b"http")].concat()),
        ),
    );
    let container = [
        bytes(1, b"c"),
        bytes(8, &bytes(1, &limits)),
        bytes(10, &probe),
    ]
    .concat();
    let owner = bytes(17, &bytes(7, &bytes(1, br#"{"f:a":{}}"#)));
    let time = bytes(8, &number(1, 100));
    let meta = [owner, time].concat();
    let value = value(
        "Pod",
        &[bytes(1, &meta), bytes(2, &bytes(2, &container))].concat(),
    );
    assert_eq!(
        value["metadata"]["creationTimestamp"],
        "1970-01-01T00:01:40Z"
    );
    assert_eq!(
        value["metadata"]["managedFields"][0]["fieldsV1"],
        json!({"f:a": {}})
    );
    assert_eq!(
        value["spec"]["containers"][0],
        json!({
            "name": "c", "resources": {"limits": {"cpu": "1"}},
            "livenessProbe": {"httpGet": {"port": "http"}}
        })
    );
}

#[test]
fn numbers_come_one_by_one_or_packed() {
    let raw = [
        number(6, 1),
        bytes(6, &[2, 0x80, 1]),
        number(6, 0),
        bytes(3, &[1, 0]),
    ]
    .concat();
    let found = value("Everything", &raw);
    assert_eq!(found["larges"], json!([1, 2, 128, 0]));
    assert_eq!(found["flags"], json!([true, false]));
    let negative = [4 << 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    assert_eq!(value("Everything", &negative)["small"], -1);
    let packed = [1.5f64.to_le_bytes(), (-2f64).to_le_bytes()].concat();
    assert_eq!(
        value("Everything", &bytes(8, &packed))["ratios"],
        json!([1.5, -2.0])
    );
    // An empty piece is no list.
    assert_eq!(value("Everything", &bytes(6, b"")).get("larges"), None);
}

#[test]
fn maps_may_lack_keys_and_values_and_the_last_counts() {
    let raw = [
        bytes(2, &[bytes(1, b"a"), bytes(2, b"1")].concat()),
        bytes(2, &[bytes(1, b"a"), bytes(2, b"2")].concat()),
        bytes(2, &bytes(1, b"b")),
        bytes(2, b""),
    ]
    .concat();
    let value = value("ConfigMap", &raw);
    assert_eq!(value["data"], json!({"a": "2", "b": "", "": ""}));
}

#[test]
fn lists_in_maps_are_in_a_message_of_their_own() {
    let list = [bytes(1, b"x"), bytes(1, b"y")].concat();
    let entry = [bytes(1, b"k"), bytes(2, &list)].concat();
    let spec = bytes(5, &entry);
    let body = [b"k8s\0".to_vec(), bytes(2, &bytes(2, &spec))].concat();
    let kind = "SubjectAccessReview";
    let decoded = decode(MediaType::Protobuf, kind, &body, FieldValidation::Strict);
    let value = decoded.expect("a message").value;
    assert_eq!(value["spec"]["extra"], json!({"k": ["x", "y"]}));
}

#[test]
fn unknown_tags_are_passed_over() {
    let raw = [
        number(30, 1),
        bytes(31, b"anything"),
        [varint(32 << 3 | 1), vec![7; 8]].concat(),
        [varint(33 << 3 | 5), vec![7; 4]].concat(),
        bytes(3, b"Opaque"),
    ]
    .concat();
    let body = envelope("Secret", &raw);
    let decoded = decode(
        MediaType::Protobuf,
        "Secret",
        &body,
        FieldValidation::Strict,
    );
    assert_eq!(decoded.expect("a message").value["type"], "Opaque");
}

#[test]
fn schemas_of_custom_resources_have_unions() {
    let text = |json: &[u8]| bytes(1, json);
    let leaf = bytes(5, b"string");
    let schema = [
        bytes(8, &text(b"{\"a\":null}")),
        bytes(20, &text(b"1")),
        bytes(20, &text(b"\"b\"")),
        bytes(24, &bytes(1, &leaf)),
        bytes(30, &number(1, 0)),
    ]
    .concat();
    let body = [b"k8s\0".to_vec(), bytes(2, &bytes(2, &bytes(2, &schema)))].concat();
    let kind = "CustomResourceDefinition";
    let decoded = decode(MediaType::Protobuf, kind, &body, FieldValidation::Strict);
    assert_eq!(
        decoded.expect("a message").value["spec"]["schema"],
        json!({
            "default": {"a": null}, "enum": [1, "b"], "items": {"type": "string"},
            "additionalProperties": false
        })
    );
}

#[test]
fn what_is_no_message_is_refused() {
    for raw in [
        // Cut off: a tag, a number, a length, a message.
        vec![0x80],
        vec![8],
        vec![0x12],
        vec![0x12, 5, 1],
        vec![
            0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
        ],
        // Groups, wire types that are none, the tag zero.
        vec![0x0b, 0x0c],
        vec![0x0c],
        vec![0x0e],
        vec![0x0f],
        vec![0x02, 0],
        // Eleven bytes of a number.
        [vec![8], vec![0x80; 10], vec![1]].concat(),
        // A number where a message belongs, and the other way round.
        number(1, 1),
        number(2, 1),
    ] {
        assert!(read("Pod", &raw).is_err(), "{raw:?}");
    }
    assert!(read("Everything", &bytes(4, b"x")).is_err());
    assert!(read("Everything", &bytes(8, b"1234567")).is_err());
    assert!(read("Everything", &bytes(13, &bytes(1, b"no JSON"))).is_err());
}

#[test]
fn the_envelope_is_looked_at() {
    let refused = decode(MediaType::Protobuf, "Pod", b"{}", FieldValidation::Ignore);
    let message =
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]";
    assert_eq!(refused, Err(Error::Bad(message.into())));
    let zipped = [b"k8s\0".to_vec(), bytes(3, b"gzip")].concat();
    assert!(decode(MediaType::Protobuf, "Pod", &zipped, FieldValidation::Ignore).is_err());
    // The request's path says what the envelope does not.
    let bare = [b"k8s\0".to_vec(), bytes(2, b"")].concat();
    let decoded = decode(MediaType::Protobuf, "Pod", &bare, FieldValidation::Ignore);
    assert_eq!(decoded.expect("a message").value["kind"], "Pod");
}
