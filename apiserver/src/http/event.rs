//! Events of a watch as they are sent.

use super::answer::{object_value, protobuf, protobuf_object};
use super::app::App;
use super::served::Row;
use super::shared::{Form, FormShape};
use crate::registry::{Event, EventKind};
use crate::request::Encoding;
use crate::status::Failure;
use crate::table::{IncludeObject, MetaVersion, Options, partial};
use bytes::{Bytes, BytesMut};
use serde_json::Value;
use std::sync::Arc;

/// How each object of a watch is written.
pub(super) enum Shape {
    /// As it is.
    Object,
    /// As a table of one row. The columns are told once.
    Table {
        /// What prints it.
        row: Arc<Row>,
        /// Of which version it is.
        version: MetaVersion,
        /// What of each object it holds.
        include: IncludeObject,
        /// The columns are still to be told.
        has_columns: bool,
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
    /// One event: as another watch has written it, if one has.
    ///
    /// # Errors
    /// If the object does not have the form that was promised.
    pub(super) fn write(&mut self, app: &App, event: &Event) -> Result<Bytes, Failure> {
        let now_us = app.clock.now_us();
        if let Shape::Table { has_columns, .. } = &mut self.shape
            && std::mem::take(has_columns)
        {
            return self.written(event, now_us, true);
        }
        let form = self.form(now_us);
        if let Some(written) = app.events.find(event, &form) {
            return Ok(written);
        }
        let written = self.written(event, now_us, false)?;
        app.events.keep(event, form, written.clone());
        Ok(written)
    }

    /// Everything that decides how an event is written, besides the event.
    fn form(&self, now_us: i64) -> Form {
        Form {
            encoding: self.encoding,
            shape: match &self.shape {
                Shape::Object => FormShape::Object,
                Shape::Partial(version) => FormShape::Partial(*version),
                Shape::Table {
                    row,
                    version,
                    include,
                    ..
                } => {
                    // Ages have whole seconds.
                    let second = now_us.div_euclid(1_000_000);
                    FormShape::Row(row.clone(), *version, *include, second)
                }
            },
        }
    }

    fn written(&self, event: &Event, now_us: i64, has_columns: bool) -> Result<Bytes, Failure> {
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
        if let (Shape::Object, Encoding::Protobuf) = (&self.shape, self.encoding) {
            return framed(kind, &protobuf_object(&event.object)?);
        }
        let value = object_value(&event.object);
        let shown = match &self.shape {
            Shape::Object => value,
            Shape::Partial(version) => partial(&value, *version),
            Shape::Table {
                row,
                version,
                include,
                ..
            } => {
                let options = Options {
                    version: *version,
                    include: *include,
                    has_columns,
                    now_us,
                };
                row.printer.table(&value, &options)
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
        framed(kind, &protobuf(object)?)
    }
}

/// An event in protobuf, behind its length.
fn framed(kind: &str, object: &[u8]) -> Result<Bytes, Failure> {
    // WatchEvent: 1 type, 2 object; RawExtension: 1 raw.
    let raw = field(1, object);
    let mut message = field(1, kind.as_bytes());
    message.extend_from_slice(&field(2, &raw));
    let length = u32::try_from(message.len())
        .map_err(|_| Failure::internal("an event is too large to be sent"))?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend_from_slice(&message);
    Ok(Bytes::from(frame))
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
