//! Bytes that nobody meant: nothing panics, whatever comes in.

use super::super::testing::{gvk, table};
use super::super::{Decoder, FieldValidation, MediaType, Wire, json_any, yaml_any};
use proptest::prelude::*;

fn feed(media: MediaType, kind: &str, body: &[u8]) {
    let table = table();
    let wire = Wire::new(&table);
    let decoder = Decoder::new(&table, &wire);
    let _ = decoder.decode(media, body, &gvk(kind), FieldValidation::Warn);
}

proptest! {
    #[test]
    fn random_bytes(body in prop::collection::vec(any::<u8>(), 0..300)) {
        for media in [MediaType::Json, MediaType::Yaml, MediaType::Protobuf] {
            feed(media, "Pod", &body);
        }
        let message = [b"k8s\0\x12".as_slice(), &[body.len().min(127) as u8], &body].concat();
        feed(MediaType::Protobuf, "Everything", &message);
    }

    #[test]
    fn random_json(body in r#"([\[\]{},: ]|"[a-z\\u0-9"]{0,4}"|-?[0-9.eE]{1,4}|true|null|"spec":|"metadata":|"self":|"maps":){0,40}"#) {
        feed(MediaType::Json, "Everything", body.as_bytes());
        let ours = json_any(body.as_bytes()).map(|(value, _)| value);
        let theirs = serde_json::from_str::<serde_json::Value>(&body);
        // They refuse half a surrogate pair, and we do not; they keep the sign of a zero, and we read an
        // integer, as upstream does.
        let differs = body.contains("\\u") || body.contains("-0");
        if let (false, Ok(theirs)) = (differs, &theirs) {
            prop_assert_eq!(ours.as_ref().ok(), Some(theirs));
        }
        if ours.is_ok() && !body.contains("\\u") {
            prop_assert!(theirs.is_ok());
        }
    }

    #[test]
    fn random_yaml(body in "([a-z]{1,3}: ?|- |\\n {0,6}|[&*!?|>%@`'\"#,\\[\\]{}:-]|<<: |&a |\\*a |!!int |---\\n|\\t|[0-9_.]{1,4}|é){0,60}") {
        feed(MediaType::Yaml, "Everything", body.as_bytes());
        let _ = yaml_any(body.as_bytes());
    }

    #[test]
    fn messages_with_a_few_bytes_changed(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let table = table();
        let wire = Wire::new(&table);
        let pod = super::speed::pod();
        let mut body = crate::encode::protobuf(&table, &wire, &gvk("Pod"), &pod).unwrap();
        for (at, byte) in &changes {
            let at = at.index(body.len());
            body[at] = *byte;
        }
        let decoder = Decoder::new(&table, &wire);
        let _ = decoder.decode(MediaType::Protobuf, &body, &gvk("Pod"), FieldValidation::Warn);
        let cut = cut.index(body.len());
        let _ = decoder.decode(MediaType::Protobuf, &body[..cut], &gvk("Pod"), FieldValidation::Warn);
    }
}
