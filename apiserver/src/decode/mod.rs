//! From the bytes of a request to an object in the form in which it is stored.
//!
//! Three encodings come in: JSON, YAML and Kubernetes' protobuf. Each is read along the schema table, so
//! that a field is looked at once: is it known, has it the right type, what is its canonical text, is it
//! worth keeping. What leaves is what a server written in Go would have kept: unknown fields and nulls
//! are gone, structures that Go always prints are there, quantities and times have their one text. Fields
//! that are unknown or stand there twice are listed, with the texts that clients know; what becomes of
//! the list is the caller's to ask for (`fieldValidation`).
//!
//! | File | Does |
//! |---|---|
//! | `body` | puts the parts together: media type, kind, field validation |
//! | `json` | reads JSON text along the table, or without one |
//! | `yaml` | turns YAML into a value, as YAML 1.1 |
//! | `protobuf` | reads the envelope and the messages; the other direction is in `encode` |
//! | `conform` | brings a value that has no text any more (YAML, a patched object) into form |
//! | `scalar`, `shape` | what they share: values without parts, and which of them stay |
//! | `strict`, `path` | unknown and duplicate fields, and where they are |
//!
//! What enters: bytes, and a table. What never happens here: defaults, a rule that needs two fields, IO,
//! a look at stored objects. Nothing panics or grows without a bound, whatever the bytes are: sizes,
//! depth, aliases and lists of complaints have limits (`limits`).
//!
//! Kinds that have no type in the table, and patches, are read without one (`json_any`, `yaml_any`).
//!
//! Measured (`tests/speed.rs`: a Pod of 3.7 KiB with two containers, release build, best of many rounds on
//! one of two busy cores), with the kind looked up, every field checked and everything in stored form:
//! from JSON 31 us, from protobuf 25 us, from YAML that is no JSON 127 us, a value that is only conformed
//! 7 us. Parsing the JSON with `serde_json` and doing nothing with it took 13 us there, cloning it 8 us.

mod body;
mod error;
mod json;
pub mod limits;
mod path;
pub(crate) mod protobuf;
mod scalar;
mod shape;
mod strict;
mod yaml;

pub mod conform;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use body::api_version;
pub use body::{Decoded, Decoder, FieldValidation, MediaType};
pub use error::Error;
pub use json::read_any as json_any;
pub use protobuf::Wire;
pub use strict::Strict;
pub use yaml::read as yaml_any;
