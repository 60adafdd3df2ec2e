//! The envelope around a message: `k8s`, a zero byte, and `runtime.Unknown`.

use super::reader::{Reader, text};
use crate::decode::error::Error;

/// How every body of this encoding begins.
pub(crate) const MAGIC: &[u8; 4] = b"k8s\0";

/// An opened envelope.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Envelope<'a> {
    /// Empty if it is not said.
    pub(crate) api_version: String,
    /// Empty if it is not said.
    pub(crate) kind: String,
    /// The message.
    pub(crate) raw: &'a [u8],
}

/// Opens an envelope.
///
/// # Errors
/// If it is none, or its content is compressed.
pub(crate) fn open(body: &[u8]) -> Result<Envelope<'_>, Error> {
    let Some(unknown) = body.strip_prefix(MAGIC) else {
        return Err(Error::bad(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
        ));
    };
    let mut envelope = Envelope::default();
    let mut reader = Reader::new(unknown);
    while let Some((tag, raw)) = reader.next()? {
        match tag {
            1 => {
                let mut meta = Reader::new(raw.bytes()?);
                while let Some((tag, raw)) = meta.next()? {
                    match tag {
                        1 => envelope.api_version = text(raw.bytes()?),
                        2 => envelope.kind = text(raw.bytes()?),
                        _ => {}
                    }
                }
            }
            2 => envelope.raw = raw.bytes()?,
            3 if !raw.bytes()?.is_empty() => {
                return Err(Error::bad(
                    "the content encoding of the message is not known",
                ));
            }
            _ => {}
        }
    }
    Ok(envelope)
}
