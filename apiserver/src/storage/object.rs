//! An object as it lies in the store.

use super::scan::{self, Found};
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};
use std::fmt::Write;

/// What is written first, so that whoever looks for it need not look at the rest.
const FIRST: [&str; 3] = ["apiVersion", "kind", "metadata"];

const HAS_TEXT: &str = "a JSON value has a text, and a Vec takes it";

/// The stored bytes of an object, and the revision that is its `resourceVersion`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    bytes: Bytes,
    revision: u64,
}

impl Object {
    /// An object that was read. `bytes` are JSON without a `resourceVersion`, in which each name occurs
    /// once per object.
    pub fn new(bytes: Bytes, revision: u64) -> Object {
        Object { bytes, revision }
    }

    /// An object that was made: its `resourceVersion` is taken out. Equal values have equal bytes.
    pub fn of(mut value: Value, revision: u64) -> Object {
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("resourceVersion");
        }
        let bytes = match &value {
            Value::Object(members) => text(members),
            other => other.to_string().into_bytes(),
        };
        Object {
            bytes: bytes.into(),
            revision,
        }
    }

    /// As it is stored.
    pub fn stored(&self) -> &Bytes {
        &self.bytes
    }

    /// Its revision; 0 for one that was never written.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The object with its `resourceVersion`. `None` if the stored bytes are not JSON.
    pub fn value(&self) -> Option<Value> {
        let mut value: Value = serde_json::from_slice(&self.bytes).ok()?;
        if self.revision > 0
            && let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut)
        {
            metadata.insert("resourceVersion".into(), self.revision.to_string().into());
        }
        Some(value)
    }

    /// Appends the object with its `resourceVersion`, as JSON: the same as the text of [`Object::value`]
    /// but for the order of names. It is the stored bytes that are written; they are parsed only if they
    /// look unlike anything this server writes. What is no JSON at all then becomes `null`, so that a list
    /// around it stays one.
    pub fn write_json(&self, out: &mut BytesMut) {
        match self.splice() {
            Splice::None => out.extend_from_slice(&self.bytes),
            Splice::At(at) => {
                let (before, behind) = self.bytes.split_at(at);
                // The name, a number of 20 digits at most, quotes and separators.
                out.reserve(self.bytes.len() + 48);
                out.extend_from_slice(before);
                let comma = if behind.starts_with(b"}") { "" } else { "," };
                // A BytesMut grows; writing to it does not fail.
                let _ = write!(out, "\"resourceVersion\":\"{}\"{comma}", self.revision);
                out.extend_from_slice(behind);
            }
            Splice::Parse => {
                let value = self.value().unwrap_or_default();
                let _ = write!(out, "{value}");
            }
        }
    }

    /// Where the `resourceVersion` belongs: behind the brace that opens the metadata.
    fn splice(&self) -> Splice {
        if self.revision == 0 {
            return Splice::None;
        }
        match scan::member(&self.bytes, 0, "metadata") {
            Found::Absent => Splice::None,
            Found::Unclear => Splice::Parse,
            Found::At(at) => match self.bytes[at..] {
                [b'{', b'"' | b'}', ..] => Splice::At(at + 1),
                [b'{', ..] | [] => Splice::Parse,
                _ => Splice::None,
            },
        }
    }

    /// The value at a path, without a look at what lies elsewhere. The `resourceVersion` is not there.
    pub fn find(&self, path: &[impl AsRef<str>]) -> Option<Value> {
        if let Ok(found) = scan::value(&self.bytes, path) {
            return serde_json::from_slice(found?).ok();
        }
        let whole: Value = serde_json::from_slice(&self.bytes).ok()?;
        let mut found = &whole;
        for name in path {
            found = found.as_object()?.get(name.as_ref())?;
        }
        Some(found.clone())
    }

    /// Its labels, as a selector takes them; null if it has none.
    pub fn labels(&self) -> Value {
        self.find(&["metadata", "labels"]).unwrap_or_default()
    }

    /// The value at a path as text, as a field selector compares it. `None`: there is none, or it is a
    /// list or an object.
    pub fn text(&self, path: &[impl AsRef<str>]) -> Option<String> {
        match self.find(path)? {
            Value::String(text) => Some(text),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// How a `resourceVersion` gets into the stored bytes.
enum Splice {
    /// Not at all: they are written as they are.
    None,
    /// Here, behind a brace.
    At(usize),
    /// By parsing.
    Parse,
}

/// The JSON of an object, what is looked for first, everything else by name.
fn text(members: &Map<String, Value>) -> Vec<u8> {
    let first = FIRST.iter().filter_map(|name| members.get_key_value(*name));
    let rest = members
        .iter()
        .filter(|(name, _)| !FIRST.contains(&name.as_str()));
    let mut out = Vec::with_capacity(1024);
    for (name, value) in first.chain(rest) {
        out.push(if out.is_empty() { b'{' } else { b',' });
        serde_json::to_writer(&mut out, name).expect(HAS_TEXT);
        out.push(b':');
        serde_json::to_writer(&mut out, value).expect(HAS_TEXT);
    }
    if out.is_empty() {
        out.push(b'{');
    }
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn written(object: &Object) -> String {
        let mut out = BytesMut::from(&b"["[..]);
        object.write_json(&mut out);
        String::from_utf8(out[1..].to_vec()).unwrap()
    }

    fn stored(text: &str, revision: u64) -> Object {
        Object::new(Bytes::from(text.to_owned()), revision)
    }

    /// Names that could be taken for others, and such that need escapes.
    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => prop::sample::select(vec![
                "metadata", "apiVersion", "kind", "data", "labels", "name", "spec", "z", "",
                "\"metadata\":{", "meta\\data", "a\"b", "{", "}", "\u{1}\n", "é",
            ]).prop_map(str::to_owned),
            1 => "[a-z\"\\\\{}:,]{0,6}",
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-999_i32..999).prop_map(|n| Value::from(f64::from(n) / 4.0)),
            name().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(name(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_spliced_object_is_the_parsed_one(value in value(), revision in 0_u64..3) {
            let made = Object::of(value, revision);
            let plain = Object::new(made.stored().clone(), 0).value().unwrap();
            for object in [
                made,
                // As others may have stored it: by name, or indented.
                stored(&plain.to_string(), revision),
                stored(&format!("{plain:#}"), revision),
            ] {
                let read: Value = serde_json::from_str(&written(&object)).unwrap();
                prop_assert_eq!(Some(read), object.value());
            }
        }

        #[test]
        fn a_value_found_is_the_parsed_one(value in value(), path in prop::collection::vec(name(), 0..4)) {
            let mut parsed = Some(&value);
            for name in &path {
                parsed = parsed.and_then(|value| value.as_object()?.get(name));
            }
            for text in [value.to_string(), format!("{value:#}")] {
                let found = stored(&text, 1).find(&path);
                prop_assert_eq!(found.as_ref(), parsed, "{}", text);
            }
        }

        #[test]
        fn what_was_made_is_read_again(value in value()) {
            let object = Object::of(value.clone(), 0);
            let mut expected = value;
            if let Some(Value::Object(metadata)) = expected.get_mut("metadata") {
                metadata.remove("resourceVersion");
            }
            prop_assert_eq!(object.value(), Some(expected));
        }
    }

    #[test]
    fn the_version_is_spliced_in() {
        for (text, expected) in [
            (
                r#"{"apiVersion":"v1","metadata":{"name":"x"}}"#,
                r#"{"apiVersion":"v1","metadata":{"resourceVersion":"7","name":"x"}}"#,
            ),
            (
                r#"{"data":{"metadata":{}},"metadata":{}}"#,
                r#"{"data":{"metadata":{}},"metadata":{"resourceVersion":"7"}}"#,
            ),
            (
                r#"{"a":"\\\"metadata\":{","metadata":{"name":"x"}}"#,
                r#"{"a":"\\\"metadata\":{","metadata":{"resourceVersion":"7","name":"x"}}"#,
            ),
            (r#"{"a":{"metadata":{}}}"#, r#"{"a":{"metadata":{}}}"#),
            (r#"{"metadata":null}"#, r#"{"metadata":null}"#),
            (r#"{"metadata":"{}"}"#, r#"{"metadata":"{}"}"#),
            ("{}", "{}"),
            ("[1]", "[1]"),
            (
                r#"{ "metadata": { } }"#,
                r#"{"metadata":{"resourceVersion":"7"}}"#,
            ),
            (
                r#"{"kind": "X", "metadata": {"name": "x"}}"#,
                r#"{"kind":"X","metadata":{"name":"x","resourceVersion":"7"}}"#,
            ),
            (
                r#"{"met\u0061data":{}}"#,
                r#"{"metadata":{"resourceVersion":"7"}}"#,
            ),
            (r#"{"metadata":"#, "null"),
            ("", "null"),
        ] {
            assert_eq!(written(&stored(text, 7)), expected, "{text}");
            let large = written(&stored(text, u64::MAX));
            assert_eq!(
                large,
                expected.replace("\"7\"", &format!("\"{}\"", u64::MAX))
            );
        }
        assert_eq!(
            written(&stored(r#"{"metadata":{}}"#, 0)),
            r#"{"metadata":{}}"#
        );
    }

    #[test]
    fn what_is_looked_for_stands_first() {
        let value = json!({
            "data": {"a": "b"}, "kind": "ConfigMap", "apiVersion": "v1",
            "metadata": {"name": "x", "resourceVersion": "9"},
        });
        let object = Object::of(value, 3);
        let expected =
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":"b"}}"#;
        assert_eq!(object.stored(), expected);
        assert_eq!(Object::of(json!({}), 0).stored(), "{}");
        assert_eq!(Object::of(json!({"data": 1}), 0).stored(), "{\"data\":1}");
        assert_eq!(Object::of(Value::Null, 0).stored(), "null");
    }

    #[test]
    fn single_values_are_texts_for_selectors() {
        let object = stored(
            r#"{"spec":{"on":true,"n":3,"s":"x","list":["x"],"map":{},"none":null},"metadata":{"labels":{"a":"b"}}}"#,
            1,
        );
        let text = |name: &str| object.text(&["spec", name]);
        assert_eq!(text("on").as_deref(), Some("true"));
        assert_eq!(text("n").as_deref(), Some("3"));
        assert_eq!(text("s").as_deref(), Some("x"));
        for absent in ["list", "map", "none", "other"] {
            assert_eq!(text(absent), None, "{absent}");
        }
        assert_eq!(object.labels(), json!({"a": "b"}));
        assert_eq!(stored("{}", 1).labels(), Value::Null);
    }
}
