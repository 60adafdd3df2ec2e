//! Values that are one in JSON and a message in protobuf.

use super::message::Message;
use super::protobuf::EncodeError;
use crate::canonical::{Instant, decode_base64, parse_duration};
use crate::schema::Scalar;
use serde_json::Value;

/// A value without parts. Null is written where protobuf has a message for it, and left out elsewhere.
pub(super) fn scalar(
    scalar: &Scalar,
    tag: u32,
    value: &Value,
    into: &mut Message,
) -> Result<(), EncodeError> {
    let wrong = || EncodeError::Type;
    match (scalar, value) {
        (Scalar::Time | Scalar::MicroTime, Value::Null) => return into.message(tag, |_| Ok(())),
        (_, Value::Null) => {}
        (Scalar::Bool, value) => into.number(tag, value.as_bool().ok_or_else(wrong)?.into()),
        (Scalar::Int(_), value) => into.number(tag, value.as_i64().ok_or_else(wrong)?),
        (Scalar::Float, value) => into.float(tag, value.as_f64().ok_or_else(wrong)?),
        (Scalar::String(_), value) => into.bytes(tag, text(value)?.as_bytes()),
        (Scalar::Bytes, value) => {
            let bytes = decode_base64(text(value)?).map_err(|_| EncodeError::Type)?;
            into.bytes(tag, &bytes);
        }
        (Scalar::Time, value) => instant(tag, Instant::parse(text(value)?), into)?,
        (Scalar::MicroTime, value) => instant(tag, Instant::parse_micro(text(value)?), into)?,
        (Scalar::Quantity, value) => {
            let text = text(value)?.as_bytes();
            return into.message(tag, |message| {
                message.bytes(1, text);
                Ok(())
            });
        }
        (Scalar::IntOrString, value) => {
            let (kind, number, text) = match value {
                Value::String(text) => (1, 0, text.as_str()),
                value => (0, value.as_i64().ok_or_else(wrong)?, ""),
            };
            return into.message(tag, |message| {
                message.number(1, kind);
                message.number(2, number);
                message.bytes(3, text.as_bytes());
                Ok(())
            });
        }
        (Scalar::Duration, value) => {
            let nanos = parse_duration(text(value)?).map_err(|_| EncodeError::Type)?;
            return into.message(tag, |message| {
                message.number(1, nanos);
                Ok(())
            });
        }
        (Scalar::Fields, value) => return json(tag, value, into),
    }
    Ok(())
}

fn text(value: &Value) -> Result<&str, EncodeError> {
    value.as_str().ok_or(EncodeError::Type)
}

/// Seconds and nanoseconds since 1970.
fn instant(tag: u32, at: Result<Instant, String>, into: &mut Message) -> Result<(), EncodeError> {
    let at = at.map_err(|_| EncodeError::Type)?;
    into.message(tag, |message| {
        message.number(1, at.seconds);
        message.number(2, at.nanos.into());
        Ok(())
    })
}

/// Any value, as the text of its JSON in a message.
pub(super) fn json(tag: u32, value: &Value, into: &mut Message) -> Result<(), EncodeError> {
    let text = match value {
        Value::Null => String::new(),
        value => value.to_string(),
    };
    into.message(tag, |message| {
        if !text.is_empty() {
            message.bytes(1, text.as_bytes());
        }
        Ok(())
    })
}
