//! Objects of the table's types at random: each encoding says the same.

use super::super::conform::{conform, conform_members};
use super::super::testing::{gvk, table};
use super::super::{Decoder, FieldValidation, MediaType, Wire};
use crate::encode::{protobuf, protobuf_of_text};
use crate::schema::{Node, Scalar, Table};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Decisions, one byte each. When they run out, everything is absent or small.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    /// A number below `bound`.
    fn below(&mut self, bound: u8) -> u8 {
        self.next() % bound
    }
}

/// A value as a client might write it.
fn value(table: &Table, node: &Node, choices: &mut Choices<'_>, depth: usize) -> Value {
    let text = |choices: &mut Choices<'_>| ["", "a", "größe", "x y\n"][choices.below(4) as usize];
    match node {
        Node::Scalar(scalar) => match scalar {
            Scalar::Bool => Value::Bool(choices.below(2) == 1),
            Scalar::Int(32) => json!([0, 1, -1, i32::MAX, i32::MIN][choices.below(5) as usize]),
            Scalar::Int(_) => json!([0, 1, -1, i64::MAX, i64::MIN][choices.below(5) as usize]),
            Scalar::Float => json!([0.0, 1.5, -2.25, 1e300][choices.below(4) as usize]),
            Scalar::String(_) => json!(text(choices)),
            Scalar::Bytes => json!(["", "Zg==", "AP8="][choices.below(3) as usize]),
            Scalar::Time => json!(
                [
                    "2024-02-29T12:00:00+01:00",
                    "1970-01-01T00:00:01Z",
                    "0001-01-01T00:00:00Z"
                ][choices.below(3) as usize]
            ),
            Scalar::MicroTime => json!(
                ["2024-02-29T12:00:00.000001Z", "1969-12-31T23:59:59.500000Z"]
                    [choices.below(2) as usize]
            ),
            Scalar::Quantity => {
                json!(["0", "1000m", "1.5Gi", "1e3", "-5", "7n"][choices.below(6) as usize])
            }
            Scalar::IntOrString => match choices.below(3) {
                0 => json!(0),
                1 => json!(8080),
                _ => json!(text(choices)),
            },
            Scalar::Duration => json!(["0s", "90s", "1.5h", "-3ms"][choices.below(4) as usize]),
            Scalar::Fields => json!({"f:a": {".": {}}}),
        },
        Node::Any => [
            json!(1),
            json!("x"),
            json!({"a": [null, true]}),
            json!([]),
            json!({}),
        ][choices.below(5) as usize]
            .clone(),
        Node::Struct(id) => {
            let mut fields = Map::new();
            for field in &table.get(*id).fields {
                // The deeper, the fewer, so that types that contain themselves come to an end.
                let is_there = depth < 6 && choices.below(4 + depth as u8) == 1;
                if is_there && !["apiVersion", "kind"].contains(&&*field.name) {
                    let value = value(table, &field.node, choices, depth + 1);
                    fields.insert(field.name.to_string(), value);
                }
            }
            Value::Object(fields)
        }
        // Empty lists that Go always prints cannot be told from absent ones in protobuf.
        Node::List(list) => (0..1 + choices.below(2))
            .map(|_| value(table, &list.element, choices, depth + 1))
            .collect(),
        Node::Map(map) => (0..1 + choices.below(2))
            .map(|n| {
                (
                    format!("k{n}"),
                    value(table, &map.value, choices, depth + 1),
                )
            })
            .collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn members_that_are_in_form_need_no_second_look(
        kind in prop::sample::select(vec!["Pod", "Deployment", "Everything"]),
        choices in prop::collection::vec(any::<u8>(), 0..400),
        named in any::<u8>(),
    ) {
        let table = table();
        let id = table.kind(&gvk(kind)).expect("a kind");
        let body = value(&table, &Node::Struct(id), &mut Choices(choices.iter()), 0);
        let mut whole = body.clone();
        conform(&table, id, &mut whole).expect("conforms");
        // In form, but for the members that are named.
        let is_named = |name: &str| name.len() % 3 == usize::from(named % 3);
        let mut parts = whole.clone();
        let members = parts.as_object_mut().expect("an object");
        members.retain(|name, _| !is_named(name));
        for (name, member) in body.as_object().expect("an object") {
            if is_named(name) {
                members.insert(name.clone(), member.clone());
            }
        }
        conform_members(&table, id, &mut parts, is_named).expect("conforms");
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn every_encoding_says_the_same(
        kind in prop::sample::select(vec!["Pod", "PodList", "Deployment", "Service", "Secret", "Lease", "Everything", "SubjectAccessReview"]),
        choices in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let table = table();
        let wire = Wire::new(&table);
        let gvk = gvk(kind);
        let id = table.kind(&gvk).expect("a kind");
        let body = value(&table, &Node::Struct(id), &mut Choices(choices.iter()), 0);

        let mut conformed = body.clone();
        let strict = conform(&table, id, &mut conformed).expect("conforms");
        prop_assert!(strict.is_empty());

        let decoder = Decoder::new(&table, &wire);
        let read = |media, body: &[u8]| {
            let mut decoded = decoder
                .decode(media, body, &gvk, FieldValidation::Strict)
                .unwrap_or_else(|error| panic!("{error}"))
                .value;
            let fields = decoded.as_object_mut().expect("an object");
            fields.remove("apiVersion");
            fields.remove("kind");
            decoded
        };
        let text = body.to_string();
        prop_assert_eq!(&read(MediaType::Json, text.as_bytes()), &conformed);
        prop_assert_eq!(&read(MediaType::Yaml, text.as_bytes()), &conformed);
        let message = protobuf(&table, &wire, &gvk, &conformed).expect("of its kind");
        prop_assert_eq!(&read(MediaType::Protobuf, &message), &conformed);
        let of_text = protobuf_of_text(&table, &wire, &gvk, conformed.to_string().as_bytes());
        prop_assert_eq!(&of_text.expect("of its kind"), &message);
        let again = protobuf(&table, &wire, &gvk, &read(MediaType::Protobuf, &message));
        prop_assert_eq!(again.expect("of its kind"), message);
    }
}

#[test]
fn schemas_come_back_as_they_were() {
    let table = table();
    let wire = Wire::new(&table);
    let gvk = gvk("CustomResourceDefinition");
    let object = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "x", "creationTimestamp": null},
        "spec": {"group": "g", "schema": {
            "type": "object", "default": {"a": [1, null]}, "enum": [1, "x"], "maximum": 1.5,
            "properties": {
                "one": {"items": {"type": "string"}},
                "list": {"items": [{"type": "string"}, {"type": "integer"}]},
                "yes": {"additionalProperties": true},
                "no": {"additionalProperties": false},
                "some": {"additionalProperties": {"type": "string"}},
                "needs": {"dependencies": {"a": ["b", "c"], "d": {"type": "object"}}}
            }
        }}
    });
    let message = protobuf(&table, &wire, &gvk, &object).expect("of its kind");
    let decoder = Decoder::new(&table, &wire);
    let decoded = decoder.decode(MediaType::Protobuf, &message, &gvk, FieldValidation::Strict);
    assert_eq!(decoded.expect("a message").value, object);
}

#[test]
fn what_is_not_of_its_kind_is_not_written() {
    use crate::encode::EncodeError;
    let table = table();
    let wire = Wire::new(&table);
    let write = |object: Value| protobuf(&table, &wire, &gvk("Pod"), &object);
    assert_eq!(write(json!([])), Err(EncodeError::Type));
    assert_eq!(write(json!({"spec": 5})), Err(EncodeError::Type));
    assert_eq!(
        write(json!({"spec": {"containers": {}}})),
        Err(EncodeError::Type)
    );
    assert_eq!(
        write(json!({"spec": {"priority": "x"}})),
        Err(EncodeError::Type)
    );
    let mut kind = gvk("Pod");
    kind.version = "v2".into();
    assert_eq!(
        protobuf(&table, &wire, &kind, &json!({})),
        Err(EncodeError::Kind)
    );
}
