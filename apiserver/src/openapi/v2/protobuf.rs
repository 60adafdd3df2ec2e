//! Any value, written along the messages.

use super::messages::{Field, Form, PARAMETERS, Shape};
use crate::encode::message::Message;
use serde_json::Value;
use std::fmt;

/// Something has no place in the messages. Both forms must say the same, so this is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoPlace {
    /// The name of the field.
    pub field: String,
}

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no message has a place for {:?}", self.field)
    }
}

impl std::error::Error for NoPlace {}

/// A value as a message of this shape. Values nest as deep as the schemas of the table, which its loader
/// bounds.
///
/// # Errors
/// If a field of it is not in the shape, or holds something else there.
pub(super) fn protobuf(shape: &Shape, value: &Value) -> Result<Vec<u8>, NoPlace> {
    let mut message = Message::default();
    fields(shape, value, "", &mut message)?;
    Ok(message.into_bytes())
}

/// Writes the fields of a value. `name` is its own.
fn fields(shape: &Shape, value: &Value, name: &str, into: &mut Message) -> Result<(), NoPlace> {
    let Value::Object(all) = value else {
        return Err(no_place(name));
    };
    let is_known = |name: &str| {
        let is_extension = shape.extensions.is_some() && name.starts_with("x-");
        is_extension || shape.fields.iter().any(|field| field.name == name)
    };
    if let Some(other) = all.keys().find(|name| !is_known(name)) {
        return Err(no_place(other));
    }
    for field in shape.fields {
        if let Some(value) = all.get(field.name) {
            write(field, value, into)?;
        }
    }
    let extensions = all.iter().filter(|(name, _)| name.starts_with("x-"));
    for (name, value) in extensions {
        // A name (1), and an `Any` (2) whose text (2) is YAML. JSON is.
        within(shape.extensions.as_slice(), into, &mut |entry| {
            entry.bytes(1, name.as_bytes());
            let text = format!("{value}\n");
            within(&[2], entry, &mut |any| {
                any.bytes(2, text.as_bytes());
                Ok(())
            })
        })?;
    }
    Ok(())
}

/// Writes a field.
fn write(field: &Field, value: &Value, into: &mut Message) -> Result<(), NoPlace> {
    let wrong = || no_place(field.name);
    let Some((number, outer)) = field.numbers.split_last() else {
        return Err(wrong());
    };
    within(outer, into, &mut |into| match (&field.form, value) {
        (Form::Text, Value::String(text)) => {
            into.bytes(*number, text.as_bytes());
            Ok(())
        }
        (Form::Texts, Value::Array(texts)) => texts.iter().try_for_each(|text| {
            let text = text.as_str().ok_or_else(wrong)?;
            into.bytes(*number, text.as_bytes());
            Ok(())
        }),
        // What is false is not written.
        (Form::Flag, Value::Bool(false)) => Ok(()),
        (Form::Flag, Value::Bool(true)) => {
            into.number(*number, 1);
            Ok(())
        }
        (Form::One(shape), value) => within(&[*number], into, &mut |message| {
            fields(shape, value, field.name, message)
        }),
        (Form::Named(inner, shape), Value::Object(values)) => {
            values.iter().try_for_each(|(name, value)| {
                within(&[*number], into, &mut |entry| {
                    entry.bytes(1, name.as_bytes());
                    within(inner, entry, &mut |message| {
                        fields(shape, value, name, message)
                    })
                })
            })
        }
        (Form::Parameters, Value::Array(all)) => all.iter().try_for_each(|one| {
            let mut kinds = PARAMETERS.iter();
            let kind = kinds.find(|(place, ..)| one["in"] == *place);
            let (_, inner, shape) = kind.ok_or_else(wrong)?;
            within(&[*number], into, &mut |item| {
                within(inner, item, &mut |message| {
                    fields(shape, one, field.name, message)
                })
            })
        }),
        _ => Err(wrong()),
    })
}

/// Writes something within messages that hold nothing else.
fn within(
    numbers: &[u32],
    into: &mut Message,
    write: &mut dyn FnMut(&mut Message) -> Result<(), NoPlace>,
) -> Result<(), NoPlace> {
    match numbers.split_first() {
        None => write(into),
        Some((first, rest)) => into.message(*first, |message| within(rest, message, write)),
    }
}

fn no_place(field: &str) -> NoPlace {
    NoPlace {
        field: field.to_owned(),
    }
}
