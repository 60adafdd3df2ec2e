//! Messages that are one value in JSON.

use super::reader::{Raw, Reader, text};
use crate::canonical::{
    Instant, Quantity, encode_base64, format_duration, format_micro_time, format_time,
};
use crate::decode::error::Error;
use crate::decode::json::read_raw;
use crate::decode::path::Path;
use crate::schema::{Field, Scalar, Type};
use serde_json::Value;

/// How a field that holds any JSON value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnyForm {
    /// A message with the text of the JSON in it.
    Raw,
    /// A schema, or `true` or `false`.
    SchemaOrBool,
    /// A schema, or a list of schemas.
    SchemaOrList,
    /// A schema, or a list of texts.
    SchemaOrTexts,
}

/// How this field is written if it holds any JSON value. The four unions of a custom resource's schema
/// are messages of their own; everything else is text.
pub(crate) fn any_form(of: &Type, field: &Field) -> AnyForm {
    if !of.name.ends_with(".JSONSchemaProps") {
        return AnyForm::Raw;
    }
    match &*field.name {
        "additionalItems" | "additionalProperties" => AnyForm::SchemaOrBool,
        "items" => AnyForm::SchemaOrList,
        "dependencies" => AnyForm::SchemaOrTexts,
        _ => AnyForm::Raw,
    }
}

/// A value without parts. Null if it stands for none.
pub(super) fn scalar(scalar: &Scalar, raw: Raw<'_>, path: &Path<'_>) -> Result<Value, Error> {
    Ok(match scalar {
        Scalar::Bool => Value::Bool(raw.varint()? != 0),
        // Wider than its field: cut off, as every protobuf reader does.
        Scalar::Int(32) => Value::from(raw.varint()? as i32),
        Scalar::Int(_) => Value::from(raw.varint()? as i64),
        Scalar::Float => match raw {
            Raw::Fixed64(bits) => float(f64::from_bits(bits))?,
            Raw::Fixed32(bits) => float(f64::from(f32::from_bits(bits)))?,
            other => return Err(other.wrong()),
        },
        Scalar::String(_) => Value::String(text(raw.bytes()?)),
        Scalar::Bytes => Value::String(encode_base64(raw.bytes()?)),
        Scalar::Time => instant(raw)?
            .and_then(format_time)
            .map_or(Value::Null, Value::String),
        Scalar::MicroTime => instant(raw)?
            .and_then(format_micro_time)
            .map_or(Value::Null, Value::String),
        Scalar::Quantity => quantity(raw)?,
        Scalar::IntOrString => int_or_string(raw)?,
        Scalar::Duration => {
            let nanos = field(raw, 1)?.map_or(Ok(0), Raw::varint)?;
            Value::String(format_duration(nanos as i64))
        }
        Scalar::Fields => json(raw, path)?,
    })
}

fn float(value: f64) -> Result<Value, Error> {
    match serde_json::Number::from_f64(value) {
        Some(number) => Ok(Value::Number(number)),
        None => Err(Error::bad("json: unsupported value: NaN or infinite")),
    }
}

/// The last value of this tag in a message.
fn field(raw: Raw<'_>, wanted: u32) -> Result<Option<Raw<'_>>, Error> {
    let (mut reader, mut found) = (Reader::new(raw.bytes()?), None);
    while let Some((tag, raw)) = reader.next()? {
        if tag == wanted {
            found = Some(raw);
        }
    }
    Ok(found)
}

/// Seconds and nanoseconds since 1970, of which there may be none. An empty message is no time.
fn instant(raw: Raw<'_>) -> Result<Option<Instant>, Error> {
    if raw.bytes()?.is_empty() {
        return Ok(None);
    }
    let (mut reader, mut seconds, mut nanos) = (Reader::new(raw.bytes()?), 0i64, 0i32);
    while let Some((tag, raw)) = reader.next()? {
        match tag {
            1 => seconds = raw.varint()? as i64,
            2 => nanos = raw.varint()? as i32,
            _ => {}
        }
    }
    let nanos = u32::try_from(nanos).unwrap_or(0).min(999_999_999);
    Ok(Some(Instant { seconds, nanos }))
}

fn quantity(raw: Raw<'_>) -> Result<Value, Error> {
    let Some(raw) = field(raw, 1)? else {
        return Ok(Value::from("0"));
    };
    match Quantity::canonical(&text(raw.bytes()?)) {
        Ok(text) => Ok(Value::String(text)),
        Err(error) => Err(Error::Bad(error.to_string())),
    }
}

fn int_or_string(raw: Raw<'_>) -> Result<Value, Error> {
    let mut reader = Reader::new(raw.bytes()?);
    let (mut is_text, mut number, mut string) = (false, 0i32, String::new());
    while let Some((tag, raw)) = reader.next()? {
        match tag {
            1 => is_text = raw.varint()? == 1,
            2 => number = raw.varint()? as i32,
            3 => string = text(raw.bytes()?),
            _ => {}
        }
    }
    Ok(match is_text {
        true => Value::String(string),
        false => Value::from(number),
    })
}

/// The JSON in a message that holds its text. Null if there is none.
pub(super) fn json(raw: Raw<'_>, path: &Path<'_>) -> Result<Value, Error> {
    match field(raw, 1)? {
        None | Some(Raw::Bytes([])) => Ok(Value::Null),
        Some(raw) => read_raw(raw.bytes()?, path),
    }
}
