//! Whole bodies, in each encoding: what becomes of them, and why some are refused.

mod form;
mod fuzz;
mod random;
mod refused;
mod roundtrip;
mod speed;
mod strict;
mod traps;
mod yaml;

use super::testing::{gvk, table};
use super::{Decoded, Decoder, Error, FieldValidation, MediaType, Wire};
use serde_json::Value;

/// Reads a body of this kind in this encoding.
fn decode(
    media: MediaType,
    kind: &str,
    body: &[u8],
    validation: FieldValidation,
) -> Result<Decoded, Error> {
    let table = table();
    let wire = Wire::new(&table);
    Decoder::new(&table, &wire).decode(media, body, &gvk(kind), validation)
}

/// Reads JSON of this kind, and does not care about unknown fields.
fn json(kind: &str, body: &str) -> Value {
    let decoded = decode(
        MediaType::Json,
        kind,
        body.as_bytes(),
        FieldValidation::Ignore,
    );
    decoded
        .unwrap_or_else(|error| panic!("{body}: {error}"))
        .value
}

/// Why JSON of this kind is refused.
fn refusal(kind: &str, body: &str) -> String {
    let decoded = decode(
        MediaType::Json,
        kind,
        body.as_bytes(),
        FieldValidation::Strict,
    );
    decoded
        .map(|decoded| panic!("not refused: {}", decoded.value))
        .unwrap_err()
        .to_string()
}
