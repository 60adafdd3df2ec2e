use crate::decode::Wire;
use crate::encode::message::Message;
use crate::encode::{EncodeError, Items, protobuf, protobuf_of_text};
use crate::schema::{self, Gvk};
use crate::storage::Object;
use proptest::prelude::*;
use serde_json::{Value, json};

fn gvk(group: &str, version: &str, kind: &str) -> Gvk {
    Gvk {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
    }
}

fn both(gvk: &Gvk, text: &[u8]) -> [Result<Vec<u8>, EncodeError>; 2] {
    let table = schema::builtin();
    let wire = Wire::new(table);
    let parsed: Value = serde_json::from_slice(text).unwrap_or_default();
    [
        protobuf(table, &wire, gvk, &parsed),
        protobuf_of_text(table, &wire, gvk, text),
    ]
}

fn assert_same(gvk: &Gvk, text: &str) {
    let [parsed, read] = both(gvk, text.as_bytes());
    assert!(parsed == read, "{text}\n{parsed:?}\n{read:?}");
}

/// A Pod with everything that is special somewhere.
fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "a\"b\\c\u{1}ü", "labels": {"z": "", "a": "x\ny", "é": "1"}, "unknown": {"a": [1, {}]},
            "creationTimestamp": "2024-02-29T12:34:56Z", "deletionGracePeriodSeconds": -7,
            "managedFields": [{"manager": "m", "fieldsV1": {"f:a": {".": {}, "k:{\"n\":\"x\"}": {}}, "f:b": 1.5}}],
        },
        "spec": {
            "containers": [{"name": "c", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
                "livenessProbe": {"httpGet": {"port": "http"}, "periodSeconds": 10},
                "ports": [{"containerPort": 80}], "env": null}],
            "priority": 2_147_483_647, "hostNetwork": true, "overhead": {},
        },
        "status": {"conditions": [{"type": "Ready", "lastProbeTime": null}], "podIPs": []},
    })
}

#[test]
fn a_text_is_written_as_its_value_is() {
    let gvk = gvk("", "v1", "Pod");
    let stored = Object::of(pod(), 7);
    let stored = std::str::from_utf8(stored.stored()).unwrap();
    assert_same(&gvk, stored);
    assert_same(&gvk, &pod().to_string());
    // As others may have stored it.
    assert_same(&gvk, &format!("{:#}", pod()));
    for text in [
        r#"{"metadata":{"labels":{"b":"1","a":"2"}}}"#,
        r#"{"metadata":{"n\u0061me":"x","labels":{"\u0062":"1","a":"2"}}}"#,
        r#"{"spec":{"priority":-0}}"#,
        r#"{"spec":{"priority":1.0}}"#,
        r#"{"spec":{"priority":1e3}}"#,
        r#"{"spec":{"priority":"1"}}"#,
        r#"{"spec":{"terminationGracePeriodSeconds":9223372036854775807}}"#,
        r#"{"spec":{"terminationGracePeriodSeconds":9223372036854775808}}"#,
        r#"{"metadata":{"managedFields":[{"fieldsV1":{"b":1,"a":2,"c":1.50}}]}}"#,
        r#"{"metadata":{"managedFields":[{"fieldsV1":{"a":"\/","b":-0}},{"fieldsV1":null}]}}"#,
        r#"{"metadata":{"managedFields":[{"fieldsV1":{"a":[1,"x",{"b":2,"a":1}]}}]}}"#,
        r#"{"metadata":[]}"#,
        r#"{"metadata":null,"spec":null}"#,
        "{}",
        "[]",
        "null",
        "{",
        r#"{"a":tru}"#,
        r#"{"a":1}x"#,
        "",
    ] {
        assert_same(&gvk, text);
    }
    let [parsed, read] = both(&gvk, b"{\"metadata\":{\"name\":\"\xff\"}}");
    assert_eq!(parsed, read);
}

#[test]
fn depth_is_bounded_whichever_way_an_object_is_read() {
    let kind = gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    for depth in [10, 60, 100, 110, 113, 114, 115, 116, 117, 118, 130, 10_000] {
        let open = "{\"not\":".repeat(depth);
        let close = "}".repeat(depth);
        let text = format!(
            "{{\"spec\":{{\"versions\":[{{\"schema\":{{\"openAPIV3Schema\":{open}{{}}{close}}}}}]}}}}"
        );
        assert_same(&kind, &text);
    }
}

#[test]
fn a_list_of_items_is_the_list_for_every_kind() {
    let table = schema::builtin();
    let wire = Wire::new(table);
    let mut lists = 0;
    for row in crate::resource::builtin().all() {
        let own = &row.gvk;
        let kind = gvk(&own.group, &own.version, &format!("{}List", own.kind));
        if table.kind(&kind).is_none() {
            continue;
        }
        lists += 1;
        let items = [
            json!({"metadata": {"name": "a", "labels": {"x": "y"}}}),
            json!({}),
            json!({"metadata": {"name": "b"}, "spec": {}, "status": {}}),
        ];
        let metadata = json!({"resourceVersion": "42", "continue": "c", "remainingItemCount": 3});
        let whole = json!({"metadata": metadata, "items": items});
        let whole = protobuf(table, &wire, &kind, &whole);
        let mut writer = Items::new(table, &wire, &kind).unwrap();
        let mut message = Message::default();
        let mut each = items.iter();
        let written =
            each.try_for_each(|item| writer.write(item.to_string().as_bytes(), &mut message));
        let message = message.into_bytes();
        let head = writer.begin(&kind, &metadata, message.len() as u64);
        let pieces = written.and(head);
        let pieces = pieces.map(|head| [head, message, Items::end()].concat());
        assert!(pieces == whole, "{kind:?}: {pieces:?} {whole:?}");
    }
    assert!(lists > 50, "{lists}");
}

proptest! {
    #[test]
    fn strings_end_where_they_end(text in "[a\"\\\\é{}:,\n]{0,40}", front in "[ab]{0,9}") {
        let kind = gvk("", "v1", "ConfigMap");
        let text = text.as_str();
        let object = json!({"data": {front: text, text: "x"}, "metadata": {"name": "n"}});
        let [parsed, read] = both(&kind, object.to_string().as_bytes());
        prop_assert_eq!(parsed, read);
    }
}
