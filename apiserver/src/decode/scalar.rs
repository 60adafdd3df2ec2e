//! Values without parts: is it the right type, and what is its canonical form?

use super::error::Error;
use super::path::Path;
use super::shape::go_name;
use crate::canonical::{
    Quantity, canonical_micro_time, canonical_time, decode_base64, encode_base64, format_duration,
    parse_duration,
};
use crate::schema::{Node, Scalar, Table};
use serde_json::{Number, Value};
use std::borrow::Cow;

/// A value as it stands in a body, before anybody asked what it should be.
pub(crate) enum Token<'a> {
    Null,
    Bool(bool),
    /// With its text, which a value does not keep.
    Number(Cow<'a, str>),
    String(Cow<'a, str>),
    Array,
    Object,
}

impl Token<'_> {
    fn name(&self) -> &'static str {
        match self {
            Token::Null => "null",
            Token::Bool(_) => "bool",
            Token::Number(_) => "number",
            Token::String(_) => "string",
            Token::Array => "array",
            Token::Object => "object",
        }
    }
}

impl<'a> From<&'a Value> for Token<'a> {
    fn from(value: &'a Value) -> Token<'a> {
        match value {
            Value::Null => Token::Null,
            Value::Bool(value) => Token::Bool(*value),
            Value::Number(number) => Token::Number(Cow::Owned(number.to_string())),
            Value::String(text) => Token::String(Cow::Borrowed(text)),
            Value::Array(_) => Token::Array,
            Value::Object(_) => Token::Object,
        }
    }
}

/// Why a value cannot be what it should be.
pub(crate) enum Mismatch {
    /// The type is wrong: what was found, in Go's words.
    Type(String),
    /// The type is right, or the text does not say where.
    Text(String),
}

impl Mismatch {
    /// The refusal, with the place.
    pub(crate) fn at(self, table: &Table, node: &Node, path: &Path<'_>) -> Error {
        match self {
            Mismatch::Type(found) => {
                let (place, wanted) = (path.of_structure(), go_name(table, node));
                Error::Bad(match place.as_str() {
                    "" => format!("json: cannot unmarshal {found} into Go value of type {wanted}"),
                    place => format!(
                        "json: cannot unmarshal {found} into Go struct field {place} of type {wanted}"
                    ),
                })
            }
            Mismatch::Text(text) => Error::Bad(text),
        }
    }
}

/// A structure, list or map was expected, and this was found.
pub(crate) fn mismatch(token: &Token<'_>) -> Mismatch {
    Mismatch::Type(token.name().to_owned())
}

/// What kind of value this is, in Go's words.
pub(crate) fn kind_of(token: &Token<'_>) -> &'static str {
    token.name()
}

/// For types that read themselves in Go, and so do not know where they are.
fn without_place(found: &str, wanted: &str) -> Mismatch {
    Mismatch::Text(format!(
        "json: cannot unmarshal {found} into Go value of type {wanted}"
    ))
}

/// The value in canonical form. Null if it stands for none.
pub(crate) fn read(scalar: &Scalar, token: Token<'_>) -> Result<Value, Mismatch> {
    if let Token::Null = token {
        return Ok(Value::Null);
    }
    match (scalar, token) {
        (Scalar::Bool, Token::Bool(value)) => Ok(Value::Bool(value)),
        (Scalar::Int(bits), Token::Number(text)) => {
            int(&text, *bits).ok_or_else(|| Mismatch::Type(format!("number {text}")))
        }
        (Scalar::Float, Token::Number(text)) => {
            number(&text).ok_or_else(|| Mismatch::Type(format!("number {text}")))
        }
        (Scalar::String(_), Token::String(text)) => Ok(Value::String(text.into_owned())),
        (Scalar::Bytes, Token::String(text)) => {
            let bytes = decode_base64(&text).map_err(Mismatch::Text)?;
            Ok(Value::String(encode_base64(&bytes)))
        }
        (Scalar::Quantity, token) => quantity(token),
        (Scalar::IntOrString, Token::String(text)) => Ok(Value::String(text.into_owned())),
        (Scalar::IntOrString, Token::Number(text)) => {
            int(&text, 32).ok_or_else(|| without_place(&format!("number {text}"), "int32"))
        }
        (Scalar::IntOrString, token) => Err(without_place(token.name(), "int32")),
        (Scalar::Time, Token::String(text)) => {
            let text = canonical_time(&text).map_err(Mismatch::Text)?;
            Ok(text.map_or(Value::Null, Value::String))
        }
        (Scalar::MicroTime, Token::String(text)) => {
            let text = canonical_micro_time(&text).map_err(Mismatch::Text)?;
            Ok(text.map_or(Value::Null, Value::String))
        }
        (Scalar::Duration, Token::String(text)) => {
            let nanos = parse_duration(&text).map_err(Mismatch::Text)?;
            Ok(Value::String(format_duration(nanos)))
        }
        (Scalar::Time | Scalar::MicroTime | Scalar::Duration, token) => {
            Err(without_place(token.name(), "string"))
        }
        (_, token) => Err(mismatch(&token)),
    }
}

fn quantity(token: Token<'_>) -> Result<Value, Mismatch> {
    let text = match &token {
        Token::String(text) => text.trim(),
        Token::Number(text) => text,
        // Read as text, these are of the wrong form.
        _ => "",
    };
    match Quantity::canonical(text) {
        Ok(text) => Ok(Value::String(text)),
        Err(error) => Err(Mismatch::Text(error.to_string())),
    }
}

/// A whole number of this many bits.
pub(crate) fn int(text: &str, bits: u8) -> Option<Value> {
    let number = text.parse::<i64>().ok()?;
    let fits = bits == 64 || i32::try_from(number).is_ok();
    fits.then(|| Value::from(number))
}

/// A number as JSON has it: whole if it fits into 64 bits, else a fraction. None if it is too large.
pub(crate) fn number(text: &str) -> Option<Value> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(Value::from(number));
    }
    let number = text.parse::<f64>().ok()?;
    Number::from_f64(number).map(Value::Number)
}
