//! Events of a watch as they are sent.

use super::answer::{object_value, protobuf};
use crate::registry::{Event, EventKind};
use crate::request::Encoding;
use crate::status::Failure;
use crate::table::{MetaVersion, Options, Printer, partial};
use bytes::{Bytes, BytesMut};
use serde_json::Value;

/// How each object of a watch is written.
pub(super) enum Shape {
    /// As it is.
    Object,
    /// As a table of one row. The columns are told once.
    Table {
        /// What prints it.
        printer: Box<Printer>,
        /// How.
        options: Options,
    },
    /// By its metadata.
    Partial(MetaVersion),
}

/// Writes events.
pub(super) struct Events {
    pub(super) encoding: Encoding,
    pub(super) shape: Shape,
}

impl Events {
    /// One event.
    ///
    /// # Errors
    /// If the object does not have the form that was promised.
    pub(super) fn write(&mut self, event: &Event) -> Result<Bytes, Failure> {
        let kind = match event.kind {
            EventKind::Added => "ADDED",
            EventKind::Modified => "MODIFIED",
            EventKind::Deleted => "DELETED",
            EventKind::Bookmark { .. } => "BOOKMARK",
        };
        if let (Shape::Object, Encoding::Json) = (&self.shape, self.encoding) {
            let mut line = begin(kind, event.object.stored().len());
            event.object.write_json(&mut line);
            line.extend_from_slice(b"}\n");
            return Ok(line.freeze());
        }
        let value = object_value(&event.object);
        let shown = match &mut self.shape {
            Shape::Object => value,
            Shape::Partial(version) => partial(&value, *version),
            Shape::Table { printer, options } => {
                let table = printer.table(&value, options);
                options.has_columns = false;
                table
            }
        };
        self.frame(kind, &shown)
    }

    /// The event that says why there are no more.
    pub(super) fn error(&self, failure: &Failure) -> Bytes {
        let frame = self.frame("ERROR", &failure.to_value());
        // A Status has every form; without one, the stream would end without a reason.
        frame.unwrap_or_default()
    }

    fn frame(&self, kind: &str, object: &Value) -> Result<Bytes, Failure> {
        if self.encoding != Encoding::Protobuf {
            let text = object.to_string();
            let mut line = begin(kind, text.len());
            line.extend_from_slice(text.as_bytes());
            line.extend_from_slice(b"}\n");
            return Ok(line.freeze());
        }
        // WatchEvent: 1 type, 2 object; RawExtension: 1 raw.
        let raw = field(1, &protobuf(object)?);
        let mut message = field(1, kind.as_bytes());
        message.extend_from_slice(&field(2, &raw));
        let length = u32::try_from(message.len())
            .map_err(|_| Failure::internal("an event is too large to be sent"))?;
        let mut frame = length.to_be_bytes().to_vec();
        frame.extend_from_slice(&message);
        Ok(Bytes::from(frame))
    }
}

fn begin(kind: &str, room: usize) -> BytesMut {
    let mut line = BytesMut::with_capacity(room + 96);
    line.extend_from_slice(b"{\"type\":\"");
    line.extend_from_slice(kind.as_bytes());
    line.extend_from_slice(b"\",\"object\":");
    line
}

/// A field of bytes (wire type 2).
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![tag << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        field.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend_from_slice(bytes);
    field
}
