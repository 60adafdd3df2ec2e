//! Values that are one in JSON and a message in protobuf.

use super::message::Message;
use super::part::{Look, Part};
use super::protobuf::EncodeError;
use crate::canonical::{Instant, decode_base64, parse_duration};
use crate::schema::Scalar;
use std::borrow::Cow;

/// A value without parts. Null is written where protobuf has a message for it, and left out elsewhere.
pub(super) fn scalar<'t>(
    scalar: &Scalar,
    tag: u32,
    value: impl Part<'t>,
    into: &mut Message,
) -> Result<(), EncodeError> {
    let wrong = || EncodeError::Type;
    match (scalar, value.look()) {
        (Scalar::Time | Scalar::MicroTime, Look::Null) => return into.message(tag, |_| Ok(())),
        (_, Look::Null) => {}
        (Scalar::Bool, look) => match look {
            Look::Bool(truth) => into.number(tag, truth.into()),
            _ => return Err(wrong()),
        },
        (Scalar::Int(_), _) => into.number(tag, value.integer().ok_or_else(wrong)?),
        (Scalar::Float, _) => into.float(tag, value.fraction().ok_or_else(wrong)?),
        (Scalar::String(_), look) => into.bytes(tag, text(look)?.as_bytes()),
        (Scalar::Bytes, look) => {
            let bytes = decode_base64(&text(look)?).map_err(|_| EncodeError::Type)?;
            into.bytes(tag, &bytes);
        }
        (Scalar::Time, look) => instant(tag, Instant::parse(&text(look)?), into)?,
        (Scalar::MicroTime, look) => instant(tag, Instant::parse_micro(&text(look)?), into)?,
        (Scalar::Quantity, look) => {
            let text = text(look)?;
            return into.message(tag, |message| {
                message.bytes(1, text.as_bytes());
                Ok(())
            });
        }
        (Scalar::IntOrString, look) => {
            let (kind, number, text) = match look {
                Look::Text(text) => (1, 0, text),
                _ => (0, value.integer().ok_or_else(wrong)?, Cow::Borrowed("")),
            };
            return into.message(tag, |message| {
                message.number(1, kind);
                message.number(2, number);
                message.bytes(3, text.as_bytes());
                Ok(())
            });
        }
        (Scalar::Duration, look) => {
            let nanos = parse_duration(&text(look)?).map_err(|_| EncodeError::Type)?;
            return into.message(tag, |message| {
                message.number(1, nanos);
                Ok(())
            });
        }
        (Scalar::Fields, _) => return json(tag, value, into),
    }
    Ok(())
}

fn text<'t, P: Part<'t>>(look: Look<'t, P>) -> Result<Cow<'t, str>, EncodeError> {
    match look {
        Look::Text(text) => Ok(text),
        _ => Err(EncodeError::Type),
    }
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
pub(super) fn json<'t>(
    tag: u32,
    value: impl Part<'t>,
    into: &mut Message,
) -> Result<(), EncodeError> {
    into.message(tag, |message| match value.is_null() {
        true => Ok(()),
        false => message.text(1, |text| value.write_json(text)),
    })
}
