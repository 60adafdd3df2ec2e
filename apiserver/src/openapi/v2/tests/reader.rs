//! Reads gnostic's messages back into JSON. It knows nothing of how they are written: its numbers are its
//! own, looked up again, and what it does not know it does not pass over.

use serde_json::{Map, Value, json};

/// What stands behind a number.
enum Raw<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

impl<'a> Raw<'a> {
    fn bytes(self) -> &'a [u8] {
        match self {
            Raw::Bytes(bytes) => bytes,
            Raw::Varint(value) => panic!("{value} where bytes should be"),
        }
    }

    fn text(self) -> Value {
        json!(std::str::from_utf8(self.bytes()).unwrap())
    }

    fn flag(self) -> Value {
        match self {
            Raw::Varint(1) => json!(true),
            _ => panic!("no flag"),
        }
    }
}

fn varint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, others) = rest.split_first().unwrap();
        *rest = others;
        value |= u64::from(first & 0x7f) << shift;
        if *first < 0x80 {
            return value;
        }
    }
    panic!("a number without an end")
}

fn fields(mut rest: &[u8]) -> Vec<(u64, Raw<'_>)> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let key = varint(&mut rest);
        let raw = match key & 7 {
            0 => Raw::Varint(varint(&mut rest)),
            2 => {
                let length = varint(&mut rest) as usize;
                let (bytes, others) = rest.split_at(length);
                rest = others;
                Raw::Bytes(bytes)
            }
            other => panic!("wire type {other}"),
        };
        fields.push((key >> 3, raw));
    }
    fields
}

/// The only field of a message, which has this number.
fn only(message: &[u8], number: u64) -> &[u8] {
    let mut all = fields(message);
    assert_eq!(all.len(), 1);
    let (found, raw) = all.remove(0);
    assert_eq!(found, number);
    raw.bytes()
}

/// A name (1) and a value (2).
fn named(message: &[u8]) -> (String, &[u8]) {
    let mut all = fields(message).into_iter();
    let (Some((1, name)), Some((2, value)), None) = (all.next(), all.next(), all.next()) else {
        panic!("no name and value");
    };
    let name = std::str::from_utf8(name.bytes()).unwrap();
    (name.to_owned(), value.bytes())
}

/// Values by name, all of this number.
fn map(message: &[u8], number: u64, read: impl Fn(&[u8]) -> Value) -> Value {
    let entries = fields(message).into_iter().map(|(found, raw)| {
        assert_eq!(found, number);
        let (name, value) = named(raw.bytes());
        (name, read(value))
    });
    Value::Object(entries.collect())
}

/// A message, field by field; `read` gives the name and value of one. Those that come again are lists.
fn object<'a>(message: &'a [u8], read: impl Fn(u64, Raw<'a>) -> Read) -> Value {
    let mut object = Map::new();
    for (number, raw) in fields(message) {
        match read(number, raw) {
            Read::One(name, value) => {
                let before = object.insert(name, value);
                assert_eq!(before, None, "{number} twice");
            }
            Read::OneOf(name, value) => {
                let list = object.entry(name).or_insert_with(|| json!([]));
                list.as_array_mut().unwrap().push(value);
            }
        }
    }
    Value::Object(object)
}

enum Read {
    One(String, Value),
    OneOf(String, Value),
}

fn one(name: &str, value: Value) -> Read {
    Read::One(name.to_owned(), value)
}

fn one_of(name: &str, value: Value) -> Read {
    Read::OneOf(name.to_owned(), value)
}

/// A `NamedAny`, whose `Any` has YAML (2).
fn extension(raw: Raw<'_>) -> Read {
    let (name, value) = named(raw.bytes());
    let text = std::str::from_utf8(only(value, 2)).unwrap();
    Read::One(name, serde_yaml_ng::from_str(text).unwrap())
}

