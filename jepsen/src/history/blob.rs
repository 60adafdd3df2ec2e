//! Keys and values: bytes that are shared, not copied, and stay readable in a history file.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Opaque bytes. In a file they are a text with one character per byte (U+0000 to U+00FF), so that
/// what is ASCII reads as it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob(Arc<[u8]>);

impl Blob {
    /// No bytes.
    pub fn empty() -> Blob {
        Blob(Arc::from([]))
    }

    /// As text, one character per byte.
    pub fn text(&self) -> String {
        self.0.iter().map(|byte| char::from(*byte)).collect()
    }
}

impl Default for Blob {
    fn default() -> Blob {
        Blob::empty()
    }
}

impl Deref for Blob {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Blob {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Blob {
        Blob(Arc::from(bytes))
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Blob {
        Blob(Arc::from(bytes))
    }
}

impl From<&str> for Blob {
    fn from(text: &str) -> Blob {
        Blob(Arc::from(text.as_bytes()))
    }
}

impl From<String> for Blob {
    fn from(text: String) -> Blob {
        Blob(Arc::from(text.into_bytes()))
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl fmt::Display for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) if text.is_ascii() => serializer.serialize_str(text),
            _ => serializer.serialize_str(&self.text()),
        }
    }
}

struct Visitor;

impl serde::de::Visitor<'_> for Visitor {
    type Value = Blob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text with one character per byte")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Blob, E> {
        if text.is_ascii() {
            return Ok(Blob::from(text));
        }
        let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        match bytes {
            Ok(bytes) => Ok(Blob::from(bytes)),
            Err(_) => Err(E::custom("a character that stands for no byte")),
        }
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Blob, D::Error> {
        deserializer.deserialize_str(Visitor)
    }
}