pub(super) fn document(message: &[u8]) -> Value {
    object(message, |number, raw| match number {
        1 => one("swagger", raw.text()),
        2 => one("info", info(raw.bytes())),
        8 => one("paths", map(raw.bytes(), 2, path_item)),
        9 => one("definitions", map(raw.bytes(), 1, schema)),
        13 => {
            let schemes = map(raw.bytes(), 1, |item| api_key(only(item, 2)));
            one("securityDefinitions", schemes)
        }
        other => panic!("Document {other}"),
    })
}

fn info(message: &[u8]) -> Value {
    object(message, |number, raw| match number {
        1 => one("title", raw.text()),
        2 => one("version", raw.text()),
        other => panic!("Info {other}"),
    })
}

fn api_key(message: &[u8]) -> Value {
    object(message, |number, raw| match number {
        1 => one("type", raw.text()),
        2 => one("name", raw.text()),
        3 => one("in", raw.text()),
        4 => one("description", raw.text()),
        other => panic!("ApiKeySecurity {other}"),
    })
}

fn path_item(message: &[u8]) -> Value {
    object(message, |number, raw| match number {
        2 => one("get", operation(raw.bytes())),
        3 => one("put", operation(raw.bytes())),
        4 => one("post", operation(raw.bytes())),
        5 => one("delete", operation(raw.bytes())),
        8 => one("patch", operation(raw.bytes())),
        9 => one_of("parameters", parameter(raw.bytes())),
        other => panic!("PathItem {other}"),
    })
}

fn operation(message: &[u8]) -> Value {
    object(message, |number, raw| match number {
        1 => one_of("tags", raw.text()),
        5 => one("operationId", raw.text()),
        6 => one_of("produces", raw.text()),
        7 => one_of("consumes", raw.text()),
        8 => one_of("parameters", parameter(raw.bytes())),
        9 => {
            let responses = map(raw.bytes(), 1, |value| response(only(value, 1)));
            one("responses", responses)
        }
        10 => one_of("schemes", raw.text()),
        13 => extension(raw),
        other => panic!("Operation {other}"),
    })
}

/// A `ParametersItem`, which is a `Parameter` (1), which is one of the body (1) or not (2).
fn parameter(message: &[u8]) -> Value {
    let parameter = only(message, 1);
    let (number, raw) = fields(parameter).remove(0);
    if number == 1 {
        return object(raw.bytes(), |number, raw| match number {
            2 => one("name", raw.text()),
            3 => one("in", raw.text()),
            4 => one("required", raw.flag()),
            5 => one("schema", schema(raw.bytes())),
            other => panic!("BodyParameter {other}"),
        });
    }
    let (number, raw) = fields(only(parameter, 2)).remove(0);
    let is_of_path = number == 4;
    object(raw.bytes(), |number, raw| match (number, is_of_path) {
        (1, _) => one("required", raw.flag()),
        (2, _) => one("in", raw.text()),
        (4, _) => one("name", raw.text()),
        (5, true) | (6, false) => one("type", raw.text()),
        (19, true) | (20, false) => one("uniqueItems", raw.flag()),
        other => panic!("PathParameterSubSchema or QueryParameterSubSchema {other:?}"),
    })
}

fn response(message: &[u8]) -> Value {
    object(message, |number, raw| match number {
        1 => one("description", raw.text()),
        2 => one("schema", schema(only(raw.bytes(), 1))),
        other => panic!("Response {other}"),
    })
}

fn schema(message: &[u8]) -> Value {
    object(message, |number, raw| match number {
        1 => one("$ref", raw.text()),
        2 => one("format", raw.text()),
        4 => one("description", raw.text()),
        19 => one_of("required", raw.text()),
        21 => one("additionalProperties", schema(only(raw.bytes(), 1))),
        22 => {
            let kind = std::str::from_utf8(only(raw.bytes(), 1)).unwrap();
            one("type", json!(kind))
        }
        23 => one("items", schema(only(raw.bytes(), 1))),
        25 => one("properties", map(raw.bytes(), 1, schema)),
        31 => extension(raw),
        other => panic!("Schema {other}"),
    })
}
